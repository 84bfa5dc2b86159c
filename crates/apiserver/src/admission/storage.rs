//! DefaultStorageClass, StorageObjectInUseProtection and PersistentVolumeClaimResize.

use async_trait::async_trait;
use seatrial_schema::amount::Amount;
use serde_json::{Value, json};

use super::reading::{found, listed};
use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

const CLAIMS: &str = "persistentvolumeclaims";

/// A claim that names no class gets the default one.
pub(super) struct DefaultStorageClass;

#[async_trait]
impl Admission for DefaultStorageClass {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && change.is_about(CLAIMS)
    }

    async fn mutate(&self, change: &Change<'_>, claim: &mut Object) -> Result<(), Failure> {
        let annotation = "volume.beta.kubernetes.io/storage-class";
        let named = claim
            .at(&["spec", "storageClassName"])
            .is_some_and(|name| !name.is_null())
            || claim.at(&["metadata", "annotations", annotation]).is_some();
        if named {
            return Ok(());
        }
        let marks = [
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        ];
        if let Some(name) = newest_default(change, "storageclasses.storage.k8s.io", &marks) {
            claim
                .section("spec")
                .insert("storageClassName".to_owned(), json!(name));
        }
        Ok(())
    }
}

/// The newest object that one of the annotations marks as the default; of several of one moment the
/// first by name.
pub(super) fn newest_default(
    change: &Change<'_>,
    resource: &str,
    marks: &[&str],
) -> Option<String> {
    let mut defaults = Vec::new();
    for record in listed(change.state, resource, None) {
        let Ok(class) = Object::decode(&record.bytes) else {
            continue;
        };
        if marks
            .iter()
            .any(|mark| class.text(&["metadata", "annotations", mark]) == "true")
        {
            let made = class.text(&["metadata", "creationTimestamp"]).to_owned();
            defaults.push((std::cmp::Reverse(made), class.name().to_owned()));
        }
    }
    defaults.into_iter().min().map(|(_, name)| name)
}

/// Claims and volumes stay as long as something uses them.
pub(super) struct InUseProtection;

#[async_trait]
impl Admission for InUseProtection {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create
            && (change.is_about(CLAIMS) || change.is_about("persistentvolumes"))
    }

    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        let finalizer = if change.is_about(CLAIMS) {
            "kubernetes.io/pvc-protection"
        } else {
            "kubernetes.io/pv-protection"
        };
        let finalizers = object
            .metadata()
            .entry("finalizers")
            .or_insert_with(|| json!([]));
        if let Value::Array(finalizers) = finalizers
            && !finalizers.contains(&json!(finalizer))
        {
            finalizers.push(json!(finalizer));
        }
        Ok(())
    }
}

/// A claim asks for more only where its class says that its volumes can grow.
pub(super) struct Resize;

#[async_trait]
impl Admission for Resize {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Update
            && change.subresource.is_empty()
            && change.is_about(CLAIMS)
    }

    async fn validate(&self, change: &Change<'_>, claim: &Object) -> Result<(), Failure> {
        let Some(old) = change.old else {
            return Ok(());
        };
        let asked = |claim: &Object| {
            Amount::parse(claim.text(&["spec", "resources", "requests", "storage"]))
        };
        let grows = asked(claim)
            .zip(asked(old))
            .is_some_and(|(new, old)| new > old);
        if !grows {
            return Ok(());
        }
        if old.text(&["status", "phase"]) != "Bound" {
            return Err(change.forbidden("Only bound persistent volume claims can be expanded"));
        }
        if allows(change, class_of(claim)) && class_of(claim) == class_of(old) {
            return Ok(());
        }
        Err(change.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions \
             the pvc must support resize",
        ))
    }
}

fn class_of(claim: &Object) -> &str {
    let annotation = "volume.beta.kubernetes.io/storage-class";
    match claim.text(&["metadata", "annotations", annotation]) {
        "" => claim.text(&["spec", "storageClassName"]),
        name => name,
    }
}

fn allows(change: &Change<'_>, class: &str) -> bool {
    let class = found(change.state, "storageclasses.storage.k8s.io", "", class);
    class.is_some_and(|class| class.at(&["allowVolumeExpansion"]) == Some(&json!(true)))
}
