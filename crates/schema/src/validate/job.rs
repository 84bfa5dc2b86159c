//! Jobs, and what makes them on time.

use serde_json::Value;

use super::field::Field;
use super::schedule;
use super::workload::{counts, pod_template};
use crate::cause::Cause;

/// The most indexes of an Indexed job.
const MOST_INDEXES: i64 = 100_000;

pub(super) fn job(object: &Field<'_>, causes: &mut Vec<Cause>) {
    job_spec(&object.field("spec"), causes);
}

fn job_spec(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let names = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    counts(spec, &names, causes);
    let mode = spec.field("completionMode");
    mode.must_be_one_of(&["Indexed", "NonIndexed"], causes);
    if mode.text() == "Indexed" {
        indexed(spec, causes);
    } else {
        for name in ["backoffLimitPerIndex", "successPolicy"] {
            let field = spec.field(name);
            if field.is_set() {
                causes.push(field.invalid("requires indexed completion mode"));
            }
        }
    }
    let per_index = spec.field("backoffLimitPerIndex");
    if spec.field("maxFailedIndexes").is_set() && !per_index.is_set() {
        causes.push(per_index.required("when maxFailedIndexes is specified"));
    }
    failure_policy(spec, causes);
    success_policy(&spec.field("successPolicy"), causes);
    let replacement: &[&str] = if spec.field("podFailurePolicy").is_set() {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    };
    spec.field("podReplacementPolicy")
        .must_be_one_of(replacement, causes);
    let template = spec.field("template");
    pod_template(&template, &[], causes);
    let policy = template.below("spec.restartPolicy");
    match policy.text() {
        "" | "Always" => {
            causes.push(policy.required("valid values: \"OnFailure\", \"Never\""));
        }
        "OnFailure" if spec.field("podFailurePolicy").is_set() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            causes.push(policy.invalid(detail));
        }
        _ => {}
    }
}

fn indexed(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let (completions, parallelism) = (spec.field("completions"), spec.field("parallelism"));
    if !completions.is_set() {
        causes.push(completions.required("when completion mode is Indexed"));
    }
    if parallelism
        .integer()
        .is_some_and(|count| count > MOST_INDEXES)
    {
        causes.push(parallelism.invalid(&format!(
            "must be less than or equal to {MOST_INDEXES} when completion mode is Indexed"
        )));
    }
    let failed = spec.field("maxFailedIndexes");
    let more = |count: i64| completions.integer().is_some_and(|all| count > all);
    if failed.integer().is_some_and(more) {
        causes.push(failed.invalid("must be less than or equal to completions"));
    }
}

fn failure_policy(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let policy = spec.field("podFailurePolicy");
    policy.field("rules").must_have_at_most(20, causes);
    let names: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| spec.below("template.spec").field(list).items())
        .map(|container| container.field("name").text())
        .collect();
    for rule in policy.field("rules").items() {
        let action = rule.field("action");
        let actions = &["Count", "FailIndex", "FailJob", "Ignore"];
        if action.is_empty() {
            let detail = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]";
            causes.push(action.required(detail));
        } else if action.text() == "FailIndex" && !spec.field("backoffLimitPerIndex").is_set() {
            causes.push(action.invalid("requires the backoffLimitPerIndex to be set"));
        }
        if !action.is_empty() {
            action.must_be_one_of(actions, causes);
        }
        let (codes, conditions) = (rule.field("onExitCodes"), rule.field("onPodConditions"));
        if codes.is_set() {
            exit_codes(&codes, &names, causes);
        }
        if !conditions.is_empty() && codes.is_set() {
            let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
            causes.push(rule.invalid(detail));
        } else if conditions.is_empty() && !codes.is_set() {
            let detail = "specifying one of OnExitCodes and OnPodConditions is required";
            causes.push(rule.invalid(detail));
        }
        for condition in conditions.items() {
            condition.field("type").must_be_set(causes);
            condition
                .field("status")
                .must_be_one_of(&["False", "True", "Unknown"], causes);
        }
    }
}

fn exit_codes(codes: &Field<'_>, names: &[&str], causes: &mut Vec<Cause>) {
    let (operator, values) = (codes.field("operator"), codes.field("values"));
    if operator.is_empty() {
        causes.push(operator.required("valid values: [\"In\" \"NotIn\"]"));
    } else {
        operator.must_be_one_of(&["In", "NotIn"], causes);
    }
    let container = codes.field("containerName");
    if container.is_set() && !names.contains(&container.text()) {
        let detail = "must be one of the container or initContainer names in the pod template";
        causes.push(container.invalid(detail));
    }
    if values.is_empty() {
        causes.push(values.invalid("at least one value is required"));
    }
    values.must_have_at_most(255, causes);
    for value in values.items() {
        if operator.text() == "In" && value.integer() == Some(0) {
            causes.push(value.invalid("must not be 0 for the In operator"));
        }
    }
}

fn success_policy(policy: &Field<'_>, causes: &mut Vec<Cause>) {
    if !policy.is_set() {
        return;
    }
    let rules = policy.field("rules");
    if rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        causes.push(rules.required(detail));
    }
    rules.must_have_at_most(20, causes);
    for rule in rules.items() {
        let (count, indexes) = (rule.field("succeededCount"), rule.field("succeededIndexes"));
        if !count.is_set() && !indexes.is_set() {
            let detail = "at least one of succeededCount or succeededIndexes must be specified";
            causes.push(rule.required(detail));
        }
        if count.integer().is_some_and(|count| count < 1) {
            causes.push(count.invalid("must be greater than or equal to 1"));
        }
    }
}

pub(super) fn cron_job(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let name = object.below("metadata.name");
    if name.text().len() > 52 {
        causes.push(name.invalid("must be no more than 52 characters"));
    }
    let schedule = spec.field("schedule");
    if schedule.is_empty() {
        causes.push(schedule.required(""));
    } else if let Some(problem) = schedule::problem(schedule.text()) {
        causes.push(schedule.invalid(&problem));
    }
    let zone = spec.field("timeZone");
    if zone.is_set() && matches!(zone.text(), "" | "Local") {
        let detail = match zone.text() {
            "" => "timeZone must be nil or non-empty string",
            _ => {
                "timeZone must be an explicit time zone as defined in \
                 https://www.iana.org/time-zones"
            }
        };
        causes.push(zone.invalid(detail));
    }
    let policy = spec.field("concurrencyPolicy");
    policy.must_be_one_of(&["Allow", "Forbid", "Replace"], causes);
    let names = [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ];
    counts(&spec, &names, causes);
    let job = spec.below("jobTemplate.spec");
    if job.field("manualSelector").value == &Value::Bool(true) {
        let detail = "`manualSelector` is not supported for CronJobs";
        causes.push(job.field("manualSelector").invalid(detail));
    }
    job_spec(&job, causes);
}

pub(super) fn job_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let suspended = old.below("spec.suspend").value == &Value::Bool(true);
    let started = old.below("status.startTime").is_set();
    let (new, before) = (new.field("spec"), old.field("spec"));
    for name in [
        "selector",
        "template",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        // A suspended job that has not started may still be shaped.
        let free = name == "template" && suspended && !started;
        if !free {
            new.field(name).must_stay(&before.field(name), causes);
        }
    }
    let completions = new.field("completions");
    if completions.value == before.field("completions").value {
        return;
    }
    if new.field("completionMode").text() != "Indexed" {
        completions.must_stay(&before.field("completions"), causes);
    } else if new.field("parallelism").value != completions.value {
        let detail = "can only be modified in tandem with spec.parallelism";
        causes.push(completions.invalid(detail));
    }
}
