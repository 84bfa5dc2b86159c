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
    for (kind, reason, message) in WELL {
        set(
            &mut status,
            kind,
            "False",
            reason,
            (*message).to_owned(),
            now,
        );
    }
    let objects = format!(
        "Some resources are remaining: {}",
        list(&left.objects, "has")
    );
    let (kind, reason) = ("NamespaceContentRemaining", "SomeResourcesRemain");
    set(&mut status, kind, "True", reason, objects, now);
    let (kind, reason) = ("NamespaceFinalizersRemaining", "SomeFinalizersRemain");
    if left.finalizers.is_empty() {
        let message = "All content-preserving finalizers finished".to_owned();
        set(
            &mut status,
            kind,
            "False",
            "ContentHasNoFinalizers",
            message,
            now,
        );
    } else {
        let text = format!(
            "Some content in the namespace has finalizers remaining: {}",
            list(&left.finalizers, "in")
        );
        set(&mut status, kind, "True", reason, text, now);
    }
    status
}

/// What is said of the steps that succeeded; a pass that failed ends before it says anything.
const WELL: &[(&str, &str, &str)] = &[
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
];

/// Sets a condition in its place. Its time stays, unless it changes from true to false or back.
fn set(
    status: &mut NamespaceStatus,
    kind: &str,
    value: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    let place = conditions
        .iter()
        .position(|condition| condition.type_ == kind);
    let before = place.map(|place| &conditions[place]);
    let since = before
        .filter(|condition| condition.status == value)
        .and_then(|condition| condition.last_transition_time.clone());
    let condition = NamespaceCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(since.unwrap_or(Time(now))),
    };
    match place {
        Some(place) => conditions[place] = condition,
        None => conditions.push(condition),
    }
}
