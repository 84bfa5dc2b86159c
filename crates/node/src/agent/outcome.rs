//! What follows from the reports of a pod's tasks.

use std::borrow::Cow;
use std::fs;
use std::mem;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;
use seatrial_controller::{Chain, Notice, key_of};

use super::explain::explain;
use super::prepare::{self, Written};
use super::start::{self, Started};
use super::worker::{Filling, Report, Running, Worker};
use super::world::{Activity, Sandbox, Slot};
use crate::backoff;
use crate::probe::Target;
use crate::runtime::{self, Exit, ExitStatus, Memory};
use crate::status::{CRASH_LOOP, Ended, Readiness, Startup, State, is_sidecar};

/// The longest termination message, in bytes and (from the log) in lines; upstream's figures.
const MESSAGE: usize = 4096;
const LOG_MESSAGE: (u64, usize) = (80, 2048);

impl Worker {
    /// Takes in what a task reports.
    pub(super) fn take(&mut self, report: Report) {
        match report {
            Report::Prepared(Ok((sandbox, written))) => {
                self.world.address = self.address;
                self.world.sandbox = Sandbox::Ready;
                self.written = written;
                self.live.parts().sandbox = Some(sandbox.clone());
                self.sandbox = Some(sandbox);
            }
            Report::Prepared(Err(error)) => self.not_prepared(&error),
            Report::Removed(removed) => {
                if let Err(error) = removed {
                    tracing::warn!(pod = %key_of(&*self.pod), "{}", Chain(&error));
                }
                self.world.sandbox = Sandbox::Absent {
                    retry: None,
                    failures: 0,
                };
            }
            Report::Started(slot, run, Ok(started)) => self.started(slot, run, *started),
            Report::Started(slot, run, Err(error)) => self.not_started(slot, run, &error),
            Report::Exited(slot, run, exit) => self.exited(slot, run, exit),
            Report::Probed(probed) => self.probed(&probed),
            Report::Filled(filled) => self.filled(filled),
        }
    }

    fn filled(&mut self, filled: Result<Written, prepare::Error>) {
        match filled {
            Ok(written) => self.written = written,
            Err(error) => self.tell(Notice::warning(error.reason(), Chain(&error).to_string())),
        }
        if mem::replace(&mut self.filling, Filling::Idle) == Filling::Stale {
            self.fill();
        }
    }

    fn not_prepared(&mut self, error: &prepare::Error) {
        let failures = match self.world.sandbox {
            Sandbox::Creating { failures } => failures + 1,
            _ => 1,
        };
        self.tell(Notice::warning(error.reason(), Chain(error).to_string()));
        let wait = backoff::after_failures(failures);
        let retry = self.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.world.sandbox = Sandbox::Absent {
            retry: Some(retry),
            failures,
        };
    }

    /// The node has no address left.
    pub(super) fn no_address(&mut self, failures: u32) {
        let range = self.shared.config.node.pods;
        let message = format!("Failed to create pod sandbox: no address is left in {range}");
        self.tell(Notice::warning("FailedCreatePodSandBox", message));
        let retry = self
            .now()
            .saturating_add(backoff::after_failures(failures + 1));
        let retry = Some(retry.unwrap_or(Timestamp::MAX));
        self.world.sandbox = Sandbox::Absent {
            retry,
            failures: failures + 1,
        };
    }

    fn identity(&self, slot: Slot, run: u32) -> String {
        let name = slot
            .of(&self.pod)
            .map(|container| container.name.clone())
            .unwrap_or_default();
        let uid = self.pod.metadata.uid.as_deref().unwrap_or_default();
        format!("{}://{uid}-{name}-{run}", self.shared.config.runtime.name())
    }

