//! A cluster with the controllers of this crate, whose pods become ready by themselves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]
#![allow(dead_code, clippy::unnecessary_wraps)] // Each test binary uses its own part; stories share a type.

use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use seatrial_controller::{Change, Context, Delay, Queue, key_of};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The namespace of the tests.
pub(crate) const NAMESPACE: &str = "test";

/// What plays the node: which image comes up how fast, or never.
pub(crate) type Story = fn(image: &str) -> Option<Duration>;

/// Every pod is ready a second after it was created.
pub(crate) fn healthy(_: &str) -> Option<Duration> {
    Some(Duration::from_secs(1))
}

/// A running cluster; the controllers stop with it.
pub(crate) struct Running {
    pub(crate) cluster: Cluster,
    pub(crate) ctx: Context,
    tasks: JoinSet<()>,
}

pub(crate) async fn start(seed: u64, story: Story) -> Running {
    let cluster = seatrial_testkit::seeded(seed).await;
    cluster.namespace(NAMESPACE).await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(seatrial_workloads::run(ctx.clone()));
    tasks.spawn(node(ctx.clone(), cluster.client.clone(), story));
    Running {
        cluster,
        ctx,
        tasks,
    }
}

/// Runs pods as their story says; removes those that are being deleted.
fn node(ctx: Context, client: Client, story: Story) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let pods = ctx.cache::<Pod>().await;
        let mut changes = pods.subscribe();
        let queue = Queue::new(Delay {
            pace: Duration::ZERO,
            ..Delay::default()
        });
        loop {
            tokio::select! {
                biased;
                Some(change) = changes.recv() => if let Change::Applied { before: None, object } = change {
                    let spec = object.spec.as_ref().unwrap();
                    let image = spec.containers[0].image.clone().unwrap_or_default();
                    if let Some(after) = story(&image) {
                        queue.add_after(key_of(&*object), after);
                    }
                },
                key = queue.next() => {
                    let pod = pods.find(&key.namespace, &key.name);
                    let containers = pod.as_ref().and_then(|pod| pod.spec.as_ref());
                    let containers = containers.into_iter().flat_map(|spec| &spec.containers);
                    let statuses: Vec<_> = containers
                        .map(|one| json!({"name": one.name, "image": "i", "imageID": "i", "ready": true,
                            "restartCount": 0, "state": {"running": {}}}))
                        .collect();
                    let ready = json!({"status": {"phase": "Running", "containerStatuses": statuses, "podIP": "10.244.0.9",
                        "startTime": ctx.clock.now().to_string(), "conditions": [
                        {"type": "Ready", "status": "True",
                         "lastTransitionTime": ctx.clock.now().to_string()}]}});
                    let api: Api<Pod> = Api::namespaced(client.clone(), &key.namespace);
                    // Deleted meanwhile: nothing to report.
                    let _ = api
                        .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(ready))
                        .await;
                    queue.done(&key);
                }
            }
        }
    })
}

impl Running {
    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.cluster.client.clone(), NAMESPACE)
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.cluster.client.clone(), NAMESPACE)
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) {
        let patch = Patch::Merge(patch);
        self.deployments()
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Waits, in virtual time, until the deployment is as `kubectl rollout status` wants it.
    pub(crate) async fn rolled_out(&self, name: &str) -> Deployment {
        self.deployment_where(name, |deployment| {
            let status = deployment.status.clone().unwrap_or_default();
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            status.observed_generation >= deployment.metadata.generation
                && status.updated_replicas.unwrap_or(0) == wanted.unwrap_or(1)
                && status.replicas == status.updated_replicas
                && status.available_replicas == status.updated_replicas
        })
        .await
    }

    pub(crate) async fn deployment_where(
        &self,
        name: &str,
        mut until: impl FnMut(&Deployment) -> bool,
    ) -> Deployment {
        for _ in 0..6000 {
            let deployment = self.deployments().get(name).await.unwrap();
            if until(&deployment) {
                return deployment;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let last = self.deployments().get(name).await.unwrap();
        panic!("not within ten minutes: {:#?}", last.status);
    }

    /// Waits until `list` is empty.
    pub(crate) async fn gone<K>(&self)
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        self.until(|| async { self.names::<K>().await.is_empty() })
            .await;
    }

    pub(crate) async fn until<F: Future<Output = bool>>(&self, mut check: impl FnMut() -> F) {
        for _ in 0..600 {
            if check().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not within a minute");
    }

    pub(crate) async fn names<K>(&self) -> Vec<String>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let list = self.api::<K>().list(&ListParams::default()).await.unwrap();
        list.items
            .into_iter()
            .map(|object| object.meta().name.clone().unwrap())
            .collect()
    }

    pub(crate) async fn delete<K>(&self, name: &str, params: DeleteParams)
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        self.api::<K>().delete(name, &params).await.unwrap();
    }
}

pub(crate) fn deployment(name: &str, replicas: i32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

pub(crate) fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

/// Names of replica sets without their hashes: `web-#1` for the first that is mentioned, and so on.
/// (Hashes change whenever a default of the pod template does.)
pub(crate) fn mask(text: &str, parent: &str) -> String {
    let prefix = format!("{parent}-");
    let mut seen: Vec<String> = Vec::new();
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(&prefix) {
        let (before, found) = rest.split_at(start + prefix.len());
        let end = found.find(|letter: char| !letter.is_ascii_alphanumeric());
        let (hash, after) = found.split_at(end.unwrap_or(found.len()));
        if !seen.iter().any(|one| one == hash) {
            seen.push(hash.to_owned());
        }
        let place = seen.iter().position(|one| one == hash).unwrap() + 1;
        masked += &format!("{before}#{place}");
        rest = after;
    }
    masked + rest
}
