//! A node in an in-process cluster, with the runtimes of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{ListParams, PostParams};
use seatrial_controller::Context;
use seatrial_node::address::Range;
use seatrial_node::agent::{Agent, HostPaths, NodeConfig};
use seatrial_node::images::{self, Image, ImageConfig, Images, PullPolicy};
use seatrial_node::logs::Options;
use seatrial_node::registration::{Capacity, NodeDescription, SystemInfo};
use seatrial_node::runtime::sandbox::detect::{Settings, Wanted, choose};
use seatrial_node::runtime::{HostBase, Runtime};
use seatrial_testkit::{Cluster, cluster, skipped};
use serde_json::{Value, json};

const INIT: &str = env!("CARGO_BIN_EXE_seatrial-sandbox-init");

const SERVER: &str = r#"
import http.server, os, signal, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (os.environ["COLOUR"] + " " + open(os.environ["SETTINGS"] + "/mode").read()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
def bye(*args):
    print("going", flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, bye)
server = http.server.HTTPServer((os.environ["POD_IP"], 8080), Page)
print("serving", flush=True)
server.serve_forever()
"#;

/// Images on the machine's own files, with the server in a layer.
struct HostImages(PathBuf);

#[async_trait]
impl Images for HostImages {
    async fn resolve(&self, reference: &str, _: PullPolicy) -> Result<Image, images::Error> {
        Ok(Image {
            id: "sha256:0".into(),
            reference: reference.into(),
            layers: vec![self.0.clone()],
            host_base: HostBase::Present,
            config: ImageConfig {
                working_directory: "/app".into(),
                ..ImageConfig::default()
            },
            ..Image::default()
        })
    }
}

pub(crate) struct Test {
    pub(crate) cluster: Cluster,
    pub(crate) pods: Api<Pod>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) host_paths: HostPaths,
}

impl Test {
    /// A cluster whose node has this runtime, if the machine can have it; else says why not.
    pub(crate) async fn start(wanted: Wanted) -> Option<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let settings = Settings {
            directory: directory.path().join("runtime"),
            executable: Some(INIT.into()),
        };
        let runtime = match choose(wanted, &settings).await {
            Ok(chosen) => chosen.runtime,
            Err(error) => {
                skipped(error);
                return None;
            }
        };
        let layer = directory.path().join("layer/app");
        fs::create_dir_all(&layer).unwrap();
        fs::write(layer.join("server.py"), SERVER).unwrap();
        let cluster = cluster().await;
        cluster.namespace("test").await.unwrap();
        let pods = Api::namespaced(cluster.client.clone(), "test");
        Some(Self {
            cluster,
            pods,
            runtime,
            directory,
            host_paths: HostPaths::Refused,
        })
    }

    pub(crate) fn agent(&self) -> Agent {
        self.agent_with_task().0
    }

    pub(crate) fn agent_with_task(&self) -> (Agent, tokio::task::JoinHandle<()>) {
        let capacity = Capacity {
            cpu_millis: 4_000,
            memory_bytes: 8 << 30,
            storage_bytes: 8 << 30,
            pods: 110,
        };
        let pods = match self.runtime.name() {
            "container" => Range::of_node(0, 1, 110).unwrap(),
            _ => Range::of_loopback(std::process::id().into(), 0),
        };
        let node = NodeDescription {
            name: "node".into(),
            runtime: self.runtime.name(),
            address: IpAddr::from(Ipv4Addr::LOCALHOST),
            pods,
            capacity,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            port: 0,
            system: SystemInfo::default(),
        };
        let images = Arc::new(HostImages(self.directory.path().join("layer")));
        let mut config = NodeConfig::new(
            node,
            self.runtime.clone(),
            images,
            self.directory.path().join("node"),
        );
        config.host_paths = self.host_paths;
        let cluster = &self.cluster;
        let ctx = Context::with_identities(
            cluster.controllers(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let own = ctx.identified(cluster.agent("node"));
        let agent = Agent::new(&own, config);
        let running = agent.clone();
        let task = tokio::spawn(async move { running.run().await.unwrap() });
        (agent, task)
    }

    pub(crate) async fn create(&self, name: &str, containers: Value, more: Value) {
        let mut pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "node", "containers": containers}});
        if let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], more) {
            into.extend(from);
        }
        let pod = serde_json::from_value(pod).unwrap();
        self.pods
            .create(&PostParams::default(), &pod)
            .await
            .unwrap();
    }

    pub(crate) async fn until(&self, name: &str, what: &str, check: impl Fn(&Pod) -> bool) -> Pod {
        let found = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                if let Some(pod) = self.pods.get_opt(name).await.unwrap().filter(&check) {
                    return pod;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        match found.await {
            Ok(pod) => pod,
            Err(late) => panic!(
                "{what}: {late}: {:#?} {:?}",
                self.pods.get(name).await.unwrap().status,
                self.events().await
            ),
        }
    }

    /// A pod of one container that runs a shell script once.
    pub(crate) async fn script(&self, name: &str, script: &str, container: Value, spec: Value) {
        let mut own =
            json!({"name": "main", "image": "shop:1", "command": ["/bin/sh", "-c", script]});
        if let (Value::Object(into), Value::Object(from)) = (&mut own, container) {
            into.extend(from);
        }
        let mut whole = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 1});
        if let (Value::Object(into), Value::Object(from)) = (&mut whole, spec) {
            into.extend(from);
        }
        self.create(name, json!([own]), whole).await;
    }

    /// Waits for a pod to end, and returns what its container printed.
    pub(crate) async fn printed(&self, agent: &Agent, name: &str, container: &str) -> String {
        self.until(name, "the end", has_ended).await;
        self.log(agent, name, container).await
    }

    /// What a container has printed so far.
    pub(crate) async fn log(&self, agent: &Agent, name: &str, container: &str) -> String {
        let log = agent.logs("test", name, Some(container), Options::default());
        let chunks = log.unwrap().stream().map(|chunk| chunk.unwrap().to_vec());
        String::from_utf8(chunks.concat().await).unwrap()
    }

    /// Waits until a container has printed a text.
    pub(crate) async fn until_printed(
        &self,
        agent: &Agent,
        name: &str,
        container: &str,
        text: &str,
    ) {
        for _ in 0..3_000 {
            let log = agent.logs("test", name, Some(container), Options::default());
            if let Ok(log) = log {
                let chunks = log.stream().map(|chunk| chunk.unwrap().to_vec());
                if String::from_utf8_lossy(&chunks.concat().await).contains(text) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let pod = self.pods.get(name).await.unwrap();
        panic!(
            "{text:?} was not printed: {:#?} {:?}",
            pod.status,
            self.events().await
        );
    }

    /// Waits for an event that begins so.
    pub(crate) async fn told(&self, beginning: &str) -> String {
        for _ in 0..3_000 {
            let events = self.events().await;
            if let Some(found) = events.iter().find(|it| it.starts_with(beginning)) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{beginning:?} was not told: {:?}", self.events().await);
    }

    pub(crate) async fn events(&self) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.cluster.client.clone(), "test");
        let events = events.list(&ListParams::default()).await.unwrap().items;
        events
            .iter()
            .map(|it| {
                format!(
                    "{}: {}",
                    it.reason.as_deref().unwrap(),
                    it.message.as_deref().unwrap()
                )
            })
            .collect()
    }
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

pub(crate) fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .iter()
        .flat_map(|it| it.container_statuses.iter().flatten());
    statuses.map(|it| it.restart_count).sum()
}

pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
