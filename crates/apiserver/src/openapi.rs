//! OpenAPI v3: an index, and one document for each version of a group. Both are made when they are first
//! asked for, and kept until the kinds change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use seatrial_schema::openapi::{self, GroupVersion, Resource};
use serde_json::Value;

use crate::registry::{Kind, Origin, Registry, Scope, Subresource, Version};

/// What has been made so far.
#[derive(Debug, Default)]
pub struct Documents {
    index: Mutex<Option<Index>>,
    /// By group and version, each with the fingerprint it was made for.
    made: Mutex<BTreeMap<(String, String), (String, Bytes)>>,
    version2: Mutex<Option<Version2>>,
}

/// The document of version 2 for one table of kinds, in its two forms.
#[derive(Debug, Clone)]
pub(crate) struct Version2 {
    registry: Arc<Registry>,
    pub(crate) json: Bytes,
    pub(crate) protobuf: Bytes,
}

/// The index of one table of kinds.
#[derive(Debug, Clone)]
struct Index {
    registry: Arc<Registry>,
    body: Bytes,
    fingerprints: Arc<BTreeMap<(String, String), String>>,
}

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
    let kinds: Vec<(&Kind, Vec<&str>, Option<Value>)> = served(registry, group, version)
        .map(|(kind, version)| {
            let schema = match &kind.origin {
                Origin::BuiltIn => None,
                Origin::Custom(definition) => definition.tree(&version.name),
            };
            (
                kind,
                version.subresources.iter().map(Subresource::name).collect(),
                schema,
            )
        })
        .collect();
    let resources: Vec<Resource<'_>> = kinds
        .iter()
        .map(|(kind, subresources, schema)| Resource {
            kind: &kind.kind,
            plural: &kind.plural,
            scope: match kind.scope {
                Scope::Namespaced => openapi::Scope::Namespaced,
                Scope::Cluster => openapi::Scope::Cluster,
            },
            verbs: kind.verbs.names(),
            subresources,
            schema: schema.as_ref(),
        })
        .collect();
    act(&resources)
}

fn make_index(registry: Arc<Registry>) -> Index {
    let mut fingerprints = BTreeMap::new();
    for group in registry.groups() {
        for version in registry.versions(group) {
            let fingerprint = with_resources(&registry, group, &version, openapi::fingerprint);
            fingerprints.insert((group.to_owned(), version), fingerprint);
        }
    }
    let lines: Vec<GroupVersion<'_>> = fingerprints
        .iter()
        .map(|((group, version), fingerprint)| GroupVersion {
            group,
            version,
            fingerprint,
        })
        .collect();
    let body = openapi::index(&lines).to_string().into();
    Index {
        registry,
        body,
        fingerprints: Arc::new(fingerprints),
    }
}

impl Documents {
    fn current(&self, registry: &Arc<Registry>) -> Index {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        match &*index {
            Some(known) if Arc::ptr_eq(&known.registry, registry) => known.clone(),
            _ => index.insert(make_index(Arc::clone(registry))).clone(),
        }
    }

    /// The index of all documents.
    pub(crate) fn index(&self, registry: &Arc<Registry>) -> Bytes {
        self.current(registry).body
    }

    /// The document of version 2, about all kinds.
    pub(crate) fn version2(&self, registry: &Arc<Registry>) -> Version2 {
        let mut known = self.version2.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known
            .as_ref()
            .filter(|known| Arc::ptr_eq(&known.registry, registry))
        {
            return known.clone();
        }
        let documents: Vec<Value> = self
            .current(registry)
            .fingerprints
            .keys()
            .map(|(group, version)| {
                with_resources(registry, group, version, |resources| {
                    openapi::document(group, version, resources)
                })
            })
            .collect();
        let document = openapi::version2::document(&documents);
        let made = Version2 {
            registry: Arc::clone(registry),
            json: document.to_string().into(),
            protobuf: openapi::version2::protobuf(&document).into(),
        };
        known.insert(made).clone()
    }

    /// The document under a path of the index, if there is one.
    pub(crate) fn get(&self, registry: &Arc<Registry>, path: &str) -> Option<Bytes> {
        let (group, version) = match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["api", version] => ("", version),
            ["apis", group, version] => (group, version),
            _ => return None,
        };
        let key = (group.to_owned(), version.to_owned());
        let fingerprints = self.current(registry).fingerprints;
        let fingerprint = fingerprints.get(&key)?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, document)) = made.get(&key)
            && known == fingerprint
        {
            return Some(document.clone());
        }
        let document = with_resources(registry, group, version, |resources| {
            Bytes::from(openapi::document(group, version, resources).to_string())
        });
        made.insert(key, (fingerprint.clone(), document.clone()));
        Some(document)
    }
}

/// How deep references are followed; what lies deeper may be anything. Only schemas of schemas do.
const DEEPEST: usize = 16;

/// The schema of a built-in kind as one tree, as a custom kind's would be.
pub(crate) fn inlined(kind: &Kind, version: &Version) -> Option<Value> {
    let resource = Resource {
        kind: &kind.kind,
        plural: &kind.plural,
        scope: openapi::Scope::Cluster,
        verbs: kind.verbs.names(),
        subresources: &[],
        schema: None,
    };
    let document = openapi::document(&kind.group, &version.name, &[resource]);
    let schemas = document.pointer("/components/schemas")?.as_object()?;
    let own = schemas.values().find(|schema| {
        let kinds = schema
            .get("x-kubernetes-group-version-kind")
            .and_then(Value::as_array);
        kinds.into_iter().flatten().any(|one| {
            one.get("kind").and_then(Value::as_str) == Some(&kind.kind)
                && one.get("version").and_then(Value::as_str) == Some(&version.name)
        })
    })?;
    Some(inline(own, schemas, DEEPEST))
}

fn inline(schema: &Value, schemas: &serde_json::Map<String, Value>, depth: usize) -> Value {
    let reference = |schema: &Value| {
        let single = schema
            .pointer("/allOf/0/$ref")
            .or_else(|| schema.get("$ref"));
        single
            .and_then(Value::as_str)?
            .rsplit('/')
            .next()
            .map(str::to_owned)
    };
    if let Some(name) = reference(schema) {
        return match (schemas.get(&name), depth) {
            (Some(target), 1..) => inline(target, schemas, depth - 1),
            _ => serde_json::json!({ "x-kubernetes-preserve-unknown-fields": true }),
        };
    }
    match schema {
        Value::Object(map) => {
            let inlined = map
                .iter()
                .map(|(key, value)| (key.clone(), inline(value, schemas, depth)));
            Value::Object(inlined.collect())
        }
        Value::Array(list) => list
            .iter()
            .map(|value| inline(value, schemas, depth))
            .collect(),
        other => other.clone(),
    }
}
