//! Repositories elsewhere, mirrored into a cache.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::{Error, Git, Repository, normalise};

/// How long a first clone may take.
const CLONE_LIMIT: Duration = Duration::from_mins(5);
/// How long a later fetch may take.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

/// Mirrors of repositories elsewhere, one directory each.
pub(crate) struct Remotes {
    git: Git,
    directory: PathBuf,
    /// One lock per URL: two askers share one fetch's directory in turn.
    locks: std::sync::Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
}

impl Remotes {
    pub(crate) fn new(git: Git, directory: PathBuf) -> Self {
        Self {
            git,
            directory,
            locks: std::sync::Mutex::default(),
        }
    }

    pub(crate) async fn open(&self, url: &str) -> Result<Repository, Error> {
        check(url)?;
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(url.to_owned()).or_default())
        };
        let _held = lock.lock().await;
        let path = self.directory.join(directory_name(url));
        let refreshed = if path.join("HEAD").is_file() {
            self.git
                .fetch(
                    &path,
                    &["fetch", "--quiet", "--prune", "origin"],
                    FETCH_LIMIT,
                )
                .await
        } else {
            self.mirror(url, &path).await
        };
        refreshed.map_err(|error| remote_error(url, error))?;
        Ok(Repository::new(
            self.git.clone(),
            path,
            without_credentials(url),
        ))
    }

    async fn mirror(&self, url: &str, path: &Path) -> Result<(), Error> {
        let staging = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.directory)
            .map_err(Error::directory("create a directory in", &self.directory))?;
        let target = staging.path().join("mirror");
        let arguments = [
            "clone".as_ref(),
            "--mirror".as_ref(),
            "--quiet".as_ref(),
            "--".as_ref(),
            url.as_ref(),
        ];
        let arguments = [&arguments[..], &[target.as_os_str()]].concat();
        self.git
            .fetch(staging.path(), &arguments, CLONE_LIMIT)
            .await?;
        tokio::fs::rename(&target, path)
            .await
            .map_err(Error::directory("create", path))
    }
}

fn check(url: &str) -> Result<(), Error> {
    let refuse = |reason: &str| {
        Err(Error::Url {
            url: without_credentials(url),
            reason: reason.to_owned(),
        })
    };
    let lower = url.to_ascii_lowercase();
    if !lower.starts_with("https://") && !lower.starts_with("http://") {
        return refuse(
            "only http:// and https:// URLs are fetched; push the repository to the embedded Git server, and list this URL in `spec.standsInFor` of its Repository object",
        );
    }
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return refuse("it contains a blank or a control character");
    }
    Ok(())
}

fn remote_error(url: &str, error: Error) -> Error {
    let reason = match error {
        Error::Git { message, .. } => message,
        Error::TimedOut { limit, .. } => format!("no answer within {limit:?}"),
        other => return other,
    };
    Error::Remote {
        url: without_credentials(url),
        reason: reason.replace(url, &without_credentials(url)),
    }
}

/// The URL as it may appear in messages.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// A readable directory name with a number behind it that tells URLs apart which read alike.
fn directory_name(url: &str) -> String {
    let mut hasher = DefaultHasher::new();
    url.hash(&mut hasher);
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
            c
        } else {
            '_'
        }
    };
    let readable: String = normalise(url).chars().map(keep).take(100).collect();
    format!(
        "{}-{:016x}.git",
        readable.trim_start_matches('.'),
        hasher.finish()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_fetched() {
        for bad in [
            "file:///etc",
            "ssh://git@host/x",
            "git@host:x.git",
            "ext::sh -c id",
            "https://a b/c",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check("https://github.com/org/app.git").is_ok());
    }

    #[test]
    fn messages_carry_no_credentials() {
        assert_eq!(
            without_credentials("https://ada:pass@host/x"),
            "https://host/x"
        );
        assert_eq!(without_credentials("https://host/x@y"), "https://host/x@y");
    }
}
