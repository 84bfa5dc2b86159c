//! From Deployments to Ready pods: every controller of workloads, this scheduler and simulated
//! nodes against an API server in this process.
//!
//! Prints when the pods were made, bound and ready, as pods per second. `CHAIN_PODS`, `CHAIN_NODES`
//! and `CHAIN_DEPLOYMENTS` change the sizes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_clock::{Random, SharedClock, SystemClock};
use seatrial_controller::{Cache, Change, Context};
use seatrial_node::simulated::SimulatedNodes;
use seatrial_store::Store;
use serde_json::json;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAMESPACE: &str = "load";

fn size(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn main() {
    // `cargo test` runs benches too; without this it would run the whole load in a debug build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    runtime.block_on(load("memory", Store::memory()));
    let durable = Store::open(directory.path()).expect("a store");
    runtime.block_on(load("durable", durable));
}

/// Fills a cluster and says how long that took.
#[allow(clippy::disallowed_methods)] // It measures the machine's time.
async fn load(name: &str, store: Store) {
    let nodes = size("CHAIN_NODES", 1_000);
    let pods = size("CHAIN_PODS", 10_000);
    let deployments = size("CHAIN_DEPLOYMENTS", 100).max(1);
    let cluster = seatrial_testkit::start(store, 7).await.expect("a cluster");
    cluster.namespace(NAMESPACE).await.expect("a namespace");
    let clock: SharedClock = Arc::new(SystemClock);
    let ctx = Context::with_identities(cluster.controllers(), clock, Random::seeded(7));
    for (_, controller) in seatrial_workloads::controllers(&ctx) {
        tokio::spawn(controller);
    }
    tokio::spawn(seatrial_scheduler::run(ctx.clone()));
    let simulated = SimulatedNodes {
        count: nodes,
        heartbeat: Duration::from_mins(1),
        ..SimulatedNodes::default()
    };
    let playing = seatrial_node::simulated::run(ctx.clone(), simulated);
    tokio::spawn(async move {
        let Err(error) = playing.await;
        eprintln!("simulated nodes: {error}");
    });
    let known = ctx.cache::<Node>().await;
    while known.len() < nodes {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cache = ctx.cache::<Pod>().await;
    // Everything that the nodes' coming set off has come to rest.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (start, busy) = (Instant::now(), processor());
    let watching = tokio::spawn(follow(cache.clone(), pods, start));
    for number in 0..deployments {
        let replicas = pods / deployments + usize::from(number < pods % deployments);
        let deployment = deployment(&format!("web-{number}"), replicas);
        cluster.create(deployment).await.expect("a deployment");
    }
    let times = watching.await.expect("the pods");
    let rate = |time: Duration| pods as f64 / time.as_secs_f64();
    println!("chain/{name}: {pods} pods of {deployments} Deployments on {nodes} nodes");
    for (stage, time) in ["made", "bound", "ready"].into_iter().zip(times) {
        println!(
            "  {stage:<6}{:>8.2} s {:>8.0} pods/s",
            time.as_secs_f64(),
            rate(time)
        );
    }
    if let (Some(before), Some(after)) = (busy, processor()) {
        // What other programs take of a busy machine does not show here.
        let used = after.saturating_sub(before);
        let each = used / u32::try_from(pods).unwrap_or(u32::MAX);
        println!(
            "  processor {:.2} s, {each:?} for each pod",
            used.as_secs_f64()
        );
    }
    cluster.server.stop();
}

/// The processor time that this process has used, where the system says it.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold spaces; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn deployment(name: &str, replicas: usize) -> serde_json::Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{
                "name": "main", "image": "registry.example.com/web:1",
                "ports": [{"containerPort": 8080}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"},
                              "limits": {"memory": "64Mi"}}}]}},
        },
    })
}

/// When the last pod was made, bound and ready.
async fn follow(cache: Cache<Pod>, pods: usize, start: Instant) -> [Duration; 3] {
    let mut changes = cache.subscribe();
    let (mut counts, mut times) = ([0_usize; 3], [Duration::ZERO; 3]);
    while let Some(change) = changes.recv().await {
        let Change::Applied { before, object } = change else {
            continue;
        };
        let now = stages(&object);
        let then = before.map_or([false; 3], |before| stages(&before));
        for stage in 0..3 {
            counts[stage] += usize::from(now[stage] && !then[stage]);
            if counts[stage] == pods && times[stage].is_zero() {
                times[stage] = start.elapsed();
            }
        }
        if counts[2] == pods {
            break;
        }
    }
    times
}

fn stages(pod: &Pod) -> [bool; 3] {
    let bound = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some());
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    [true, bound, ready]
}
