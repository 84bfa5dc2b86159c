//! The run's status as it advances, published to whoever watches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use seatrial_clock::SharedClock;
use seatrial_resources::seatrial_dev::{JobStatus, PipelineRunStatus, RunPhase, StepStatus};
use tokio::sync::watch;

use super::outcome::Conclusion;

/// The most characters of an output that the status shows; jobs see all of it. An object has room
/// for 1.5 MiB altogether.
const SHOWN: usize = 2_000;

fn shown(value: String) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

/// Writes the status; clones write the same one.
#[derive(Clone)]
pub(crate) struct Progress {
    status: watch::Sender<PipelineRunStatus>,
    clock: SharedClock,
}

impl Progress {
    pub(crate) fn new(status: watch::Sender<PipelineRunStatus>, clock: SharedClock) -> Self {
        Self { status, clock }
    }

    fn now(&self) -> MicroTime {
        MicroTime(self.clock.now())
    }

    /// Changes the status and keeps `progress` and what derives from the jobs true.
    fn change(&self, change: impl FnOnce(&mut PipelineRunStatus)) {
        self.status.send_modify(|status| {
            change(status);
            let done = status
                .jobs
                .iter()
                .filter(|job| job.phase.is_final())
                .count();
            status.progress = format!("{done}/{}", status.jobs.len());
        });
    }

    fn job(&self, id: &str, change: impl FnOnce(&mut JobStatus)) {
        self.change(|status| {
            if let Some(job) = status.jobs.iter_mut().find(|job| job.id == id) {
                change(job);
            }
        });
    }

    /// The run cannot begin yet.
    pub(crate) fn waiting(&self, message: &str) {
        self.change(|status| status.message = Some(message.to_owned()));
    }

    /// The run begins with these jobs.
    pub(crate) fn begin(&self, workflow: &str, jobs: Vec<JobStatus>) {
        let now = self.now();
        self.change(|status| {
            workflow.clone_into(&mut status.workflow);
            status.message = None;
            status.phase = RunPhase::Running;
            status.started_at = Some(now);
            status.jobs = jobs;
        });
    }

    /// A job turned out to be several, by its matrix.
    pub(crate) fn expand(&self, id: &str, jobs: Vec<JobStatus>) {
        self.change(|status| {
            if let Some(index) = status.jobs.iter().position(|job| job.id == id) {
                status.jobs.splice(index..=index, jobs);
            }
        });
    }

    /// A job starts with these steps.
    pub(crate) fn job_started(&self, id: &str, name: String, steps: Vec<StepStatus>) {
        let now = self.now();
        self.job(id, |job| {
            job.phase = RunPhase::Running;
            job.name = name;
            job.started_at = Some(now);
            job.steps = steps;
        });
    }

    /// A job ended.
    pub(crate) fn job_ended(
        &self,
        id: &str,
        conclusion: Conclusion,
        message: Option<String>,
        outputs: std::collections::BTreeMap<String, String>,
    ) {
        let now = self.now();
        self.job(id, |job| {
            job.phase = conclusion.phase();
            job.message = message;
            job.outputs = outputs
                .into_iter()
                .map(|(name, value)| (name, shown(value)))
                .collect();
            if job.started_at.is_some() {
                job.finished_at = Some(now);
            }
            for step in job.steps.iter_mut().filter(|step| !step.phase.is_final()) {
                step.phase = RunPhase::Skipped;
            }
        });
    }

    /// A step starts; the run's message says so.
    pub(crate) fn step_started(&self, id: &str, index: usize, name: &str) {
        let now = self.now();
        self.change(|status| {
            status.message = Some(format!("job `{id}`: {name}"));
            let job = status.jobs.iter_mut().find(|job| job.id == id);
            if let Some(step) = job.and_then(|job| job.steps.get_mut(index)) {
                name.clone_into(&mut step.name);
                step.phase = RunPhase::Running;
                step.started_at = Some(now);
            }
        });
    }

    /// A step ended.
    pub(crate) fn step_ended(
        &self,
        id: &str,
        index: usize,
        conclusion: Conclusion,
        exit_code: Option<i32>,
        message: Option<String>,
    ) {
        let now = self.now();
        self.job(id, |job| {
            if let Some(step) = job.steps.get_mut(index) {
                step.phase = conclusion.phase();
                step.exit_code = exit_code;
                step.message = message;
                if step.started_at.is_some() {
                    step.finished_at = Some(now);
                }
            }
        });
    }

    /// The run ended.
    pub(crate) fn end(&self, conclusion: Conclusion, message: Option<String>) {
        let now = self.now();
        self.change(|status| {
            // A run whose jobs were all skipped has done all that was asked of it.
            status.phase = match conclusion {
                Conclusion::Skipped => RunPhase::Succeeded,
                other => other.phase(),
            };
            status.message = message;
            status.finished_at = Some(now);
        });
    }
}
