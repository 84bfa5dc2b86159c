use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use super::plan::{Scale, decide};

/// `ready`, `unready` or `going`, each in its turn p0, p1, …
fn pods(words: &[&str]) -> Vec<Arc<Pod>> {
    let one = |(place, word): (usize, &&str)| {
        let ready = if *word == "unready" { "False" } else { "True" };
        let mut value = json!({
            "metadata": {"name": format!("p{place}"), "namespace": "test"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        if *word == "going" {
            value["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
        }
        Arc::new(serde_json::from_value(value).unwrap())
    };
    words.iter().enumerate().map(one).collect()
}

fn check(spec: Value, status: Value, words: &[&str], scale: &Scale, expected: Expect) {
    let budget: PodDisruptionBudget = serde_json::from_value(json!({
        "metadata": {"name": "pdb", "namespace": "test", "generation": 2}, "spec": spec, "status": status}))
    .unwrap();
    let now = jiff::Timestamp::from_second(100).unwrap();
    let plan = decide(&budget, &pods(words), |_| scale.clone(), now);
    let status = plan.status;
    let mut text = format!(
        "allowed {} healthy {} of {}, expected {} {:?}",
        status.disruptions_allowed,
        status.current_healthy,
        status.desired_healthy,
        status.expected_pods,
        status
            .disrupted_pods
            .map(|pods| pods.into_keys().collect::<Vec<_>>()),
    );
    for one in status.conditions.unwrap() {
        text += &format!(
            "\n{}={} {} {}",
            one.type_, one.status, one.reason, one.message
        );
    }
    for event in plan.events {
        text += &format!("\n{}: {}", event.reason, event.message);
    }
    expected.assert_eq(&text);
}

fn three() -> Scale {
    Scale::Of("set".to_owned(), 3)
}

#[test]
fn limits_are_counted_from_above_or_below() {
    let all = ["ready", "ready", "ready"];
    check(
        json!({"maxUnavailable": 1}),
        json!({"disruptionsAllowed": 0}),
        &all,
        &three(),
        expect![[r#"
        allowed 1 healthy 3 of 2, expected 3 None
        DisruptionAllowed=True SufficientPods "#]],
    );
    check(
        json!({"maxUnavailable": "34%"}),
        json!({}),
        &["ready", "ready", "unready"],
        &three(),
        expect![[r#"
        allowed 1 healthy 2 of 1, expected 3 None
        DisruptionAllowed=True SufficientPods "#]],
    );
    check(
        json!({"minAvailable": 2}),
        json!({}),
        &["ready", "ready", "going"],
        &three(),
        expect![[r#"
        allowed 0 healthy 2 of 2, expected 3 None
        DisruptionAllowed=False InsufficientPods "#]],
    );
    check(
        json!({"minAvailable": "50%"}),
        json!({}),
        &all,
        &three(),
        expect![[r#"
        allowed 1 healthy 3 of 2, expected 3 None
        DisruptionAllowed=True SufficientPods "#]],
    );
    check(
        json!({"maxUnavailable": 1}),
        json!({}),
        &[],
        &three(),
        expect![[r#"
        allowed 0 healthy 0 of 0, expected 0 None
        DisruptionAllowed=False InsufficientPods 
        NoPods: No matching pods found"#]],
    );
}

#[test]
fn an_evicted_pod_is_unhealthy_until_it_is_gone_or_late() {
    let at = |time: &str| json!({"disruptedPods": {"p0": time}});
    let all = ["ready", "ready", "ready"];
    check(
        json!({"maxUnavailable": 2}),
        at("1970-01-01T00:01:00Z"),
        &all,
        &three(),
        expect![[r#"
        allowed 1 healthy 2 of 1, expected 3 Some(["p0"])
        DisruptionAllowed=True SufficientPods "#]],
    );
    check(
        json!({"maxUnavailable": 2}),
        at("1969-12-31T23:59:00Z"),
        &all,
        &three(),
        expect![[r#"
        allowed 2 healthy 3 of 1, expected 3 None
        DisruptionAllowed=True SufficientPods 
        NotDeleted: Pod was expected by PDB test/pdb to be deleted but it wasn't"#]],
    );
}

#[test]
fn what_cannot_be_counted_allows_nothing() {
    let unknown = Scale::Unknown("jobs.batch does not implement the scale subresource".to_owned());
    check(
        json!({"maxUnavailable": 1}),
        json!({}),
        &["ready"],
        &unknown,
        expect![[r#"
        allowed 0 healthy 0 of 0, expected 0 None
        DisruptionAllowed=False SyncFailed jobs.batch does not implement the scale subresource
        CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource"#]],
    );
}
