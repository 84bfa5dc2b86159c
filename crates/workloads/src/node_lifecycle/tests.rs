use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use serde_json::{Value, json};

use super::evict::leaves_at;
use super::judge::judge;
use super::*;

fn node(ready: &str, spec: Value) -> Node {
    serde_json::from_value(
        json!({"metadata": {"name": "n"}, "spec": spec, "status": {"conditions": [
        {"type": "Ready", "status": ready, "lastHeartbeatTime": "1970-01-01T00:00:00Z"}]}}),
    )
    .unwrap()
}

fn check(node: &Node, patience: Patience, expected: Expect) {
    let verdict = judge(node, patience, Timestamp::from_second(60).unwrap());
    let conditions: Vec<_> = verdict
        .conditions
        .iter()
        .map(|one| {
            format!(
                "{}={} {}",
                one.type_,
                one.status,
                one.reason.as_deref().unwrap_or("")
            )
        })
        .collect();
    let taints = verdict.taints.map(|taints| {
        taints
            .iter()
            .map(|one| format!("{}:{}", one.key, one.effect))
            .collect::<Vec<_>>()
    });
    expected.assert_eq(&format!(
        "{conditions:?}\n{taints:?}\npods unready: {}",
        verdict.pods_unready
    ));
}

#[test]
fn a_silent_node_is_unknown_and_tainted() {
    check(
        &node("True", json!({})),
        Patience::Alive,
        expect![[r#"
        []
        None
        pods unready: false"#]],
    );
    check(
        &node("True", json!({})),
        Patience::Over,
        expect![[r#"
        ["Ready=Unknown NodeStatusUnknown", "MemoryPressure=Unknown NodeStatusNeverUpdated", "DiskPressure=Unknown NodeStatusNeverUpdated", "PIDPressure=Unknown NodeStatusNeverUpdated"]
        Some(["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"])
        pods unready: true"#]],
    );
    check(
        &node(
            "False",
            json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}),
        ),
        Patience::Alive,
        expect![[r#"
        []
        Some(["gpu:NoSchedule", "node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"])
        pods unready: true"#]],
    );
}

#[test]
fn a_node_that_comes_back_loses_only_our_taints() {
    let taints = json!([{"key": "gpu", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]);
    check(
        &node("True", json!({"taints": taints})),
        Patience::Alive,
        expect![[r#"
        []
        Some(["gpu:NoExecute"])
        pods unready: false"#]],
    );
    check(
        &node("True", json!({"unschedulable": true})),
        Patience::Alive,
        expect![[r#"
        []
        Some(["node.kubernetes.io/unschedulable:NoSchedule"])
        pods unready: false"#]],
    );
}

#[test]
fn conditions_that_hold_taint_a_node() {
    let mut full = node("True", json!({}));
    let conditions = json!([{"type": "Ready", "status": "True"},
        {"type": "MemoryPressure", "status": "True"}, {"type": "DiskPressure", "status": "True"},
        {"type": "PIDPressure", "status": "True"}, {"type": "NetworkUnavailable", "status": "True"},
        {"type": "Other", "status": "True"}]);
    full.status.as_mut().unwrap().conditions = serde_json::from_value(conditions).unwrap();
    check(
        &full,
        Patience::Alive,
        expect![[r#"
        []
        Some(["node.kubernetes.io/memory-pressure:NoSchedule", "node.kubernetes.io/disk-pressure:NoSchedule", "node.kubernetes.io/pid-pressure:NoSchedule", "node.kubernetes.io/network-unavailable:NoSchedule"])
        pods unready: false"#]],
    );
}

#[test]
fn only_what_taints_follow_from_is_looked_at_again() {
    let before = node("True", json!({}));
    let mut beaten = before.clone();
    let conditions = beaten.status.as_mut().unwrap().conditions.as_mut().unwrap();
    conditions[0].last_heartbeat_time = None;
    assert!(!matters(Some(&before), &beaten));
    assert!(matters(None, &before));
    assert!(matters(Some(&before), &node("Unknown", json!({}))));
    assert!(matters(
        Some(&before),
        &node("True", json!({"unschedulable": true}))
    ));
    let tainted = json!({"taints": [{"key": "a", "effect": "NoExecute"}]});
    assert!(matters(Some(&before), &node("True", tainted)));
}

#[test]
fn silence_is_measured_by_what_was_seen() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let lease = |second: i64, duration: i32| -> Lease {
        serde_json::from_value(json!({"spec": {"leaseDurationSeconds": duration,
            "renewTime": format!("1970-01-01T00:{:02}:{:02}.000000Z", second / 60, second % 60)}}))
        .unwrap()
    };
    let (mut heard, node) = (BTreeMap::new(), node("True", json!({})));
    let mut listen =
        |lease: &Lease, second| super::listen(&mut heard, &node, Some(lease), at(second));
    // The lease is old when we start: the cluster was down, not the node.
    assert_eq!(listen(&lease(10, 40), 1000), Patience::Alive);
    assert_eq!(listen(&lease(10, 40), 1040), Patience::Alive);
    assert_eq!(listen(&lease(10, 40), 1041), Patience::Over);
    assert_eq!(listen(&lease(11, 40), 1042), Patience::Alive);
    assert_eq!(listen(&lease(11, 400), 1400), Patience::Alive);
    assert_eq!(listen(&lease(11, 400), 1443), Patience::Over);
}

#[test]
fn pods_leave_when_their_toleration_ends() {
    let taint: Taint =
        serde_json::from_value(json!({"key": "down", "effect": "NoExecute"})).unwrap();
    let since = Timestamp::from_second(100).unwrap();
    let leave = |tolerations: Value| {
        let pod: Pod =
            serde_json::from_value(json!({"spec": {"containers": [], "tolerations": tolerations}}))
                .unwrap();
        leaves_at(&pod, &[(&taint, since)]).map(Timestamp::as_second)
    };
    assert_eq!(leave(json!([])), Some(100));
    assert_eq!(leave(json!([{"key": "down", "operator": "Exists"}])), None);
    assert_eq!(
        leave(json!([{"key": "down", "operator": "Exists", "tolerationSeconds": 300}])),
        Some(400)
    );
    assert_eq!(
        leave(json!([{"operator": "Exists", "tolerationSeconds": 30},
        {"key": "down", "operator": "Exists", "tolerationSeconds": 300}])),
        Some(130)
    );
}
