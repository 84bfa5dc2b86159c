//! `AppProject`: which repositories, clusters and kinds an Application may use.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApplicationDestination;
use crate::any;

/// What the Applications of a project may do.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "AppProject",
    plural = "appprojects",
    shortname = "appproj",
    shortname = "appprojs",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AppProjectSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Patterns of repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_repos: Option<Vec<String>>,
    /// Clusters and namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<ApplicationDestination>>,
    /// Cluster-scoped kinds that are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_resource_whitelist: Option<Vec<GroupKind>>,
    /// Cluster-scoped kinds that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_resource_blacklist: Option<Vec<GroupKind>>,
    /// Namespaced kinds that are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_resource_whitelist: Option<Vec<GroupKind>>,
    /// Namespaced kinds that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_resource_blacklist: Option<Vec<GroupKind>>,
    /// Namespaces in which its Applications may stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_namespaces: Option<Vec<String>>,
    /// Roles and their tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub roles: Option<Value>,
    /// When syncs may happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub sync_windows: Option<Value>,
    /// Whether objects that nobody claims are looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub orphaned_resources: Option<Value>,
    /// Keys that must have signed commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub signature_keys: Option<Value>,
}

impl AppProject {
    /// The definition of the kind. Argo CD's clients write the `status` of a project (its tokens) with
    /// the rest of it, hence as a plain field and not as a subresource.
    pub fn definition() -> CustomResourceDefinition {
        let mut definition = Self::crd();
        let status = JSONSchemaProps {
            type_: Some("object".to_owned()),
            x_kubernetes_preserve_unknown_fields: Some(true),
            ..JSONSchemaProps::default()
        };
        for version in &mut definition.spec.versions {
            let schema = version.schema.as_mut();
            let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_mut());
            if let Some(properties) = schema.and_then(|schema| schema.properties.as_mut()) {
                properties.insert("status".to_owned(), status.clone());
            }
        }
        definition
    }
}

/// A kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupKind {
    /// Its group, or `*`.
    pub group: String,
    /// Its kind, or `*`.
    pub kind: String,
}
