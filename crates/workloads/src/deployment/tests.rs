//! Decisions about small fleets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, json};

use super::limits::Limits;
use super::observe::World;
use super::plan::{Plan, decide};

fn deployment(replicas: i32, more: Value) -> Deployment {
    let mut spec = json!({
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": template("v2"),
    });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web", "uid": "d1", "generation": 2},
        "spec": spec,
    }))
    .unwrap()
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}},
           "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// A set of `image`: its size, how many are available, and the size and room it was scaled for.
fn set(image: &str, size: i32, available: i32, scaled_for: (i32, i32)) -> Arc<ReplicaSet> {
    let revision = image.trim_start_matches('v').to_owned();
    let set = json!({
        "metadata": {"namespace": "shop", "name": format!("web-{image}"), "uid": image,
            "annotations": {
                "deployment.kubernetes.io/revision": revision,
                "deployment.kubernetes.io/desired-replicas": scaled_for.0.to_string(),
                "deployment.kubernetes.io/max-replicas": scaled_for.1.to_string()}},
        "spec": {"replicas": size, "selector": {}, "template": template(image)},
        "status": {"replicas": size, "readyReplicas": available, "availableReplicas": available},
    });
    Arc::new(serde_json::from_value(set).unwrap())
}

fn plan(deployment: &Deployment, sets: Vec<Arc<ReplicaSet>>) -> Plan {
    let world = World {
        owned: sets,
        ..World::default()
    };
    decide(deployment, &world, Timestamp::UNIX_EPOCH).unwrap()
}

fn check(deployment: &Deployment, sets: Vec<Arc<ReplicaSet>>, expected: Expect) {
    let plan = plan(deployment, sets);
    let mut text = String::new();
    for member in &plan.changes {
        let verb = if member.exists { "scale" } else { "create" };
        text += &format!(
            "{verb} {} {} -> {}\n",
            member.name(),
            member.size(),
            member.replicas
        );
    }
    for set in &plan.delete {
        text += &format!("delete {}\n", set.metadata.name.as_deref().unwrap());
    }
    if let Some(revision) = &plan.revision {
        text += &format!("revision {revision}\n");
    }
    expected.assert_eq(&text);
}

