//! Decisions about jobs.
#![allow(
    clippy::unwrap_used,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value
)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::observe::World;
use super::plan::decide;
use super::tally::FINALIZER;

fn job(spec: Value, status: Value) -> Job {
    let mut spec = spec;
    spec["template"] = json!({"spec": {"containers": [], "restartPolicy": "Never"}});
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "work", "uid": "j1"},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

/// `name phase [index=2] [code=3] [failures=1] [counted] [at=40] [going]`.
fn pod(text: &str) -> Arc<Pod> {
    let words: Vec<_> = text.split(' ').collect();
    let find = |key: &str| {
        words
            .iter()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let mut annotations = serde_json::Map::new();
    for (key, name) in [
        ("index", "completion-index"),
        ("failures", "index-failure-count"),
    ] {
        if let Some(value) = find(key) {
            annotations.insert(format!("batch.kubernetes.io/job-{name}"), json!(value));
        }
    }
    let finalizers = if words.contains(&"counted") {
        json!([])
    } else {
        json!([FINALIZER])
    };
    let at = find("at").unwrap_or("00");
    let mut value = json!({
        "metadata": {"name": words[0], "namespace": "shop", "uid": words[0], "finalizers": finalizers,
            "annotations": annotations, "creationTimestamp": format!("1970-01-01T00:00:{at}Z")},
        "spec": {"nodeName": "n", "containers": []},
        "status": {"phase": words[1], "conditions": [{"type": "DisruptionTarget", "status":
            if words.contains(&"disrupted") { "True" } else { "False" }}]},
    });
    if let Some(code) = find("code") {
        value["status"]["containerStatuses"] = json!([{"name": "c", "image": "i", "imageID": "i",
            "ready": false, "restartCount": 0, "state": {"terminated": {
                "exitCode": code.parse::<i32>().unwrap(), "finishedAt": format!("1970-01-01T00:00:{at}Z")}}}]);
    }
    if words.contains(&"going") {
        value["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn check(spec: Value, status: Value, pods: &[&str], second: i64, expected: Expect) {
    let job = job(spec, status);
    let world = World {
        pods: pods.iter().map(|text| pod(text)).collect(),
        ..World::default()
    };
    let now = jiff::Timestamp::from_second(second).unwrap();
    let plan = decide(&job, &world, now).unwrap();
    let names = |pods: &[Arc<Pod>]| {
        let names: Vec<_> = pods
            .iter()
            .map(|pod| pod.metadata.name.clone().unwrap())
            .collect();
        names.join(",")
    };
    let status = plan.status.unwrap_or_default();
    let created: Vec<_> = plan
        .create
        .iter()
        .map(|fresh| {
            let index = fresh
                .index
                .map_or("-".to_owned(), |index| index.to_string());
            fresh.failures.map_or(index.clone(), |(failures, _)| {
                format!("{index}({failures})")
            })
        })
        .collect();
    let uncounted = status.uncounted_terminated_pods.unwrap_or_default();
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .flatten()
        .map(|one| {
            format!(
                "\n{}: {}: {}",
                one.type_,
                one.reason.as_deref().unwrap_or(""),
                one.message.as_deref().unwrap_or("")
            )
        })
        .collect();
    let text = format!(
        "create [{}] delete [{}] strip [{}] next {:?}\nsucceeded {} failed {} noted {:?} {:?} completed {} failed {}{}",
        created.join(" "),
        names(&plan.delete),
        names(&plan.strip),
        plan.next,
        status.succeeded.unwrap_or(0),
        status.failed.unwrap_or(0),
        uncounted.succeeded.unwrap_or_default(),
        uncounted.failed.unwrap_or_default(),
        status.completed_indexes.unwrap_or_default(),
        status.failed_indexes.unwrap_or_default(),
        conditions.concat(),
    );
    expected.assert_eq(&text);
}

#[test]
fn no_more_run_at_once_than_asked_nor_than_are_left() {
    let five = || json!({"completions": 5, "parallelism": 3});
    check(
        five(),
        json!({}),
        &[],
        0,
        expect![[r#"
        create [- - -] delete [] strip [] next None
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
    check(
        five(),
        json!({"succeeded": 3}),
        &["a Running"],
        0,
        expect![[r#"
        create [-] delete [] strip [] next None
        succeeded 3 failed 0 noted [] [] completed  failed "#]],
    );
    check(
        json!({"completions": 5, "parallelism": 1}),
        json!({}),
        &["a Running", "b Running"],
        0,
        expect![[r#"
        create [] delete [a] strip [] next None
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
}

#[test]
fn an_ended_pod_is_noted_then_let_go_then_counted() {
    let two = || json!({"completions": 2, "parallelism": 1});
    check(
        two(),
        json!({}),
        &["a Succeeded"],
        0,
        expect![[r#"
        create [-] delete [] strip [] next None
        succeeded 0 failed 0 noted ["a"] [] completed  failed "#]],
    );
    let noted = json!({"uncountedTerminatedPods": {"succeeded": ["a"]}});
    check(
        two(),
        noted.clone(),
        &["a Succeeded", "b Running"],
        0,
        expect![[r#"
        create [] delete [] strip [a] next None
        succeeded 0 failed 0 noted ["a"] [] completed  failed "#]],
    );
    check(
        two(),
        noted.clone(),
        &["a Succeeded counted", "b Running"],
        0,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 1 failed 0 noted [] [] completed  failed "#]],
    );
    check(
        two(),
        noted,
        &["b Running"],
        0,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 1 failed 0 noted [] [] completed  failed "#]],
    );
}

#[test]
fn the_end_waits_until_everything_is_counted() {
    let met = json!([{"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached", "message": "m"}]);
    check(
        json!({"completions": 1}),
        json!({"uncountedTerminatedPods": {"succeeded": ["a"]}, "conditions": met}),
        &["a Succeeded"],
        0,
        expect![[r#"
            create [] delete [] strip [a] next None
            succeeded 0 failed 0 noted ["a"] [] completed  failed 
            SuccessCriteriaMet: CompletionsReached: m"#]],
    );
    check(
        json!({"completions": 1}),
        json!({"succeeded": 1, "conditions": met}),
        &["a Succeeded counted"],
        0,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 1 failed 0 noted [] [] completed  failed 
        SuccessCriteriaMet: CompletionsReached: m
        Complete: CompletionsReached: m"#]],
    );
}

#[test]
fn terminating_pods_are_replaced_at_once_or_waited_for() {
    check(
        json!({"completions": 1}),
        json!({}),
        &["a Running going"],
        0,
        expect![[r#"
        create [-] delete [] strip [] next None
        succeeded 0 failed 0 noted [] ["a"] completed  failed "#]],
    );
    check(
        json!({"completions": 1, "podReplacementPolicy": "Failed"}),
        json!({}),
        &["a Running going"],
        0,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
}

#[test]
fn indexes_are_made_once_each() {
    let indexed = || json!({"completionMode": "Indexed", "completions": 4, "parallelism": 2});
    check(
        indexed(),
        json!({}),
        &[],
        0,
        expect![[r#"
        create [0 1] delete [] strip [] next None
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
    check(
        indexed(),
        json!({"completedIndexes": "0"}),
        &["b Running index=1", "x Running index=1"],
        0,
        expect![[r#"
        create [2] delete [x] strip [] next None
        succeeded 0 failed 0 noted [] [] completed 0 failed "#]],
    );
    check(
        indexed(),
        json!({"completedIndexes": "0-2", "succeeded": 3}),
        &["d Succeeded index=3"],
        0,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 3 failed 0 noted ["d"] [] completed 0-3 failed 
        SuccessCriteriaMet: CompletionsReached: Reached expected number of succeeded pods"#]],
    );
}

#[test]
fn an_index_fails_for_itself() {
    let spec = || {
        json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2,
        "backoffLimit": i32::MAX, "backoffLimitPerIndex": 1, "podReplacementPolicy": "TerminatingOrFailed"})
    };
    check(
        spec(),
        json!({}),
        &["a Failed index=0 failures=0 code=1", "b Running index=1"],
        5,
        expect![[r#"
        create [] delete [] strip [] next Some(5s)
        succeeded 0 failed 0 noted [] ["a"] completed  failed "#]],
    );
    check(
        spec(),
        json!({"uncountedTerminatedPods": {"failed": ["a"]}}),
        &["a Failed index=0 failures=0 code=1", "b Running index=1"],
        11,
        expect![[r#"
            create [0(1)] delete [] strip [] next None
            succeeded 0 failed 0 noted [] ["a"] completed  failed "#]],
    );
    check(
        spec(),
        json!({}),
        &["a Failed index=0 failures=1 code=1", "b Succeeded index=1"],
        11,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 0 failed 0 noted ["b"] ["a"] completed 1 failed 0
        FailureTarget: FailedIndexes: Job has failed indexes"#]],
    );
}

#[test]
fn rules_say_what_a_failure_means() {
    let rules = || {
        json!({"backoffLimit": 0, "podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}})
    };
    check(
        rules(),
        json!({}),
        &["a Failed code=42"],
        100,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 0 failed 0 noted [] ["a"] completed  failed 
        FailureTarget: PodFailurePolicy: Container c for pod shop/a failed with exit code 42 matching FailJob rule at index 0"#]],
    );
    check(
        rules(),
        json!({}),
        &["a Failed code=1 disrupted"],
        100,
        expect![[r#"
        create [-] delete [] strip [a] next None
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
    check(
        rules(),
        json!({}),
        &["a Failed code=1"],
        100,
        expect![[r#"
        create [] delete [] strip [] next None
        succeeded 0 failed 0 noted [] ["a"] completed  failed 
        FailureTarget: BackoffLimitExceeded: Job has reached the specified backoff limit"#]],
    );
}

#[test]
fn enough_successes_end_the_job_early() {
    check(
        json!({"completionMode": "Indexed", "completions": 5, "parallelism": 5,
        "successPolicy": {"rules": [{"succeededIndexes": "3-4"}, {"succeededIndexes": "0,2", "succeededCount": 1}]}}),
        json!({}),
        &["a Running index=0", "c Succeeded index=2"],
        0,
        expect![[r#"
            create [] delete [a] strip [] next None
            succeeded 0 failed 0 noted ["c"] [] completed 2 failed 
            SuccessCriteriaMet: SuccessPolicy: Matched rules at index 1"#]],
    );
}

#[test]
fn waits_double_until_a_success() {
    let three = || json!({"completions": 3});
    check(
        three(),
        json!({"failed": 1}),
        &["a Failed counted code=1 at=10"],
        15,
        expect![[r#"
        create [] delete [] strip [] next Some(5s)
        succeeded 0 failed 1 noted [] [] completed  failed "#]],
    );
    check(
        three(),
        json!({"failed": 2}),
        &[
            "a Failed counted code=1 at=10",
            "b Failed counted code=1 at=20",
        ],
        25,
        expect![[r#"
        create [] delete [] strip [] next Some(15s)
        succeeded 0 failed 2 noted [] [] completed  failed "#]],
    );
    check(
        three(),
        json!({"failed": 2, "succeeded": 1}),
        &["a Failed counted code=1 at=10", "b Succeeded counted at=20"],
        25,
        expect![[r#"
        create [-] delete [] strip [] next None
        succeeded 1 failed 2 noted [] [] completed  failed "#]],
    );
}

#[test]
fn a_finished_job_waits_for_its_time_to_live() {
    let ended = json!({"conditions": [{"type": "Complete", "status": "True",
        "lastTransitionTime": "1970-01-01T00:00:00Z"}]});
    check(
        json!({"ttlSecondsAfterFinished": 60}),
        ended,
        &["a Succeeded"],
        10,
        expect![[r#"
        create [] delete [] strip [a] next Some(50s)
        succeeded 0 failed 0 noted [] [] completed  failed "#]],
    );
}

#[test]
fn a_job_of_somebody_else_is_left_alone() {
    let world = World::default();
    let decide = |manager: &str| {
        let job = job(json!({"parallelism": 1, "managedBy": manager}), json!({}));
        decide(&job, &world, jiff::Timestamp::UNIX_EPOCH).unwrap()
    };
    let theirs = decide("example.com/queue");
    assert!(theirs.create.is_empty() && theirs.status.is_none() && theirs.next.is_none());
    assert_eq!(decide("kubernetes.io/job-controller").create.len(), 1);
}
