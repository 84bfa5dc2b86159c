//! The class `standard`, which every cluster has, and the volumes made for it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    HostPathVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeSpec,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::core::ObjectMeta;
use seatrial_controller::{Chain, Context, ObjectKey};

use super::{BOUND_BY_CONTROLLER, PROVISIONED_BY, VOLUME_FINALIZER};

/// The name of the class that claims get which name none.
pub const STANDARD: &str = "standard";
/// Who makes volumes of that class: this crate.
pub const PROVISIONER: &str = "seatrial.dev/directory";

/// Makes the class where it is missing.
pub async fn ensure_standard(ctx: Context) {
    let ctx = ctx.named("storage-class-installer");
    let classes = ctx.objects::<StorageClass>();
    let present = classes.get(&ObjectKey::cluster(STANDARD)).await;
    if !present.is_err_and(|error| error.is_not_found()) {
        return;
    }
    let default = "storageclass.kubernetes.io/is-default-class".to_owned();
    let class = StorageClass {
        metadata: ObjectMeta {
            name: Some(STANDARD.to_owned()),
            annotations: Some([(default, "true".to_owned())].into()),
            ..ObjectMeta::default()
        },
        provisioner: PROVISIONER.to_owned(),
        reclaim_policy: Some("Delete".to_owned()),
        volume_binding_mode: Some("WaitForFirstConsumer".to_owned()),
        // A directory has no size of its own: more is only said.
        allow_volume_expansion: Some(true),
        ..StorageClass::default()
    };
    if let Err(error) = classes.create(&class).await
        && !error.is_already_exists()
    {
        tracing::warn!("make the storage class {STANDARD}: {}", Chain(&error));
    }
}

/// The reference from a volume to its claim.
pub(super) fn claim_reference(claim: &PersistentVolumeClaim) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: claim.metadata.namespace.clone(),
        name: claim.metadata.name.clone(),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

/// The volume made for a claim. Its path says where it lies within the node's own directory: such
/// volumes are recognised by who provisioned them. Pure.
pub(super) fn volume(claim: &PersistentVolumeClaim, class: &StorageClass) -> PersistentVolume {
    let uid = claim.metadata.uid.as_deref().unwrap_or_default();
    let name = format!("pvc-{uid}");
    let spec = claim.spec.clone().unwrap_or_default();
    let requests = spec.resources.and_then(|resources| resources.requests);
    let notes = [
        (PROVISIONED_BY.to_owned(), PROVISIONER.to_owned()),
        (BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned()),
    ];
    PersistentVolume {
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes,
            capacity: requests.map(|requests| {
                let storage = requests.into_iter().filter(|(what, _)| what == "storage");
                storage.collect::<BTreeMap<_, _>>()
            }),
            claim_ref: Some(claim_reference(claim)),
            host_path: Some(HostPathVolumeSource {
                path: format!("/volumes/{name}"),
                type_: Some("DirectoryOrCreate".to_owned()),
            }),
            mount_options: class.mount_options.clone(),
            persistent_volume_reclaim_policy: class.reclaim_policy.clone(),
            storage_class_name: class.metadata.name.clone(),
            volume_mode: spec.volume_mode,
            ..PersistentVolumeSpec::default()
        }),
        metadata: ObjectMeta {
            name: Some(name),
            annotations: Some(notes.into()),
            finalizers: Some(vec![VOLUME_FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        status: None,
    }
}
