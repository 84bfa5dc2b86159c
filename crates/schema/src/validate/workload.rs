//! What makes pods.

use serde_json::{Map, Value};

use super::field::Field;
use super::pod;
use crate::cause::Cause;

pub(super) fn deployment(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    counts(
        &spec,
        &["replicas", "minReadySeconds", "revisionHistoryLimit"],
        causes,
    );
    template(&spec, "deployment", causes);
    let (deadline, ready) = (
        spec.field("progressDeadlineSeconds"),
        spec.field("minReadySeconds"),
    );
    deadline.must_not_be_negative(causes);
    if deadline
        .integer()
        .is_some_and(|seconds| seconds <= ready.integer().unwrap_or_default())
    {
        causes.push(deadline.invalid("must be greater than minReadySeconds"));
    }
    let strategy = spec.field("strategy");
    let (sort, rolling) = (strategy.field("type"), strategy.field("rollingUpdate"));
    sort.must_be_one_of(&["Recreate", "RollingUpdate"], causes);
    if sort.text() == "Recreate" && rolling.is_set() {
        let detail = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(rolling.forbidden(detail));
        return;
    }
    let (unavailable, surge) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
    let both_zero = count_or_percent(&unavailable, causes) == Some(0)
        && count_or_percent(&surge, causes) == Some(0);
    if both_zero {
        causes.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
    }
    if percent(&unavailable).is_some_and(|percent| percent > 100) {
        causes.push(unavailable.invalid("must not be greater than 100%"));
    }
}

/// The number, of things or of percents, where the field has a right one.
pub(super) fn count_or_percent(field: &Field<'_>, causes: &mut Vec<Cause>) -> Option<i64> {
    match field.value {
        Value::Null => None,
        Value::String(_) => {
            let percent = percent(field);
            if percent.is_none() {
                causes.push(field.invalid(
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. \
                     '1%',  or '93%', regex used for validation is '[0-9]+%')",
                ));
            }
            percent
        }
        _ => {
            field.must_not_be_negative(causes);
            field.integer()
        }
    }
}

