//! `argoproj.io/v1alpha1`: the resources of Argo Rollouts (1.8) and Argo CD (3.1).
//!
//! ```text
//!   Application ──syncs──▶ Rollout ──starts──▶ AnalysisRun ◀──from── AnalysisTemplate
//! ```

mod analysis;
mod application;
mod application_status;
mod experiment;
mod project;
mod rollout;
mod rollout_status;
mod rollout_strategy;
mod traffic_routing;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use analysis::*;
pub use application::*;
pub use application_status::*;
pub use experiment::*;
pub use project::*;
pub use rollout::*;
pub use rollout_status::*;
pub use rollout_strategy::*;
pub use traffic_routing::*;

/// The namespace in which Argo CD keeps its Applications.
pub const ARGOCD_NAMESPACE: &str = "argocd";

/// The definitions of this group's kinds.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        Rollout::crd(),
        AnalysisTemplate::crd(),
        ClusterAnalysisTemplate::crd(),
        AnalysisRun::crd(),
        Experiment::crd(),
        Application::crd(),
        AppProject::definition(),
    ]
}
