//! Pods and their specification.

use serde_json::Value;

use super::container::{self, Role};
use super::field::{Field, must_differ};
use super::name::Rule;
use super::volume;
use crate::cause::Cause;

pub(super) fn pod(object: &Field<'_>, causes: &mut Vec<Cause>) {
    spec(&object.field("spec"), &[], causes);
}

/// A `PodSpec`. `claims` are the names of volumes that come from elsewhere.
pub(super) fn spec(spec: &Field<'_>, claims: &[&str], causes: &mut Vec<Cause>) {
    let mut volumes = volume::volumes(&spec.field("volumes"), causes);
    volumes.extend(claims);
    let (main, init) = (spec.field("containers"), spec.field("initContainers"));
    main.must_be_set(causes);
    for one in main.items() {
        container::container(&one, Role::Main, &volumes, causes);
    }
    for one in init.items() {
        container::container(&one, Role::Init, &volumes, causes);
    }
    let all = main.items().into_iter().chain(init.items());
    must_differ(all.map(|one| one.field("name")), causes);
    spec.field("restartPolicy")
        .must_be_one_of(&["Always", "Never", "OnFailure"], causes);
    let policies = &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    spec.field("dnsPolicy").must_be_one_of(policies, causes);
    spec.field("terminationGracePeriodSeconds")
        .must_not_be_negative(causes);
    let deadline = spec.field("activeDeadlineSeconds");
    if deadline.integer().is_some_and(|seconds| seconds < 1) {
        causes.push(deadline.invalid("must be between 1 and 2147483647, inclusive"));
    }
    let account = spec.field("serviceAccountName");
    if !account.is_empty() {
        account.must_follow(Rule::Subdomain, causes);
    }
    spec.field("tolerations")
        .items()
        .iter()
        .for_each(|one| toleration(one, causes));
    for one in spec.field("topologySpreadConstraints").items() {
        let skew = one.field("maxSkew");
        if skew.integer().is_none_or(|skew| skew < 1) {
            causes.push(skew.invalid("must be greater than zero"));
        }
        one.field("topologyKey").must_be_set(causes);
        let actions = &["DoNotSchedule", "ScheduleAnyway"];
        one.field("whenUnsatisfiable")
            .must_be_one_of(actions, causes);
    }
}

fn toleration(toleration: &Field<'_>, causes: &mut Vec<Cause>) {
    let (operator, value) = (toleration.field("operator"), toleration.field("value"));
    operator.must_be_one_of(&["", "Equal", "Exists"], causes);
    if operator.text() == "Exists" && !value.is_empty() {
        causes.push(value.invalid("value must be empty when `operator` is 'Exists'"));
    }
    if toleration.field("key").is_empty() && operator.text() != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        causes.push(operator.invalid(detail));
    }
    let effect = toleration.field("effect");
    effect.must_be_one_of(&["", "NoExecute", "NoSchedule", "PreferNoSchedule"], causes);
    let seconds = toleration.field("tolerationSeconds");
    if seconds.is_set() && effect.text() != "NoExecute" {
        causes.push(effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
}

const FIXED: &str = "pod updates may not change fields other than \
    `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
    (allow it to be set to 1 if it was previously negative)";

pub(super) fn pod_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.field("spec"), old.field("spec"));
    for (index, toleration) in old.field("tolerations").items().iter().enumerate() {
        if !new
            .field("tolerations")
            .items()
            .iter()
            .any(|one| one.value == toleration.value)
        {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            let kept = new
                .field("tolerations")
                .items()
                .get(index)
                .is_some_and(|one| {
                    ["key", "operator", "value", "effect"]
                        .iter()
                        .all(|name| one.field(name).value == toleration.field(name).value)
                });
            if !kept {
                causes.push(new.field("tolerations").forbidden(detail));
            }
        }
    }
    if fixed(new.value) != fixed(old.value) {
        causes.push(new.forbidden(FIXED));
    }
}

/// The part of a specification that never changes.
fn fixed(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Value::Object(map) = &mut spec {
        for name in [
            "activeDeadlineSeconds",
            "ephemeralContainers",
            "schedulingGates",
            "terminationGracePeriodSeconds",
            "tolerations",
        ] {
            map.remove(name);
        }
        for list in ["containers", "initContainers"] {
            let items = map.get_mut(list).and_then(Value::as_array_mut);
            for container in items.into_iter().flatten().filter_map(Value::as_object_mut) {
                container.remove("image");
            }
        }
    }
    spec
}
