//! What happens to a release, seen through the API.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::TryStreamExt as _;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use seatrial_resources::argoproj::{
    ARGOCD_NAMESPACE, Application, HealthStatusCode, Rollout, RolloutPhase, SyncStatusCode,
};
use seatrial_resources::seatrial_dev::{PipelineRun, RunPhase, SYSTEM_NAMESPACE};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::screen::Screen;
use super::traffic::Traffic;

/// How often the API is asked.
const RHYTHM: Duration = Duration::from_millis(100);

/// What became of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Whether the new version took over.
    pub(crate) promoted: bool,
    /// The hash of its pods.
    pub(crate) hash: String,
    /// The canary's shares, in order.
    pub(crate) weights: Vec<i32>,
    /// From the push to the start of the pipeline.
    pub(crate) to_pipeline: Option<Duration>,
    /// From the push to the first answered request in production.
    pub(crate) to_first_request: Option<Duration>,
    /// From the push to the verdict.
    pub(crate) to_verdict: Duration,
    /// What the application says in the end.
    pub(crate) application: String,
    /// Its reason.
    pub(crate) reason: String,
}

/// Asks the API.
pub(crate) struct Observer {
    runs: Api<PipelineRun>,
    applications: Api<Application>,
    rollouts: Api<Rollout>,
    /// Every state that the production Rollout went through, however briefly.
    states: mpsc::UnboundedReceiver<Rollout>,
    /// Ends the watch with this.
    _watch: JoinSet<()>,
}

/// What has been told already.
#[derive(Default)]
struct Told {
    jobs: BTreeMap<String, RunPhase>,
    staging: bool,
    phase: Option<RolloutPhase>,
    revision: Option<String>,
}

impl Observer {
    pub(crate) fn new(client: Client) -> Self {
        let rollouts: Api<Rollout> = Api::namespaced(client.clone(), "production");
        let (sender, states) = mpsc::unbounded_channel();
        let mut watch = JoinSet::new();
        watch.spawn(send_states(rollouts.clone(), sender));
        Self {
            runs: Api::namespaced(client.clone(), SYSTEM_NAMESPACE),
            applications: Api::namespaced(client, ARGOCD_NAMESPACE),
            rollouts,
            states,
            _watch: watch,
        }
    }

    /// Follows a release until it is promoted or rolled back.
    ///
    /// # Errors
    /// A pipeline that fails, by job and reason.
    pub(crate) async fn follow(
        &mut self,
        version: &str,
        commit: &str,
        pushed: Instant,
        traffic: &Traffic,
        screen: &mut Screen,
    ) -> Result<Seen> {
        screen.event(
            "git push",
            &format!("{} to main", &commit[..commit.len().min(7)]),
        );
        let old_hash = self.hash().await;
        let (mut seen, mut told, mut done) = (Seen::default(), Told::default(), false);
        loop {
            tokio::time::sleep(RHYTHM).await;
            let busy = self
                .pipeline(commit, pushed, &mut seen, &mut told, screen)
                .await?;
            self.staging(version, &mut told, screen).await;
            while let Ok(rollout) = self.states.try_recv() {
                done = production(
                    &rollout,
                    old_hash.as_deref(),
                    &mut seen,
                    &mut told,
                    traffic,
                    screen,
                );
            }
            if seen.to_first_request.is_none() && version == "v1" {
                seen.to_first_request = traffic
                    .first()
                    .map(|first| first.saturating_duration_since(pushed));
            }
            if done && traffic.first().is_some() {
                seen.to_verdict = pushed.elapsed();
                self.conclude(&mut seen, screen).await?;
                return Ok(seen);
            }
            let stream = format!("{} requests, {} failed", traffic.sent(), traffic.failed());
            screen.now(&format!("         {busy}   {stream}"));
        }
    }

    async fn hash(&self) -> Option<String> {
        let rollout = self.rollouts.get_opt("shop").await.ok().flatten()?;
        rollout.status?.current_pod_hash
    }

    /// Tells of the pipeline's jobs; returns what it does now.
    async fn pipeline(
        &self,
        commit: &str,
        pushed: Instant,
        seen: &mut Seen,
        told: &mut Told,
        screen: &mut Screen,
    ) -> Result<String> {
        let runs = self.runs.list(&ListParams::default()).await?;
        let Some(run) = runs.items.iter().find(|run| run.spec.commit == commit) else {
            return Ok("waiting for the pipeline".to_owned());
        };
        let status = run.status.clone().unwrap_or_default();
        if status.started_at.is_some() && seen.to_pipeline.is_none() {
            let times = (&run.spec.received_at, &status.started_at);
            seen.to_pipeline = match times {
                (Some(received), Some(started)) => {
                    Duration::try_from(started.0.duration_since(received.0)).ok()
                }
                _ => Some(pushed.elapsed()),
            };
        }
        let mut busy = String::new();
        for job in &status.jobs {
            let last = told
                .jobs
                .insert(job.id.clone(), job.phase)
                .unwrap_or_default();
            if job.phase == RunPhase::Running {
                let step = job
                    .steps
                    .iter()
                    .find(|step| step.phase == RunPhase::Running);
                let step = step
                    .map(|step| format!(": {}", step.name))
                    .unwrap_or_default();
                busy = format!("{}{step}", job.name);
            }
            if job.phase.is_final() && last != job.phase {
                let took = match (&job.started_at, &job.finished_at) {
                    (Some(start), Some(end)) => {
                        format!(" in {:.1} s", end.0.duration_since(start.0).as_secs_f64())
                    }
                    _ => String::new(),
                };
                let how = format!("{:?}", job.phase).to_lowercase();
                screen.event("pipeline", &format!("{} {how}{took}", job.name));
            }
        }
        if matches!(status.phase, RunPhase::Failed | RunPhase::Cancelled) {
            let why = status.message.unwrap_or_default();
            let name = run.metadata.name.as_deref().unwrap_or_default();
            bail!("the pipeline run {name} failed: {why}");
        }
        Ok(busy)
    }

