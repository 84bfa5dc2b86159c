//! `Push`: the event that a branch or tag moved.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One ref of one repository moved. Written by the Git server, read by pipelines and by GitOps;
/// the server keeps the newest few hundred.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "seatrial.dev",
    version = "v1alpha1",
    kind = "Push",
    plural = "pushes",
    category = "seatrial",
    namespaced,
    derive = "PartialEq",
    printcolumn = r#"{"name":"Repository","type":"string","jsonPath":".spec.repository"}"#,
    printcolumn = r#"{"name":"Ref","type":"string","jsonPath":".spec.ref"}"#,
    printcolumn = r#"{"name":"Commit","type":"string","jsonPath":".spec.after"}"#,
    printcolumn = r#"{"name":"Subject","type":"string","jsonPath":".spec.subject"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PushSpec {
    /// The name of the Repository object, in the same namespace.
    pub repository: String,
    /// The full ref name, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit before; 40 zeros for a new ref.
    pub before: String,
    /// The commit after; 40 zeros for a deleted ref.
    pub after: String,
    /// The first line of the newest commit's message.
    #[serde(default)]
    pub subject: String,
    /// The whole message of the newest commit (pipelines look for `[skip ci]`).
    #[serde(default)]
    pub message: String,
    /// Who wrote the newest commit, as `Name <address>`.
    #[serde(default)]
    pub author: String,
    /// The user whose token pushed.
    #[serde(default)]
    pub pusher: String,
    /// When the server accepted it, to the microsecond (delivery times are measured from here).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<MicroTime>,
    /// Paths that changed between the two commits, at most a thousand (for `paths` filters).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_paths: Vec<String>,
    /// When the newest commit was made, by its author's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Time>,
}
