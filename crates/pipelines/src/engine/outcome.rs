//! How steps, jobs and runs end, and what that means for those after them.

use std::collections::BTreeMap;

use seatrial_resources::seatrial_dev::RunPhase;

use crate::expression::Status;

/// How a step or a job ended, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// Stopped on request or by its time limit.
    Cancelled,
    /// Not run.
    Skipped,
}

impl Conclusion {
    /// As `needs.<id>.result` and `steps.<id>.conclusion` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// The phase in the run's status.
    pub fn phase(self) -> RunPhase {
        match self {
            Self::Success => RunPhase::Succeeded,
            Self::Failure => RunPhase::Failed,
            Self::Cancelled => RunPhase::Cancelled,
            Self::Skipped => RunPhase::Skipped,
        }
    }

    /// The worst of several (a matrix, a run): failure, then cancelled, then success; skipped only
    /// where all are.
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |conclusion: &Self| match conclusion {
            Self::Skipped => 0,
            Self::Success => 1,
            Self::Cancelled => 2,
            Self::Failure => 3,
        };
        all.into_iter().max_by_key(rank).unwrap_or(Self::Skipped)
    }
}

/// What `success()` and its kin answer in a job's `if`: GitHub looks at every ancestor, not only at
/// the jobs needed directly, so that a failure or a skip goes on down the whole chain.
pub fn standing(ancestors: impl IntoIterator<Item = Conclusion>) -> Status {
    match Conclusion::worst_of_ancestors(ancestors) {
        Some(Conclusion::Failure) => Status::Failure,
        Some(Conclusion::Cancelled) => Status::Cancelled,
        Some(Conclusion::Skipped) => Status::Skipped,
        Some(Conclusion::Success) | None => Status::Success,
    }
}

impl Conclusion {
    /// Failure before cancelled before skipped before success.
    fn worst_of_ancestors(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let rank = |conclusion: &Self| match conclusion {
            Self::Success => 0,
            Self::Skipped => 1,
            Self::Cancelled => 2,
            Self::Failure => 3,
        };
        all.into_iter().max_by_key(rank)
    }
}

/// How a job went.
#[derive(Debug, Clone)]
pub(crate) struct JobResult {
    pub(crate) conclusion: Conclusion,
    /// Whether a failure is not to fail the run.
    pub(crate) tolerated: bool,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) message: Option<String>,
}

impl JobResult {
    /// How others see it: a tolerated failure is a success.
    pub(crate) fn seen(&self) -> Conclusion {
        if self.tolerated && self.conclusion == Conclusion::Failure {
            Conclusion::Success
        } else {
            self.conclusion
        }
    }

    /// A matrix's results as one: outputs of later instances win where they are not empty.
    pub(crate) fn together(results: Vec<Self>) -> Self {
        let conclusion = Conclusion::worst(results.iter().map(Self::seen));
        let message = results
            .iter()
            .find(|result| result.seen() == conclusion && result.message.is_some())
            .and_then(|result| result.message.clone());
        let mut outputs = BTreeMap::new();
        for (name, value) in results.into_iter().flat_map(|result| result.outputs) {
            if !value.is_empty() || !outputs.contains_key(&name) {
                outputs.insert(name, value);
            }
        }
        Self {
            conclusion,
            tolerated: false,
            outputs,
            message,
        }
    }

    pub(crate) fn without_work(conclusion: Conclusion, message: Option<String>) -> Self {
        Self {
            conclusion,
            tolerated: false,
            outputs: BTreeMap::new(),
            message,
        }
    }
}
