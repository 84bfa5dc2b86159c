//! The Node object, its status and its Lease: how a node makes itself known and stays alive.
//!
//! ```text
//!   register: create Node (or bring labels up to date) → status → Lease
//!   keep_alive: Lease every 10 s, status every 5 min
//! ```

mod description;
mod machine;

use std::convert::Infallible;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use kube::api::Patch;
use seatrial_controller::{Chain, Context, ObjectKey, write};
use serde_json::json;

pub use description::{Capacity, NodeDescription, RUNTIME, SystemInfo, VERSION};
pub use machine::{PODS, machine};

/// Where the leases of nodes live.
const LEASES: &str = "kube-node-lease";
/// How often a lease is renewed, by default.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often the status is written although nothing changed.
const STATUS: SignedDuration = SignedDuration::from_mins(5);
/// How many nodes are written at the same time.
const AT_ONCE: usize = 16;

/// Makes a node known, or takes over the Node object of an earlier process.
///
/// Tries again after errors until it succeeds, since an agent is useless without.
pub async fn register(ctx: &Context, node: &NodeDescription) -> String {
    let mut wait = Duration::from_millis(50);
    loop {
        match try_register(ctx, node).await {
            Ok(uid) => return uid,
            Err(error) => {
                tracing::warn!(node = node.name, "register the node: {}", Chain(&error));
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }
    }
}

async fn try_register(ctx: &Context, node: &NodeDescription) -> Result<String, write::Error> {
    let ctx = ctx.scoped();
    let nodes = ctx.objects::<Node>();
    let key = ObjectKey::cluster(node.name.as_str());
    let now = ctx.clock.now();
    let made = match nodes.create(&node.object(now)).await {
        Err(error) if error.is_already_exists() => {
            nodes
                .patch(&key, &Patch::Merge(node.metadata_patch()))
                .await?
        }
        created => created?,
    };
    let current = made.status.as_ref();
    if current.is_none_or(|status| status.conditions.as_ref().is_none_or(Vec::is_empty))
        || current.and_then(|status| status.capacity.as_ref()) != Some(&node.capacity.amounts())
        || node.is_outdated(current)
    {
        let status = node.status(current, now);
        nodes.patch_status(&key, &json!(status)).await?;
    }
    let uid = made.metadata.uid.unwrap_or_default();
    renew(&ctx, &node.name, &uid, HEARTBEAT).await?;
    Ok(uid)
}

/// Renews the lease of a node that is registered with this uid; creates it where it is missing.
async fn renew(
    ctx: &Context,
    name: &str,
    uid: &str,
    heartbeat: Duration,
) -> Result<(), write::Error> {
    let ctx = ctx.scoped();
    let leases = ctx.objects::<Lease>();
    let now = ctx.clock.now();
    let key = ObjectKey::new(LEASES, name);
    let patch = Patch::Merge(json!({"spec": {"renewTime": MicroTime(now)}}));
    match leases.patch(&key, &patch).await {
        Err(error) if error.is_not_found() => {}
        patched => return patched.map(drop),
    }
    let lease = lease(name, uid, heartbeat, now);
    match leases.create(&lease).await {
        Err(error) if error.is_not_found() => {
            let namespace = Namespace {
                metadata: ObjectMeta {
                    name: Some(LEASES.to_owned()),
                    ..ObjectMeta::default()
                },
                ..Namespace::default()
            };
            match ctx.objects().create(&namespace).await {
                Err(error) if !error.is_already_exists() => Err(error),
                _ => leases.create(&lease).await.map(drop),
            }
        }
        created => created.map(drop),
    }
}

fn lease(name: &str, uid: &str, heartbeat: Duration, now: Timestamp) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(LEASES.to_owned()),
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                name: name.to_owned(),
                uid: uid.to_owned(),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.to_owned()),
            lease_duration_seconds: i32::try_from(heartbeat.as_secs() * 4).ok(),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

/// Registers nodes, then keeps them alive for ever.
pub async fn keep_alive(
    ctx: Context,
    nodes: Vec<NodeDescription>,
    heartbeat: Duration,
) -> Infallible {
    let mut requests = Vec::new();
    for node in &nodes {
        requests.push(register(&ctx, node));
    }
    let uids: Vec<String> = stream::iter(requests).buffered(AT_ONCE).collect().await;
    let mut said = ctx.clock.now();
    loop {
        tokio::time::sleep(heartbeat).await;
        let now = ctx.clock.now();
        let status = now.duration_since(said) >= STATUS;
        if status {
            said = now;
        }
        let mut beats = Vec::new();
        for (node, uid) in nodes.iter().zip(&uids) {
            beats.push(beat(&ctx, node, uid, heartbeat, status));
        }
        stream::iter(beats)
            .buffered(AT_ONCE)
            .collect::<Vec<()>>()
            .await;
    }
}

async fn beat(ctx: &Context, node: &NodeDescription, uid: &str, heartbeat: Duration, status: bool) {
    if let Err(error) = renew(ctx, &node.name, uid, heartbeat).await {
        tracing::debug!(node = node.name, "renew the lease: {}", Chain(&error));
    }
    if (status || is_doubted(ctx, &node.name))
        && let Err(error) = report(ctx, node).await
    {
        tracing::debug!(node = node.name, "report the status: {}", Chain(&error));
    }
}

/// Whether the control plane has given the node up: that it lives is then said at once.
fn is_doubted(ctx: &Context, name: &str) -> bool {
    let node = ctx.caches.of::<Node>().find("", name);
    let conditions = node.and_then(|node| node.status.clone()?.conditions);
    conditions
        .iter()
        .flatten()
        .any(|one| one.type_ == "Ready" && one.status == "Unknown")
}

async fn report(ctx: &Context, node: &NodeDescription) -> Result<(), write::Error> {
    let ctx = ctx.scoped();
    let nodes = ctx.objects::<Node>();
    let key = ObjectKey::cluster(node.name.as_str());
    let current = match nodes.get(&key).await {
        // A node that was deleted comes back with the next start of its process, as upstream.
        Err(error) if error.is_not_found() => return Ok(()),
        current => current?,
    };
    let status = node.status(current.status.as_ref(), ctx.clock.now());
    nodes.patch_status(&key, &json!(status)).await
}
