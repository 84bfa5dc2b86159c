//! Setting going what was decided for a pod.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;
use seatrial_controller::Notice;
use tokio::task::AbortHandle;

use super::decide::Action;
use super::prepare::{prepare, sandbox_id};
use super::worker::{Report, Worker};
use super::world::{Activity, Sandbox, Slot};
use super::{probing, start, stop};
use crate::images::Image;
use crate::probe::Target;
use crate::runtime::Signal;
use crate::runtime::sandbox::remove_tree;
use crate::status::Course;

impl Worker {
    pub(super) fn act(&mut self, action: Action, now: Timestamp) {
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
                self.ending.cancel();
            }
            Action::StopSandbox => self.remove_sandbox(),
            // The end is written by `report`, which waits for the answer.
            Action::Delete => {}
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
        let Some(container) = slot.of(&self.pod).map(Cow::into_owned) else {
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
            ending: self.ending.clone(),
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
        self.end_one(slot, stop::Cause::Pod, deadline, now);
    }

    /// Sets the end of a container going; one that is under way is replaced.
    pub(super) fn end_one(
        &mut self,
        slot: Slot,
        cause: stop::Cause,
        deadline: Timestamp,
        now: Timestamp,
    ) {
        let Some(container) = slot.of(&self.pod).map(Cow::into_owned) else {
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
            cause,
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
        let directory = self.shared.sandboxes().join(sandbox_id(&self.pod, last));
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
        probing::begin((slot, run), &container, target, &self.sender)
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
