//! The worker of one pod: takes in what happens, decides, and sets going what is to be done.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use seatrial_controller::{Notice, is_terminating};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::decide::{Action, Decision, decide};
use super::handle::{Live, Part};
use super::prepare::{self, Written};
use super::probing::Probed;
use super::start::{self, Started};
use super::world::{Activity, Sandbox, Slot, World};
use super::{Phase, Shared, security};
use crate::admission::Refusal;
use crate::images::Image;
use crate::logs::Log;
use crate::probe::Target;
use crate::runtime::{self, Exit};
use crate::status::{Course, State};

/// How long the containers of a pod have whose object was deleted by force.
const FORCED: Duration = Duration::from_secs(2);

/// News from outside.
#[derive(Debug)]
pub(super) enum Message {
    /// The pod changed.
    Pod(Arc<Pod>),
    /// The pod's object is gone.
    Gone,
    /// A ConfigMap or Secret that the pod refers to changed.
    Sources,
}

/// News from the worker's own tasks.
pub(super) enum Report {
    /// The sandbox is there, or is not to be had.
    Prepared(Result<(Arc<dyn runtime::Sandbox>, Written), prepare::Error>),
    /// The sandbox is gone.
    Removed(Result<(), runtime::Error>),
    /// A container runs, or does not.
    Started(Slot, u32, Result<Box<Started>, start::Error>),
    /// A container's process ended.
    Exited(Slot, u32, Exit),
    /// A probe was answered.
    Probed(Probed),
    /// The volumes hold what they should.
    Filled(Result<Written, prepare::Error>),
}

/// A container's run as the worker needs it.
pub(super) struct Running {
    pub(super) run: u32,
    pub(super) target: Target,
    pub(super) log: Log,
    pub(super) image: Image,
    pub(super) termination: Option<std::path::PathBuf>,
    pub(super) probes: Option<AbortHandle>,
    pub(super) stop: Option<AbortHandle>,
    /// How long it has to end where a probe says so.
    pub(super) grace: Option<Duration>,
}

/// One pod of the node.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) pod: Arc<Pod>,
    pub(super) world: World,
    pub(super) live: Live,
    pub(super) running: BTreeMap<Slot, Running>,
    pub(super) sandbox: Option<Arc<dyn runtime::Sandbox>>,
    /// The address it has, or will have once its sandbox is there.
    pub(super) address: Option<IpAddr>,
    pub(super) written: Written,
    pub(super) filling: Filling,
    /// Ends what is being started: pulls and hooks.
    pub(super) ending: CancellationToken,
    /// Sandboxes made so far.
    pub(super) attempts: u32,
    /// The status that was written last.
    pub(super) reported: Option<PodStatus>,
    /// When the status may be written, where it has changed.
    pub(super) report_at: Option<Timestamp>,
    pub(super) object: Object,
    mailbox: UnboundedReceiver<Message>,
    reports: UnboundedReceiver<Report>,
    pub(super) sender: UnboundedSender<Report>,
}

/// Whether volumes are being filled anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// They are not.
    Idle,
    /// They are.
    Busy,
    /// They are, and what is to be in them has changed meanwhile.
    Stale,
}

