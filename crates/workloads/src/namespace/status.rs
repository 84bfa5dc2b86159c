//! What a terminating namespace reports. Pure; types and texts are upstream's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, NamespaceStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::contents::Left;

/// The status of a namespace that is not empty yet.
pub(super) fn remaining(namespace: &Namespace, left: &Left, now: Timestamp) -> NamespaceStatus {
    let list = |counts: &BTreeMap<String, usize>, between: &str| {
        let parts: Vec<_> = counts
            .iter()
            .map(|(name, count)| format!("{name} {between} {count} resource instances"))
            .collect();
        parts.join(", ")
    };
    let mut status = namespace.status.clone().unwrap_or_default();
    let objects = format!(
        "Some resources are remaining: {}",
        list(&left.objects, "has")
    );
    set(
        &mut status,
        "NamespaceContentRemaining",
        "SomeResourcesRemain",
        objects,
        now,
    );
    if left.finalizers.is_empty() {
        let conditions = status.conditions.get_or_insert_default();
        conditions.retain(|condition| condition.type_ != "NamespaceFinalizersRemaining");
    } else {
        let text = format!(
            "Some content in the namespace has finalizers remaining: {}",
            list(&left.finalizers, "in")
        );
        set(
            &mut status,
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            text,
            now,
        );
    }
    status
}

fn set(status: &mut NamespaceStatus, kind: &str, reason: &str, message: String, now: Timestamp) {
    let conditions = status.conditions.get_or_insert_default();
    let since = conditions
        .iter()
        .find(|condition| condition.type_ == kind && condition.status == "True")
        .and_then(|condition| condition.last_transition_time.clone());
    conditions.retain(|condition| condition.type_ != kind);
    conditions.push(NamespaceCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(since.unwrap_or(Time(now))),
    });
}
