//! A run's jobs: who may start, who is skipped, how it all ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use seatrial_resources::seatrial_dev::JobStatus;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::context::{Instance, RunScope};
use super::job::{self, Assignment};
use super::outcome::{Conclusion, JobResult, standing};
use super::plan::{self, lone};
use super::state::is_true;
use super::{Engine, Session, instance};
use crate::expression::{Scope, Status};
use crate::port::{Kind, chain};
use crate::workflow::Job;

/// How far a job of the file has come; its instances together.
struct Group {
    job: Arc<Job>,
    state: State,
}

enum State {
    Waiting,
    Running(Running),
    Ended(JobResult),
}

struct Running {
    /// Instances not started yet, the next one last.
    queue: Vec<Instance>,
    active: usize,
    most: usize,
    fail_fast: bool,
    max_parallel: Option<usize>,
    needs: Value,
    cancel: CancellationToken,
    results: Vec<JobResult>,
}

/// A job's instance that ended: the group's index, and how.
type Finished = (usize, JobResult);

/// A run's jobs.
pub(super) struct Jobs {
    scope: Arc<RunScope>,
    engine: Engine,
    groups: Vec<Group>,
    active: FuturesUnordered<BoxFuture<'static, Finished>>,
}

impl Jobs {
    pub(super) fn new(scope: Arc<RunScope>, engine: Engine) -> Self {
        let groups = scope
            .request
            .workflow
            .jobs
            .iter()
            .map(|job| Group {
                job: Arc::new(job.clone()),
                state: State::Waiting,
            })
            .collect();
        Self {
            scope,
            engine,
            groups,
            active: FuturesUnordered::new(),
        }
    }

    pub(super) async fn run(mut self) -> Conclusion {
        self.begin();
        loop {
            // Ending a group (by skipping it) may free others, so go on until nothing moves.
            while self.advance() {}
            match self.active.next().await {
                Some((index, result)) => self.finished(index, result),
                None => break,
            }
        }
        self.end()
    }

    fn begin(&self) {
        let jobs = self
            .groups
            .iter()
            .flat_map(|group| {
                if plan::is_deferred(&group.job) {
                    return vec![status_of(&lone(&group.job))];
                }
                let contexts = self.scope.contexts();
                let values = Scope {
                    contexts: &contexts,
                    status: Status::Success,
                    files: None,
                };
                let instances = plan::instances(&group.job, &values)
                    .ok()
                    .filter(|instances| !instances.is_empty())
                    .unwrap_or_else(|| vec![lone(&group.job)]);
                instances.iter().map(status_of).collect()
            })
            .collect();
        self.scope
            .progress
            .begin(self.scope.request.workflow.title(), jobs);
    }

    /// Starts, skips or ends what can be; whether anything ended.
    fn advance(&mut self) -> bool {
        let mut ended = false;
        for index in 0..self.groups.len() {
            if matches!(self.groups[index].state, State::Waiting) && self.is_ready(index) {
                ended |= self.admit(index);
            }
            self.start(index);
        }
        ended
    }

