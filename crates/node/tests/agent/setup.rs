//! A cluster with one node whose runtime is in memory.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::Api;
use kube::api::{ListParams, PostParams};
use seatrial_controller::Context;
use seatrial_node::address::Range;
use seatrial_node::agent::{Agent, NodeConfig};
use seatrial_node::logs::{Options, Run};
use seatrial_node::registration::{Capacity, NodeDescription, SystemInfo};
use seatrial_testkit::{Cluster, cluster, eventually};
use serde_json::{Value, json};

use super::fake::{FakeImages, FakeRuntime, World};

pub(crate) struct Test {
    pub(crate) cluster: Cluster,
    pub(crate) pods: Api<Pod>,
    pub(crate) agent: Agent,
    pub(crate) world: Arc<World>,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn agent(cluster: &Cluster, world: &Arc<World>, directory: &Path) -> Agent {
    let capacity = Capacity {
        cpu_millis: 4_000,
        memory_bytes: 8 << 30,
        storage_bytes: 8 << 30,
        pods: 110,
    };
    let node = NodeDescription {
        name: "node".into(),
        runtime: "fake",
        address: IpAddr::from(Ipv4Addr::LOCALHOST),
        pods: Range::of_node(0, 1, 110).unwrap(),
        capacity,
        labels: BTreeMap::new(),
        taints: Vec::new(),
        port: 0,
        system: SystemInfo::default(),
    };
    let runtime = Arc::new(FakeRuntime(world.clone()));
    let config = NodeConfig::new(node, runtime, Arc::new(FakeImages), directory.to_owned());
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let own = ctx.identified(cluster.agent("node"));
    let agent = Agent::new(&own, config);
    let running = agent.clone();
    tokio::spawn(async move { running.run().await.unwrap() });
    agent
}

impl Test {
    pub(crate) async fn start() -> Self {
        let cluster = cluster().await;
        cluster.namespace("test").await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let world = Arc::new(World::default());
        let agent = agent(&cluster, &world, directory.path());
        let pods = Api::namespaced(cluster.client.clone(), "test");
        Self {
            cluster,
            pods,
            agent,
            world,
            directory,
        }
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) {
        let mut pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "node"}});
        if let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], spec) {
            into.extend(from);
        }
        let pod = serde_json::from_value(pod).unwrap();
        self.pods
            .create(&PostParams::default(), &pod)
            .await
            .unwrap();
    }

    /// Waits until the pod satisfies the condition.
    pub(crate) async fn until(&self, name: &str, what: &str, check: impl Fn(&Pod) -> bool) -> Pod {
        eventually(what, Duration::from_mins(10), async || {
            self.pods.get_opt(name).await.unwrap().filter(&check)
        })
        .await
    }

    pub(crate) async fn gone(&self, name: &str) {
        eventually("the pod to go", Duration::from_mins(10), async || {
            self.pods
                .get_opt(name)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        })
        .await;
    }

    /// Reasons and messages of the pod's events, in order of name.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.cluster.client.clone(), "test");
        let events = events.list(&ListParams::default()).await.unwrap().items;
        let about = events
            .iter()
            .filter(|it| it.involved_object.name.as_deref() == Some(name));
        let mut lines: Vec<String> = about
            .map(|it| {
                format!(
                    "{}: {}",
                    it.reason.as_deref().unwrap(),
                    it.message.as_deref().unwrap()
                )
            })
            .collect();
        lines.sort();
        lines
    }

    pub(crate) fn logs(&self, name: &str, run: Run) -> String {
        let options = Options {
            run,
            ..Options::default()
        };
        let lines = self.agent.logs("test", name, None, options).unwrap();
        String::from_utf8(lines.now().unwrap()).unwrap()
    }
}

pub(crate) fn container(pod: &Pod) -> &ContainerStatus {
    &pod.status
        .as_ref()
        .unwrap()
        .container_statuses
        .as_ref()
        .unwrap()[0]
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}

pub(crate) fn waits(pod: &Pod) -> Option<(&str, &str)> {
    let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    Some((
        waiting.reason.as_deref()?,
        waiting.message.as_deref().unwrap_or_default(),
    ))
}

pub(crate) fn app(more: Value) -> Value {
    let mut container = json!({"name": "app", "image": "shop:1"});
    if let (Value::Object(into), Value::Object(from)) = (&mut container, more) {
        into.extend(from);
    }
    json!({"containers": [container]})
}
