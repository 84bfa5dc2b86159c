//! `PipelineRun`: one run of one workflow file.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to run: a workflow file at a commit, and the event that asked for it.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "seatrial.dev",
    version = "v1alpha1",
    kind = "PipelineRun",
    plural = "pipelineruns",
    shortname = "prun",
    category = "seatrial",
    namespaced,
    status = "PipelineRunStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Workflow","type":"string","jsonPath":".status.workflow"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progress"}"#,
    printcolumn = r#"{"name":"Ref","type":"string","jsonPath":".spec.ref"}"#,
    printcolumn = r#"{"name":"Commit","type":"string","jsonPath":".spec.commit","priority":1}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PipelineRunSpec {
    /// The Repository object's name.
    pub repository: String,
    /// The workflow file's path in the repository, such as `.github/workflows/ci.yml`.
    pub workflow_path: String,
    /// The full ref name, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit to check out, 40 hexadecimal digits.
    pub commit: String,
    /// The event's name, as in `on:`; `push` for a push.
    pub event: String,
    /// Who caused it (`github.actor`).
    #[serde(default)]
    pub actor: String,
    /// The commit's message.
    #[serde(default)]
    pub message: String,
    /// The run's number within its workflow, from 1 (`github.run_number`).
    #[serde(default)]
    pub run_number: u64,
    /// When the push that caused this was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<MicroTime>,
    /// Asks a running run to stop.
    #[serde(default)]
    pub cancel: bool,
}

/// Where a run, a job or a step stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunPhase {
    /// Not started.
    #[default]
    Pending,
    /// Under way.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Its condition was false, or what it needs failed.
    Skipped,
    /// Stopped on request or by its time limit.
    Cancelled,
}

impl RunPhase {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// How far the run has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineRunStatus {
    /// The workflow's name (`name:` in the file, else its path).
    #[serde(default)]
    pub workflow: String,
    /// The run's phase.
    #[serde(default)]
    pub phase: RunPhase,
    /// Finished and all jobs, such as `2/4`.
    #[serde(default)]
    pub progress: String,
    /// Why it failed, or what it does at the moment, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the first job started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When the last job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// The jobs in the order of the file, matrix jobs expanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobStatus>,
    /// `Succeeded` in the form that `kubectl wait --for=condition=` reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// One job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// The job's key in the file; matrix jobs carry their values in brackets.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The job's phase.
    pub phase: RunPhase,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// Outputs that later jobs see as `needs.<id>.outputs`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Its steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStatus>,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// The name for people.
    pub name: String,
    /// The step's phase.
    pub phase: RunPhase,
    /// The exit code of a `run` step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
}
