//! Which kinds the API serves, custom ones included.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::Client;
use kube::core::ApiResource;

/// One kind of object that can be listed, watched and deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    /// Whether all objects of a namespace can be deleted at once.
    pub(crate) has_delete_collection: bool,
}

/// Discovery failed.
#[derive(Debug, thiserror::Error)]
#[error("discover {what}")]
pub struct Error {
    /// The group version, or the list of groups.
    what: String,
    #[source]
    source: Box<kube::Error>,
}

/// Every deletable kind in its group's preferred version, ordered by group and plural.
///
/// Events are left out: they own nothing, nothing owns them, and they expire.
pub(crate) async fn kinds(client: &Client) -> Result<Vec<Kind>, Error> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| Error {
            what,
            source: Box::new(source),
        }
    };
    let core = client
        .list_core_api_resources("v1")
        .await
        .map_err(failed("v1"))?;
    let mut kinds = of_list("", "v1", core);
    let groups = client
        .list_api_groups()
        .await
        .map_err(failed("the API groups"))?;
    for group in groups.groups {
        let Some(version) = group
            .preferred_version
            .or_else(|| group.versions.first().cloned())
        else {
            continue;
        };
        let list = client
            .list_api_group_resources(&version.group_version)
            .await;
        match list {
            Ok(list) => kinds.extend(of_list(&group.name, &version.version, list)),
            // A group that was removed meanwhile has no objects.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(failed(&version.group_version)(error)),
        }
    }
    kinds.sort_by(|one, other| {
        let key = |kind: &Kind| (kind.resource.group.clone(), kind.resource.plural.clone());
        key(one).cmp(&key(other))
    });
    Ok(kinds)
}

fn of_list(group: &str, version: &str, list: APIResourceList) -> Vec<Kind> {
    list.resources
        .into_iter()
        .filter(|resource| !resource.name.contains('/') && resource.kind != "Event")
        .filter(|resource| {
            ["list", "watch", "delete"]
                .iter()
                .all(|verb| has(resource, verb))
        })
        .map(|resource| Kind {
            has_delete_collection: has(&resource, "deletecollection"),
            namespaced: resource.namespaced,
            resource: ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version: list.group_version.clone(),
                kind: resource.kind,
                plural: resource.name,
            },
        })
        .collect()
}

fn has(resource: &APIResource, verb: &str) -> bool {
    resource.verbs.iter().any(|one| one == verb)
}
