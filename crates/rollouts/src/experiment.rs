//! Experiment: served, so that clients which list experiments beside rollouts work, and not run yet.
//!
//! One that is made ends at once in phase `Error` with the reason, as a status and as an event: silence
//! would look like an experiment that is still to begin.

use std::sync::Arc;

use seatrial_controller::{Class, Classify, Context, Notice, Outcome, Reconciler};
use seatrial_resources::argoproj::{AnalysisPhase, Experiment, ExperimentStatus};

/// What is said of every experiment.
const UNSUPPORTED: &str = "experiments are not supported; run the version as a canary with a step analysis in place of an experiment";

/// The controller of Experiments.
pub struct Experiments;

impl Reconciler for Experiments {
    const NAME: &'static str = "experiment-controller";
    type Object = Experiment;
    type Error = Error;

    async fn reconcile(&self, experiment: Arc<Experiment>, _: &Context) -> Result<Outcome, Error> {
        let phase = experiment.status.as_ref().and_then(|status| status.phase);
        if phase.is_some_and(AnalysisPhase::is_final) {
            return Ok(Outcome::settled());
        }
        let status = ExperimentStatus {
            phase: Some(AnalysisPhase::Error),
            message: Some(UNSUPPORTED.to_owned()),
            ..ExperimentStatus::default()
        };
        let notice = Notice::warning("ExperimentError", UNSUPPORTED);
        Ok(Outcome::settled().with_event(notice).with_status(status))
    }
}

/// Nothing can go wrong that is not said in the status.
#[derive(Debug, thiserror::Error)]
#[error("the experiment cannot be worked on")]
pub struct Error;

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Terminal
    }
}
