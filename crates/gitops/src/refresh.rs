//! Which applications a repository's change is about.

use seatrial_controller::{Caches, ObjectKey, key_of};
use seatrial_resources::argoproj::{Application, ApplicationSource};
use seatrial_resources::seatrial_dev::{Push, Repository};

/// The annotation by which somebody asks for a new comparison.
pub(crate) const ANNOTATION: &str = "argocd.argoproj.io/refresh";

/// Why the source is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// It is not: what is known still holds.
    Not,
    /// It may have changed.
    Normal,
    /// Somebody distrusts everything that is remembered.
    Hard,
}

/// The applications that a push concerns.
pub(crate) fn of_push(push: &Push, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = push.metadata.namespace.as_deref().unwrap_or_default();
    let repository = caches
        .of::<Repository>()
        .find(namespace, &push.spec.repository);
    let names = match &repository {
        Some(repository) => names(repository),
        None => vec![plain(&push.spec.repository)],
    };
    applications(&names, caches, |_| true)
}

/// The applications that wait for a repository: those whose comparison has failed.
pub(crate) fn of_repository(repository: &Repository, caches: &Caches) -> Vec<ObjectKey> {
    applications(&names(repository), caches, |app| {
        let conditions = app
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_ref());
        conditions
            .into_iter()
            .flatten()
            .any(|one| one.type_ == "ComparisonError")
    })
}

fn applications(
    names: &[String],
    caches: &Caches,
    wanted: impl Fn(&Application) -> bool,
) -> Vec<ObjectKey> {
    let about = |source: &ApplicationSource| names.contains(&plain(&source.repo_url));
    let all = caches.of::<Application>().all();
    all.iter()
        .filter(|app| {
            let sources = app.spec.sources.iter().flatten().chain(&app.spec.source);
            wanted(app) && { sources }.any(about)
        })
        .map(|app| key_of(&**app))
        .collect()
}

/// Everything a repository is called.
fn names(repository: &Repository) -> Vec<String> {
    let url = repository
        .status
        .as_ref()
        .and_then(|status| status.url.as_deref());
    let name = repository.metadata.name.as_deref();
    let aliases = repository.spec.stands_in_for.iter().map(String::as_str);
    url.into_iter()
        .chain(name)
        .chain(aliases)
        .map(plain)
        .collect()
}

/// A URL without what makes no difference: scheme, user, `.git`, a slash at the end, letter case of
/// the host.
fn plain(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let Some((_, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host).to_lowercase();
    format!("{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_url_are_one() {
        let plainly = plain("https://github.com/org/app-manifests");
        assert_eq!(
            plain("https://user:token@GitHub.com/org/app-manifests.git/"),
            plainly
        );
        assert_ne!(plain("https://github.com/org/other"), plainly);
        assert_eq!(plain("shop"), "shop");
    }

    #[test]
    fn a_repository_goes_by_its_url_name_and_aliases() {
        let repository: Repository = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "shop"},
            "spec": {"standsInFor": ["https://github.com/org/shop.git"]},
            "status": {"url": "http://127.0.0.1:7000/git/shop.git"},
        }))
        .unwrap();
        assert_eq!(
            names(&repository),
            ["127.0.0.1:7000/git/shop", "shop", "github.com/org/shop"]
        );
    }
}
