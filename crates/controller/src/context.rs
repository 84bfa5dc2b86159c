//! What every controller is handed.

use std::sync::Arc;

use kube::{Client, Resource};
use seatrial_clock::{Random, SharedClock};

use crate::journal::Journal;
use crate::{Cache, Caches, Metrics, Object, Objects, Recorder, Static};

/// Everything a controller may touch: the API as itself, shared caches, time and randomness.
///
/// Cheap to clone. Each controller works with a context of its own name ([`Context::named`]): the
/// name is its identity towards the API, its field manager and the source of its events.
#[derive(Clone)]
pub struct Context {
    /// The API, as this controller. Writes through it are not journalled; prefer
    /// [`Context::objects`].
    pub client: Client,
    /// What time it is.
    pub clock: SharedClock,
    /// The source of randomness.
    pub random: Random,
    /// The informers that all controllers share.
    pub caches: Caches,
    /// Emits events in this controller's name.
    pub recorder: Recorder,
    /// What controllers did, counted.
    pub metrics: Metrics,
    name: Arc<str>,
    identities: Arc<dyn Fn(&str) -> Client + Send + Sync>,
    journal: Journal,
}

impl Context {
    /// A context whose controllers all speak through one client.
    pub fn new(client: Client, clock: SharedClock, random: Random) -> Self {
        Self::with_identities(move |_| client.clone(), clock, random)
    }

    /// A context that makes a client for each controller by its name. The caches read as
    /// `informer`.
    pub fn with_identities(
        identities: impl Fn(&str) -> Client + Send + Sync + 'static,
        clock: SharedClock,
        random: Random,
    ) -> Self {
        let caches = Caches::new(identities("informer"));
        let client = identities("seatrial");
        let name: Arc<str> = "seatrial".into();
        Self {
            recorder: Recorder::new(name.clone(), client.clone(), clock.clone()),
            client,
            clock,
            random,
            caches,
            metrics: Metrics::default(),
            name,
            identities: Arc::new(identities),
            journal: Journal::default(),
        }
    }

    /// The same cluster seen by another controller: own client, own name, shared caches.
    pub fn named(&self, name: &str) -> Self {
        let client = (self.identities)(name);
        let name: Arc<str> = name.into();
        Self {
            recorder: Recorder::new(name.clone(), client.clone(), self.clock.clone()),
            client,
            name,
            journal: Journal::default(),
            ..self.clone()
        }
    }

    /// The same cluster and the same caches, where clients are made by `identities`: for a part whose
    /// instances have identities of their own, such as the agents of nodes.
    #[must_use]
    pub fn identified(&self, identities: impl Fn(&str) -> Client + Send + Sync + 'static) -> Self {
        Self {
            identities: Arc::new(identities),
            ..self.clone()
        }
    }

    /// The same controller with an empty journal, for one reconcile.
    #[must_use]
    pub fn scoped(&self) -> Self {
        Self {
            journal: Journal::default(),
            ..self.clone()
        }
    }

    /// The controller's name, which is also its field manager.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The journal of this scope's writes.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Waits until the caches have seen everything written through this scope so far.
    pub async fn caught_up(&self) {
        self.caches.caught_up(&self.journal).await;
    }

    /// The synced cache of a kind; starts it at its first use.
    ///
    /// Waits for the first list, so asking for a kind that the server does not serve waits until it
    /// does.
    pub async fn cache<K: Static>(&self) -> Cache<K> {
        let cache = self.caches.of::<K>();
        cache.synced().await;
        cache
    }

    /// Reads and writes of one kind known at compile time.
    pub fn objects<K: Static>(&self) -> Objects<K> {
        self.objects_of(())
    }

    /// Reads and writes of one kind known at run time (an `ApiResource` for `DynamicObject`).
    pub fn objects_of<K: Object>(&self, kind: <K as Resource>::DynamicType) -> Objects<K> {
        Objects::new(
            self.client.clone(),
            kind,
            self.name.clone(),
            self.journal.clone(),
        )
    }
}
