//! `Repository`: a Git repository that the embedded server holds.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Git repository, served over smart HTTP at `status.url`.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "seatrial.dev",
    version = "v1alpha1",
    kind = "Repository",
    plural = "repositories",
    shortname = "repo",
    category = "seatrial",
    namespaced,
    status = "RepositoryStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".status.url"}"#,
    printcolumn = r#"{"name":"Branch","type":"string","jsonPath":".spec.defaultBranch"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RepositorySpec {
    /// The branch that `HEAD` names; `main` unless told.
    #[serde(default = "default_branch")]
    pub default_branch: String,
    /// URLs that stand for this repository in other manifests, such as
    /// `https://github.com/org/app-manifests.git`: whoever asks for one of them gets this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_in_for: Vec<String>,
}

fn default_branch() -> String {
    "main".to_owned()
}

/// Where the repository is and where its branches stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryStatus {
    /// Where `git clone` finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Branches and tags in order of their full names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefStatus>,
}

/// One branch or tag.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefStatus {
    /// The full name, such as `refs/heads/main`.
    pub name: String,
    /// The commit it points at, 40 hexadecimal digits.
    pub commit: String,
}