    async fn staging(&self, version: &str, told: &mut Told, screen: &mut Screen) {
        let deployed = told.jobs.get("deploy-staging") == Some(&RunPhase::Succeeded);
        if told.staging || !deployed {
            return;
        }
        let Ok(application) = self.applications.get("shop-staging").await else {
            return;
        };
        let status = application.status.unwrap_or_default();
        if status.sync.status == SyncStatusCode::Synced
            && status.health.status == Some(HealthStatusCode::Healthy)
        {
            told.staging = true;
            screen.event("staging", &format!("{version} is synced and healthy"));
        }
    }

    /// What the application says once the rollout has come to its end.
    async fn conclude(&self, seen: &mut Seen, screen: &mut Screen) -> Result<()> {
        let wanted = if seen.promoted {
            HealthStatusCode::Healthy
        } else {
            HealthStatusCode::Degraded
        };
        for _ in 0..100 {
            let application = self.applications.get("shop-production").await?;
            let status = application.status.unwrap_or_default();
            seen.application = format!(
                "{:?}, {}",
                status.sync.status,
                status
                    .health
                    .status
                    .map(|health| format!("{health:?}"))
                    .unwrap_or_default()
            );
            if status.health.status == Some(wanted) {
                let why = status.resources.iter().flatten().find_map(|resource| {
                    let health = resource.health.as_ref()?;
                    (health.status == Some(HealthStatusCode::Degraded))
                        .then(|| health.message.clone())?
                });
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                let text = format!("shop-production is {}{why}", seen.application);
                if !seen.promoted {
                    screen.event("rollback", "all traffic is back on the version before");
                }
                screen.event("application", &text);
                return Ok(());
            }
            tokio::time::sleep(RHYTHM).await;
        }
        bail!(
            "the application shop-production says {}, not {wanted:?}",
            seen.application
        )
    }
}

/// Sends each state of the Rollout `shop` until nobody listens.
async fn send_states(rollouts: Api<Rollout>, states: mpsc::UnboundedSender<Rollout>) {
    let one = watcher::Config::default().fields("metadata.name=shop");
    let mut changes = std::pin::pin!(watcher(rollouts, one).default_backoff().applied_objects());
    loop {
        match changes.try_next().await {
            Ok(Some(rollout)) => {
                if states.send(rollout).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => tracing::debug!("watch the rollout: {error}"),
        }
    }
}

/// Tells of the rollout; true when it has come to its end.
fn production(
    rollout: &Rollout,
    old_hash: Option<&str>,
    seen: &mut Seen,
    told: &mut Told,
    traffic: &Traffic,
    screen: &mut Screen,
) -> bool {
    let status = rollout.status.clone().unwrap_or_default();
    let hash = status.current_pod_hash.clone();
    if hash.is_none() || hash.as_deref() == old_hash {
        return false;
    }
    seen.hash = hash.clone().unwrap_or_default();
    if told.revision != hash {
        told.revision.clone_from(&hash);
        screen.event(
            "production",
            "Argo CD synced the new version; the rollout begins",
        );
    }
    let weight = status
        .canary
        .weights
        .as_ref()
        .map_or(0, |weights| weights.canary.weight);
    if weight > 0 && seen.weights.last() != Some(&weight) {
        seen.weights.push(weight);
        screen.event("canary", &format!("{weight} % of the traffic"));
    }
    if status.available_replicas > 0 && status.stable_rs == hash {
        traffic.begin();
    }
    let changed = told.phase != status.phase;
    told.phase = status.phase;
    match status.phase {
        Some(RolloutPhase::Healthy) if status.stable_rs == hash => {
            seen.promoted = true;
            if changed {
                screen.event(
                    "production",
                    "promoted: all traffic goes to the new version",
                );
            }
            true
        }
        Some(RolloutPhase::Degraded) if status.abort => {
            seen.reason = status.message.clone().unwrap_or_default();
            if changed {
                screen.event("analysis", &seen.reason);
            }
            weight == 0
        }
        _ => false,
    }
}
