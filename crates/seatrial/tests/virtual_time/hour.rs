//! One hour of the whole cluster in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use seatrial_clock::Random;
use seatrial_controller::Context;
use seatrial_network::{DirectConnector, Gateway, RequestLog};
use seatrial_node::simulated::{self, Behaviour, Delay, SimulatedNodes};
use seatrial_telemetry::scrape::{self, Rhythm};
use seatrial_telemetry::{Limits, Telemetry};
use seatrial_testkit::Cluster;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journal::{Journal, text};
use crate::production::{self, NAMESPACE};
use crate::traffic::{Clients, GatewayPage, Numbers, Second};

/// How often metrics are collected, as Prometheus is usually told.
const SCRAPES: Rhythm = Rhythm {
    interval: Duration::from_secs(15),
    timeout: Duration::from_secs(10),
};
/// Slow, so that the log stays readable, and well within the 40 s after which a node counts as gone.
const HEARTBEAT: Duration = Duration::from_secs(20);

pub(crate) const fn minute(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

/// What an hour left behind.
pub(crate) struct Hour {
    /// Every change of every object, a line each.
    pub(crate) log: String,
    /// Each share of the canary: from when on, in percent.
    pub(crate) weights: Vec<(Duration, u64)>,
    /// The Rollout after each of its changes.
    pub(crate) rollouts: Vec<(Duration, Value)>,
    /// The AnalysisRuns after each of their changes.
    pub(crate) analyses: Vec<(Duration, Value)>,
    /// The requests.
    pub(crate) seconds: Vec<Second>,
}

/// Lives through one hour with this seed, in a runtime of its own.
pub(crate) fn live(seed: u64) -> Hour {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(seed))
}

async fn run(seed: u64) -> Hour {
    let cluster = seatrial_testkit::seeded(seed).await;
    let start = Instant::now();
    let journal = Journal::start(&cluster.server, start);
    let gateway = Gateway::new(Arc::new(DirectConnector), RequestLog::new());
    let mut parts = start_parts(&cluster, &gateway);

    cluster.namespace(NAMESPACE).await.unwrap();
    for object in production::objects() {
        cluster.apply(object).await.unwrap();
    }
    let seconds: Arc<Mutex<Vec<Second>>> = Arc::default();
    let clients = Clients {
        gateway: gateway.clone(),
        random: Random::seeded(seed),
        start,
        seconds: seconds.clone(),
    };
    // Nobody asks before the first version is up.
    tokio::time::sleep_until(start + minute(1)).await;
    parts.spawn(clients.run());
    for (at, version) in [(minute(2), "v2"), (minute(35), "v3")] {
        tokio::time::sleep_until(start + at).await;
        cluster.apply(production::release(version)).await.unwrap();
    }
    tokio::time::sleep_until(start + minute(60)).await;
    // Time goes on only when nobody has anything left to do.
    tokio::time::sleep(Duration::from_millis(1)).await;

    parts.shutdown().await;
    cluster.server.stop();
    let seconds = std::mem::take(&mut *seconds.lock().unwrap());
    report(&journal, seconds)
}

/// Everything that `seatrial up` runs, but on simulated nodes and without sockets.
pub(crate) fn start_parts(cluster: &Cluster, gateway: &Gateway) -> JoinSet<()> {
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let telemetry = Telemetry::new(cluster.clock.clone(), Limits::default());
    let mut parts = JoinSet::new();
    let numbers = Arc::new(Numbers(telemetry.clone()));
    let controllers = seatrial_workloads::controllers(&ctx)
        .into_iter()
        .chain(seatrial_rollouts::controllers(&ctx, numbers));
    for (_, controller) in controllers {
        parts.spawn(controller);
    }
    parts.spawn(seatrial_scheduler::run(ctx.clone()));
    let nodes = SimulatedNodes {
        behaviour: Behaviour {
            start: Delay {
                least: Duration::from_secs(1),
                most: Duration::from_secs(4),
            },
            ..Behaviour::default()
        },
        heartbeat: HEARTBEAT,
        ..SimulatedNodes::default()
    };
    let for_nodes = ctx.clone();
    parts.spawn(async move {
        simulated::run(for_nodes, nodes).await.unwrap();
    });
    parts.spawn(scrape::run(
        telemetry,
        Arc::new(GatewayPage(gateway.clone())),
        SCRAPES,
    ));
    let following = gateway.clone();
    parts.spawn(async move {
        seatrial_network::follow(&ctx, &following, CancellationToken::new()).await;
    });
    parts
}

fn report(journal: &Journal, seconds: Vec<Second>) -> Hour {
    let states = |resource| {
        let entries = journal.of(resource);
        entries
            .iter()
            .map(|entry| (entry.at, entry.object()))
            .collect::<Vec<_>>()
    };
    let routes = states("virtualservices.networking.istio.io");
    let weight = |route: &Value| {
        route["spec"]["http"][0]["route"][1]["weight"]
            .as_u64()
            .unwrap()
    };
    let mut weights: Vec<_> = routes
        .iter()
        .map(|(at, route)| (*at, weight(route)))
        .collect();
    weights.dedup_by_key(|(_, weight)| *weight);
    Hour {
        log: text(&journal.entries()),
        weights,
        rollouts: states("rollouts.argoproj.io"),
        analyses: states("analysisruns.argoproj.io"),
        seconds,
    }
}