/// What there is of the pod's API object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// It exists.
    Present,
    /// Its end was written; it goes as soon as its finalizers let it.
    Deleted,
    /// It is gone.
    Gone,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        pod: Arc<Pod>,
        live: Live,
    ) -> (Self, UnboundedSender<Message>) {
        let (messages, mailbox) = mpsc::unbounded_channel();
        let (sender, reports) = mpsc::unbounded_channel();
        let now = shared.ctx.clock.now();
        let world = World::new(&pod, shared.config.node.address, now);
        let worker = Self {
            address: world.address,
            reported: pod.status.clone(),
            world,
            live,
            running: BTreeMap::new(),
            sandbox: None,
            written: Written::new(),
            filling: Filling::Idle,
            ending: CancellationToken::new(),
            attempts: 0,
            report_at: None,
            object: Object::Present,
            mailbox,
            reports,
            sender,
            shared,
            pod,
        };
        worker.introduce();
        (worker, messages)
    }

    /// The node does not take the pod: it has failed before it began.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        if self.world.course != Course::Living {
            // It had ended before.
            return;
        }
        self.tell(Notice::warning(&refusal.reason, &refusal.problem));
        self.world.course = Course::Failed {
            reason: refusal.reason.clone(),
            message: refusal.message(),
        };
    }

    /// Makes the containers known to those who ask for logs.
    fn introduce(&self) {
        self.make_known();
        let fields = security::not_enforced(&self.pod, self.shared.config.runtime.name());
        if !fields.is_empty()
            && self
                .reported
                .as_ref()
                .is_none_or(|it| it.start_time.is_none())
        {
            let message = format!(
                "not enforced by the {} runtime: {}",
                self.shared.config.runtime.name(),
                fields.join(", ")
            );
            self.tell(Notice::warning("NotEnforced", message));
        }
    }

    /// Adds the containers that are not known yet.
    fn make_known(&self) {
        let mut parts = self.live.parts();
        for unit in self.world.units() {
            let name = unit.view.name.clone();
            if parts.part(&name).is_some() {
                continue;
            }
            let part = Part {
                logs: self.shared.log(&self.pod, &name),
                run: unit.has_begun().then(|| unit.view.restarts.unsigned_abs()),
                ..Part::default()
            };
            parts.containers.push((name, part));
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.shared.tell(&self.pod, notice);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.ctx.clock.now()
    }

    /// Works until the pod is gone, or the agent stops.
    pub(super) async fn run(mut self) {
        let mut stopping = self.shared.stopping.subscribe();
        self.pod_changed(self.pod.clone());
        while self.object != Object::Gone || self.is_busy() {
            let decision = self.decide();
            let wake = self.report(decision.wake).await;
            if self.object == Object::Gone && !self.is_busy() {
                break;
            }
            let wait = wake.map_or(Duration::MAX, |wake| {
                wake.duration_since(self.now())
                    .try_into()
                    .unwrap_or(Duration::ZERO)
            });
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return self.abandon().await,
                Some(message) = self.mailbox.recv() => self.hear(message),
                Some(report) = self.reports.recv() => self.take(report),
                () = tokio::time::sleep(wait) => {}
            }
            self.drain();
        }
        self.clean_up();
    }

    fn drain(&mut self) {
        while let Ok(message) = self.mailbox.try_recv() {
            self.hear(message);
        }
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
    }

    /// Whether something of the pod is left.
    fn is_busy(&self) -> bool {
        let absent = matches!(self.world.sandbox, Sandbox::Absent { .. });
        !absent
            || self
                .world
                .units()
                .any(|unit| unit.activity != Activity::Idle)
    }

    /// Does what is to be done now, and says when to look again.
    fn decide(&mut self) -> Decision {
        loop {
            let now = self.now();
            let decision = decide(&self.pod, &self.world, now);
            let mut again = false;
            for action in &decision.actions {
                again |= matches!(action, Action::BackOff { .. } | Action::Fail { .. });
                self.act(action.clone(), now);
            }
            if !again {
                return decision;
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Pod(pod) => self.pod_changed(pod),
            Message::Gone => {
                self.object = Object::Gone;
                self.end_within(self.grace().min(FORCED));
            }
            Message::Sources => self.sources_changed(),
        }
    }

    fn pod_changed(&mut self, pod: Arc<Pod>) {
        let (old, new) = (&self.pod.metadata, &pod.metadata);
        let told = old.labels != new.labels || old.annotations != new.annotations;
        self.pod = pod;
        if self.world.join(&self.pod) {
            self.make_known();
        }
        if told {
            // The downward API may show them in files.
            self.fill();
        }
        if !is_terminating(&*self.pod) {
            return;
        }
        self.end_within(self.grace());
    }

    /// The containers are to end; an earlier deadline stays.
    fn end_within(&mut self, grace: Duration) {
        let deadline = self.now().saturating_add(grace).unwrap_or(Timestamp::MAX);
        let before = self.world.deadline;
        self.world.deadline = Some(before.map_or(deadline, |before| before.min(deadline)));
        self.world.course = end(&self.world.course);
        self.ending.cancel();
    }

    /// How long the containers have to end.
    fn grace(&self) -> Duration {
        let spec = self.pod.spec.as_ref();
        let own = spec.and_then(|spec| spec.termination_grace_period_seconds);
        let grace = self
            .pod
            .metadata
            .deletion_grace_period_seconds
            .or(own)
            .unwrap_or(30);
        Duration::from_secs(grace.max(0).unsigned_abs())
    }

    /// What waits for a ConfigMap or Secret is tried again at once; volumes are filled anew.
    fn sources_changed(&mut self) {
        for slot in self.world.slots() {
            if let Some(unit) = self.world.unit_mut(slot)
                && matches!(
                    unit.view.state,
                    State::Waiting {
                        reason: "CreateContainerConfigError",
                        ..
                    }
                )
            {
                unit.retry = None;
            }
        }
        if let Sandbox::Absent { retry, .. } = &mut self.world.sandbox {
            *retry = None;
        }
        self.fill();
    }

    /// Fills the volumes anew; once more where that is under way.
    pub(super) fn fill(&mut self) {
        let (Sandbox::Ready, Some(address)) = (self.world.sandbox, self.address) else {
            return;
        };
        if self.filling != Filling::Idle {
            self.filling = Filling::Stale;
            return;
        }
        self.filling = Filling::Busy;
        let (shared, pod) = (self.shared.clone(), self.pod.clone());
        let (before, sender) = (self.written.clone(), self.sender.clone());
        tokio::spawn(async move {
            let filled = prepare::fill_volumes(&shared, &pod, address, &before).await;
            let _ = sender.send(Report::Filled(filled));
        });
    }

    /// Ends the processes without telling the API: the next agent goes on.
    async fn abandon(mut self) {
        self.ending.cancel();
        for running in self.running.values_mut() {
            running.log.end();
            for task in [running.probes.take(), running.stop.take()]
                .into_iter()
                .flatten()
            {
                task.abort();
            }
        }
        // A sandbox that is being made is waited for, so that it is not left behind.
        while matches!(
            self.world.sandbox,
            Sandbox::Creating { .. } | Sandbox::Stopping
        ) {
            match self.reports.recv().await {
                Some(Report::Prepared(Ok((sandbox, _)))) => {
                    self.sandbox = Some(sandbox);
                    self.world.sandbox = Sandbox::Ready;
                }
                Some(Report::Prepared(Err(_)) | Report::Removed(_)) | None => break,
                Some(_) => {}
            }
        }
        if let Some(sandbox) = self.sandbox.take()
            && let Err(error) = sandbox.stop().await
        {
            tracing::warn!("{}", seatrial_controller::Chain(&error));
        }
    }
}

/// Waits until the agent is told to stop.
async fn stopped(phase: &mut watch::Receiver<Phase>) {
    // Where the sender is gone, so is the agent.
    let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
}

fn end(course: &Course) -> Course {
    match course {
        Course::Living => Course::Ending,
        other => other.clone(),
    }
}
