//! Storage: which nodes reach a pod's volumes, and what is bound where.
//!
//! A claim whose class waits for a first consumer is settled together with the pod's place: either an
//! existing volume is reserved for it, or its class's provisioner is told the node.

mod choose;
mod limit;
pub(crate) mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{CSINode, StorageClass};
use seatrial_controller::{Cache, Context, ObjectKey};

use self::choose::{fits_class, reaches, smallest, zone_fits};
use self::limit::Limits;
pub(crate) use self::settle::settle;
use crate::cluster::{Cluster, Host};
use crate::pod::Demand;
use crate::reason::Reason;

/// The annotation that says that a claim's binding is complete.
const BOUND: &str = "pv.kubernetes.io/bind-completed";

/// Everything known about storage.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
    pub(crate) classes: Cache<StorageClass>,
    pub(crate) csi_nodes: Cache<CSINode>,
}

impl Storage {
    pub(crate) async fn of(ctx: &Context) -> Self {
        Self {
            claims: ctx.cache().await,
            volumes: ctx.cache().await,
            classes: ctx.cache().await,
            csi_nodes: ctx.cache().await,
        }
    }
}

/// Volumes that are promised to claims and not seen bound yet, by name.
pub(crate) type Reserved = BTreeMap<String, ObjectKey>;

/// One claim of a pod.
#[derive(Debug, Clone)]
enum Need {
    /// Bound to this volume; `None` where the volume does not exist.
    Bound(Option<Arc<PersistentVolume>>),
    /// To be settled with the pod's place.
    Open {
        claim: Arc<PersistentVolumeClaim>,
        class: Arc<StorageClass>,
        /// Free volumes that the claim may take, the smallest first.
        volumes: Vec<Arc<PersistentVolume>>,
    },
}

/// What a pod's claims ask of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    needs: Vec<Need>,
    /// Claims that one pod alone may use.
    exclusive: Vec<String>,
    /// What may exceed a node's limits.
    limits: Option<Limits>,
}

/// What is to be written about a claim before the pod is bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Settlement {
    /// The claim takes this volume.
    Take {
        claim: Arc<PersistentVolumeClaim>,
        volume: Arc<PersistentVolume>,
    },
    /// The provisioner makes one for this node.
    Provision { claim: Arc<PersistentVolumeClaim> },
}

impl Needs {
    /// Looks up a pod's claims. An error is why no node does, in upstream's words.
    pub(crate) fn of(
        demand: &Demand,
        storage: &Storage,
        reserved: &Reserved,
    ) -> Result<Self, String> {
        let mut needs = Self::default();
        let mut all = None;
        let mut claims = Vec::new();
        for name in &demand.claims {
            let claim = storage
                .claims
                .find(&demand.namespace, name)
                .ok_or_else(|| format!("persistentvolumeclaim {name:?} not found"))?;
            if claim.metadata.deletion_timestamp.is_some() {
                return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
            }
            if modes(&claim).iter().any(|mode| mode == "ReadWriteOncePod") {
                needs.exclusive.push(name.clone());
            }
            claims.push(Arc::clone(&claim));
            let volumes = || all.get_or_insert_with(|| storage.volumes.all()).clone();
            needs.needs.push(need(claim, storage, reserved, volumes)?);
        }
        needs.limits = Limits::of(&claims, storage);
        Ok(needs)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// Whether the node can have no more volumes.
    pub(crate) fn exceed(&self, host: &Host) -> bool {
        self.limits
            .as_ref()
            .is_some_and(|limits| limits.exceeded(host))
    }

    /// Whether another pod has a claim that only one may use.
    pub(crate) fn in_use(&self, demand: &Demand, cluster: &Cluster) -> bool {
        !self.exclusive.is_empty()
            && cluster.hosts().any(|(_, host)| {
                host.pods.values().any(|pod| {
                    pod.namespace == demand.namespace
                        && pod.name != demand.name
                        && pod
                            .claims
                            .iter()
                            .any(|claim| self.exclusive.contains(claim))
                })
            })
    }

    /// What is to be written so that the pod can run on this node, or why it cannot.
    pub(crate) fn on(&self, host: &Host) -> Result<Vec<Settlement>, Reason> {
        let mut settled: Vec<Settlement> = Vec::new();
        for need in &self.needs {
            match need {
                Need::Bound(None) => return Err(Reason::MissingVolume),
                Need::Bound(Some(volume)) if !reaches(volume, host) => {
                    return Err(Reason::VolumeConflict);
                }
                Need::Bound(Some(volume)) if !zone_fits(volume, host) => {
                    return Err(Reason::VolumeZone);
                }
                Need::Bound(_) => {}
                Need::Open {
                    claim,
                    class,
                    volumes,
                } => {
                    let free = |volume: &&Arc<PersistentVolume>| {
                        !settled.iter().any(|one| one.takes(volume))
                    };
                    if let Some(volume) = smallest(volumes, host, free) {
                        settled.push(Settlement::Take {
                            claim: claim.clone(),
                            volume: volume.clone(),
                        });
                    } else if fits_class(class, host) {
                        settled.push(Settlement::Provision {
                            claim: claim.clone(),
                        });
                    } else {
                        return Err(Reason::NoVolume);
                    }
                }
            }
        }
        Ok(settled)
    }
}

impl Settlement {
    fn takes(&self, other: &PersistentVolume) -> bool {
        matches!(self, Self::Take { volume, .. } if volume.metadata.name == other.metadata.name)
    }

    /// The claim that is settled.
    pub(crate) fn claim(&self) -> &Arc<PersistentVolumeClaim> {
        match self {
            Self::Take { claim, .. } | Self::Provision { claim } => claim,
        }
    }
}

fn modes(claim: &PersistentVolumeClaim) -> &[String] {
    let spec = claim.spec.as_ref();
    spec.and_then(|spec| spec.access_modes.as_deref())
        .unwrap_or_default()
}

/// Whether a claim has its volume for good.
pub(crate) fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let named = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.as_deref())
        .is_some_and(|name| !name.is_empty());
    let annotated = claim
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|all| all.contains_key(BOUND));
    let phase = claim
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    named && (annotated || phase == Some("Bound"))
}

fn need(
    claim: Arc<PersistentVolumeClaim>,
    storage: &Storage,
    reserved: &Reserved,
    all: impl FnOnce() -> Vec<Arc<PersistentVolume>>,
) -> Result<Need, String> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.as_ref();
    let volume = spec.volume_name.as_deref().unwrap_or_default();
    if status.and_then(|status| status.phase.as_deref()) == Some("Lost") {
        return Err(format!(
            "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
        ));
    }
    if is_bound(&claim) {
        return Ok(Need::Bound(storage.volumes.find("", volume)));
    }
    let immediate = || "pod has unbound immediate PersistentVolumeClaims".to_owned();
    let class = spec.storage_class_name.as_deref().unwrap_or_default();
    let class = storage.classes.find("", class).ok_or_else(immediate)?;
    // A claim that names its volume is the volume controller's to bind.
    if class.volume_binding_mode.as_deref() != Some("WaitForFirstConsumer") || !volume.is_empty() {
        return Err(immediate());
    }
    let volumes = choose::candidates(&claim, all(), reserved);
    Ok(Need::Open {
        claim,
        class,
        volumes,
    })
}

#[cfg(test)]
mod tests;
