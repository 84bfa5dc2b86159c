//! Probing one container of a pod, for one run.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::worker::Report;
use super::world::Slot;
use crate::probe::{Answer, Kind, Settings, Tally, Target, Verdict, ask};

/// A container that is not ready yet is asked again this soon, then after twice as long and so on up
/// to its period: most servers are up in a fraction of a second, and the default period is ten. Such
/// early answers are not reported unless they are good, so nothing else follows from them.
const EAGER: Duration = Duration::from_millis(50);

/// What a probe says to the worker.
pub(super) struct Probed {
    pub(super) slot: Slot,
    /// The run that was asked.
    pub(super) run: u32,
    pub(super) kind: Kind,
    pub(super) answer: Answer,
    pub(super) verdict: Verdict,
    /// How long the container has to end, where the probe says so.
    pub(super) grace: Option<Duration>,
}

/// Begins the probes of a container that has just been started. They end with the handle's abort.
pub(super) fn begin(
    (slot, run): (Slot, u32),
    container: &Container,
    target: &Target,
    reports: &mpsc::UnboundedSender<Report>,
) -> Option<AbortHandle> {
    let (open, gate) = watch::channel(container.startup_probe.is_none());
    let mut probes = JoinSet::new();
    let mut open = Some(open);
    for kind in [Kind::Startup, Kind::Readiness, Kind::Liveness] {
        // A probe that cannot be read kept the container from starting.
        let settings = kind
            .of(container)
            .map(|probe| Settings::new(probe, container));
        let Some(Ok(settings)) = settings else {
            continue;
        };
        let watcher = Watcher {
            slot,
            run,
            kind,
            settings,
            target: target.clone(),
            reports: reports.clone(),
            began: Instant::now(),
        };
        match kind {
            Kind::Startup => probes.spawn(watcher.until_started(open.take())),
            Kind::Readiness | Kind::Liveness => probes.spawn(watcher.for_ever(gate.clone())),
        };
    }
    if probes.is_empty() {
        return None;
    }
    Some(tokio::spawn(async move { while probes.join_next().await.is_some() {} }).abort_handle())
}

struct Watcher {
    slot: Slot,
    run: u32,
    kind: Kind,
    settings: Settings,
    target: Target,
    reports: mpsc::UnboundedSender<Report>,
    began: Instant,
}

impl Watcher {
    async fn until_started(self, open: Option<watch::Sender<bool>>) {
        self.watch(|verdict| {
            if verdict == Verdict::Succeeded
                && let Some(open) = &open
            {
                open.send_replace(true);
            }
            verdict != Verdict::Succeeded
        })
        .await;
    }

    async fn for_ever(self, mut gate: watch::Receiver<bool>) {
        // Where the sender is gone, the container never came up and will be restarted.
        if gate.wait_for(|open| *open).await.is_ok() {
            self.watch(|_| true).await;
        }
    }

    async fn watch(&self, mut go_on: impl FnMut(Verdict) -> bool) {
        sleep_until(self.began + self.settings.initial_delay).await;
        let mut tally = Tally::new(self.kind, &self.settings);
        let mut eager = (self.kind == Kind::Readiness).then_some(EAGER);
        loop {
            let asked = Instant::now();
            let answer = ask(&self.target, &self.settings.action, self.settings.timeout).await;
            eager = eager.filter(|pause| *pause < self.settings.period && answer != Answer::Good);
            let verdict = tally.count(&answer);
            let probed = Probed {
                slot: self.slot,
                run: self.run,
                kind: self.kind,
                answer,
                verdict,
                grace: self.settings.grace,
            };
            if eager.is_none() && self.reports.send(Report::Probed(probed)).is_err() {
                return;
            }
            if !go_on(verdict) {
                return;
            }
            sleep_until(asked + eager.unwrap_or(self.settings.period)).await;
            eager = eager.map(|pause| pause * 2);
        }
    }
}
