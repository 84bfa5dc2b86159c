//! Nodes that fall silent, and what becomes of their pods.
//!
//! ```text
//!   Lease, conditions ──judge (pure)──► Ready: Unknown ──► taints ──► pods: not ready, then evicted
//! ```
//!
//! Flow: every [`PERIOD`] look at all nodes. One whose Lease was not renewed for its duration (at least
//! [`GRACE`]) is unknown: its conditions say so, it is tainted, and its pods are no longer ready. Pods
//! that do not tolerate a `NoExecute` taint are deleted, others after their `tolerationSeconds`.
//!
//! Guarantees: silence is measured by what this process saw, so nothing is lost because the whole
//! cluster was down; a node that comes back loses its taints at once.

mod act;
mod evict;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::Context;

use self::evict::Evictions;
use self::judge::judge;

/// The controller's name.
pub const NAME: &str = "node-controller";
/// How often nodes are looked at (as upstream).
const PERIOD: Duration = Duration::from_secs(5);
/// How long a node may be silent, at least (as upstream).
const GRACE: SignedDuration = SignedDuration::from_secs(40);
/// Where the leases of nodes live.
const LEASES: &str = "kube-node-lease";

/// When a node was last heard of: the sign of life itself, and when we saw it change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    sign: Option<Timestamp>,
    at: Timestamp,
}

/// Runs until the returned future is dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let nodes = ctx.cache::<Node>().await;
    let leases = ctx.cache::<Lease>().await;
    let pods = ctx.cache::<Pod>().await;
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    let mut evictions = Evictions::default();
    loop {
        let ctx = ctx.scoped();
        let now = ctx.clock.now();
        let all = nodes.all();
        heard.retain(|name, _| nodes.find("", name).is_some());
        for node in &all {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            let lease = leases.find(LEASES, name);
            let patience = listen(&mut heard, node, lease.as_deref(), now);
            let verdict = judge(node, patience, now);
            act::carry_out(node, &verdict, &pods, &ctx).await;
        }
        evictions.run(&all, &pods, &ctx).await;
        ctx.caught_up().await;
        tokio::time::sleep(PERIOD).await;
    }
}

/// Whether a node may be believed to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Alive,
    /// It was silent for too long.
    Over,
}

/// Notes a sign of life.
fn listen(
    heard: &mut BTreeMap<String, Heard>,
    node: &Node,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Patience {
    let spec = lease.and_then(|lease| lease.spec.as_ref());
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref().map(|time| time.0));
    let sign = renewed.max(judge::heartbeat(node));
    let duration = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or(0);
    let grace = GRACE.max(SignedDuration::from_secs(i64::from(duration)));
    let name = node.metadata.name.clone().unwrap_or_default();
    let entry = heard.entry(name).or_insert(Heard { sign, at: now });
    if entry.sign != sign {
        *entry = Heard { sign, at: now };
    }
    if now.duration_since(entry.at) > grace {
        Patience::Over
    } else {
        Patience::Alive
    }
}
