//! Nodes that fall silent, and what becomes of their pods.
//!
//! ```text
//!   Lease, conditions ──judge (pure)──► Ready: Unknown ──► taints ──► pods: not ready, then evicted
//! ```
//!
//! Flow: every [`PERIOD`] look at all nodes, and at a node whose conditions, taints or cordon changed at
//! once. One whose Lease was not renewed for its duration (at least
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
use seatrial_controller::{Cache, Change, Context};
use tokio::time::Instant;

use self::evict::Evictions;
use self::judge::judge;
use crate::taint;

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
    let mut watch = Watch {
        nodes: ctx.cache::<Node>().await,
        leases: ctx.cache::<Lease>().await,
        pods: ctx.cache::<Pod>().await,
        heard: BTreeMap::new(),
        evictions: Evictions::default(),
    };
    let mut changes = watch.nodes.subscribe();
    loop {
        watch.look_at_all(&ctx.scoped()).await;
        let next = Instant::now() + PERIOD;
        loop {
            tokio::select! {
                biased;
                change = changes.recv() => match change {
                    Some(Change::Applied { before, object }) => {
                        if matters(before.as_deref(), &object) {
                            watch.look_at(&object, &ctx.scoped()).await;
                        }
                    }
                    Some(Change::Removed(_)) => {}
                    None => return,
                },
                () = tokio::time::sleep_until(next) => break,
            }
        }
    }
}

/// What the controller looks at and remembers.
struct Watch {
    nodes: Cache<Node>,
    leases: Cache<Lease>,
    pods: Cache<Pod>,
    heard: BTreeMap<String, Heard>,
    evictions: Evictions,
}

impl Watch {
    async fn look_at_all(&mut self, ctx: &Context) {
        let all = self.nodes.all();
        let nodes = &self.nodes;
        self.heard.retain(|name, _| nodes.find("", name).is_some());
        for node in &all {
            let now = ctx.clock.now();
            let name = node.metadata.name.as_deref().unwrap_or_default();
            let lease = self.leases.find(LEASES, name);
            let patience = listen(&mut self.heard, node, lease.as_deref(), now);
            let verdict = judge(node, patience, now);
            act::carry_out(node, &verdict, &self.pods, ctx).await;
        }
        self.evictions.run(&all, &self.pods, ctx).await;
        ctx.caught_up().await;
    }

    /// Brings one node's taints up to date, and has pods leave that do not bear them. Whether the node
    /// is silent is another question: it just said something, or somebody of it.
    async fn look_at(&mut self, node: &Node, ctx: &Context) {
        let verdict = judge(node, Patience::Alive, ctx.clock.now());
        act::carry_out(node, &verdict, &self.pods, ctx).await;
        if taint::of(node)
            .iter()
            .any(|one| one.effect == taint::NO_EXECUTE)
        {
            let all = self.nodes.all();
            self.evictions.run(&all, &self.pods, ctx).await;
        }
    }
}

/// Whether a change of a node can change its taints or what they do.
fn matters(before: Option<&Node>, after: &Node) -> bool {
    let Some(before) = before else {
        return true;
    };
    let cordoned = |node: &Node| node.spec.as_ref().and_then(|spec| spec.unschedulable);
    cordoned(before) != cordoned(after)
        || taint::of(before) != taint::of(after)
        || judge::statuses(before) != judge::statuses(after)
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
