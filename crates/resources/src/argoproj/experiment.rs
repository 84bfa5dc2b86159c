//! `Experiment`: several versions side by side for a time, judged by analyses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AnalysisArgument, AnalysisPhase, DryRun, MeasurementRetention};
use crate::any;

/// What runs beside one another, and for how long.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "Experiment",
    plural = "experiments",
    shortname = "exp",
    namespaced,
    status = "ExperimentStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentSpec {
    /// The versions.
    pub templates: Vec<ExperimentTemplate>,
    /// How long they run, such as `20m`; until their analyses end where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// How long they may take to become available, in seconds; 600 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// Asks the experiment to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate: Option<bool>,
    /// What judges it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyses: Option<Vec<ExperimentAnalysis>>,
    /// How long its pods stay afterwards, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// Metrics whose outcome does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<Vec<DryRun>>,
    /// How many measurements to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement_retention: Option<Vec<MeasurementRetention>>,
    /// Labels and annotations of its analysis runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub analysis_run_metadata: Option<Value>,
}

/// One version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentTemplate {
    /// Its name, which its ReplicaSet is named by.
    pub name: String,
    /// How many pods; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// How long a pod must be ready to count as available, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<i32>,
    /// Which pods are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub selector: Option<LabelSelector>,
    /// The pods to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub template: Option<Value>,
    /// A Service of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::object")]
    pub service: Option<Value>,
}

/// One analysis of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentAnalysis {
    /// Its name.
    pub name: String,
    /// The template it is made from.
    pub template_name: String,
    /// Whether that is a ClusterAnalysisTemplate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
    /// Values for the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<AnalysisArgument>>,
    /// Whether the experiment ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_for_completion: Option<bool>,
}

/// How an experiment goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<AnalysisPhase>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When all versions were available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_at: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// Each version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub template_statuses: Option<Value>,
    /// Each analysis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub analysis_runs: Option<Value>,
    /// Conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any::value")]
    pub conditions: Option<Value>,
}
