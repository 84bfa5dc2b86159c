//! How many volumes of a driver a node can have: upstream's `NodeVolumeLimits`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::Storage;
use crate::cluster::Host;

/// A volume of a driver.
type Volume = (String, String);

/// The volumes of a pod that drivers attach, and what is needed to count those of others.
#[derive(Clone)]
pub(super) struct Limits {
    wanted: BTreeSet<Volume>,
    storage: Storage,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(&self.wanted).finish()
    }
}

impl Limits {
    /// Those of a pod with these claims; none where no node limits anything or no driver attaches its volumes.
    pub(super) fn of(claims: &[Arc<PersistentVolumeClaim>], storage: &Storage) -> Option<Self> {
        if claims.is_empty() || storage.csi_nodes.is_empty() {
            return None;
        }
        let volumes = claims.iter().filter_map(|claim| volume(claim, storage));
        let wanted: BTreeSet<Volume> = volumes.collect();
        (!wanted.is_empty()).then(|| Self {
            wanted,
            storage: storage.clone(),
        })
    }

    /// Whether the node would have more volumes of a driver than it can.
    pub(super) fn exceeded(&self, host: &Host) -> bool {
        let Some(node) = self.storage.csi_nodes.find("", &host.name) else {
            return false;
        };
        let limit = |driver: &str| {
            let driver = node.spec.drivers.iter().find(|one| one.name == driver)?;
            let count = driver.allocatable.as_ref()?.count?;
            usize::try_from(count).ok()
        };
        let limits: BTreeMap<&str, usize> = self
            .wanted
            .iter()
            .filter_map(|(driver, _)| Some((driver.as_str(), limit(driver)?)))
            .collect();
        if limits.is_empty() {
            return false;
        }
        let there = host.pods.values().flat_map(|pod| {
            let claims = pod.claims.iter();
            claims.filter_map(|claim| self.storage.claims.find(&pod.namespace, claim))
        });
        let mut all: BTreeSet<Volume> = there
            .filter_map(|claim| volume(&claim, &self.storage))
            .collect();
        let before = all.len();
        all.extend(self.wanted.iter().cloned());
        // A pod whose volumes are all there already takes nothing.
        if all.len() == before {
            return false;
        }
        limits.iter().any(|(driver, limit)| {
            let new = self.wanted.iter().any(|(wanted, _)| wanted == driver);
            new && all.iter().filter(|(of, _)| of == driver).count() > *limit
        })
    }
}

/// The volume behind a claim, where a driver attaches it; one that is still to be made is its own.
fn volume(claim: &PersistentVolumeClaim, storage: &Storage) -> Option<Volume> {
    let spec = claim.spec.as_ref()?;
    let name = spec.volume_name.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = name {
        let volume = storage.volumes.find("", name)?;
        let source = volume.spec.as_ref()?.csi.clone()?;
        return Some((source.driver, source.volume_handle));
    }
    let class = storage
        .classes
        .find("", spec.storage_class_name.as_deref()?)?;
    let metadata = &claim.metadata;
    let own = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    Some((class.provisioner.clone(), own))
}
