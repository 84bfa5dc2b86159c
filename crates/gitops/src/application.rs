//! The controller of Applications.
//!
//! ```text
//!   valid? ─▶ source, rendered ─▶ operation's next step ─▶ compare ─▶ sync by itself? ─▶ status
//! ```

mod load;
mod look;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Patch;
use seatrial_controller::{
    Context, Delay, Notice, ObjectKey, Outcome, Reconciler, Watches, is_terminating, key_of,
};
use seatrial_resources::argoproj::{
    AppProject, AppProjectSpec, Application, ApplicationStatus, ComparedTo, HealthStatusCode,
    SyncStatusCode,
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::automation::{self, Decision, is_running};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::memory::{Memories, Memory, Rendered};
use crate::operation::{self, Turn};
use crate::reference::instance;
use crate::refresh::{self, Refresh};
use crate::source::Source;
use crate::{Options, deletion, manifest, project, status, watch};

/// How soon a sync under way is looked at if nothing wakes it.
const STEP: Duration = Duration::from_secs(1);
/// How often objects are looked at whose kinds are not watched.
const GLANCE: Duration = Duration::from_secs(5);
/// How soon a source that could not be read is tried again.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The controller of Applications.
pub struct Applications {
    source: Arc<dyn Source>,
    options: Options,
    memories: Arc<Memories>,
    cluster: OnceCell<Cluster>,
}

impl Applications {
    /// A controller that reads repositories through `source`.
    pub fn new(source: Arc<dyn Source>, options: Options) -> Self {
        Self {
            source,
            options,
            memories: Arc::default(),
            cluster: OnceCell::new(),
        }
    }
}

impl Reconciler for Applications {
    const NAME: &'static str = "argocd-application-controller";
    const WORKERS: usize = 4;
    type Object = Application;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Application>) {
        watch::declare(watches, &self.options.namespace, &self.memories);
    }

    fn delay(&self) -> Delay {
        // A rollout changes many objects at once: one look serves them all.
        Delay {
            pace: Duration::from_millis(20),
            ..Delay::default()
        }
    }

    async fn reconcile(&self, app: Arc<Application>, ctx: &Context) -> Result<Outcome, Error> {
        let key = key_of(&*app);
        let cluster = self
            .cluster
            .get_or_init(async || Cluster::new(ctx.client.clone()))
            .await;
        let instance = instance(&key, &self.options.namespace);
        if is_terminating(&*app) {
            return deletion::pass(&app, cluster, &instance, ctx).await;
        }
        let mut memory = self.memories.take(&key);
        let refresh = self.refresh(&app, &key, &memory, ctx).await;
        let pass = Pass {
            controller: self,
            app: &app,
            key: &key,
            cluster,
            instance: &instance,
            now: ctx.clock.now(),
            ctx,
        };
        let result = match refresh {
            Ok(refresh) => pass.run(refresh, &mut memory).await,
            Err(error) => Err(error),
        };
        self.memories.put(key, memory);
        result
    }

    async fn gone(&self, key: &ObjectKey, _: &Context) {
        self.memories.forget(key);
    }
}

impl Applications {
    /// Whether the source is to be read again; takes the request for it away.
    async fn refresh(
        &self,
        app: &Application,
        key: &ObjectKey,
        memory: &Memory,
        ctx: &Context,
    ) -> Result<Refresh, Error> {
        let marked = self.memories.take_mark(key);
        let annotations = app.metadata.annotations.as_ref();
        if let Some(asked) = annotations.and_then(|all| all.get(refresh::ANNOTATION)) {
            let patch = json!({"metadata": {"annotations": {refresh::ANNOTATION: null}}});
            let objects = ctx.objects::<Application>();
            objects
                .patch(key, &Patch::Merge(patch))
                .await
                .map_err(Error::ClearRefresh)?;
            return Ok(if asked == "hard" {
                Refresh::Hard
            } else {
                Refresh::Normal
            });
        }
        let due = memory.due.is_none_or(|due| due <= ctx.clock.now());
        Ok(if marked || due {
            Refresh::Normal
        } else {
            Refresh::Not
        })
    }
}

/// One pass over one application.
struct Pass<'a> {
    controller: &'a Applications,
    app: &'a Application,
    key: &'a ObjectKey,
    cluster: &'a Cluster,
    instance: &'a str,
    now: Timestamp,
    ctx: &'a Context,
}

