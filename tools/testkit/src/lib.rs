//! An in-process cluster for tests: a real API server over a memory store, reached without a socket.
//!
//! ```text
//!   test ──▶ kube::Client ──▶ apiserver ──▶ memory store
//!                 ▲
//!   controller ───┘         time: tokio's, from a fixed epoch      randomness: from a seed
//! ```
//!
//! No controllers run unless the test starts them: what a test sees is the API and the part it is
//! about. Custom kinds of `seatrial-resources` are installed.
//!
//! With `#[tokio::test(start_paused = true)]` the cluster runs in virtual time.
//!
//! ```no_run
//! # async fn example() {
//! seatrial_testkit::with_namespace(|client, namespace| async move {
//!     let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
//!         kube::Api::namespaced(client, &namespace);
//!     assert!(maps.list(&Default::default()).await.unwrap().items.is_empty());
//! })
//! .await;
//! # }
//! ```

mod figures;
mod skip;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Clock, Random, SharedClock};
use seatrial_store::Store;
use serde_json::Value;
use tokio::time::Instant;

pub use figures::Figures;
pub use skip::skipped;

/// The moment at which every test cluster starts: 2026-01-01T00:00:00Z.
pub const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// A clock that follows tokio's time from [`EPOCH`], and so stands still or jumps when that is paused.
#[derive(Debug, Clone, Copy)]
pub struct TestClock {
    start: Instant,
}

impl TestClock {
    /// A clock that says [`EPOCH`] now. Must be called within a runtime.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        EPOCH
            .saturating_add(self.start.elapsed())
            .unwrap_or(Timestamp::MAX)
    }
}

/// A cluster in this process.
#[derive(Clone)]
pub struct Cluster {
    /// The API server.
    pub server: Server,
    /// A client of an administrator.
    pub client: Client,
    /// The cluster's time.
    pub clock: SharedClock,
    /// The cluster's randomness; controllers under test share it.
    pub random: Random,
}

/// A cluster with the seed 7.
///
/// # Panics
/// Where it cannot start, which is a failed test.
pub async fn cluster() -> Cluster {
    seeded(7).await
}

/// A cluster whose uids and generated names follow from `seed`.
///
/// # Panics
/// Where it cannot start, which is a failed test.
#[expect(
    clippy::panic,
    reason = "tests only: a cluster that cannot start fails the test"
)]
pub async fn seeded(seed: u64) -> Cluster {
    match start(Store::memory(), seed).await {
        Ok(cluster) => cluster,
        Err(error) => panic!("the test cluster cannot start: {error:#}"),
    }
}

/// A cluster over `store`.
///
/// # Errors
/// Where it cannot start.
pub async fn start(store: Store, seed: u64) -> anyhow::Result<Cluster> {
    let clock: SharedClock = Arc::new(TestClock::start());
    let random = Random::seeded(seed);
    let state = State::new(store, Arc::clone(&clock), random.clone());
    let server = Server::start(state)
        .await
        .context("starting the API server")?;
    let client = server.client(Identity::admin());
    let cluster = Cluster {
        server,
        client,
        clock,
        random,
    };
    cluster
        .server
        .define(seatrial_resources::definitions())
        .await
        .context("defining the custom kinds")?;
    Ok(cluster)
}

impl Cluster {
    /// Makes clients of controllers by name, each with the rights of that controller and no more, as
    /// where a cluster is composed: a test notices a right that is missing.
    pub fn controllers(&self) -> impl Fn(&str) -> Client + Send + Sync + 'static {
        let server = self.server.clone();
        move |name| server.client(Identity::controller(name))
    }

    /// Makes clients of the agent of a node, whatever they are called.
    pub fn agent(&self, node: &str) -> impl Fn(&str) -> Client + Send + Sync + 'static {
        let (server, identity) = (self.server.clone(), Identity::node(node));
        move |_| server.client(identity.clone())
    }

    /// Serves figures of what pods use, which the test sets.
    pub fn figures(&self) -> Figures {
        let figures = Figures::default();
        self.server.state().measure_with(Arc::new(figures.clone()));
        figures
    }

    /// Creates an object given as JSON, in the namespace it names.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn create(&self, object: Value) -> anyhow::Result<DynamicObject> {
        let (api, object) = self.dynamic(object).await?;
        Ok(api.create(&PostParams::default(), &object).await?)
    }

    /// Applies an object given as JSON, as the field manager `test`.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn apply(&self, object: Value) -> anyhow::Result<DynamicObject> {
        let (api, object) = self.dynamic(object).await?;
        let name = object
            .metadata
            .name
            .clone()
            .context("the object has no name")?;
        let parameters = PatchParams::apply("test").force();
        Ok(api
            .patch(&name, &parameters, &Patch::Apply(&object))
            .await?)
    }

    /// The API of the kind and namespace of `object`.
    async fn dynamic(&self, object: Value) -> anyhow::Result<(Api<DynamicObject>, DynamicObject)> {
        let object: DynamicObject =
            serde_json::from_value(object).context("decoding the object")?;
        let types = object
            .types
            .clone()
            .context("the object has no apiVersion and kind")?;
        let kind = GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = kube::discovery::pinned_kind(&self.client, &kind).await?;
        let namespace = object.metadata.namespace.clone();
        let api = match capabilities.scope {
            kube::discovery::Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            kube::discovery::Scope::Namespaced => {
                let namespace = namespace.unwrap_or_else(|| "default".to_owned());
                Api::namespaced_with(self.client.clone(), &namespace, &resource)
            }
        };
        Ok((api, object))
    }

    /// Makes a namespace with its `default` ServiceAccount, without which pods are refused and for
    /// which no controller runs here.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        self.create(serde_json::json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name },
        }))
        .await?;
        let account = self.create(serde_json::json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": "default", "namespace": name },
        }));
        match account.await.map_err(anyhow::Error::downcast) {
            // A controller that does run was faster.
            Err(Ok(kube::Error::Api(status))) if status.is_already_exists() => Ok(()),
            Err(Ok(error)) => Err(error.into()),
            Err(Err(error)) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// The API of any kind by group, version, kind and plural name.
    pub fn api(&self, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }
}

