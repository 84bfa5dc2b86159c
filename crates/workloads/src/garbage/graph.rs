//! The kinds that are followed, and who owns whom among their objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::core::ApiResource;
use seatrial_controller::{Cache, Caches, ObjectKey, key_of};

use super::plan;
use crate::discovery::Kind;
use crate::shell::Shell;

/// One object of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// The kind, as its collection path.
    pub(super) path: Arc<str>,
    pub(super) key: ObjectKey,
}

/// One followed kind.
#[derive(Clone)]
pub(super) struct Tracked {
    pub(super) path: Arc<str>,
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
    pub(super) cache: Cache<Shell>,
}

impl Tracked {
    pub(super) fn item(&self, object: &Shell) -> Item {
        Item {
            path: self.path.clone(),
            key: key_of(object),
        }
    }

    /// Where an owner of this kind is, as seen from a dependent in `namespace`.
    pub(super) fn owner_key(&self, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey::new(if self.namespaced { namespace } else { "" }, name)
    }
}

/// How many absent uids are remembered.
const ABSENT: usize = 10_000;

/// All followed kinds.
#[derive(Default)]
pub(super) struct Graph(Mutex<Known>);

#[derive(Default)]
struct Known {
    kinds: BTreeMap<Arc<str>, Tracked>,
    absent: BTreeSet<String>,
}

impl Graph {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows exactly these kinds. Returns those that are new.
    pub(super) fn track(&self, kinds: Vec<Kind>, caches: &Caches) -> Vec<Tracked> {
        let mut known = self.known();
        let mut kept = BTreeMap::new();
        let mut new = Vec::new();
        for kind in kinds {
            let path: Arc<str> = Shell::url_path(&kind.resource, None).into();
            let tracked = known.kinds.remove(&path).unwrap_or_else(|| {
                let tracked = Tracked {
                    path: path.clone(),
                    cache: caches.of_kind::<Shell>(&kind.resource),
                    namespaced: kind.namespaced,
                    resource: kind.resource,
                };
                new.push(tracked.clone());
                tracked
            });
            kept.insert(path, tracked);
        }
        for gone in known.kinds.values() {
            caches.forget::<Shell>(&gone.resource);
        }
        known.kinds = kept;
        new
    }

    pub(super) fn tracks(&self, tracked: &Tracked) -> bool {
        self.known().kinds.contains_key(&tracked.path)
    }

    pub(super) fn at(&self, path: &str) -> Option<Tracked> {
        self.known().kinds.get(path).cloned()
    }

    /// The kind that an owner reference names, whatever its version.
    pub(super) fn kind_of(&self, owner: &OwnerReference) -> Option<Tracked> {
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let known = self.known();
        let mut kinds = known.kinds.values();
        kinds
            .find(|kind| kind.resource.group == group && kind.resource.kind == owner.kind)
            .cloned()
    }

    /// All objects that name this uid as an owner, with their kinds.
    pub(super) fn dependents(&self, uid: &str) -> Vec<(Tracked, Arc<Shell>)> {
        if uid.is_empty() {
            return Vec::new();
        }
        let kinds: Vec<Tracked> = self.known().kinds.values().cloned().collect();
        kinds
            .into_iter()
            .flat_map(|kind| {
                let objects = kind.cache.owned_by(uid);
                objects
                    .into_iter()
                    .map(move |object| (kind.clone(), object))
            })
            .collect()
    }

    /// Owners of this object that wait for their dependents.
    pub(super) fn waiting_owners(&self, object: &Shell) -> Vec<Item> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let owners = object.metadata.owner_references.iter().flatten();
        owners
            .filter_map(|owner| {
                let kind = self.kind_of(owner)?;
                let present = kind.cache.get(&kind.owner_key(namespace, &owner.name))?;
                let waits = plan::has_finalizer(&present, plan::FOREGROUND);
                (waits && present.metadata.deletion_timestamp.is_some())
                    .then(|| kind.item(&present))
            })
            .collect()
    }

    pub(super) fn is_absent(&self, uid: &str) -> bool {
        self.known().absent.contains(uid)
    }

    pub(super) fn set_absent(&self, uid: &str) {
        let mut known = self.known();
        if known.absent.len() >= ABSENT {
            known.absent.clear();
        }
        known.absent.insert(uid.to_owned());
    }

    /// Waits until every followed kind has been listed.
    pub(super) async fn synced(&self) {
        let kinds: Vec<Tracked> = self.known().kinds.values().cloned().collect();
        for kind in kinds {
            kind.cache.synced().await;
        }
    }
}
