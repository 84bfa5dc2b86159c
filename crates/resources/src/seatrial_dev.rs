//! `seatrial.dev/v1alpha1`: our own kinds, where no standard one exists.
//!
//! ```text
//!   git push ──▶ Push ──▶ PipelineRun ──▶ (image pushed, manifests pushed) ──▶ Push ──▶ Application refresh
//!                  │
//!   Repository ────┘  status: where each branch stands
//! ```

mod pipeline_run;
mod push;
mod repository;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use pipeline_run::*;
pub use push::*;
pub use repository::*;

/// The namespace in which Seatrial keeps repositories, pushes and pipeline runs.
pub const SYSTEM_NAMESPACE: &str = "seatrial-system";

/// The definitions of this group's kinds.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![Repository::crd(), Push::crd(), PipelineRun::crd()]
}
