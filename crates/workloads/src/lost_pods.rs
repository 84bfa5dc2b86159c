//! Pods that nobody will ever end: on a node that is gone or out of service, or terminating without a
//! node; and ended pods that are too many.
//!
//! Flow: every [`PERIOD`] look at the nodes that pods name; a pod whose node has been missing for [`PATIENCE`] is
//! removed at once, without grace; of ended pods the newest [`KEPT`] stay. Guarantees: a node that is only late (a restart) loses nothing;
//! before a pod is removed the server itself says that its node does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch};
use seatrial_controller::{Chain, Change, Context, ObjectKey, key_of, write};
use serde_json::json;
use tokio::time::Instant;

use crate::pod;
use crate::taint;

/// The controller's name.
pub const NAME: &str = "pod-garbage-collector";
/// How often pods are looked at (as upstream).
const PERIOD: Duration = Duration::from_secs(20);
/// How long a node must be missing (as upstream).
const PATIENCE: SignedDuration = SignedDuration::from_secs(40);

/// How many ended pods stay (as upstream).
const KEPT: usize = 12_500;
/// By this taint somebody says that a node will not come back by itself.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Runs until the returned future is dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let (pods, nodes) = (ctx.cache::<Pod>().await, ctx.cache::<Node>().await);
    let mut changes = pods.subscribe();
    let mut census = Census::default();
    let mut missing: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut next = Instant::now() + PERIOD;
    loop {
        tokio::select! {
            biased;
            change = changes.recv() => match change {
                Some(change) => census.take(&change),
                None => return,
            },
            () = tokio::time::sleep_until(next) => {
                next = Instant::now() + PERIOD;
                let known = |node: &str| nodes.find("", node).is_some();
                let gone = overdue(&census, known, &mut missing, ctx.clock.now());
                let gone = confirmed(gone, &ctx).await;
                let stopped = out_of_service(&nodes.all());
                if census.asks_for_a_look(&gone, &stopped) {
                    sweep(&pods.all(), &gone, &stopped, &ctx).await;
                }
            }
        }
    }
}

/// Where pods are, counted as they change: no pod has to be looked at while all is well.
#[derive(Default)]
struct Census {
    /// How many pods name a node.
    placed: BTreeMap<String, usize>,
    /// Pods on their way out that no node will see off.
    unplaced: BTreeSet<ObjectKey>,
    /// How many have ended.
    ended: usize,
}

impl Census {
    fn take(&mut self, change: &Change<Pod>) {
        let (before, after) = match change {
            Change::Applied { before, object } => (before.as_deref(), Some(&**object)),
            Change::Removed(pod) => (Some(&**pod), None),
        };
        if let Some(node) = before.and_then(node_of)
            && let Some(count) = self.placed.get_mut(node)
        {
            *count -= 1;
            if *count == 0 {
                self.placed.remove(node);
            }
        }
        if let Some(node) = after.and_then(node_of) {
            *self.placed.entry(node.to_owned()).or_default() += 1;
        }
        self.ended += usize::from(after.is_some_and(pod::is_finished));
        self.ended -= usize::from(before.is_some_and(pod::is_finished));
        let key = key_of(&**change.object());
        if after.is_some_and(|pod| is_lost(pod, &BTreeSet::new())) {
            self.unplaced.insert(key);
        } else {
            self.unplaced.remove(&key);
        }
    }

    fn asks_for_a_look(&self, gone: &BTreeSet<String>, stopped: &BTreeSet<String>) -> bool {
        !gone.is_empty() || !stopped.is_empty() || !self.unplaced.is_empty() || self.ended > KEPT
    }
}

async fn sweep(
    pods: &[Arc<Pod>],
    gone: &BTreeSet<String>,
    stopped: &BTreeSet<String>,
    ctx: &Context,
) {
    let lost = pods
        .iter()
        .filter(|pod| is_lost(pod, gone) || is_stuck(pod, stopped));
    for pod in lost.chain(&surplus(pods, KEPT)) {
        if let Err(error) = remove(pod, ctx).await {
            tracing::warn!(pod = %key_of(&**pod), "remove a lost pod: {}", Chain(&error));
        }
    }
}

/// Says that the pod failed, since whoever counts its failures waits for that, then deletes it.
async fn remove(pod: &Pod, ctx: &Context) -> Result<(), write::Error> {
    let objects = ctx.objects::<Pod>();
    if !pod::is_finished(pod) {
        let mut status = json!({"phase": "Failed"});
        if node_of(pod).is_some() {
            status["conditions"] = json!([{
                "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
                "lastTransitionTime": Time(ctx.clock.now()),
            }]);
        }
        let patch = Patch::Strategic(json!({"status": status}));
        let key = key_of(pod);
        match objects.patch_subresource(&key, "status", &patch).await {
            Err(error) if error.is_not_found() => return Ok(()),
            result => result?,
        }
    }
    let now = DeleteParams::default().grace_period(0);
    objects.delete_with(pod, now).await
}

fn node_of(pod: &Pod) -> Option<&str> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node.filter(|node| !node.is_empty())
}

fn is_lost(pod: &Pod, gone: &BTreeSet<String>) -> bool {
    match node_of(pod) {
        Some(node) => gone.contains(node),
        None => pod.metadata.deletion_timestamp.is_some(),
    }
}

