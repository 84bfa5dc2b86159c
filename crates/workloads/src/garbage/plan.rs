//! What becomes of an object, given its owners. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PropagationPolicy;

use crate::shell::Shell;

/// The mark of an owner that waits until its dependents are gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// The mark of an owner that lets its dependents go.
pub(super) const ORPHAN: &str = "orphan";

/// What is known of one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there and stays.
    Solid,
    /// It does not exist.
    Dangling,
    /// It is being deleted and waits for its dependents.
    Waiting,
}

/// What is to be done with a dependent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Nothing: an owner holds it.
    Keep,
    /// An owner holds it; the references to the others go.
    Prune(Vec<OwnerReference>),
    /// Nobody holds it.
    Delete(PropagationPolicy),
}

/// Decides about an object that is not terminating.
pub(super) fn decide(object: &Shell, owners: &[(OwnerReference, Owner)], parent: bool) -> Fate {
    let is = |wanted: Owner| owners.iter().any(|(_, owner)| *owner == wanted);
    if owners.is_empty() {
        return Fate::Keep;
    }
    if is(Owner::Solid) {
        let solid: Vec<_> = owners
            .iter()
            .filter(|(_, owner)| *owner == Owner::Solid)
            .map(|(reference, _)| reference.clone())
            .collect();
        return if solid.len() == owners.len() {
            Fate::Keep
        } else {
            Fate::Prune(solid)
        };
    }
    if is(Owner::Waiting) && parent {
        // The owner waits for all below it, so this one waits for its own dependents too.
        return Fate::Delete(PropagationPolicy::Foreground);
    }
    Fate::Delete(if has_finalizer(object, ORPHAN) {
        PropagationPolicy::Orphan
    } else if has_finalizer(object, FOREGROUND) {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    })
}

pub(super) fn has_finalizer(object: &Shell, finalizer: &str) -> bool {
    object
        .metadata
        .finalizers
        .iter()
        .flatten()
        .any(|name| name == finalizer)
}

/// Whether a change may concern the collector: new owners, or a deletion that waits for it.
pub(super) fn needs_look(before: Option<&Shell>, object: &Shell) -> bool {
    let terminating = object.metadata.deletion_timestamp.is_some();
    if terminating {
        return has_finalizer(object, FOREGROUND) || has_finalizer(object, ORPHAN);
    }
    let owners = |shell: &Shell| shell.metadata.owner_references.clone().unwrap_or_default();
    let now = owners(object);
    !now.is_empty() && before.is_none_or(|before| owners(before) != now)
}
