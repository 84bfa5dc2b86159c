//! What becomes of a claim. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use seatrial_controller::Notice;

use super::class::PROVISIONER;
use super::{BIND_COMPLETED, annotation, fit};

/// What a claim is in.
#[derive(Debug, Default)]
pub(super) struct World {
    /// All volumes, in the order of names.
    pub(super) volumes: Vec<Arc<PersistentVolume>>,
    /// The claim's class, where it exists.
    pub(super) class: Option<Arc<StorageClass>>,
    /// Whether a pod that uses the claim has, or is about to get, a node.
    pub(super) has_consumer: bool,
}

/// What to do about a claim.
#[derive(Debug)]
pub(super) enum Plan {
    /// Join it to this volume.
    Bind(Arc<PersistentVolume>),
    /// Make a volume of this class.
    Provision(Arc<StorageClass>),
    /// Its volume is gone.
    Lost(Notice),
    /// Nothing can be done now, for this reason.
    Wait(Option<Notice>),
}

pub(super) fn decide(claim: &PersistentVolumeClaim, world: &World) -> Plan {
    let spec = claim.spec.as_ref();
    let named = spec.and_then(|spec| spec.volume_name.as_deref());
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        return decide_named(claim, name, world);
    }
    let waits = world
        .class
        .as_ref()
        .is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
    if waits && !world.has_consumer {
        let text = "waiting for first consumer to be created before binding";
        return Plan::Wait(Some(Notice::normal("WaitForFirstConsumer", text)));
    }
    if let Some(volume) = fit::best(claim, &world.volumes) {
        return Plan::Bind(volume);
    }
    let name = fit::class_of(claim);
    match &world.class {
        _ if name.is_empty() => {
            let text = "no persistent volumes available for this claim and no storage class is set";
            Plan::Wait(Some(Notice::normal("FailedBinding", text)))
        }
        None => {
            let text = format!("storageclass.storage.k8s.io \"{name}\" not found");
            Plan::Wait(Some(Notice::warning("ProvisioningFailed", text)))
        }
        Some(class) if class.provisioner == PROVISIONER => provision(claim, class),
        Some(class) if class.provisioner == "kubernetes.io/no-provisioner" => {
            let text = "no persistent volumes available for this claim and no storage class is set";
            Plan::Wait(Some(Notice::normal("FailedBinding", text)))
        }
        Some(class) => {
            let text = format!(
                "Waiting for a volume to be created either by the external provisioner '{}' or \
                 manually by the system administrator. If volume creation is delayed, please \
                 verify that the provisioner is running and correctly registered.",
                class.provisioner
            );
            Plan::Wait(Some(Notice::normal("ExternalProvisioning", text)))
        }
    }
}

/// A directory cannot be everything that a claim may ask for.
fn provision(claim: &PersistentVolumeClaim, class: &Arc<StorageClass>) -> Plan {
    let spec = claim.spec.as_ref();
    let refuse = |what: &str| {
        let name = class.metadata.name.as_deref().unwrap_or_default();
        let text = format!("failed to provision volume with StorageClass \"{name}\": {what}");
        Plan::Wait(Some(Notice::warning("ProvisioningFailed", text)))
    };
    if spec.is_some_and(|spec| spec.selector.is_some()) {
        return refuse("claim.Spec.Selector is not supported");
    }
    if spec.and_then(|spec| spec.volume_mode.as_deref()) == Some("Block") {
        return refuse("block volume provisioning is not supported");
    }
    if spec.is_some_and(|spec| spec.data_source.is_some() || spec.data_source_ref.is_some()) {
        return refuse("spec.dataSource is not supported");
    }
    Plan::Provision(class.clone())
}

fn decide_named(claim: &PersistentVolumeClaim, name: &str, world: &World) -> Plan {
    let bound = annotation(&claim.metadata, BIND_COMPLETED).is_some();
    let volume = world
        .volumes
        .iter()
        .find(|volume| volume.metadata.name.as_deref() == Some(name));
    let Some(volume) = volume else {
        return if bound {
            let text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            Plan::Lost(Notice::warning("ClaimLost", text))
        } else {
            Plan::Wait(None)
        };
    };
    let taken = volume
        .spec
        .as_ref()
        .is_some_and(|spec| spec.claim_ref.is_some());
    if !taken || fit::is_reserved_for(volume, claim) {
        return Plan::Bind(volume.clone());
    }
    if bound {
        let text = "Bound claim has lost reference to PersistentVolume. Data on the volume is \
                    lost!";
        return Plan::Lost(Notice::warning("ClaimMisbound", text));
    }
    let text = format!("volume \"{name}\" already bound to a different claim.");
    Plan::Wait(Some(Notice::warning("FailedBinding", text)))
}