fn limits(replicas: i32, surge: Value, unavailable: Value) -> (i32, i32) {
    let strategy = json!({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
    let deployment = deployment(replicas, json!({ "strategy": strategy }));
    let limits = Limits::of(&deployment).unwrap();
    (limits.most(), limits.fewest())
}

#[test]
fn percentages_round_as_upstream() {
    assert_eq!(limits(10, json!("25%"), json!("25%")), (13, 8));
    assert_eq!(limits(1, json!("25%"), json!("25%")), (2, 1));
    assert_eq!(
        limits(3, json!(0), json!("10%")),
        (3, 2),
        "one may be unavailable"
    );
    assert_eq!(limits(4, json!(2), json!(0)), (6, 4));
    assert_eq!(
        limits(2, json!(1), json!(9)),
        (3, 0),
        "no more than there are"
    );
    assert_eq!(limits(4, json!("100%"), json!("0%")), (8, 4));
}

#[test]
fn a_first_rollout_creates_everything_at_once() {
    check(
        &deployment(3, json!({})),
        Vec::new(),
        expect![[r#"
        create web-6b7894c4d7 0 -> 3
        revision 1
    "#]],
    );
}

#[test]
fn a_second_rollout_begins_with_the_surge() {
    let sets = vec![set("v1", 10, 10, (10, 13))];
    check(
        &deployment(10, json!({})),
        sets,
        expect![[r#"
        create web-6b7894c4d7 0 -> 3
        revision 2
    "#]],
    );
}

#[test]
fn old_pods_go_as_new_ones_become_available() {
    let sets = vec![set("v1", 10, 10, (10, 13)), set("v2", 3, 1, (10, 13))];
    check(
        &deployment(10, json!({})),
        sets,
        expect![[r#"
        scale web-v1 10 -> 7
        revision 2
    "#]],
    );
}

#[test]
fn unhealthy_old_pods_go_first_and_free_of_charge() {
    let sets = vec![
        set("v0", 4, 0, (10, 13)),
        set("v1", 6, 6, (10, 13)),
        set("v2", 3, 0, (10, 13)),
    ];
    check(
        &deployment(10, json!({})),
        sets,
        expect![[r#"
        scale web-v0 4 -> 2
        revision 2
    "#]],
    );
}

#[test]
fn nothing_moves_while_too_few_are_available() {
    let sets = vec![set("v1", 8, 8, (10, 13)), set("v2", 5, 0, (10, 13))];
    check(
        &deployment(10, json!({})),
        sets,
        expect![[r#"
        revision 2
    "#]],
    );
}

#[test]
fn growing_in_the_middle_of_a_rollout_keeps_the_shares() {
    let sets = vec![set("v1", 8, 8, (10, 13)), set("v2", 5, 5, (10, 13))];
    check(
        &deployment(20, json!({})),
        sets,
        expect![[r#"
        scale web-v1 8 -> 15
        scale web-v2 5 -> 10
        revision 2
    "#]],
    );
}

#[test]
fn shrinking_in_the_middle_of_a_rollout_keeps_the_shares() {
    let sets = vec![set("v1", 8, 8, (10, 13)), set("v2", 5, 5, (10, 13))];
    check(
        &deployment(5, json!({})),
        sets.clone(),
        expect![[r#"
        scale web-v1 8 -> 4
        scale web-v2 5 -> 3
        revision 2
    "#]],
    );
    check(
        &deployment(0, json!({})),
        sets,
        expect![[r#"
        scale web-v1 8 -> 0
        scale web-v2 5 -> 0
        revision 2
    "#]],
    );
}

#[test]
fn recreate_empties_before_it_creates() {
    let recreate = deployment(3, json!({"strategy": {"type": "Recreate"}}));
    check(
        &recreate,
        vec![set("v1", 3, 3, (3, 3))],
        expect![[r#"
        scale web-v1 3 -> 0
    "#]],
    );
    let mut world = World {
        owned: vec![set("v1", 0, 0, (3, 3))],
        ..World::default()
    };
    world.populated.insert("v1".to_owned());
    let waiting = decide(&recreate, &world, Timestamp::UNIX_EPOCH).unwrap();
    assert!(waiting.changes.is_empty(), "a last old pod is not gone");
    check(
        &recreate,
        vec![set("v1", 0, 0, (3, 3))],
        expect![[r#"
        create web-6b7894c4d7 0 -> 3
        revision 2
    "#]],
    );
}

#[test]
fn a_finished_rollout_cleans_up() {
    let keep_one = deployment(2, json!({"revisionHistoryLimit": 1}));
    let sets = vec![
        set("v0", 0, 0, (2, 3)),
        set("v1", 0, 0, (2, 3)),
        set("v2", 2, 2, (2, 3)),
    ];
    check(
        &keep_one,
        sets,
        expect![[r#"
        delete web-v0
        revision 2
    "#]],
    );
}

#[test]
fn the_status_counts_all_and_says_what_is_missing() {
    let sets = vec![set("v1", 8, 8, (10, 13)), set("v2", 5, 1, (10, 13))];
    let plan = plan(
        &deployment(10, json!({"progressDeadlineSeconds": 60})),
        sets,
    );
    expect![[r#"
        {
          "availableReplicas": 9,
          "conditions": [
            {
              "lastTransitionTime": "1970-01-01T00:00:00Z",
              "lastUpdateTime": "1970-01-01T00:00:00Z",
              "message": "Deployment has minimum availability.",
              "reason": "MinimumReplicasAvailable",
              "status": "True",
              "type": "Available"
            },
            {
              "lastTransitionTime": "1970-01-01T00:00:00Z",
              "lastUpdateTime": "1970-01-01T00:00:00Z",
              "message": "ReplicaSet \"web-v2\" is progressing.",
              "reason": "ReplicaSetUpdated",
              "status": "True",
              "type": "Progressing"
            }
          ],
          "observedGeneration": 2,
          "readyReplicas": 9,
          "replicas": 13,
          "unavailableReplicas": 3,
          "updatedReplicas": 5
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan.status).unwrap());
}

#[test]
fn pods_that_are_refused_are_reported_by_the_deployment() {
    let mut refused = ReplicaSet::clone(&set("v2", 5, 1, (10, 13)));
    let conditions = &mut refused.status.as_mut().unwrap().conditions;
    *conditions = serde_json::from_value(json!([{"type": "ReplicaFailure", "status": "True",
        "reason": "FailedCreate", "message": "Error creating: exceeded quota"}]))
    .unwrap();
    let sets = vec![set("v1", 8, 8, (10, 13)), Arc::new(refused)];
    let plan = plan(&deployment(10, json!({})), sets);
    let conditions: Vec<_> = plan
        .status
        .conditions
        .into_iter()
        .flatten()
        .map(|one| {
            format!(
                "{}={} {}",
                one.type_,
                one.status,
                one.message.unwrap_or_default()
            )
        })
        .collect();
    expect![[r#"
        [
            "Available=True Deployment has minimum availability.",
            "ReplicaFailure=True Error creating: exceeded quota",
        ]
    "#]]
    .assert_debug_eq(&conditions);
}
