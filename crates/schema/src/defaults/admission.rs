//! Admission, access and definitions.

use serde_json::{Map, Value, json};

use super::field::{Object, section, set, set_text, text};
use super::{object, objects};

const ACCESS_GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role_binding(target: &mut Object) {
    if let Some(role) = object(target, "roleRef") {
        set_text(role, "apiGroup", ACCESS_GROUP);
    }
    for subject in objects(target, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            set_text(subject, "apiGroup", ACCESS_GROUP);
        }
    }
}

pub(super) fn mutating(target: &mut Object) {
    for one in objects(target, "webhooks") {
        webhook(one);
        set_text(one, "reinvocationPolicy", "Never");
    }
}

pub(super) fn validating(target: &mut Object) {
    objects(target, "webhooks").for_each(webhook);
}

fn webhook(webhook: &mut Object) {
    set_text(webhook, "failurePolicy", "Fail");
    set(webhook, "timeoutSeconds", 10);
    matches_all(webhook);
    objects(webhook, "rules").for_each(|rule| set_text(rule, "scope", "*"));
    if let Some(service) = object(webhook, "clientConfig").and_then(|one| object(one, "service")) {
        set(service, "port", 443);
    }
}

fn matches_all(target: &mut Object) {
    set_text(target, "matchPolicy", "Equivalent");
    set(target, "namespaceSelector", Map::new());
    set(target, "objectSelector", Map::new());
}

pub(super) fn policy(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set_text(spec, "failurePolicy", "Fail");
    if let Some(constraints) = object(spec, "matchConstraints") {
        match_resources(constraints);
    }
}

pub(super) fn binding(target: &mut Object) {
    let resources = object(target, "spec").and_then(|spec| object(spec, "matchResources"));
    resources.into_iter().for_each(match_resources);
}

fn match_resources(target: &mut Object) {
    matches_all(target);
    for list in ["resourceRules", "excludeResourceRules"] {
        objects(target, list).for_each(|rule| set_text(rule, "scope", "*"));
    }
}

pub(super) fn definition(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set(spec, "conversion", json!({"strategy": "None"}));
    let Some(names) = object(spec, "names") else {
        return;
    };
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !kind.is_empty() {
        set_text(names, "singular", &kind.to_lowercase());
        set_text(names, "listKind", &format!("{kind}List"));
    }
}

pub(super) fn flow_schema(target: &mut Object) {
    if let Some(spec) = section(target, "spec") {
        set(spec, "matchingPrecedence", 1000);
    }
}

pub(super) fn priority_level(target: &mut Object) {
    let Some(spec) = object(target, "spec") else {
        return;
    };
    if let Some(exempt) = object(spec, "exempt") {
        set(exempt, "nominalConcurrencyShares", 0);
        set(exempt, "lendablePercent", 0);
    }
    let Some(limited) = object(spec, "limited") else {
        return;
    };
    set(limited, "nominalConcurrencyShares", 30);
    set(limited, "lendablePercent", 0);
    let response = object(limited, "limitResponse");
    if let Some(queuing) = response.and_then(|response| object(response, "queuing")) {
        set(queuing, "queues", 64);
        set(queuing, "handSize", 8);
        set(queuing, "queueLengthLimit", 50);
    }
}