/// What is wrong: the condition's type and its message.
type Wrong = Vec<(&'static str, String)>;

impl Pass<'_> {
    async fn run(&self, refresh: Refresh, memory: &mut Memory) -> Result<Outcome, Error> {
        let before = self.app.status.clone().unwrap_or_default();
        let mut status = before.clone();
        let mut notices = Vec::new();
        notices.extend(operation::accept(self.app, self.key, &mut status, self.ctx).await?);
        let project = match self.valid().await {
            Ok(project) => project,
            Err(refusals) => {
                self.refuse(&mut status, refusals, &mut notices);
                memory.due = Some(self.in_a_while(self.interval()));
                return Ok(self.outcome(&before, status, notices, Refresh::Not, None, memory));
            }
        };
        if refresh == Refresh::Hard {
            self.cluster.forget_kinds();
            memory.verdicts.clear();
        }
        let wanted = self.wanted(project.as_ref(), refresh, memory).await;
        let turn = operation::turn(status.operation_state.as_mut(), self.now);
        let mut pause = None;
        match turn {
            Turn::Idle => {}
            Turn::Pause(left) => pause = Some(left),
            Turn::Stop => {
                if let Some(state) = status.operation_state.as_mut() {
                    crate::sync::terminate(state, self.now);
                }
            }
            Turn::Step => {
                pause = Some(STEP);
                self.step(&mut status, &wanted, project.as_ref(), memory)
                    .await?;
            }
        }
        if matches!(turn, Turn::Step | Turn::Stop) {
            notices.extend(operation::conclude(self.app, &mut status, self.now));
        }
        let mut wrong = Wrong::new();
        let glance = self.look(&mut status, &wanted, memory, &mut wrong).await?;
        let pause = self.automate(&mut status, pause, &mut wrong, &mut notices);
        let old = before.conditions.as_ref();
        status.conditions = status::conditions(wrong, old, self.now);
        let pause = [pause, glance].into_iter().flatten().min();
        Ok(self.outcome(&before, status, notices, refresh, pause, memory))
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::try_from(self.controller.options.refresh_interval)
            .unwrap_or(SignedDuration::from_mins(3))
    }

    fn in_a_while(&self, interval: SignedDuration) -> Timestamp {
        self.now.saturating_add(interval).unwrap_or(Timestamp::MAX)
    }

    /// The project, or everything that is wrong with the spec.
    async fn valid(&self) -> Result<Option<AppProjectSpec>, Vec<String>> {
        let projects = self.ctx.cache::<AppProject>().await;
        let home = &self.controller.options.namespace;
        let project = project::of(self.app, self.key, home, &projects).map_err(|one| vec![one])?;
        let refusals = project::refusals(self.app, project.as_ref());
        if refusals.is_empty() {
            Ok(project)
        } else {
            Err(refusals)
        }
    }

    /// Nothing is compared, and an operation under way ends.
    fn refuse(
        &self,
        status: &mut ApplicationStatus,
        refusals: Vec<String>,
        notices: &mut Vec<Notice>,
    ) {
        if let Some(state) = status
            .operation_state
            .as_mut()
            .filter(|state| is_running(state))
        {
            state.phase = seatrial_resources::argoproj::OperationPhase::Error;
            state.message = Some(format!("InvalidSpecError: {}", refusals.join(" | ")));
            state.operation.retry = None;
            notices.extend(operation::conclude(self.app, status, self.now));
        }
        status.sync.status = SyncStatusCode::Unknown;
        status.health = status::health(HealthStatusCode::Unknown, None, &status.health, self.now);
        let wrong = refusals
            .into_iter()
            .map(|one| ("InvalidSpecError", one))
            .collect();
        status.conditions = status::conditions(wrong, status.conditions.as_ref(), self.now);
    }

    /// The target revision of the application's source, rendered.
    async fn wanted(
        &self,
        project: Option<&AppProjectSpec>,
        refresh: Refresh,
        memory: &mut Memory,
    ) -> Result<Rendered, String> {
        let source = manifest::source_of(self.app).map_err(|error| load::said(&error))?;
        let revision = source
            .target_revision
            .as_deref()
            .filter(|text| !text.is_empty());
        let wanted = self
            .load(source, revision.unwrap_or("HEAD"), project, refresh, memory)
            .await;
        if refresh != Refresh::Not {
            let interval = self.interval();
            let interval = if wanted.is_ok() {
                interval
            } else {
                interval.min(AGAIN)
            };
            memory.due = Some(self.in_a_while(interval));
        }
        wanted
    }

    /// Starts a sync where the application asks for it. Gives the time until the next look.
    fn automate(
        &self,
        status: &mut ApplicationStatus,
        pause: Option<Duration>,
        wrong: &mut Wrong,
        notices: &mut Vec<Notice>,
    ) -> Option<Duration> {
        match automation::decide(self.app, status, self.now) {
            Decision::Rest => pause,
            Decision::Wait(left) => Some(pause.map_or(left, |pause| pause.min(left))),
            Decision::Refuse(message) => {
                wrong.push(("SyncError", message));
                pause
            }
            Decision::Start(started) => {
                let revision = status.sync.revision.clone().unwrap_or_default();
                let text = format!("Initiated automated sync to '{revision}'");
                notices.push(Notice::normal("OperationStarted", text));
                status.operation_state = Some(operation::begin(*started, self.now));
                Some(STEP)
            }
        }
    }

    fn outcome(
        &self,
        before: &ApplicationStatus,
        mut status: ApplicationStatus,
        mut notices: Vec<Notice>,
        refresh: Refresh,
        pause: Option<Duration>,
        memory: &Memory,
    ) -> Outcome {
        status.controller_namespace = Some(self.controller.options.namespace.clone());
        notices.extend(status::changes(before, &status));
        if refresh != Refresh::Not || *before != status {
            status.reconciled_at = Some(Time(self.now));
        }
        let due = memory.due.map_or(Duration::ZERO, |due| {
            due.duration_since(self.now).unsigned_abs()
        });
        let next = pause
            .map_or(due, |pause| pause.min(due))
            .max(Duration::from_millis(1));
        Outcome::waiting(next)
            .with_status(status)
            .with_events(notices)
    }

    fn compared_to(&self) -> ComparedTo {
        ComparedTo {
            source: manifest::source_of(self.app).ok().cloned(),
            destination: self.app.spec.destination.clone(),
            ignore_differences: self.app.spec.ignore_differences.clone(),
        }
    }
}