    fn find(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.job.id == id)
    }

    fn result(&self, id: &str) -> Option<&JobResult> {
        self.find(id).and_then(|group| match &group.state {
            State::Ended(result) => Some(result),
            _ => None,
        })
    }

    fn is_ready(&self, index: usize) -> bool {
        self.groups[index]
            .job
            .needs
            .iter()
            .all(|need| self.result(need).is_some())
    }

    /// The jobs before a job, near and far.
    fn ancestors(&self, job: &Job, found: &mut BTreeSet<String>) {
        for need in &job.needs {
            if found.insert(need.clone())
                && let Some(group) = self.find(need)
            {
                self.ancestors(&group.job, found);
            }
        }
    }

    /// Decides about a job whose needs have ended: to run (false) or to end without running (true).
    fn admit(&mut self, index: usize) -> bool {
        let job = self.groups[index].job.clone();
        let needs: Vec<(String, Value)> = job
            .needs
            .iter()
            .filter_map(|need| {
                let result = self.result(need)?;
                Some((need.clone(), plan::need(result.seen(), &result.outputs)))
            })
            .collect();
        let needs = job::needs(&needs);
        let mut ancestors = BTreeSet::new();
        self.ancestors(&job, &mut ancestors);
        let mut status = standing(
            ancestors
                .iter()
                .filter_map(|id| self.result(id))
                .map(JobResult::seen),
        );
        if self.scope.cancel.is_cancelled() {
            status = Status::Cancelled;
        }
        match self.plan(&job, &needs, status) {
            Ok(running) => {
                self.groups[index].state = State::Running(running);
                false
            }
            Err(result) => {
                let progress = &self.scope.progress;
                let ids = self.waiting_ids(&job);
                for id in ids {
                    progress.job_ended(
                        &id,
                        result.conclusion,
                        result.message.clone(),
                        BTreeMap::new(),
                    );
                }
                self.groups[index].state = State::Ended(result);
                true
            }
        }
    }

    /// The ids under which a job that does not run stands in the status.
    fn waiting_ids(&self, job: &Job) -> Vec<String> {
        let contexts = self.scope.contexts();
        let values = Scope {
            contexts: &contexts,
            status: Status::Success,
            files: None,
        };
        match plan::instances(job, &values) {
            Ok(instances) if !plan::is_deferred(job) && !instances.is_empty() => {
                instances.into_iter().map(|instance| instance.id).collect()
            }
            _ => vec![job.id.clone()],
        }
    }

    fn plan(&self, job: &Job, needs: &Value, status: Status) -> Result<Running, JobResult> {
        let path = &self.scope.request.workflow.path;
        let contexts = self.scope.job_contexts(needs);
        let values = Scope {
            contexts: &contexts,
            status,
            files: None,
        };
        let failed = |message: String| {
            let message = self.scope.masks.apply(&message);
            let name = Session::new(self.scope.sink(&job.id), 0, "Set up job");
            name.write(Kind::Error, &message);
            JobResult::without_work(Conclusion::Failure, Some(message))
        };
        let holds = match &job.condition {
            Some(condition) => condition.holds(&values).map_err(|error| {
                failed(format!("{path}:{}: `if`: {error}", condition.position()))
            })?,
            None => status == Status::Success,
        };
        if !holds {
            let conclusion = if status == Status::Cancelled {
                Conclusion::Cancelled
            } else {
                Conclusion::Skipped
            };
            return Err(JobResult::without_work(
                conclusion,
                Some(self.why_not(job, status)),
            ));
        }
        let mut queue = plan::instances(job, &values)
            .map_err(|error| failed(format!("{path}:{}: {}", job.at, chain(&error))))?;
        if queue.is_empty() {
            let message = "the matrix makes no job".to_owned();
            return Err(JobResult::without_work(Conclusion::Skipped, Some(message)));
        }
        if plan::is_deferred(job) {
            let jobs = queue.iter().map(status_of).collect();
            self.scope.progress.expand(&job.id, jobs);
        }
        let (fail_fast, max_parallel) = strategy(job, &values)
            .map_err(|message| failed(format!("{path}:{}: {message}", job.at)))?;
        queue.reverse();
        Ok(Running {
            most: max_parallel.unwrap_or(usize::MAX),
            queue,
            active: 0,
            fail_fast,
            max_parallel,
            needs: needs.clone(),
            cancel: self.scope.cancel.child_token(),
            results: Vec::new(),
        })
    }

    /// Why a job does not run, in a sentence.
    fn why_not(&self, job: &Job, status: Status) -> String {
        if status == Status::Cancelled {
            return "the run was cancelled".to_owned();
        }
        let blocker = job.needs.iter().find(|need| {
            self.result(need)
                .is_some_and(|r| r.seen() != Conclusion::Success)
        });
        let written = job.condition.as_ref();
        match (blocker, written) {
            (Some(need), None) => {
                let result = self
                    .result(need)
                    .map_or("", |result| result.seen().as_str());
                format!("it needs `{need}`, which ended with {result}")
            }
            (_, Some(condition)) => format!("its condition is false: {}", condition.source()),
            (None, None) => "a job before those it needs did not succeed".to_owned(),
        }
    }

    /// Starts queued instances as far as the matrix's own limit allows; the engine's limit is
    /// waited for inside.
    fn start(&mut self, index: usize) {
        let Group {
            job,
            state: State::Running(running),
        } = &mut self.groups[index]
        else {
            return;
        };
        while running.active < running.most {
            let Some(instance) = running.queue.pop() else {
                return;
            };
            running.active += 1;
            let assignment = Assignment {
                run: self.scope.clone(),
                job: job.clone(),
                instance,
                needs: running.needs.clone(),
                strategy: (running.fail_fast, running.max_parallel),
                cancel: running.cancel.clone(),
            };
            let engine = self.engine.clone();
            self.active.push(Box::pin(async move {
                (index, instance::run(assignment, &engine).await)
            }));
        }
    }

    fn finished(&mut self, index: usize, result: JobResult) {
        let Group { state, .. } = &mut self.groups[index];
        let State::Running(running) = state else {
            return;
        };
        running.active -= 1;
        let failed = result.conclusion == Conclusion::Failure && !result.tolerated;
        running.results.push(result);
        if failed && running.fail_fast {
            running.cancel.cancel();
        }
        if running.active == 0 && running.queue.is_empty() {
            *state = State::Ended(JobResult::together(std::mem::take(&mut running.results)));
        }
    }

    fn end(&self) -> Conclusion {
        let results: Vec<(&str, &JobResult)> = self
            .groups
            .iter()
            .filter_map(|group| match &group.state {
                State::Ended(result) => Some((group.job.id.as_str(), result)),
                _ => None,
            })
            .collect();
        let conclusion = Conclusion::worst(results.iter().map(|(_, result)| result.seen()));
        let message = match conclusion {
            Conclusion::Success | Conclusion::Skipped => None,
            Conclusion::Cancelled => Some("cancelled".to_owned()),
            Conclusion::Failure => results
                .iter()
                .find(|(_, result)| result.seen() == Conclusion::Failure)
                .map(|(id, result)| {
                    let why = result.message.as_deref().unwrap_or("failed");
                    format!("job `{id}`: {why}")
                }),
        };
        self.scope.progress.end(conclusion, message);
        conclusion
    }
}

fn strategy(job: &Job, values: &Scope<'_>) -> Result<(bool, Option<usize>), String> {
    let fail_fast = match &job.strategy.fail_fast {
        Some(template) => is_true(
            &template
                .value(values)
                .map_err(|error| format!("`fail-fast`: {error}"))?,
        ),
        None => true,
    };
    let Some(template) = &job.strategy.max_parallel else {
        return Ok((fail_fast, None));
    };
    let text = template
        .text(values)
        .map_err(|error| format!("`max-parallel`: {error}"))?;
    let most = text.trim().parse().ok().filter(|most| *most > 0);
    most.map(|most| (fail_fast, Some(most)))
        .ok_or_else(|| format!("`max-parallel` must be a whole number above 0, not `{text}`"))
}

fn status_of(instance: &Instance) -> JobStatus {
    JobStatus {
        id: instance.id.clone(),
        name: instance.id.clone(),
        ..JobStatus::default()
    }
}