fn percent(field: &Field<'_>) -> Option<i64> {
    let digits = field.value.as_str()?.strip_suffix('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

pub(super) fn replica_set(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    counts(&spec, &["replicas", "minReadySeconds"], causes);
    template(&spec, "replica set", causes);
}

pub(super) fn replication_controller(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    counts(&spec, &["replicas", "minReadySeconds"], causes);
    spec.field("selector").must_be_set(causes);
    pod::spec(&spec.below("template.spec"), &[], causes);
}

pub(super) fn stateful_set(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    counts(
        &spec,
        &["replicas", "minReadySeconds", "revisionHistoryLimit"],
        causes,
    );
    template(&spec, "statefulset", causes);
    spec.field("podManagementPolicy")
        .must_be_one_of(&["OrderedReady", "Parallel"], causes);
    let strategy = spec.field("updateStrategy");
    strategy
        .field("type")
        .must_be_one_of(&["OnDelete", "RollingUpdate"], causes);
    strategy
        .below("rollingUpdate.partition")
        .must_not_be_negative(causes);
}

pub(super) fn daemon_set(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    counts(&spec, &["minReadySeconds", "revisionHistoryLimit"], causes);
    template(&spec, "daemonset", causes);
    let strategy = spec.field("updateStrategy");
    strategy
        .field("type")
        .must_be_one_of(&["OnDelete", "RollingUpdate"], causes);
    let rolling = strategy.field("rollingUpdate");
    count_or_percent(&rolling.field("maxUnavailable"), causes);
    count_or_percent(&rolling.field("maxSurge"), causes);
}

fn counts(spec: &Field<'_>, names: &[&str], causes: &mut Vec<Cause>) {
    for name in names {
        spec.field(name).must_not_be_negative(causes);
    }
}

/// Selector and template of what keeps pods running.
fn template(spec: &Field<'_>, kind: &str, causes: &mut Vec<Cause>) {
    let (selector, template) = (spec.field("selector"), spec.field("template"));
    if !selector.is_set() {
        causes.push(selector.required(""));
    } else if selector.field("matchLabels").is_empty()
        && selector.field("matchExpressions").is_empty()
    {
        let kind = if kind == "replica set" {
            "deployment"
        } else {
            kind
        };
        causes.push(selector.invalid(&format!("empty selector is invalid for {kind}")));
    } else {
        expressions(&selector.field("matchExpressions"), causes);
        let labels = template.below("metadata.labels");
        if !selects(selector.value, labels.value) {
            causes.push(labels.invalid("`selector` does not match template `labels`"));
        }
    }
    let claims = spec.field("volumeClaimTemplates").items();
    let claims: Vec<&str> = claims
        .iter()
        .map(|claim| claim.below("metadata.name").text())
        .collect();
    pod::spec(&template.field("spec"), &claims, causes);
    let policy = template.below("spec.restartPolicy");
    if matches!(policy.text(), "Never" | "OnFailure") {
        policy.must_be_one_of(&["Always"], causes);
    }
    let deadline = template.below("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        causes.push(deadline.forbidden("activeDeadlineSeconds in ReplicaSet is not Supported"));
    }
}

fn expressions(expressions: &Field<'_>, causes: &mut Vec<Cause>) {
    for one in expressions.items() {
        let (operator, values) = (one.field("operator"), one.field("values"));
        one.field("key").must_be_set(causes);
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                causes
                    .push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(values.forbidden(detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => causes.push(operator.invalid("not a valid selector operator")),
        }
    }
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let empty = Map::new();
    let labels = labels.as_object().unwrap_or(&empty);
    let wanted = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let holds = |expression: &Value| {
        let text = |name: &str| {
            expression
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let value = labels.get(text("key"));
        let values = expression.get("values").and_then(Value::as_array);
        let listed = || value.is_some_and(|value| values.is_some_and(|list| list.contains(value)));
        match text("operator") {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => true,
        }
    };
    wanted
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().flatten().all(holds)
}

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
    ];
    counts(spec, &names, causes);
    let mode = spec.field("completionMode");
    mode.must_be_one_of(&["Indexed", "NonIndexed"], causes);
    let completions = spec.field("completions");
    if mode.text() == "Indexed" && !completions.is_set() {
        causes.push(completions.required("when completion mode is Indexed"));
    }
    pod::spec(&spec.below("template.spec"), &[], causes);
    let policy = spec.below("template.spec.restartPolicy");
    if matches!(policy.text(), "" | "Always") {
        causes.push(policy.required("valid values: \"OnFailure\", \"Never\""));
    }
}

pub(super) fn cron_job(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let name = object.below("metadata.name");
    if name.text().len() > 52 {
        causes.push(name.invalid("must be no more than 52 characters"));
    }
    let schedule = spec.field("schedule");
    schedule.must_be_set(causes);
    let words = schedule.text().split_whitespace().count();
    if !schedule.is_empty() && !schedule.text().starts_with('@') && words != 5 {
        let detail = format!(
            "expected exactly 5 fields, found {words}: {}",
            schedule.text()
        );
        causes.push(schedule.invalid(&detail));
    }
    spec.field("concurrencyPolicy")
        .must_be_one_of(&["Allow", "Forbid", "Replace"], causes);
    let names = [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ];
    counts(&spec, &names, causes);
    job_spec(&spec.below("jobTemplate.spec"), causes);
}

/// A selector that must stay.
pub(super) fn selector_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.below("spec.selector"), old.below("spec.selector"));
    if new.value != old.value {
        causes.push(new.invalid("field is immutable"));
    }
}

pub(super) fn stateful_set_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let free = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Field<'_>| {
        let mut spec = object
            .field("spec")
            .value
            .as_object()
            .cloned()
            .unwrap_or_default();
        spec.retain(|name, _| !free.contains(&name.as_str()));
        spec
    };
    if fixed(new) != fixed(old) {
        causes.push(new.field("spec").forbidden(
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
             'minReadySeconds' are forbidden",
        ));
    }
}

pub(super) fn job_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let suspended = old.below("spec.suspend").value == &Value::Bool(true);
    let started = old.below("status.startTime").is_set();
    for name in [
        "selector",
        "template",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
    ] {
        // A suspended job that has not started may still be shaped.
        let free = name == "template" && suspended && !started;
        let (new, old) = (new.field("spec").field(name), old.field("spec").field(name));
        if new.value != old.value && !free {
            causes.push(new.invalid("field is immutable"));
        }
    }
    let (completions, before) = (new.below("spec.completions"), old.below("spec.completions"));
    let elastic = new.below("spec.completionMode").text() == "Indexed"
        && new.below("spec.parallelism").value == completions.value;
    if completions.value != before.value && !elastic {
        causes.push(completions.invalid("field is immutable"));
    }
}
