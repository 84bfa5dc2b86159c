//! OpenAPI v3: an index, and one document for each version of a group, made when it is first asked for
//! and kept until what it is made from changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use seatrial_schema::openapi::{self, GroupVersion, Resource};
use serde_json::Value;

use crate::registry::{Kind, Origin, Registry, Scope, Subresource, Version};

/// The documents made so far, by group and version, each with the fingerprint of its resources.
#[derive(Debug, Default)]
pub struct Documents(Mutex<BTreeMap<(String, String), (String, Bytes)>>);

/// The kinds that are served in one version of a group.
pub(crate) fn served<'a>(
    registry: &'a Registry,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = (&'a Kind, &'a Version)> {
    registry.group(group).filter_map(move |kind| {
        let version = kind.versions.iter().find(|served| served.name == version)?;
        Some((&**kind, version))
    })
}

/// Calls `act` with the resources of one version of a group, as the `schema` crate sees them.
fn with_resources<T>(
    registry: &Registry,
    group: &str,
    version: &str,
    act: impl FnOnce(&[Resource<'_>]) -> T,
) -> T {
    let kinds: Vec<(&Kind, &Version, Vec<&str>)> = served(registry, group, version)
        .map(|(kind, version)| {
            (
                kind,
                version,
                version.subresources.iter().map(Subresource::name).collect(),
            )
        })
        .collect();
    let resources: Vec<Resource<'_>> = kinds
        .iter()
        .map(|(kind, version, subresources)| Resource {
            kind: &kind.kind,
            plural: &kind.plural,
            scope: match kind.scope {
                Scope::Namespaced => openapi::Scope::Namespaced,
                Scope::Cluster => openapi::Scope::Cluster,
            },
            verbs: kind.verbs.names(),
            subresources,
            schema: match &kind.origin {
                Origin::BuiltIn => None,
                Origin::Custom(definition) => definition.text(&version.name),
            },
        })
        .collect();
    act(&resources)
}

/// The index of all documents.
pub(crate) fn index(registry: &Registry) -> Value {
    let mut lines = Vec::new();
    for group in registry.groups() {
        for version in registry.versions(group) {
            let fingerprint = with_resources(registry, group, &version, openapi::fingerprint);
            lines.push((group, version, fingerprint));
        }
    }
    let lines: Vec<GroupVersion<'_>> = lines
        .iter()
        .map(|(group, version, fingerprint)| GroupVersion {
            group,
            version,
            fingerprint,
        })
        .collect();
    openapi::index(&lines)
}

impl Documents {
    /// The document under a path of the index, if there is one.
    pub(crate) fn get(&self, registry: &Registry, path: &str) -> Option<Bytes> {
        let (group, version) = match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["api", version] => ("", version),
            ["apis", group, version] => (group, version),
            _ => return None,
        };
        served(registry, group, version).next()?;
        with_resources(registry, group, version, |resources| {
            let fingerprint = openapi::fingerprint(resources);
            let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (group.to_owned(), version.to_owned());
            if let Some((known, document)) = made.get(&key)
                && *known == fingerprint
            {
                return Some(document.clone());
            }
            let document = openapi::document(group, version, resources).to_string();
            let document = Bytes::from(document);
            made.insert(key, (fingerprint, document.clone()));
            Some(document)
        })
    }
}
