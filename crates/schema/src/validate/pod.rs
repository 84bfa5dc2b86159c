//! Pods and their specification.

use serde_json::Value;

use super::container::{self, Role};
use super::field::{Field, must_differ};
use super::name::Rule;
use super::{placement, security, volume};
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
    for secret in spec.field("imagePullSecrets").items() {
        secret.field("name").must_be_set(causes);
    }
    placement::placement(spec, causes);
    security::pod(&spec.field("securityContext"), causes);
    container::host_ports(spec, causes);
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
    deadline_change(&new, &old, causes);
    if fixed(new.value) != fixed(old.value) || grace_changed(&new, &old) {
        causes.push(new.forbidden(FIXED));
    }
}

/// A deadline may come or come nearer.
fn deadline_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let name = "activeDeadlineSeconds";
    let (new, old) = (new.field(name), old.field(name));
    match (new.integer(), old.integer()) {
        (Some(new_value), Some(old_value)) if new_value > old_value => {
            causes.push(new.invalid("must be less than or equal to previous value"));
        }
        (None, Some(_)) => {
            causes.push(new.invalid("must not update from a positive integer to nil value"));
        }
        _ => {}
    }
}

/// Whether the time to go has changed otherwise than from a negative one to 1.
fn grace_changed(new: &Field<'_>, old: &Field<'_>) -> bool {
    let name = "terminationGracePeriodSeconds";
    let (new, old) = (new.field(name).integer(), old.field(name).integer());
    let mended = new == Some(1) && old.is_some_and(|old| old < 0);
    new != old && !mended
}

/// The part of a specification that never changes.
fn fixed(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Value::Object(map) = &mut spec {
        map.remove("terminationGracePeriodSeconds");
        // None is as good as an empty list.
        if map
            .get("ephemeralContainers")
            .is_some_and(|list| list.as_array().is_some_and(Vec::is_empty))
        {
            map.remove("ephemeralContainers");
        }
        for name in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
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
