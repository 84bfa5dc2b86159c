use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde_json::{Value, json};

use super::plan::decide;

fn cron(spec: &Value, status: &Value) -> CronJob {
    let mut value = json!({
        "metadata": {"name": "report", "namespace": "test", "uid": "cron",
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "*/10 * * * *", "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}},
        "status": status,
    });
    for (name, member) in spec.as_object().unwrap() {
        value["spec"][name] = member.clone();
    }
    serde_json::from_value(value).unwrap()
}

/// `name`, or `name Complete 5`: a job, how it ended and the minute at which it started.
fn job(text: &str) -> Arc<Job> {
    let words: Vec<_> = text.split(' ').collect();
    let mut value = json!({"metadata": {"name": words[0], "uid": words[0]}});
    if let [_, end, minute] = words[..] {
        let start = format!("2026-01-01T00:{minute}:00Z");
        value["status"] = json!({"startTime": start, "completionTime": start,
            "conditions": [{"type": end, "status": "True"}]});
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn check(spec: Value, status: Value, jobs: &[&str], now: &str, expected: Expect) {
    let cron = cron(&spec, &status);
    let jobs: Vec<_> = jobs.iter().map(|text| job(text)).collect();
    let now: Timestamp = now.parse().unwrap();
    let plan = decide(&cron, &jobs, now).unwrap();
    let mut lines = Vec::new();
    for job in &plan.delete {
        lines.push(format!("delete {}", job.metadata.name.as_ref().unwrap()));
    }
    if let Some((job, at)) = &plan.start {
        let stamp = job
            .metadata
            .annotations
            .as_ref()
            .unwrap()
            .values()
            .next()
            .unwrap();
        lines.push(format!(
            "start {} due {at} ({stamp})",
            job.metadata.name.as_ref().unwrap()
        ));
    }
    for event in &plan.events {
        lines.push(format!("{}: {}", event.reason, event.message));
    }
    let active = plan.status.active.iter().flatten().count();
    lines.push(format!("{active} active, next {:?}", plan.next));
    expected.assert_eq(&lines.join("\n"));
}

fn active(names: &[&str]) -> Value {
    let list: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "uid": name}))
        .collect();
    json!({"active": list})
}

#[test]
fn a_start_is_made_when_it_is_due() {
    check(
        json!({}),
        json!({}),
        &[],
        "2026-01-01T00:09:00Z",
        expect!["0 active, next Some(60.1s)"],
    );
    check(
        json!({}),
        json!({}),
        &[],
        "2026-01-01T00:10:00.1Z",
        expect![[r#"
        start report-29453770 due 2026-01-01T00:10:00Z (2026-01-01T00:10:00Z)
        0 active, next Some(600s)"#]],
    );
    check(
        json!({}),
        json!({"lastScheduleTime": "2026-01-01T00:10:00Z"}),
        &[],
        "2026-01-01T00:11:00Z",
        expect!["0 active, next Some(540.1s)"],
    );
    check(
        json!({"timeZone": "Europe/Berlin", "schedule": "0 2 * * *"}),
        json!({}),
        &[],
        "2026-01-01T01:00:05Z",
        expect![[r#"
        start report-29453820 due 2026-01-01T01:00:00Z (2026-01-01T02:00:00+01:00)
        0 active, next Some(86395.1s)"#]],
    );
}

#[test]
fn of_missed_starts_only_the_newest_is_made() {
    check(
        json!({}),
        json!({}),
        &[],
        "2026-01-01T05:55:00Z",
        expect![[r#"
        start report-29454110 due 2026-01-01T05:50:00Z (2026-01-01T05:50:00Z)
        0 active, next Some(300.1s)"#]],
    );
    check(
        json!({}),
        json!({}),
        &[],
        "2026-01-02T05:55:00Z",
        expect![[r#"
        start report-29455550 due 2026-01-02T05:50:00Z (2026-01-02T05:50:00Z)
        TooManyMissedTimes: too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew
        0 active, next Some(300.1s)"#]],
    );
    check(
        json!({"startingDeadlineSeconds": 60}),
        json!({}),
        &[],
        "2026-01-01T05:55:00Z",
        expect!["0 active, next Some(300.1s)"],
    );
}

#[test]
fn a_running_job_allows_forbids_or_is_replaced() {
    let now = "2026-01-01T00:20:01Z";
    let status = || active(&["old"]);
    check(
        json!({}),
        status(),
        &["old"],
        now,
        expect![[r#"
        start report-29453780 due 2026-01-01T00:20:00Z (2026-01-01T00:20:00Z)
        1 active, next Some(599.1s)"#]],
    );
    check(
        json!({"concurrencyPolicy": "Forbid"}),
        status(),
        &["old"],
        now,
        expect![[r#"
        JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid
        1 active, next Some(599.1s)"#]],
    );
    check(
        json!({"concurrencyPolicy": "Replace"}),
        status(),
        &["old"],
        now,
        expect![[r#"
        delete old
        start report-29453780 due 2026-01-01T00:20:00Z (2026-01-01T00:20:00Z)
        0 active, next Some(599.1s)"#]],
    );
}

#[test]
fn ended_missing_and_foreign_jobs_are_told() {
    check(
        json!({"suspend": true}),
        active(&["a", "gone"]),
        &["a Complete 05", "b"],
        "2026-01-01T00:20:01Z",
        expect![[r#"
        SawCompletedJob: Saw completed job: a, condition: Complete
        UnexpectedJob: Saw a job that the controller did not create or forgot: b
        MissingJob: Active job went missing: gone
        0 active, next None"#]],
    );
}

#[test]
fn old_jobs_go() {
    check(
        json!({"suspend": true}),
        json!({}),
        &[
            "a Complete 01",
            "b Complete 03",
            "c Complete 02",
            "d Failed 01",
            "e Failed 02",
        ],
        "2026-01-01T00:20:01Z",
        expect![[r#"
            delete a
            delete c
            delete d
            0 active, next None"#]],
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    check(
        json!({"schedule": "x"}),
        json!({}),
        &[],
        "2026-01-01T00:20:01Z",
        expect![[r#"
        UnparseableSchedule: unparseable schedule: "x" : expected exactly 5 fields, found 1: x
        0 active, next None"#]],
    );
    check(
        json!({"timeZone": "Mars/Base"}),
        json!({}),
        &[],
        "2026-01-01T00:20:01Z",
        expect![[r#"
        UnknownTimeZone: invalid timeZone: "Mars/Base": unknown time zone Mars/Base
        0 active, next None"#]],
    );
}
