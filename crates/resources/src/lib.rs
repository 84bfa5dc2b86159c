//! The custom resource types Seatrial speaks, one module per API group.
//!
//! ```text
//!   argoproj      argoproj.io/v1alpha1             Rollout, AnalysisTemplate, AnalysisRun, Application
//!   istio         networking.istio.io/v1           VirtualService
//!   seatrial_dev  seatrial.dev/v1alpha1            Repository, Push, PipelineRun
//! ```
//!
//! Domain crates meet through these objects and never through each other.
//!
//! **Invariants:** no tokio and no I/O; field names and meanings of foreign kinds are those of
//! their upstream project, so that a manifest that works there works here unchanged.

mod any;
pub mod argoproj;
pub mod istio;
pub mod pod_template;
pub mod seatrial_dev;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The definitions of every custom kind in this crate, in the order in which they are installed.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [
        argoproj::definitions(),
        istio::definitions(),
        seatrial_dev::definitions(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
