//! Ending one container: hook, signal, patience, kill.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use seatrial_controller::{Chain, Notice};

use super::Shared;
use crate::probe::{Action, Answer, Target, ask};
use crate::runtime::Signal;

/// What a hook leaves to the process at least (upstream's figure).
const LEAST: Duration = Duration::from_secs(2);

/// How long a server goes on after its pod's deletion before it is asked to end, so that those who
/// route requests to it hear of the deletion first.
const SETTLE: Duration = Duration::from_millis(200);

/// The longest that a router may keep a server that is to end.
const LONGEST: Duration = Duration::from_secs(10);

/// What is to be ended.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: Container,
    pub(super) target: Target,
    pub(super) signal: Signal,
    /// Why it is to end.
    pub(super) cause: Cause,
    /// From now to the kill.
    pub(super) grace: Duration,
}

/// Why a container is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its pod ends.
    Pod,
    /// A probe found it dead.
    Probe,
}

fn serves(container: &Container) -> bool {
    let ports = container
        .ports
        .as_ref()
        .is_some_and(|ports| !ports.is_empty());
    ports || container.readiness_probe.is_some()
}

impl Request {
    /// Ends it; returns once the process is gone.
    pub(super) async fn stop(self) {
        let begin = tokio::time::Instant::now();
        if !self.grace.is_zero() {
            if self.cause == Cause::Pod && serves(&self.container) {
                self.settle().await;
            }
            self.pre_stop().await;
            self.send(self.signal).await;
            let left = self
                .grace
                .saturating_sub(begin.elapsed())
                .max(LEAST.min(self.grace));
            if tokio::time::timeout(left, self.target.process.wait())
                .await
                .is_ok()
            {
                return;
            }
        }
        self.send(Signal::KILL).await;
        self.target.process.wait().await;
    }

    /// Waits until nothing is on its way to the server any more: as long as the router says, or,
    /// where none was handed in, a moment.
    async fn settle(&self) {
        match &self.shared.config.drain {
            Some(drain) => {
                drain
                    .drained(&self.pod, (self.grace / 2).min(LONGEST))
                    .await;
            }
            None => tokio::time::sleep(SETTLE.min(self.grace)).await,
        }
    }

    async fn pre_stop(&self) {
        let handler = self
            .container
            .lifecycle
            .as_ref()
            .and_then(|it| it.pre_stop.as_ref());
        // A hook that cannot be read kept the container from starting.
        let Some(Ok(action)) = handler.map(|handler| Action::new(handler, &self.container)) else {
            return;
        };
        let asked = tokio::time::timeout(self.grace, ask(&self.target, &action, self.grace)).await;
        let problem = match asked {
            Ok(Answer::Good) => return,
            Ok(Answer::Bad(problem)) => problem,
            Err(_) => format!(
                "did not end within the grace period of {}s",
                self.grace.as_secs()
            ),
        };
        let notice = Notice::warning(
            "FailedPreStopHook",
            format!("PreStopHook failed: {problem}"),
        );
        self.shared.tell(&self.pod, notice);
    }

    async fn send(&self, signal: Signal) {
        if let Err(error) = self.target.process.signal(signal).await {
            tracing::warn!(container = self.container.name, "{}", Chain(&error));
        }
    }
}
