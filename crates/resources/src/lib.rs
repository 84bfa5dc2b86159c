//! The custom resource types Seatrial speaks, one module per API group.
//!
//! ```text
//!   argoproj      argoproj.io/v1alpha1             Rollout, AnalysisTemplate, AnalysisRun, Application
//!   istio         networking.istio.io/v1           VirtualService
//!   seatrial_dev  seatrial.dev/v1alpha1            Repository, Push, PipelineRun
//! ```
//!
//! Domain crates meet through these objects and never through each other. What several of them read alike in objects is here
//! too ([`placement`], [`pod_template`]).
//!
//! **Invariants:** no tokio and no I/O; field names and meanings of foreign kinds are those of
//! their upstream project, so that a manifest that works there works here unchanged.

mod any;
pub mod argoproj;
pub mod istio;
pub mod placement;
pub mod pod_template;
pub mod seatrial_dev;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The definitions as they are written in `definitions/`. Deriving them from the types takes a tenth
/// of a second, which every start would pay; a test keeps the two the same.
const WRITTEN: &[&str] = &[
    include_str!("../definitions/rollouts.argoproj.io.json"),
    include_str!("../definitions/analysistemplates.argoproj.io.json"),
    include_str!("../definitions/clusteranalysistemplates.argoproj.io.json"),
    include_str!("../definitions/analysisruns.argoproj.io.json"),
    include_str!("../definitions/experiments.argoproj.io.json"),
    include_str!("../definitions/applications.argoproj.io.json"),
    include_str!("../definitions/appprojects.argoproj.io.json"),
    include_str!("../definitions/virtualservices.networking.istio.io.json"),
    include_str!("../definitions/repositories.seatrial.dev.json"),
    include_str!("../definitions/pushes.seatrial.dev.json"),
    include_str!("../definitions/pipelineruns.seatrial.dev.json"),
];

/// The definitions of every custom kind in this crate, in the order in which they are installed, for
/// an API server to take.
///
/// # Panics
/// Never: the texts are part of the program, and the tests read each of them.
pub fn definitions() -> Vec<serde_json::Value> {
    let read = |text: &&str| serde_json::from_str(text).expect("a definition is JSON");
    WRITTEN.iter().map(read).collect()
}

/// The definitions, derived from the types.
pub fn derived() -> Vec<CustomResourceDefinition> {
    [
        argoproj::definitions(),
        istio::definitions(),
        seatrial_dev::definitions(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