/// The nodes that are not ready and of which somebody says that they will not come back. Pure.
fn out_of_service(nodes: &[Arc<Node>]) -> BTreeSet<String> {
    let stopped = nodes.iter().filter(|node| {
        let tainted = taint::of(node).iter().any(|one| one.key == OUT_OF_SERVICE);
        let status = node.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let ready = conditions.unwrap_or_default().iter();
        let mut ready = ready.filter(|one| one.type_ == "Ready");
        tainted && !ready.any(|one| one.status == "True")
    });
    stopped
        .filter_map(|node| node.metadata.name.clone())
        .collect()
}

/// Whether the pod is to end on a node that will not end it.
fn is_stuck(pod: &Pod, stopped: &BTreeSet<String>) -> bool {
    pod.metadata.deletion_timestamp.is_some()
        && node_of(pod).is_some_and(|node| stopped.contains(node))
}

/// The ended pods beyond those that stay: evicted ones first, then the oldest. Pure.
fn surplus(pods: &[Arc<Pod>], kept: usize) -> Vec<Arc<Pod>> {
    let ended = pods.iter().filter(|pod| pod::is_finished(pod));
    let mut ended: Vec<_> = ended.cloned().collect();
    let more = ended.len().saturating_sub(kept);
    if more == 0 {
        return Vec::new();
    }
    ended.sort_by_cached_key(|pod| {
        let status = pod.status.as_ref();
        let reason = status.and_then(|status| status.reason.as_deref());
        let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (reason != Some("Evicted"), made, key_of(&**pod))
    });
    ended.truncate(more);
    ended.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    ended
}

/// The nodes that pods are on and that have been missing for long enough. Pure but for `missing`,
/// which remembers since when.
fn overdue(
    census: &Census,
    known: impl Fn(&str) -> bool,
    missing: &mut BTreeMap<String, Timestamp>,
    now: Timestamp,
) -> BTreeSet<String> {
    missing.retain(|node, _| census.placed.contains_key(node) && !known(node));
    for node in census.placed.keys().filter(|node| !known(node)) {
        missing.entry(node.clone()).or_insert(now);
    }
    let overdue = missing
        .iter()
        .filter(|(_, since)| now.duration_since(**since) >= PATIENCE);
    overdue.map(|(node, _)| node.clone()).collect()
}

/// Those of which the server says that they do not exist.
async fn confirmed(nodes: BTreeSet<String>, ctx: &Context) -> BTreeSet<String> {
    let mut gone = BTreeSet::new();
    for node in nodes {
        let answer = ctx
            .objects::<Node>()
            .get(&ObjectKey::cluster(node.as_str()))
            .await;
        if answer.is_err_and(|error| error.is_not_found()) {
            gone.insert(node);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_given_time_to_come_back() {
        let pod: Pod =
            serde_json::from_value(json!({"spec": {"nodeName": "n1", "containers": []}})).unwrap();
        let mut census = Census::default();
        let object = Arc::new(pod);
        census.take(&Change::Applied {
            before: None,
            object: object.clone(),
        });
        let mut missing = BTreeMap::new();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut look = |known: &[&str], second| {
            let known = |node: &str| known.contains(&node);
            !overdue(&census, known, &mut missing, at(second)).is_empty()
        };
        assert!(!look(&[], 0));
        assert!(!look(&[], 20));
        assert!(!look(&["n1"], 30));
        assert!(!look(&[], 40));
        assert!(!look(&[], 79));
        assert!(look(&[], 80));
        census.take(&Change::Removed(object));
        assert!(census.placed.is_empty());
    }

    #[test]
    fn of_many_ended_pods_the_newest_stay() {
        let pod = |name: &str, second: i64, status: serde_json::Value| -> Arc<Pod> {
            let made = Timestamp::from_second(second).unwrap().to_string();
            let meta = json!({"name": name, "namespace": "a", "creationTimestamp": made});
            Arc::new(serde_json::from_value(json!({"metadata": meta, "status": status})).unwrap())
        };
        let pods = [
            pod("old", 1, json!({"phase": "Succeeded"})),
            pod("older", 0, json!({"phase": "Failed"})),
            pod(
                "evicted",
                9,
                json!({"phase": "Failed", "reason": "Evicted"}),
            ),
            pod("new", 5, json!({"phase": "Succeeded"})),
            pod("runs", 0, json!({"phase": "Running"})),
        ];
        let names = |kept| -> Vec<String> {
            let surplus = surplus(&pods, kept);
            let names = surplus.iter().filter_map(|pod| pod.metadata.name.clone());
            names.collect()
        };
        assert_eq!(names(4), Vec::<String>::new());
        assert_eq!(names(1), ["evicted", "older", "old"]);
    }

    #[test]
    fn pods_do_not_wait_for_a_node_that_is_out_of_service() {
        let node = |ready: &str, taints: serde_json::Value| -> Arc<Node> {
            Arc::new(
                serde_json::from_value(
                    json!({"metadata": {"name": "n"}, "spec": {"taints": taints},
                    "status": {"conditions": [{"type": "Ready", "status": ready}]}}),
                )
                .unwrap(),
            )
        };
        let out = json!([{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]);
        assert!(
            out_of_service(&[node("True", out.clone()), node("Unknown", json!([]))]).is_empty()
        );
        let stopped = out_of_service(&[node("Unknown", out)]);
        let mut pod: Pod =
            serde_json::from_value(json!({"spec": {"nodeName": "n", "containers": []}})).unwrap();
        assert!(!is_stuck(&pod, &stopped));
        pod.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        assert!(is_stuck(&pod, &stopped));
    }
}
