//! Taint-based eviction: pods leave a node whose `NoExecute` taints they do not tolerate, or not for
//! longer than this.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::Patch;
use seatrial_controller::{Cache, Chain, Context, Notice, key_of, write};
use serde_json::json;

use crate::taint::{self, NO_EXECUTE};

/// Remembers since when taints are there that do not say so themselves.
#[derive(Debug, Default)]
pub(super) struct Evictions {
    seen: BTreeMap<(String, String), Timestamp>,
}

impl Evictions {
    pub(super) async fn run(&mut self, nodes: &[Arc<Node>], pods: &Cache<Pod>, ctx: &Context) {
        let now = ctx.clock.now();
        let tainted = self.tainted(nodes, now);
        if tainted.is_empty() {
            return;
        }
        for pod in pods.all() {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            let Some(taints) = node.and_then(|node| tainted.get(node)) else {
                continue;
            };
            let due = leaves_at(&pod, taints).is_some_and(|at| at <= now);
            if due
                && pod.metadata.deletion_timestamp.is_none()
                && let Err(error) = evict(&pod, ctx).await
            {
                tracing::warn!(pod = %key_of(&*pod), "evict the pod: {}", Chain(&error));
            }
        }
    }

    /// The `NoExecute` taints by node, each with the time since when it is there.
    fn tainted<'a>(
        &mut self,
        nodes: &'a [Arc<Node>],
        now: Timestamp,
    ) -> BTreeMap<&'a str, Vec<(&'a Taint, Timestamp)>> {
        let mut tainted: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut seen = BTreeMap::new();
        for node in nodes {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            for taint in taint::of(node)
                .iter()
                .filter(|one| one.effect == NO_EXECUTE)
            {
                let key = (name.to_owned(), taint.key.clone());
                let added = taint.time_added.as_ref().map(|time| time.0);
                let since = added.unwrap_or_else(|| *self.seen.get(&key).unwrap_or(&now));
                seen.insert(key, since);
                tainted.entry(name).or_default().push((taint, since));
            }
        }
        self.seen = seen;
        tainted
    }
}

/// When a pod has to leave because of these taints: at once where it does not tolerate one, after the
/// shortest `tolerationSeconds` where it does, never where there are none. Pure.
pub(super) fn leaves_at(pod: &Pod, taints: &[(&Taint, Timestamp)]) -> Option<Timestamp> {
    let tolerations = taint::tolerations(pod);
    let leave = |(taint, since): &(&Taint, Timestamp)| {
        let mut covering = tolerations
            .iter()
            .filter(|one| taint::covers(one, taint))
            .peekable();
        if covering.peek().is_none() {
            return Some(*since);
        }
        let shortest = covering.filter_map(|one| one.toleration_seconds).min()?;
        let stay = SignedDuration::from_secs(shortest.max(0));
        since.checked_add(stay).ok()
    };
    taints.iter().filter_map(leave).min()
}

async fn evict(pod: &Pod, ctx: &Context) -> Result<(), write::Error> {
    let pods = ctx.objects::<Pod>();
    let key = key_of(pod);
    let text = format!("Marking for deletion Pod {key}");
    let notice = Notice::normal("TaintManagerEviction", text);
    ctx.recorder.publish(&pod.object_ref(&()), &notice).await;
    let condition = json!({"type": "DisruptionTarget", "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": Time(ctx.clock.now())});
    let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
    match pods.patch_subresource(&key, "status", &patch).await {
        Err(error) if error.is_not_found() => return Ok(()),
        result => result?,
    }
    pods.delete_with(pod, kube::api::DeleteParams::default())
        .await
}
