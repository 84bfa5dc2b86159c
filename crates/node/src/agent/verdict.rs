//! What follows from the answers of probes.

use std::time::Duration;

use jiff::Timestamp;
use seatrial_controller::Notice;

use super::probing::Probed;
use super::stop::Cause;
use super::worker::Worker;
use super::world::{Activity, Slot};
use crate::probe::{Answer, Kind, Verdict};
use crate::status::{Readiness, Startup};

impl Worker {
    /// Takes in an answer.
    pub(super) fn probed(&mut self, probed: &Probed) {
        let Some(running) = self.running.get_mut(&probed.slot) else {
            return;
        };
        if running.run != probed.run {
            return;
        }
        running.grace = probed.grace;
        if let Answer::Bad(problem) = &probed.answer {
            let message = format!("{} probe failed: {problem}", probed.kind.title());
            self.tell(Notice::warning("Unhealthy", message));
        }
        let has_readiness = probed
            .slot
            .of(&self.pod)
            .is_some_and(|it| it.readiness_probe.is_some());
        let Some(unit) = self.world.unit_mut(probed.slot) else {
            return;
        };
        match (probed.kind, probed.verdict) {
            (_, Verdict::Unchanged) | (Kind::Liveness, Verdict::Succeeded) => {}
            (Kind::Readiness, Verdict::Succeeded) => unit.view.readiness = Readiness::Ready,
            (Kind::Readiness, Verdict::Failed) => unit.view.readiness = Readiness::Unready,
            (Kind::Startup, Verdict::Succeeded) => {
                unit.view.startup = Startup::Started;
                if !has_readiness {
                    unit.view.readiness = Readiness::Ready;
                }
            }
            (kind @ (Kind::Startup | Kind::Liveness), Verdict::Failed) => {
                if unit.activity == Activity::Running {
                    self.restart(probed.slot, kind, probed.grace);
                }
            }
        }
    }

    /// Ends a container that a probe found dead; its end starts it again.
    fn restart(&mut self, slot: Slot, kind: Kind, grace: Option<Duration>) {
        let name = slot
            .of(&self.pod)
            .map(|it| it.name.clone())
            .unwrap_or_default();
        let kind = kind.title().to_lowercase();
        let message = format!("Container {name} failed {kind} probe, will be restarted");
        self.tell(Notice::normal("Killing", message));
        let own = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.termination_grace_period_seconds);
        let own = Duration::from_secs(own.unwrap_or(30).max(0).unsigned_abs());
        let now = self.now();
        let deadline = now
            .saturating_add(grace.unwrap_or(own))
            .unwrap_or(Timestamp::MAX);
        self.end_one(slot, Cause::Probe, deadline, now);
    }
}
