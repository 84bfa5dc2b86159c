//! OpenAPI v3: the index at `/openapi/v3` and one document for each group and version.
//!
//! ```text
//! k8s-openapi (descriptions, types) ─┐
//! generated tables (x-kubernetes-*) ─┼─> components ─┐
//! openAPIV3Schema of custom kinds  ──┘               ├─> document
//! resources that are served ───────────> paths ──────┘
//! ```
//!
//! Documents are large and take some milliseconds: the caller keeps them, by the fingerprint of the index.

mod component;
mod path;
pub mod version2;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// Whether objects live in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// A resource that is served in the version of the document.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name in paths.
    pub plural: &'a str,
    /// Whether it is in namespaces.
    pub scope: Scope,
    /// The verbs of discovery: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
    /// `deletecollection`.
    pub verbs: &'a [&'a str],
    /// Its subresources that are objects: `status`, `scale`, and such.
    pub subresources: &'a [&'a str],
    /// The `openAPIV3Schema` of a custom kind; `None` for built-in ones.
    pub schema: Option<&'a Value>,
}

/// One line of the index.
#[derive(Debug, Clone, Copy)]
pub struct GroupVersion<'a> {
    /// The group; empty for core.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// What changes when its document changes: see [`fingerprint`].
    pub fingerprint: &'a str,
}

/// The path of a group and version below `/openapi/v3/`, such as `apis/apps/v1`.
pub fn location(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// The index.
pub fn index(versions: &[GroupVersion<'_>]) -> Value {
    let mut paths = Map::new();
    for one in versions {
        let location = location(one.group, one.version);
        let url = format!("/openapi/v3/{location}?hash={}", one.fingerprint);
        paths.insert(location, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

/// A text that changes when the document of these resources changes (FNV-1a, 64 bits).
pub fn fingerprint(resources: &[Resource<'_>]) -> String {
    let mut text = String::new();
    for one in resources {
        // Writing to a text cannot fail.
        let _ = write!(text, "{one:?}");
    }
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016X}", text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

/// The document of a group's version.
pub fn document(group: &str, version: &str, resources: &[Resource<'_>]) -> Value {
    let target = Target { group, version };
    let components = component::components(target, resources);
    let mut paths = Map::new();
    for resource in resources {
        path::add(&mut paths, target, resource);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.34.0"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "BearerToken": {
                    "type": "apiKey", "name": "authorization", "in": "header",
                    "description": "Bearer Token authentication",
                },
            },
        },
    })
}

/// The group and version of a document.
#[derive(Debug, Clone, Copy)]
struct Target<'a> {
    group: &'a str,
    version: &'a str,
}

impl Target<'_> {
    fn kind(self, kind: &str) -> Value {
        json!({"group": self.group, "version": self.version, "kind": kind})
    }
}

#[cfg(test)]
mod tests;
