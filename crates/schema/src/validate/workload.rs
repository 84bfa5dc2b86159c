//! What makes pods.

use serde_json::Value;

use super::field::Field;
use super::{pod, selector};
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
    let counts = [&unavailable, &surge].map(|field| count_or_percent(field, causes));
    if counts == [Some(0), Some(0)] {
        causes.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
    }
    at_most_all(&unavailable, causes);
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

/// No more than a hundred percent.
pub(super) fn at_most_all(field: &Field<'_>, causes: &mut Vec<Cause>) {
    if percent(field).is_some_and(|percent| percent > 100) {
        causes.push(field.invalid("must not be greater than 100%"));
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
    let selector = spec.field("selector");
    selector.must_be_set(causes);
    let template = spec.field("template");
    if !template.is_set() {
        return causes.push(template.required(""));
    }
    let labels = template.below("metadata.labels");
    let wanted = serde_json::json!({ "matchLabels": selector.value });
    if !selector.is_empty() && !selector::selects(&wanted, labels.value) {
        causes.push(labels.invalid("`selector` does not match template `labels`"));
    }
    pod_template(&template, &[], causes);
    let policy = template.below("spec.restartPolicy");
    policy.must_be_one_of(&["Always"], causes);
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
    let rolling = strategy.field("rollingUpdate");
    if strategy.field("type").text() == "OnDelete" && rolling.is_set() {
        let detail = "only allowed for updateStrategy 'RollingUpdate'";
        causes.push(rolling.invalid(detail));
    }
    rolling.field("partition").must_not_be_negative(causes);
    spec.below("ordinals.start").must_not_be_negative(causes);
    let policy = spec.field("persistentVolumeClaimRetentionPolicy");
    for name in ["whenDeleted", "whenScaled"] {
        policy
            .field(name)
            .must_be_one_of(&["Delete", "Retain"], causes);
    }
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
    if !rolling.is_set() {
        return;
    }
    let (unavailable, surge) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
    let down = count_or_percent(&unavailable, causes).unwrap_or_default() != 0;
    let up = count_or_percent(&surge, causes).unwrap_or_default() != 0;
    match (down, up) {
        (true, true) => {
            causes.push(surge.invalid("may not be set when maxUnavailable is non-zero"));
        }
        (false, false) => {
            causes.push(unavailable.required("cannot be 0 when maxSurge is 0"));
        }
        _ => {}
    }
    for field in [&unavailable, &surge] {
        at_most_all(field, causes);
    }
}

/// Numbers that are not negative.
pub(super) fn counts(spec: &Field<'_>, names: &[&'static str], causes: &mut Vec<Cause>) {
    for name in names {
        spec.field(name).must_not_be_negative(causes);
    }
}

/// A `PodTemplateSpec`.
pub(super) fn pod_template(template: &Field<'_>, claims: &[&str], causes: &mut Vec<Cause>) {
    template.below("metadata.labels").must_be_labels(causes);
    let spec = template.field("spec");
    pod::spec(&spec, claims, causes);
    if !spec.field("ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        causes.push(spec.field("ephemeralContainers").forbidden(detail));
    }
}

/// Selector and template of what keeps pods running.
fn template(spec: &Field<'_>, kind: &str, causes: &mut Vec<Cause>) {
    let (wanted, template) = (spec.field("selector"), spec.field("template"));
    if !wanted.is_set() {
        causes.push(wanted.required(""));
    } else if wanted.field("matchLabels").is_empty() && wanted.field("matchExpressions").is_empty()
    {
        let kind = if kind == "replica set" {
            "deployment"
        } else {
            kind
        };
        causes.push(wanted.invalid(&format!("empty selector is invalid for {kind}")));
    } else {
        selector::labels(&wanted, causes);
        let labels = template.below("metadata.labels");
        if !selector::selects(wanted.value, labels.value) {
            causes.push(labels.invalid("`selector` does not match template `labels`"));
        }
    }
    let claims = spec.field("volumeClaimTemplates").items();
    let claims: Vec<&str> = claims
        .iter()
        .map(|claim| claim.below("metadata.name").text())
        .collect();
    pod_template(&template, &claims, causes);
    let policy = template.below("spec.restartPolicy");
    if matches!(policy.text(), "Never" | "OnFailure") {
        policy.must_be_one_of(&["Always"], causes);
    }
    let deadline = template.below("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        causes.push(deadline.forbidden("activeDeadlineSeconds in ReplicaSet is not Supported"));
    }
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
