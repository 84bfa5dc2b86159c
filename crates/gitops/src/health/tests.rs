#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Reads as a table of cases.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn check(object: Value, expected: Expect) {
    let said = match super::of(&object) {
        Some(health) => format!("{:?} {}", health.code, health.message.unwrap_or_default()),
        None => "none".to_owned(),
    };
    expected.assert_eq(said.trim());
}

fn deployment(status: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 3}, "status": status,
    })
}

#[test]
fn deployments_progress_until_all_is_available() {
    check(
        deployment(json!({"observedGeneration": 1})),
        expect![
            "Progressing Waiting for rollout to finish: observed deployment generation less than desired generation"
        ],
    );
    check(
        deployment(json!({"observedGeneration": 2, "updatedReplicas": 1})),
        expect![
            "Progressing Waiting for rollout to finish: 1 out of 3 new replicas have been updated..."
        ],
    );
    check(
        deployment(json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3})),
        expect![
            "Progressing Waiting for rollout to finish: 1 old replicas are pending termination..."
        ],
    );
    check(
        deployment(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
        ),
        expect!["Healthy"],
    );
    let late = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]});
    check(
        deployment(late),
        expect![[r#"Degraded Deployment "web" exceeded its progress deadline"#]],
    );
}

#[test]
fn an_aborted_rollout_says_why() {
    let rollout = |status: Value| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web", "generation": 2}, "status": status,
        })
    };
    check(
        rollout(json!({
            "observedGeneration": "2", "phase": "Degraded", "abort": true,
            "message": "RolloutAborted: metric \"errors\" failed",
            "conditions": [{"type": "Progressing", "status": "False", "reason": "RolloutAborted",
                "message": "Rollout aborted update to revision 2: metric \"errors\" failed"}],
        })),
        expect![[r#"Degraded Rollout aborted update to revision 2: metric "errors" failed"#]],
    );
    check(
        rollout(
            json!({"observedGeneration": "2", "phase": "Paused", "message": "CanaryPauseStep"}),
        ),
        expect!["Suspended CanaryPauseStep"],
    );
    check(
        rollout(json!({"observedGeneration": "1", "phase": "Healthy"})),
        expect!["Progressing Waiting for rollout spec update to be observed"],
    );
}

#[test]
fn a_pod_that_cannot_start_is_degraded() {
    check(
        json!({
            "apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Always"},
            "status": {"phase": "Pending", "containerStatuses": [
                {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
            ]},
        }),
        expect!["Degraded no such image"],
    );
}

#[test]
fn jobs_end_well_or_badly() {
    let job = |conditions: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": conditions}});
    check(job(json!([])), expect!["Progressing"]);
    check(
        job(json!([{"type": "Complete", "status": "True"}])),
        expect!["Healthy"],
    );
    check(
        job(json!([{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}])),
        expect!["Degraded BackoffLimitExceeded"],
    );
}

#[test]
fn kinds_without_rules_have_no_health() {
    check(
        json!({"apiVersion": "v1", "kind": "ConfigMap"}),
        expect!["none"],
    );
}
