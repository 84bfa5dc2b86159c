//! Volumes, namespaces, nodes and the small kinds of the core.

use serde_json::{Map, Value, json};

use super::field::{Object, section, set_text, text};
use super::{object, objects, set};

pub(super) fn secret(target: &mut Object) {
    set_text(target, "type", "Opaque");
}

pub(super) fn namespace(target: &mut Object) {
    if let Some(status) = section(target, "status") {
        set_text(status, "phase", "Active");
    }
    let Some(metadata) = object(target, "metadata") else {
        return;
    };
    let name = text(metadata, "name").to_owned();
    if let (false, Some(labels)) = (name.is_empty(), section(metadata, "labels")) {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
}

pub(super) fn node(target: &mut Object) {
    let Some(status) = object(target, "status") else {
        return;
    };
    if let Some(capacity) = status.get("capacity").cloned() {
        set(status, "allocatable", capacity);
    }
}

pub(super) fn persistent_volume(target: &mut Object) {
    if let Some(status) = section(target, "status") {
        set_text(status, "phase", "Pending");
    }
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set_text(spec, "persistentVolumeReclaimPolicy", "Retain");
    set_text(spec, "volumeMode", "Filesystem");
    if let Some(source) = object(spec, "hostPath") {
        set(source, "type", "");
    }
}

pub(super) fn persistent_volume_claim(target: &mut Object) {
    if let Some(status) = section(target, "status") {
        set_text(status, "phase", "Pending");
    }
    if let Some(spec) = section(target, "spec") {
        set_text(spec, "volumeMode", "Filesystem");
    }
}

pub(super) fn storage_class(target: &mut Object) {
    set_text(target, "reclaimPolicy", "Delete");
    set_text(target, "volumeBindingMode", "Immediate");
}

pub(super) fn csi_driver(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set(spec, "attachRequired", true);
    set(spec, "podInfoOnMount", false);
    set(spec, "storageCapacity", false);
    set(spec, "requiresRepublish", false);
    set(spec, "seLinuxMount", false);
    set_text(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    set(spec, "volumeLifecycleModes", json!(["Persistent"]));
}

pub(super) fn priority_class(target: &mut Object) {
    set_text(target, "preemptionPolicy", "PreemptLowerPriority");
}

/// Limits follow from the maximum, requests from limits or else the minimum.
pub(super) fn limit_range(target: &mut Object) {
    let Some(spec) = object(target, "spec") else {
        return;
    };
    for item in objects(spec, "limits").filter(|item| text(item, "type") == "Container") {
        fill(item, "default", "max");
        fill(item, "defaultRequest", "default");
        fill(item, "defaultRequest", "min");
    }
}

fn fill(item: &mut Object, name: &str, from: &str) {
    let Some(amounts) = item.get(from).and_then(Value::as_object).cloned() else {
        return;
    };
    let slot = item
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(slot) = slot {
        for (name, amount) in amounts {
            slot.entry(name).or_insert(amount);
        }
    }
}
