//! The worker of one pod: takes in what happens, decides, and sets going what is to be done.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodStatus};
use seatrial_controller::{Notice, is_terminating};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::decide::{Action, Decision, decide};
use super::handle::{Live, Part};
use super::prepare::{self, Written, prepare};
use super::probing::Probed;
use super::start::{self, Started};
use super::world::{Activity, Sandbox, Slot, World};
use super::{Phase, Shared, probing, security, stop};
use crate::images::Image;
use crate::logs::Log;
use crate::probe::Target;
use crate::runtime::sandbox::remove_tree;
use crate::runtime::{self, Exit, Signal};
use crate::status::Course;

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
    /// Sandboxes made so far.
    attempts: u32,
    /// The status that was written last.
    pub(super) reported: Option<PodStatus>,
    /// When the status may be written, where it has changed.
    pub(super) report_at: Option<Timestamp>,
    pub(super) object: Object,
    mailbox: UnboundedReceiver<Message>,
    reports: UnboundedReceiver<Report>,
    pub(super) sender: UnboundedSender<Report>,
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

    /// Makes the containers known to those who ask for logs.
    fn introduce(&self) {
        let parts = self.world.units().map(|unit| {
            let name = unit.view.name.clone();
            let part = Part {
                logs: self.shared.log(&self.pod, &name),
                run: unit.has_begun().then(|| unit.view.restarts.unsigned_abs()),
                ..Part::default()
            };
            (name, part)
        });
        self.live.parts().containers = parts.collect();
        let fields = security::not_enforced(&self.pod);
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

    fn act(&mut self, action: Action, now: Timestamp) {
        match action {
            Action::CreateSandbox => self.create_sandbox(),
            Action::Start(slot) => self.start(slot),
            Action::BackOff { slot, wait, until } => self.back_off(slot, wait, until),
            Action::Stop { slot, deadline } => self.stop(slot, deadline, now),
            Action::Fail { reason, message } => {
                self.tell(Notice::warning(reason, message.clone()));
                self.world.course = Course::Failed {
                    reason: reason.to_owned(),
                    message,
                };
            }
            Action::StopSandbox => self.remove_sandbox(),
            // The end is written by `report`, which waits for the answer.
            Action::Delete => {}
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
        self.pod = pod;
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
                    crate::status::State::Waiting {
                        reason: "CreateContainerConfigError",
                        ..
                    }
                )
            {
                unit.retry = None;
            }
        }
        match (&mut self.world.sandbox, self.address) {
            (Sandbox::Absent { retry, .. }, _) => *retry = None,
            (Sandbox::Ready, Some(address)) => {
                let (shared, pod) = (self.shared.clone(), self.pod.clone());
                let (before, sender) = (self.written.clone(), self.sender.clone());
                tokio::spawn(async move {
                    let filled = prepare::fill_volumes(&shared, &pod, address, &before).await;
                    let _ = sender.send(Report::Filled(filled));
                });
            }
            _ => {}
        }
    }

    fn create_sandbox(&mut self) {
        let Sandbox::Absent { failures, .. } = self.world.sandbox else {
            return;
        };
        let host = self.pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        let address = match self.address {
            _ if host => Some(self.world.host),
            Some(address) => Some(address),
            None => self.shared.addresses().take(),
        };
        let Some(address) = address else {
            self.no_address(failures);
            return;
        };
        self.address = Some(address);
        self.world.sandbox = Sandbox::Creating { failures };
        let attempt = self.attempts;
        self.attempts += 1;
        let (shared, pod, sender) = (self.shared.clone(), self.pod.clone(), self.sender.clone());
        tokio::spawn(async move {
            let prepared = prepare(&shared, &pod, address, attempt).await;
            // The worker reads until its sandbox is gone.
            let _ = sender.send(Report::Prepared(prepared));
        });
    }

    fn start(&mut self, slot: Slot) {
        let Some(container) = slot.of(&self.pod).cloned() else {
            return;
        };
        let (Some(sandbox), Some(address)) = (self.sandbox.clone(), self.address) else {
            return;
        };
        let Some(unit) = self.world.unit_mut(slot) else {
            return;
        };
        unit.activity = Activity::Starting;
        let run = if unit.has_begun() {
            unit.view.restarts.unsigned_abs() + 1
        } else {
            0
        };
        let request = start::Request {
            shared: self.shared.clone(),
            pod: self.pod.clone(),
            container,
            sandbox,
            address,
            run,
        };
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let started = request.start().await.map(Box::new);
            let _ = sender.send(Report::Started(slot, run, started));
        });
    }

    fn stop(&mut self, slot: Slot, deadline: Timestamp, now: Timestamp) {
        let unit = self.world.unit(slot);
        if let Some(unit) = unit.filter(|unit| unit.activity == Activity::Running) {
            let message = format!("Stopping container {}", unit.view.name);
            self.tell(Notice::normal("Killing", message));
        }
        self.end_one(slot, deadline, now);
    }

    /// Sets the end of a container going; one that is under way is replaced.
    pub(super) fn end_one(&mut self, slot: Slot, deadline: Timestamp, now: Timestamp) {
        let Some(container) = slot.of(&self.pod).cloned() else {
            return;
        };
        let Some(running) = self.running.get_mut(&slot) else {
            return;
        };
        if let Some(unit) = self.world.unit_mut(slot) {
            unit.activity = Activity::Stopping { deadline };
        }
        if let Some(before) = running.stop.take() {
            before.abort();
        }
        let grace = deadline
            .duration_since(now)
            .try_into()
            .unwrap_or(Duration::ZERO);
        let request = stop::Request {
            shared: self.shared.clone(),
            pod: self.pod.clone(),
            signal: stop_signal(&container, &running.image),
            container,
            target: running.target.clone(),
            grace,
        };
        running.stop = Some(tokio::spawn(request.stop()).abort_handle());
    }

    fn remove_sandbox(&mut self) {
        self.world.sandbox = Sandbox::Stopping;
        self.live.parts().sandbox = None;
        let sandbox = self.sandbox.take();
        let sender = self.sender.clone();
        let last = self.attempts.saturating_sub(1);
        let directory = self
            .shared
            .sandboxes()
            .join(self.shared.sandbox_id(&self.pod, last));
        tokio::spawn(async move {
            let removed = match sandbox {
                Some(sandbox) => sandbox.stop().await,
                None => Ok(()),
            };
            if let Err(error) = remove_tree(&directory) {
                tracing::warn!("remove {}: {error}", directory.display());
            }
            let _ = sender.send(Report::Removed(removed));
        });
    }

    /// Begins the probes of a container that runs.
    pub(super) fn probe(&self, slot: Slot, run: u32, target: &Target) -> Option<AbortHandle> {
        let container = slot.of(&self.pod)?;
        probing::begin((slot, run), container, target, &self.sender)
    }

    /// Ends the processes without telling the API: the next agent goes on.
    async fn abandon(mut self) {
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

/// The signal that asks a container to end.
fn stop_signal(container: &Container, image: &Image) -> Signal {
    let own = container
        .lifecycle
        .as_ref()
        .and_then(|it| it.stop_signal.as_deref());
    let named = own.unwrap_or(&image.config.stop_signal);
    Signal::parse(named).unwrap_or(Signal::TERM)
}
