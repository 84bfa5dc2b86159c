//! Volumes of the cluster, claims on them, and their classes.

use super::field::Field;
use super::selector;
use crate::cause::Cause;
use crate::quantity;

const MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

pub(super) fn claim(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    modes(&spec.field("accessModes"), causes);
    let storage = spec.below("resources.requests").field("storage");
    match quantity::value(storage.text()) {
        None => causes.push(Cause::required("spec.resources[storage]", "")),
        Some(amount) if amount <= 0.0 => {
            causes.push(storage.invalid("must be greater than zero"));
        }
        Some(_) => {}
    }
    selector::labels(&spec.field("selector"), causes);
    spec.field("volumeMode")
        .must_be_one_of(&["Block", "Filesystem"], causes);
}

fn modes(modes: &Field<'_>, causes: &mut Vec<Cause>) {
    if modes.is_empty() {
        causes.push(modes.required("at least 1 access mode is required"));
    }
    let given = modes.items();
    for mode in &given {
        mode.must_be_one_of(MODES, causes);
    }
    if given.len() > 1 && given.iter().any(|mode| mode.text() == "ReadWriteOncePod") {
        let detail = "may not use ReadWriteOncePod with other access modes";
        causes.push(modes.forbidden(detail));
    }
}

pub(super) fn claim_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let fixed = |object: &Field<'_>| {
        let spec = object.field("spec");
        let mut spec = spec.value.as_object().cloned().unwrap_or_default();
        let unbound = old.below("spec.volumeName").is_empty();
        spec.retain(|name, _| match name.as_str() {
            "resources" | "volumeAttributesClassName" => false,
            "volumeName" | "storageClassName" => !unbound,
            _ => true,
        });
        spec
    };
    if fixed(new) != fixed(old) {
        causes.push(new.field("spec").forbidden(
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims",
        ));
    }
    let path = "spec.resources.requests.storage";
    let storage = new.below(path);
    let amount = |field: &Field<'_>| quantity::value(field.text());
    // A volume may be larger than was asked for: only asking for less than before can be too little.
    let shrinks = amount(&storage)
        .zip(amount(&old.below(path)))
        .is_some_and(|(wanted, before)| wanted < before);
    let has = amount(&old.below("status.capacity.storage")).unwrap_or_default();
    if shrinks && amount(&storage).is_some_and(|wanted| wanted <= has) {
        causes.push(storage.forbidden("field can not be less than status.capacity"));
    }
}

pub(super) fn volume(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (capacity, access) = (spec.field("capacity"), spec.field("accessModes"));
    if access.is_empty() {
        causes.push(access.required(""));
    } else {
        modes(&access, causes);
    }
    if capacity.is_empty() {
        causes.push(capacity.required(""));
    }
    for (_, amount) in capacity.entries() {
        if quantity::value(amount.text()).is_some_and(|amount| amount <= 0.0) {
            causes.push(amount.invalid("must be greater than zero"));
        }
    }
    spec.field("persistentVolumeReclaimPolicy")
        .must_be_one_of(&["Delete", "Recycle", "Retain"], causes);
    spec.field("volumeMode")
        .must_be_one_of(&["Block", "Filesystem"], causes);
    let entries = spec.entries();
    let mut sources = entries
        .iter()
        .filter(|(name, _)| SOURCES.binary_search(name).is_ok());
    if sources.next().is_none() {
        causes.push(spec.required("must specify a volume type"));
    }
    for (name, _) in sources {
        let extra = spec.named(name);
        causes.push(extra.forbidden("may not specify more than 1 volume type"));
    }
}

/// The fields of a volume that say where it is.
const SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

pub(super) fn volume_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.field("spec"), old.field("spec"));
    let changed = |name: &'static str| new.field(name).value != old.field(name).value;
    if SOURCES.iter().any(|name| changed(name)) {
        let detail = "spec.persistentvolumesource is immutable after creation";
        causes.push(new.forbidden(detail));
    }
    new.field("volumeMode")
        .must_stay(&old.field("volumeMode"), causes);
}

pub(super) fn class(object: &Field<'_>, causes: &mut Vec<Cause>) {
    object.field("provisioner").must_be_set(causes);
    object
        .field("reclaimPolicy")
        .must_be_one_of(&["Delete", "Retain"], causes);
    object
        .field("volumeBindingMode")
        .must_be_one_of(&["Immediate", "WaitForFirstConsumer"], causes);
}

pub(super) fn class_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in [
        "parameters",
        "provisioner",
        "reclaimPolicy",
        "volumeBindingMode",
    ] {
        let field = new.field(name);
        if field.value != old.field(name).value {
            causes.push(field.forbidden(&format!("updates to {name} are forbidden.")));
        }
    }
}
