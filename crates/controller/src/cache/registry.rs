//! All caches of a process.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use kube::{Client, Resource};
use tokio::task::JoinHandle;

use super::feed::feed;
use super::reader::{self, Room};
use super::{Cache, Object};
use crate::journal::{Deletion, Journal};
use crate::{ObjectKey, Static};

/// How long a decoded object is kept at least after somebody asked for it.
const COOLING: Duration = Duration::from_secs(2);

/// The informers that controllers share: one per kind and type, started at first use and stopped
/// with the last clone. Must be used inside a tokio runtime.
#[derive(Clone)]
pub struct Caches(Arc<Registry>);

struct Registry {
    client: Client,
    /// Where objects are decoded.
    room: OnceLock<Room>,
    /// Lets caches cool down; begun with the first of them.
    cooling: OnceLock<JoinHandle<()>>,
    caches: Mutex<BTreeMap<(String, TypeId), Entry>>,
}

struct Entry {
    cache: Arc<dyn Follow>,
    any: Box<dyn Any + Send + Sync>,
    task: JoinHandle<()>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(task) = self.cooling.get() {
            task.abort();
        }
    }
}

/// Looks at all caches now and then.
async fn cool(registry: Weak<Registry>) {
    loop {
        tokio::time::sleep(COOLING).await;
        let Some(registry) = registry.upgrade() else {
            return;
        };
        let caches = registry
            .caches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let caches: Vec<_> = caches.values().map(|entry| entry.cache.clone()).collect();
        for cache in caches {
            cache.cool();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the registry needs of a cache whatever its type.
trait Follow: Send + Sync {
    fn caught_up(&self, revision: u64) -> BoxFuture<'_, ()>;
    fn cool(&self);
    fn seen_deleted<'a>(&'a self, key: &'a ObjectKey, uid: Option<&'a str>) -> BoxFuture<'a, ()>;
}

impl<K: Object> Follow for Cache<K> {
    fn caught_up(&self, revision: u64) -> BoxFuture<'_, ()> {
        Box::pin(Cache::caught_up(self, revision))
    }

    fn cool(&self) {
        Cache::cool(self);
    }

    fn seen_deleted<'a>(&'a self, key: &'a ObjectKey, uid: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(Cache::seen_deleted(self, key, uid))
    }
}

impl Caches {
    /// No caches yet; they will read through `client`.
    pub fn new(client: Client) -> Self {
        Self(Arc::new(Registry {
            client,
            room: OnceLock::new(),
            cooling: OnceLock::new(),
            caches: Mutex::new(BTreeMap::new()),
        }))
    }

    /// Lets objects be decoded in a room of their own. Says whether it came first, before any cache.
    pub fn decode_in(&self, room: Room) -> bool {
        self.0.room.set(room).is_ok()
    }

    fn room(&self) -> Room {
        *self.0.room.get_or_init(|| reader::anywhere)
    }

    /// The cache of a kind known at compile time. It may not be synced yet: see [`Cache::synced`].
    pub fn of<K: Static>(&self) -> Cache<K> {
        self.of_kind(&())
    }

    /// The cache of a kind known at run time, such as `DynamicObject` with its `ApiResource`.
    pub fn of_kind<K: Object>(&self, kind: &<K as Resource>::DynamicType) -> Cache<K> {
        let path = K::url_path(kind, None);
        let registry = Arc::downgrade(&self.0);
        self.0.cooling.get_or_init(|| tokio::spawn(cool(registry)));
        let mut caches = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = caches.entry((path, TypeId::of::<K>()));
        let entry = entry.or_insert_with_key(|(path, _)| {
            let cache = Cache::<K>::new(path.clone(), self.room());
            let task = tokio::spawn(feed(self.0.client.clone(), Box::new(cache.clone())));
            Entry {
                cache: Arc::new(cache.clone()),
                any: Box::new(cache),
                task,
            }
        });
        // The key holds the type, so the downcast always succeeds; a stray cache is harmless.
        entry
            .any
            .downcast_ref::<Cache<K>>()
            .cloned()
            .unwrap_or_else(|| Cache::new(String::new(), self.room()))
    }

    /// Stops the cache of a kind, for a kind whose definition was removed.
    pub fn forget<K: Object>(&self, kind: &<K as Resource>::DynamicType) {
        let key = (K::url_path(kind, None), TypeId::of::<K>());
        self.0
            .caches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key);
    }

    /// Waits until every cache has seen what the journal notes, and empties the journal.
    pub async fn caught_up(&self, journal: &Journal) {
        let (revisions, deletions) = journal.take();
        for (path, revision) in revisions {
            for cache in self.at(&path) {
                cache.caught_up(revision).await;
            }
        }
        for Deletion { path, key, uid } in deletions {
            for cache in self.at(&path) {
                cache.seen_deleted(&key, uid.as_deref()).await;
            }
        }
    }

    fn at(&self, path: &str) -> Vec<Arc<dyn Follow>> {
        let caches = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        caches
            .iter()
            .filter(|((at, _), _)| at == path)
            .map(|(_, entry)| entry.cache.clone())
            .collect()
    }
}
