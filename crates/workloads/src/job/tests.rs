//! Decisions about jobs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::observe::World;
use super::plan::decide;

fn job(spec: Value, status: Value) -> Job {
    let mut spec = spec;
    spec["template"] = json!({"spec": {"containers": [], "restartPolicy": "OnFailure"}});
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "work", "uid": "j1"},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn pods(count: usize, restarts: i32) -> Vec<Arc<Pod>> {
    let pod = |number: usize| {
        json!({
            "metadata": {"name": format!("p{number}"), "creationTimestamp": "1970-01-01T00:00:00Z"},
            "status": {"containerStatuses": [{"name": "c", "image": "i", "imageID": "i",
                "ready": false, "restartCount": restarts}]},
        })
    };
    (0..count)
        .map(|number| Arc::new(serde_json::from_value(pod(number)).unwrap()))
        .collect()
}

fn check(job: &Job, world: &World, second: i64, expected: Expect) {
    let now = jiff::Timestamp::from_second(second).unwrap();
    let text = match decide(job, world, now) {
        Err(error) => error.to_string(),
        Ok(plan) => {
            let status = plan.status.unwrap_or_default();
            let conditions: Vec<_> = status
                .conditions
                .into_iter()
                .flatten()
                .map(|one| one.type_)
                .collect();
            format!(
                "create {} delete {} expire {} next {:?} {}",
                plan.create,
                plan.delete.len(),
                plan.expire,
                plan.next,
                conditions.join(" ")
            )
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn no_more_run_at_once_than_asked_nor_than_are_left() {
    let five = job(json!({"completions": 5, "parallelism": 3}), json!({}));
    check(
        &five,
        &World::default(),
        0,
        expect!["create 3 delete 0 expire false next None "],
    );
    let world = World {
        active: pods(1, 0),
        succeeded: pods(3, 0),
        ..World::default()
    };
    check(
        &five,
        &world,
        0,
        expect!["create 1 delete 0 expire false next None "],
    );
    let world = World {
        active: pods(1, 0),
        terminating: pods(2, 0),
        ..World::default()
    };
    check(
        &five,
        &world,
        0,
        expect!["create 0 delete 0 expire false next None "],
    );
    let less = job(json!({"completions": 5, "parallelism": 1}), json!({}));
    check(
        &less,
        &World {
            active: pods(3, 0),
            ..World::default()
        },
        0,
        expect!["create 0 delete 2 expire false next None "],
    );
}

#[test]
fn successes_that_were_deleted_stay_counted() {
    let job = job(json!({"completions": 2}), json!({"succeeded": 1}));
    check(
        &job,
        &World {
            succeeded: Vec::new(),
            ..World::default()
        },
        0,
        expect!["create 1 delete 0 expire false next None "],
    );
    check(
        &job,
        &World {
            succeeded: pods(2, 0),
            ..World::default()
        },
        0,
        expect!["create 0 delete 0 expire false next None SuccessCriteriaMet Complete"],
    );
}

#[test]
fn restarts_in_place_count_against_the_limit() {
    let job = job(json!({"completions": 1, "backoffLimit": 2}), json!({}));
    check(
        &job,
        &World {
            active: pods(1, 2),
            ..World::default()
        },
        0,
        expect!["create 0 delete 0 expire false next None "],
    );
    check(
        &job,
        &World {
            active: pods(1, 3),
            ..World::default()
        },
        0,
        expect!["create 0 delete 1 expire false next None FailureTarget Failed"],
    );
}

#[test]
fn a_failure_is_followed_by_a_wait() {
    let job = job(json!({"completions": 1}), json!({}));
    let world = World {
        failed: pods(2, 0),
        ..World::default()
    };
    check(
        &job,
        &world,
        5,
        expect!["create 0 delete 0 expire false next Some(15s) "],
    );
    check(
        &job,
        &world,
        20,
        expect!["create 1 delete 0 expire false next None "],
    );
}

#[test]
fn without_completions_the_first_success_ends_the_creating() {
    let job = job(json!({"parallelism": 3}), json!({}));
    check(
        &job,
        &World::default(),
        0,
        expect!["create 3 delete 0 expire false next None "],
    );
    let world = World {
        active: pods(2, 0),
        succeeded: pods(1, 0),
        ..World::default()
    };
    check(
        &job,
        &world,
        0,
        expect!["create 0 delete 0 expire false next None "],
    );
    check(
        &job,
        &World {
            succeeded: pods(3, 0),
            ..World::default()
        },
        0,
        expect!["create 0 delete 0 expire false next None SuccessCriteriaMet Complete"],
    );
}

#[test]
fn a_finished_job_only_expires() {
    let done = json!({"conditions": [
        {"type": "Complete", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z"}]});
    let job = job(json!({"ttlSecondsAfterFinished": 30}), done);
    check(
        &job,
        &World::default(),
        20,
        expect!["create 0 delete 0 expire false next Some(20s) "],
    );
    check(
        &job,
        &World::default(),
        40,
        expect!["create 0 delete 0 expire true next None "],
    );
}

#[test]
fn what_is_not_supported_is_named() {
    let job = job(json!({"podFailurePolicy": {"rules": []}}), json!({}));
    check(
        &job,
        &World::default(),
        0,
        expect!["spec.podFailurePolicy is not supported: remove the field"],
    );
}