    fn started(&mut self, slot: Slot, run: u32, started: Started) {
        let Some(sandbox) = self.sandbox.clone() else {
            // It went together with its sandbox.
            let unit = self.world.unit_mut(slot);
            return unit
                .into_iter()
                .for_each(|unit| unit.activity = Activity::Idle);
        };
        let Some(container) = slot.of(&self.pod).map(Cow::into_owned) else {
            return;
        };
        let Started {
            process,
            attachment,
            log,
            image,
            ..
        } = started;
        let uplink = self
            .address
            .and_then(|address| self.shared.uplink(&self.pod, address));
        let target = Target {
            sandbox,
            process: process.clone(),
            uplink,
        };
        let id = self.identity(slot, run);
        let (startup, readiness) = first_state(slot, &container);
        let now = self.now();
        if let Some(unit) = self.world.unit_mut(slot) {
            unit.started(id, now, startup, readiness);
            unit.view.image.clone_from(&image.reference);
            unit.view.image_id.clone_from(&image.id);
        }
        if let Some(part) = self.live.parts().part(&container.name) {
            part.run = Some(run);
            part.log = Some(log.clone());
            part.process = Some(process.clone());
            part.attachment = Some(attachment);
        }
        let probes = self.probe(slot, run, &target);
        let running = Running {
            run,
            target,
            log,
            image,
            termination: started.termination,
            probes,
            stop: None,
            grace: None,
        };
        self.running.insert(slot, running);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let exit = process.wait().await;
            let _ = sender.send(Report::Exited(slot, run, exit));
        });
    }

    fn not_started(&mut self, slot: Slot, run: u32, error: &start::Error) {
        let id = self.identity(slot, run);
        let now = self.now();
        let message = Chain(error).to_string();
        let (failures, image) = match self.world.unit(slot) {
            Some(unit) => (
                unit.failures + 1,
                slot.of(&self.pod).and_then(|it| it.image.clone()),
            ),
            None => return,
        };
        let image = image.unwrap_or_default();
        let (reason, message, notices) = explain(error, &image, message, failures);
        for notice in notices {
            self.tell(notice);
        }
        let retry = now
            .saturating_add(backoff::after_failures(failures))
            .unwrap_or(Timestamp::MAX);
        let Some(unit) = self.world.unit_mut(slot) else {
            return;
        };
        unit.activity = Activity::Idle;
        match error {
            start::Error::Runtime(runtime::Error::SandboxGone) => self.lose_sandbox(),
            // As upstream: a program that cannot be executed counts as a run that failed.
            start::Error::Runtime(
                runtime::Error::Execute { .. } | runtime::Error::UnknownUser { .. },
            )
            | start::Error::PostStart(_) => {
                unit.failures = failures;
                unit.started(id.clone(), now, Startup::Pending, Readiness::Unready);
                let code = if reason == "StartError" { 128 } else { 137 };
                let status = ExitStatus::Code(code);
                let memory = Memory::Within;
                let failed = ended(Exit { status, memory }, now, now, id);
                unit.ended(Ended {
                    reason: reason.to_owned(),
                    message: Some(message),
                    ..failed
                });
            }
            _ => {
                unit.failures = failures;
                unit.waiting(reason, message, retry);
            }
        }
    }

    /// The sandbox died by itself: what is left of it is taken down beside the next one.
    fn lose_sandbox(&mut self) {
        self.live.parts().sandbox = None;
        self.world.sandbox = Sandbox::Absent {
            retry: None,
            failures: 0,
        };
        if let Some(sandbox) = self.sandbox.take() {
            tokio::spawn(async move {
                if let Err(error) = sandbox.stop().await {
                    tracing::warn!("{}", Chain(&error));
                }
            });
        }
    }

    fn exited(&mut self, slot: Slot, run: u32, exit: Exit) {
        let current = self
            .running
            .get(&slot)
            .is_some_and(|running| running.run == run);
        let Some(running) = current.then(|| self.running.remove(&slot)).flatten() else {
            return;
        };
        for task in [&running.probes, &running.stop].into_iter().flatten() {
            task.abort();
        }
        running.log.end();
        let message = self.last_words(slot, &running, exit);
        let now = self.now();
        let name = slot
            .of(&self.pod)
            .map(|container| container.name.clone())
            .unwrap_or_default();
        if let Some(part) = self.live.parts().part(&name) {
            part.process = None;
            part.attachment = None;
        }
        let Some(unit) = self.world.unit_mut(slot) else {
            return;
        };
        let State::Running { since } = unit.view.state else {
            return;
        };
        let long = now.duration_since(since).unsigned_abs() >= backoff::RECOVERED_AFTER;
        unit.failures = if long { 1 } else { unit.failures + 1 };
        let id = unit.view.id.clone();
        unit.ended(Ended {
            message,
            ..ended(exit, since, now, id)
        });
        if matches!(slot, Slot::Init(_)) && exit.exit_code() == 0 {
            unit.view.readiness = Readiness::Ready;
        }
    }

    /// The termination message: from its file, or from the log where the container asks for that.
    fn last_words(&self, slot: Slot, running: &Running, exit: Exit) -> Option<String> {
        let file = running
            .termination
            .as_ref()
            .and_then(|file| fs::read(file).ok());
        let text = file.unwrap_or_default();
        if !text.is_empty() {
            let end = text.len().min(MESSAGE);
            return Some(String::from_utf8_lossy(&text[..end]).into_owned());
        }
        let policy = slot
            .of(&self.pod)
            .and_then(|it| it.termination_message_policy.clone());
        let falls_back =
            policy.as_deref() == Some("FallbackToLogsOnError") && exit.exit_code() != 0;
        let (lines, bytes) = LOG_MESSAGE;
        falls_back
            .then(|| running.log.last(lines, bytes))
            .filter(|text| !text.is_empty())
    }

    pub(super) fn back_off(&mut self, slot: Slot, wait: Duration, until: Timestamp) {
        let meta = &self.pod.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let place = format!(
            "{}_{}({})",
            text(&meta.name),
            text(&meta.namespace),
            text(&meta.uid)
        );
        let Some(name) = slot.of(&self.pod).map(|container| container.name.clone()) else {
            return;
        };
        let shown = backoff::show(wait);
        let message = format!("back-off {shown} restarting failed container={name} pod={place}");
        let notice = format!("Back-off restarting failed container {name} in pod {place}");
        self.tell(Notice::warning("BackOff", notice));
        if let Some(unit) = self.world.unit_mut(slot) {
            unit.waiting(CRASH_LOOP, message, until);
        }
    }
}

/// What a container that has just been started is taken for: without probes, up and ready.
fn first_state(slot: Slot, container: &Container) -> (Startup, Readiness) {
    let startup = match container.startup_probe {
        Some(_) => Startup::Pending,
        None => Startup::Started,
    };
    let plain_init = matches!(slot, Slot::Init(_)) && !is_sidecar(container);
    let readiness = match (&container.readiness_probe, startup) {
        (None, Startup::Started) if !plain_init => Readiness::Ready,
        _ => Readiness::Unready,
    };
    (startup, readiness)
}

fn ended(exit: Exit, started_at: Timestamp, finished_at: Timestamp, id: String) -> Ended {
    let reason = match (exit.memory, exit.exit_code()) {
        (Memory::Exceeded, _) => "OOMKilled",
        (Memory::Within, 0) => "Completed",
        (Memory::Within, _) => "Error",
    };
    Ended {
        code: exit.exit_code(),
        signal: match exit.status {
            ExitStatus::Signal(signal) => Some(signal),
            ExitStatus::Code(_) => None,
        },
        reason: reason.to_owned(),
        message: None,
        started_at,
        finished_at,
        id,
    }
}
