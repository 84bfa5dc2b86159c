//! What a project allows its applications, in Argo CD's words.

use seatrial_controller::{Cache, ObjectKey};
use seatrial_resources::argoproj::{AppProject, AppProjectSpec, Application, GroupKind};

use crate::target::Target;

/// The API server of this cluster, as destinations name it.
const HERE: &str = "https://kubernetes.default.svc";

/// The project of an application; `default` exists even where nobody made it, and allows everything.
pub(crate) fn of(
    app: &Application,
    key: &ObjectKey,
    home: &str,
    projects: &Cache<AppProject>,
) -> Result<Option<AppProjectSpec>, String> {
    let name = app.spec.project.as_str();
    if name.is_empty() {
        return Err(
            "spec.project: an application must belong to a project; use \"default\"".to_owned(),
        );
    }
    let found = projects
        .find(home, name)
        .or_else(|| projects.find(&key.namespace, name));
    match found {
        Some(project) => Ok(Some(project.spec.clone())),
        None if name == "default" => Ok(None),
        None => Err(format!(
            "Application referencing project {name} which does not exist"
        )),
    }
}

/// What is wrong with where an application comes from and goes to.
pub(crate) fn refusals(app: &Application, project: Option<&AppProjectSpec>) -> Vec<String> {
    let mut refusals = Vec::new();
    let destination = &app.spec.destination;
    let server = destination
        .server
        .as_deref()
        .filter(|server| !server.is_empty());
    let name = destination.name.as_deref().filter(|name| !name.is_empty());
    match (server, name) {
        (Some(_), Some(_)) => refusals.push(
            "application destination can't have both name and server defined: spec.destination.name and spec.destination.server".to_owned(),
        ),
        (None, None) => refusals.push(format!(
            "spec.destination names no cluster; set server: {HERE} or name: in-cluster"
        )),
        (Some(server), None) if server.trim_end_matches('/') != HERE => refusals.push(format!(
            "application destination server '{server}' is not known: only this cluster ({HERE}) can be a destination (spec.destination.server)"
        )),
        (None, Some(name)) if name != "in-cluster" => refusals.push(format!(
            "unable to find destination server: there are no clusters with this name: {name}; only in-cluster is known (spec.destination.name)"
        )),
        _ => {}
    }
    if app.spec.source_hydrator.is_some() {
        refusals.push("spec.sourceHydrator is not supported yet; set spec.source".to_owned());
    }
    let (Some(project), true) = (project, refusals.is_empty()) else {
        return refusals;
    };
    let namespace = destination.namespace.as_deref().unwrap_or_default();
    if let Some(source) = &app.spec.source
        && !permits(project.source_repos.as_deref(), &source.repo_url)
    {
        refusals.push(format!(
            "application repo {} is not permitted in project '{}'",
            source.repo_url, app.spec.project
        ));
    }
    let fits = project.destinations.iter().flatten().any(|allowed| {
        let here = allowed
            .server
            .as_deref()
            .is_some_and(|pattern| matches(pattern, HERE))
            || allowed
                .name
                .as_deref()
                .is_some_and(|pattern| matches(pattern, "in-cluster"));
        here && allowed
            .namespace
            .as_deref()
            .is_some_and(|pattern| matches(pattern, namespace))
    });
    if !fits {
        refusals.push(format!(
            "application destination server '{HERE}' and namespace '{namespace}' do not match any of the allowed destinations in project '{}'",
            app.spec.project
        ));
    }
    refusals
}

/// The objects whose kinds a project does not allow.
pub(crate) fn forbidden(targets: &[Target], project: &AppProjectSpec, name: &str) -> Vec<String> {
    let listed = |list: &Option<Vec<GroupKind>>, target: &Target| {
        list.iter().flatten().any(|allowed| {
            matches(&allowed.group, &target.reference.group)
                && matches(&allowed.kind, &target.reference.kind)
        })
    };
    let is_allowed = |target: &&Target| {
        if target.reference.namespace.is_empty() {
            listed(&project.cluster_resource_whitelist, target)
                && !listed(&project.cluster_resource_blacklist, target)
        } else {
            (project.namespace_resource_whitelist.is_none()
                || listed(&project.namespace_resource_whitelist, target))
                && !listed(&project.namespace_resource_blacklist, target)
        }
    };
    let bad = targets.iter().filter(|target| !is_allowed(target));
    bad.map(|target| {
        let object = &target.reference;
        format!(
            "resource {}:{} ({}) is not permitted in project {name}.",
            object.group, object.kind, object.name
        )
    })
    .collect()
}

/// A list of patterns, of which those with `!` forbid.
fn permits(patterns: Option<&[String]>, text: &str) -> bool {
    let patterns = patterns.unwrap_or_default();
    let denied = patterns
        .iter()
        .filter_map(|pattern| pattern.strip_prefix('!'))
        .any(|pattern| matches(pattern, text));
    !denied && patterns.iter().any(|pattern| matches(pattern, text))
}

fn matches(pattern: &str, text: &str) -> bool {
    crate::manifest::glob_matches(pattern, text)
}
