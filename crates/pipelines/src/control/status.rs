//! A run's status: its condition, and the statuses that no engine wrote.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use seatrial_controller::{Notice, condition};
use seatrial_resources::seatrial_dev::{PipelineRunStatus, RunPhase};

/// The condition that `kubectl wait --for=condition=Succeeded` reads.
const SUCCEEDED: &str = "Succeeded";

/// The longest message: enough for a job, a step and its last lines.
const LONGEST: usize = 4_000;

/// The status with its condition, whose transition time is kept from `previous`.
pub(super) fn with_condition(
    mut status: PipelineRunStatus,
    previous: Option<&PipelineRunStatus>,
    now: Timestamp,
) -> PipelineRunStatus {
    status.conditions = previous
        .map(|previous| previous.conditions.clone())
        .unwrap_or_default();
    let (value, reason) = match status.phase {
        RunPhase::Pending => ("Unknown", "Pending"),
        RunPhase::Running => ("Unknown", "Running"),
        RunPhase::Succeeded => ("True", "Succeeded"),
        RunPhase::Failed => ("False", "Failed"),
        RunPhase::Skipped => ("False", "Skipped"),
        RunPhase::Cancelled => ("False", "Cancelled"),
    };
    let message = if status.phase.is_final() {
        conclusion(&status)
    } else {
        String::new()
    };
    condition::set(
        &mut status.conditions,
        SUCCEEDED,
        value,
        reason,
        message,
        now,
    );
    status
}

/// What came of a run: the failed job and step with its last lines.
pub(super) fn conclusion(status: &PipelineRunStatus) -> String {
    let failed = status
        .jobs
        .iter()
        .find(|job| job.phase == RunPhase::Failed)
        .and_then(|job| {
            let step = job
                .steps
                .iter()
                .find(|step| step.phase == RunPhase::Failed)?;
            let why = step.message.as_deref().unwrap_or("failed");
            Some(format!("job `{}`, step `{}`: {why}", job.id, step.name))
        });
    let text = match (status.phase, failed) {
        (RunPhase::Succeeded, _) => format!("{} jobs done", status.progress),
        (RunPhase::Failed, Some(failed)) => failed,
        _ => status.message.clone().unwrap_or_default(),
    };
    text.chars().take(LONGEST).collect()
}

/// The event at a run's end.
pub(super) fn notice(status: &PipelineRunStatus) -> Notice {
    let text = conclusion(status);
    match status.phase {
        RunPhase::Succeeded => Notice::normal("PipelineSucceeded", text),
        RunPhase::Cancelled => Notice::warning("PipelineCancelled", text),
        _ => Notice::warning("PipelineFailed", text),
    }
}

/// A run that ended without running.
pub(super) fn ended(
    previous: Option<&PipelineRunStatus>,
    phase: RunPhase,
    message: &str,
    now: Timestamp,
) -> PipelineRunStatus {
    let mut status = previous.cloned().unwrap_or_default();
    status.phase = phase;
    status.message = Some(message.to_owned());
    status.finished_at = Some(MicroTime(now));
    for job in status.jobs.iter_mut().filter(|job| !job.phase.is_final()) {
        let was_running = job.phase == RunPhase::Running;
        job.phase = if was_running {
            RunPhase::Cancelled
        } else {
            RunPhase::Skipped
        };
        job.message = Some(message.to_owned());
        for step in job.steps.iter_mut().filter(|step| !step.phase.is_final()) {
            let was_running = step.phase == RunPhase::Running;
            step.phase = if was_running {
                RunPhase::Cancelled
            } else {
                RunPhase::Skipped
            };
        }
    }
    status
}
