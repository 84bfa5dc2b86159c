//! Progressive delivery: canary rollouts and the analysis that judges them.
//!
//! ```text
//!   Rollout ──▶ ReplicaSets, Services' selectors, VirtualService weights
//!      │  ▲
//!      ▼  │ phase
//!   AnalysisRun ──asks──▶ Metrics (a port: Prometheus' API, the embedded one or any other)
//! ```
//!
//! Field names, statuses, reasons and messages are those of Argo Rollouts, so that its plugin and
//! dashboards read them.
//!
//! **Invariants:** every decision is a pure function of what was observed and of the time; the
//! canary's share of the traffic never exceeds what its ready pods can carry; an aborted rollout
//! gives all traffic back to the stable version before it takes a pod away.

pub mod analysis_run;
pub mod experiment;
pub mod metrics;
pub mod rollout;

use futures::future::BoxFuture;
use seatrial_controller::{Context, Reconciler as _};

pub use analysis_run::AnalysisRuns;
pub use experiment::Experiments;
pub use metrics::Metrics;
pub use rollout::Rollouts;

/// Every controller of this crate, by name, ready to be run. Dropping a future stops its controller.
pub fn controllers(
    ctx: &Context,
    metrics: std::sync::Arc<dyn Metrics>,
) -> Vec<(&'static str, BoxFuture<'static, ()>)> {
    let runs = AnalysisRuns::new(metrics);
    vec![
        (
            Rollouts::NAME,
            Box::pin(seatrial_controller::run(Rollouts, ctx.clone())),
        ),
        (
            AnalysisRuns::NAME,
            Box::pin(seatrial_controller::run(runs, ctx.clone())),
        ),
        (
            Experiments::NAME,
            Box::pin(seatrial_controller::run(Experiments, ctx.clone())),
        ),
    ]
}
