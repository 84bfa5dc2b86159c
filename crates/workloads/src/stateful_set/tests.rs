#![allow(clippy::format_push_string)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::observe::World;
use super::plan::{Step, decide};
use crate::history;

fn set(spec: &Value) -> StatefulSet {
    let mut value = json!({
        "metadata": {"name": "db", "namespace": "test", "uid": "set"},
        "spec": {
            "replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": template("db:2"), "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        },
    });
    for (name, member) in spec.as_object().unwrap() {
        value["spec"][name] = member.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": image}]}})
}

fn old_revision() -> ControllerRevision {
    let owner = set(&json!({"template": template("db:1")}));
    let template = &owner.spec.as_ref().unwrap().template;
    history::newest(&owner, template, history::HASH_LABEL, None, &[]).revision
}

/// `3 old ready`: the pod of an ordinal; or `pending`, `failed`, `going`.
fn pod(text: &str) -> Arc<Pod> {
    let words: Vec<_> = text.split(' ').collect();
    let newest = set(&json!({}));
    let template = &newest.spec.as_ref().unwrap().template;
    let update = history::newest(&newest, template, history::HASH_LABEL, None, &[]);
    let revision = match words[1] {
        "old" => history::name(&old_revision()).to_owned(),
        _ => update.name().to_owned(),
    };
    let ready = matches!(words[2], "ready" | "going");
    let phase = match words[2] {
        "failed" => "Failed",
        "pending" => "Pending",
        _ => "Running",
    };
    let mut value = json!({
        "metadata": {"name": format!("db-{}", words[0]), "uid": text, "labels": {
            "app": "db", "controller-revision-hash": revision,
            "statefulset.kubernetes.io/pod-name": format!("db-{}", words[0]),
            "apps.kubernetes.io/pod-index": words[0]}},
        "status": {"phase": phase, "conditions": [
            {"type": "Ready", "status": if ready { "True" } else { "False" },
             "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    });
    if words[2] == "going" {
        value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn check(spec: Value, pods: &[&str], expected: Expect) {
    let set = set(&spec);
    let mut world = World {
        owned: pods.iter().map(|text| pod(text)).collect(),
        ..World::default()
    };
    world.history.owned = vec![Arc::new(old_revision())];
    let mut with_status = set.clone();
    with_status.status = Some(k8s_openapi::api::apps::v1::StatefulSetStatus {
        current_revision: old_revision().metadata.name,
        ..Default::default()
    });
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    let plan = decide(&with_status, &world, now).unwrap();
    let mut text = String::new();
    for step in &plan.steps {
        text += &match step {
            Step::Claim(claim, _) => format!("claim {}\n", claim.metadata.name.as_ref().unwrap()),
            Step::Own(claim, _) => format!("own {}\n", claim.metadata.name.as_ref().unwrap()),
            Step::Create(pod) => {
                let image = &pod.spec.as_ref().unwrap().containers[0].image;
                let name = pod.metadata.name.as_ref().unwrap();
                format!("create {name} {}\n", image.as_ref().unwrap())
            }
            Step::Amend(pod, _) => format!("amend {}\n", pod.metadata.name.as_ref().unwrap()),
            Step::Delete(pod) => format!("delete {}\n", pod.metadata.name.as_ref().unwrap()),
            Step::Tell(notice) => format!("{}: {}\n", notice.reason, notice.message),
        };
    }
    let status = &plan.status;
    let count = |count: Option<i32>| count.unwrap_or(0);
    text += &format!(
        "replicas {} ready {} current {} updated {}{}\n",
        status.replicas,
        count(status.ready_replicas),
        count(status.current_replicas),
        count(status.updated_replicas),
        plan.next
            .map_or(String::new(), |next| format!(" next {next:?}"))
    );
    expected.assert_eq(&text);
}

#[test]
fn pods_come_one_after_the_other() {
    check(
        json!({}),
        &[],
        expect![[r#"
        create db-0 db:2
        replicas 0 ready 0 current 0 updated 0
    "#]],
    );
    check(
        json!({}),
        &["0 new pending"],
        expect![[r#"
        replicas 1 ready 0 current 0 updated 1
    "#]],
    );
    check(
        json!({}),
        &["0 new ready"],
        expect![[r#"
        create db-1 db:2
        replicas 1 ready 1 current 0 updated 1
    "#]],
    );
}

#[test]
fn in_parallel_they_come_at_once() {
    check(
        json!({"podManagementPolicy": "Parallel"}),
        &[],
        expect![[r#"
        create db-0 db:2
        create db-1 db:2
        create db-2 db:2
        replicas 0 ready 0 current 0 updated 0
    "#]],
    );
}

#[test]
fn ordinals_may_start_elsewhere() {
    check(
        json!({"ordinals": {"start": 5}, "podManagementPolicy": "Parallel"}),
        &["0 new ready", "5 new ready"],
        expect![[r#"
            create db-6 db:2
            create db-7 db:2
            delete db-0
            replicas 2 ready 2 current 0 updated 2
        "#]],
    );
}

#[test]
fn surplus_pods_go_from_the_top_when_the_others_are_well() {
    let two = json!({"replicas": 1});
    check(
        two.clone(),
        &["0 new ready", "1 new ready", "2 new ready"],
        expect![[r#"
        delete db-2
        replicas 3 ready 3 current 0 updated 3
    "#]],
    );
    check(
        two.clone(),
        &["0 new ready", "1 new ready", "2 new going"],
        expect![[r#"
        replicas 3 ready 3 current 0 updated 2
    "#]],
    );
    check(
        two,
        &["0 new pending", "1 new ready"],
        expect![[r#"
        replicas 2 ready 1 current 0 updated 2
    "#]],
    );
}

#[test]
fn an_update_goes_from_the_top_down_to_the_partition() {
    let all = ["0 old ready", "1 old ready", "2 old ready"];
    check(
        json!({}),
        &all,
        expect![[r#"
        delete db-2
        replicas 3 ready 3 current 3 updated 0
    "#]],
    );
    check(
        json!({}),
        &["0 old ready", "1 old ready", "2 new pending"],
        expect![[r#"
        replicas 3 ready 2 current 2 updated 1
    "#]],
    );
    let partition =
        json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    check(
        partition.clone(),
        &["0 old ready", "1 old ready", "2 new ready"],
        expect![[r#"
        replicas 3 ready 3 current 2 updated 1
    "#]],
    );
    check(
        partition,
        &["0 old ready"],
        expect![[r#"
        create db-1 db:1
        replicas 1 ready 1 current 1 updated 0
    "#]],
    );
    let wide = json!({"podManagementPolicy": "Parallel", "updateStrategy":
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}});
    check(
        wide,
        &all,
        expect![[r#"
        delete db-2
        delete db-1
        replicas 3 ready 3 current 3 updated 0
    "#]],
    );
    check(
        json!({"updateStrategy": {"type": "OnDelete"}}),
        &all,
        expect![[r#"
        replicas 3 ready 3 current 3 updated 0
    "#]],
    );
}

#[test]
fn a_pod_must_stay_ready_before_the_next_comes() {
    check(
        json!({"minReadySeconds": 90}),
        &["0 new ready"],
        expect![[r#"
        replicas 1 ready 1 current 0 updated 1 next 30s
    "#]],
    );
}

#[test]
fn a_failed_pod_is_made_anew() {
    check(
        json!({}),
        &["0 new failed"],
        expect![[r#"
        RecreatingFailedPod: StatefulSet test/db is recreating failed Pod db-0
        delete db-0
        replicas 1 ready 0 current 0 updated 1
    "#]],
    );
}

#[test]
fn claims_come_before_their_pods() {
    check(
        json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}),
        &[],
        expect![[r#"
            claim data-db-0
            create db-0 db:2
            replicas 0 ready 0 current 0 updated 0
        "#]],
    );
}

#[test]
fn going_back_numbers_the_old_revision_anew() {
    let owner = set(&json!({}));
    let template = &owner.spec.as_ref().unwrap().template;
    let fresh = history::newest(
        &owner,
        template,
        history::HASH_LABEL,
        None,
        &[Arc::new(old_revision())],
    );
    assert_eq!(
        (fresh.step, fresh.revision.revision),
        (history::Step::Create, 2)
    );
    let both = [Arc::new(old_revision()), Arc::new(fresh.revision)];
    let back = set(&json!({"template": self::template("db:1")}));
    let template = &back.spec.as_ref().unwrap().template;
    let update = history::newest(&back, template, history::HASH_LABEL, None, &both);
    assert_eq!(update.step, history::Step::Renumber(3));
    assert_eq!(update.name(), history::name(&old_revision()));
}

/// Two billion pods at once would be two billion steps in memory: they come in portions.
#[test]
fn a_parallel_set_of_two_billion_begins_with_a_portion() {
    let set = set(&json!({"replicas": i32::MAX, "podManagementPolicy": "Parallel"}));
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    let plan = decide(&set, &World::default(), now).unwrap();
    assert_eq!(plan.steps.len(), 500);
}