/// Runs `test` with a client and a fresh namespace in a cluster of its own.
///
/// # Panics
/// Where the cluster cannot start, which is a failed test.
#[expect(
    clippy::panic,
    reason = "tests only: a cluster that cannot start fails the test"
)]
pub async fn with_namespace<F>(test: impl FnOnce(Client, String) -> F)
where
    F: Future<Output = ()>,
{
    let cluster = cluster().await;
    if let Err(error) = cluster.namespace("test").await {
        panic!("the test namespace cannot be made: {error:#}");
    }
    test(cluster.client.clone(), "test".to_owned()).await;
    cluster.server.stop();
}

/// Waits until `check` gives something, looking every 10 ms of tokio's time for at most `limit`.
///
/// # Panics
/// Where it does not happen in time, which is a failed test.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut check: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: did not happen within {limit:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;
    use k8s_openapi::api::core::v1::{ConfigMap, Pod};
    use kube::api::{DeleteParams, ListParams, WatchEvent, WatchParams};
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn objects_are_made_listed_watched_and_deleted() {
        let cluster = cluster().await;
        cluster.namespace("test").await.unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "test");
        let watch = maps.watch(&WatchParams::default(), "0").await.unwrap();
        for name in ["a", "b"] {
            cluster
                .create(json!({
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": { "name": name, "namespace": "test", "labels": { "it": name } },
                    "data": { "key": "value" },
                }))
                .await
                .unwrap();
        }
        let listed = maps
            .list(&ListParams::default().labels("it=b"))
            .await
            .unwrap();
        assert_eq!(listed.items.len(), 1);
        let patch = json!({ "data": { "key": "other" } });
        let parameters = PatchParams::default();
        let changed = maps
            .patch("a", &parameters, &Patch::Merge(patch))
            .await
            .unwrap();
        assert_eq!(changed.data.unwrap()["key"], "other");
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        assert!(maps.get_opt("a").await.unwrap().is_none());
        cluster.server.stop();
        let mut seen = Vec::new();
        let mut watch = std::pin::pin!(watch);
        while let Some(event) = watch.try_next().await.unwrap() {
            seen.push(match event {
                WatchEvent::Added(map) => format!("added {}", map.metadata.name.unwrap()),
                WatchEvent::Modified(map) => format!("modified {}", map.metadata.name.unwrap()),
                WatchEvent::Deleted(map) => format!("deleted {}", map.metadata.name.unwrap()),
                other => format!("{other:?}"),
            });
        }
        // The server was stopped before the watch was first read: nothing is owed then.
        assert!(seen.len() <= 4, "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_seed_gives_one_cluster() {
        let uids = async |seed| {
            let cluster = seeded(seed).await;
            let pods: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client);
            let list = pods.list(&ListParams::default()).await.unwrap();
            list.items
                .into_iter()
                .map(|one| one.metadata.uid)
                .collect::<Vec<_>>()
        };
        assert_eq!(uids(1).await, uids(1).await);
        assert_ne!(uids(1).await, uids(2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_of_the_kube_runtime_follows() {
        use kube::runtime::{WatchStreamExt as _, watcher};
        let cluster = cluster().await;
        cluster.namespace("test").await.unwrap();
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "test");
        for config in [
            watcher::Config::default(),
            watcher::Config::default().streaming_lists(),
        ] {
            let mut stream = std::pin::pin!(watcher(pods.clone(), config).applied_objects());
            let name = format!("p{}", cluster.random.suffix(3));
            let pod = json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": { "name": name, "namespace": "test" },
                "spec": { "containers": [{ "name": "c", "image": "i" }] },
            });
            cluster.create(pod).await.unwrap();
            loop {
                let seen = stream.try_next().await.unwrap().unwrap();
                if seen.metadata.name.as_deref() == Some(&name) {
                    break;
                }
            }
        }
    }
}
