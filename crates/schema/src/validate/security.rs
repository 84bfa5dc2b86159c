//! Security contexts.

use serde_json::Value;

use super::field::Field;
use crate::cause::Cause;

/// The highest number of a user or group.
const MOST: i64 = i32::MAX as i64;

/// A `PodSecurityContext`.
pub(super) fn pod(context: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["runAsUser", "runAsGroup", "fsGroup"] {
        context.field(name).must_be_within(0, MOST, causes);
    }
    for group in context.field("supplementalGroups").items() {
        group.must_be_within(0, MOST, causes);
    }
    context
        .field("fsGroupChangePolicy")
        .must_be_one_of(&["Always", "OnRootMismatch"], causes);
    profile(&context.field("seccompProfile"), "seccomp", causes);
    profile(&context.field("appArmorProfile"), "AppArmor", causes);
    let controls = context.field("sysctls").items();
    super::field::must_differ(controls.iter().map(|one| one.field("name")), causes);
    for control in controls {
        let name = control.field("name");
        name.must_be_set(causes);
        if !name.text().is_empty() && !is_control(name.text()) {
            causes.push(name.invalid(CONTROL));
        }
    }
}

const CONTROL: &str = "must have at most 253 characters and match regex \
    ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Whether a word can name a setting of the kernel.
fn is_control(word: &str) -> bool {
    let outer = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let segment = |segment: &str| {
        let bytes = segment.as_bytes();
        bytes.first().is_some_and(|&byte| outer(byte))
            && bytes.last().is_some_and(|&byte| outer(byte))
            && bytes
                .iter()
                .all(|&byte| outer(byte) || b"-_".contains(&byte))
    };
    word.len() <= 253 && word.split(['.', '/']).all(segment)
}

/// The `SecurityContext` of a container.
pub(super) fn container(context: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["runAsUser", "runAsGroup"] {
        context.field(name).must_be_within(0, MOST, causes);
    }
    context
        .field("procMount")
        .must_be_one_of(&["Default", "Unmasked"], causes);
    profile(&context.field("seccompProfile"), "seccomp", causes);
    profile(&context.field("appArmorProfile"), "AppArmor", causes);
    if context.field("allowPrivilegeEscalation").value != &Value::Bool(false) {
        return;
    }
    if context.field("privileged").value == &Value::Bool(true) {
        causes
            .push(context.invalid(
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            ));
    }
    let added = context.below("capabilities.add").items();
    if added.iter().any(|one| one.text() == "CAP_SYS_ADMIN") {
        causes.push(context.invalid(
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        ));
    }
}

fn profile(profile: &Field<'_>, sort: &str, causes: &mut Vec<Cause>) {
    if !profile.is_set() {
        return;
    }
    let (kind, file) = (profile.field("type"), profile.field("localhostProfile"));
    match kind.text() {
        "" => causes.push(kind.required(&format!("type is required when {sort}Profile is set"))),
        "Localhost" => {
            if file.is_empty() {
                let detail = format!("must be set when {sort} type is Localhost");
                causes.push(file.required(&detail));
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if file.is_set() {
                let detail = format!("can only be set when {sort} type is Localhost");
                causes.push(file.invalid(&detail));
            }
        }
        _ => kind.must_be_one_of(&["Localhost", "RuntimeDefault", "Unconfined"], causes),
    }
}
