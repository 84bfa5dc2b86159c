//! Pods on the runtimes of this machine, in an in-process cluster.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests end where something is wrong.

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
use kube::api::{DeleteParams, ListParams, PostParams};
use seatrial_controller::Context;
use seatrial_node::address::Range;
use seatrial_node::agent::{Agent, NodeConfig};
use seatrial_node::images::{self, Image, ImageConfig, Images, PullPolicy};
use seatrial_node::logs::{Follow, Options};
use seatrial_node::registration::{Capacity, NodeDescription, SystemInfo};
use seatrial_node::runtime::sandbox::detect::{Settings, Wanted, choose};
use seatrial_node::runtime::{HostBase, Runtime};
use seatrial_testkit::{Cluster, cluster, eventually, skipped};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

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

struct Test {
    cluster: Cluster,
    pods: Api<Pod>,
    runtime: Arc<dyn Runtime>,
    directory: tempfile::TempDir,
}

impl Test {
    /// A cluster whose node has this runtime, if the machine can have it; else says why not.
    async fn start(wanted: Wanted) -> Option<Self> {
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
        })
    }

    fn agent(&self) -> Agent {
        self.agent_with_task().0
    }

    fn agent_with_task(&self) -> (Agent, tokio::task::JoinHandle<()>) {
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
        let config = NodeConfig::new(
            node,
            self.runtime.clone(),
            images,
            self.directory.path().join("node"),
        );
        let cluster = &self.cluster;
        let ctx = Context::new(
            cluster.client.clone(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let agent = Agent::new(&ctx, config);
        let running = agent.clone();
        let task = tokio::spawn(async move { running.run().await.unwrap() });
        (agent, task)
    }

    async fn create(&self, name: &str, containers: Value, more: Value) {
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

    async fn until(&self, name: &str, what: &str, check: impl Fn(&Pod) -> bool) -> Pod {
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

    async fn events(&self) -> Vec<String> {
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

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .iter()
        .flat_map(|it| it.container_statuses.iter().flatten());
    statuses.map(|it| it.restart_count).sum()
}

async fn get(agent: &Agent, pod: &str) -> String {
    let mut stream = agent.connect("test", pod, 8080).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().last().unwrap_or_default().to_owned()
}

async fn serve(wanted: Wanted) {
    let Some(test) = Test::start(wanted).await else {
        return;
    };
    let agent = test.agent();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "test"},
        "data": {"mode": "calm"}});
    test.cluster.create(map).await.unwrap();
    let settings = if wanted == Wanted::Container {
        "/etc/settings"
    } else {
        "settings"
    };
    let containers = json!([{
        "name": "app",
        "image": "shop:1",
        "command": ["python3", "server.py"],
        "env": [{"name": "COLOUR", "value": "blue"}, {"name": "SETTINGS", "value": settings}],
        "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
        "livenessProbe": {"exec": {"command": ["/bin/sh", "-c", "true"]}},
        "volumeMounts": [{"name": "settings", "mountPath": format!("/app/{settings}").replace("/app//", "/")}],
    }]);
    test.create(
        "web",
        containers,
        json!({"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}),
    )
    .await;
    test.until("web", "ready", is_ready).await;
    assert_eq!(get(&agent, "web").await, "blue calm");
    let options = Options {
        follow: Follow::Yes,
        ..Options::default()
    };
    let log = agent.logs("test", "web", None, options).unwrap().stream();
    let log = tokio::spawn(log.map(|chunk| chunk.unwrap().to_vec()).concat());
    // The next agent starts again what this one ran.
    agent.stop().await;
    assert!(
        String::from_utf8(log.await.unwrap())
            .unwrap()
            .starts_with("serving\n")
    );
    let agent = test.agent();
    test.until("web", "ready again", |pod| {
        is_ready(pod) && restarts(pod) == 1
    })
    .await;
    assert_eq!(get(&agent, "web").await, "blue calm");
    let log = agent.logs("test", "web", None, options).unwrap().stream();
    let log = tokio::spawn(log.map(|chunk| chunk.unwrap().to_vec()).concat());
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the pod to go", Duration::from_secs(20), async || {
        test.pods
            .get_opt("web")
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
    assert_eq!(
        String::from_utf8(log.await.unwrap()).unwrap(),
        "serving\ngoing\n"
    );
    println!("{:#?}", test.events().await);
    agent.stop().await;
    assert_eq!(
        fs::read_dir(test.directory.path().join("node/sandboxes"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_pod_serves_in_namespaces() {
    serve(Wanted::Container).await;
}

#[tokio::test]
async fn a_pod_serves_as_a_plain_process() {
    serve(Wanted::Process).await;
}

async fn crash(wanted: Wanted) {
    let Some(test) = Test::start(wanted).await else {
        return;
    };
    let agent = test.agent();
    let containers = json!([{"name": "app", "image": "shop:1", "command": ["/bin/sh", "-c", "echo no; exit 3"]}]);
    test.create("bad", containers, json!({})).await;
    test.until("bad", "a restart", |pod| restarts(pod) == 1)
        .await;
    let missing = json!([{"name": "app", "image": "shop:1", "command": ["/no/such/program"]}]);
    test.create("none", missing, json!({"restartPolicy": "Never"}))
        .await;
    let failed = |pod: &Pod| {
        pod.status
            .as_ref()
            .is_some_and(|it| it.phase.as_deref() == Some("Failed"))
    };
    let pod = test.until("none", "failure", failed).await;
    let statuses = pod.status.unwrap().container_statuses.unwrap();
    let ended = statuses[0]
        .state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!(
        (ended.exit_code, ended.reason.as_deref()),
        (128, Some("StartError"))
    );
    assert!(
        ended
            .message
            .as_deref()
            .unwrap()
            .contains("/no/such/program"),
        "{ended:?}"
    );
    agent.stop().await;
}

#[tokio::test]
async fn failures_are_told_in_namespaces() {
    crash(Wanted::Container).await;
}

#[tokio::test]
async fn failures_are_told_of_plain_processes() {
    crash(Wanted::Process).await;
}

/// How long a pod takes from its creation to its first status `Running`, beyond its own work.
async fn measure(wanted: Wanted) {
    const PODS: u32 = 10;
    let Some(test) = Test::start(wanted).await else {
        return;
    };
    let agent = test.agent();
    let containers = json!([{"name": "app", "image": "shop:1", "command": ["/bin/sleep", "1000"]}]);
    test.create("first", containers.clone(), json!({})).await;
    test.until("first", "ready", is_ready).await;
    let mut total = Duration::ZERO;
    for number in 0..PODS {
        let begin = Instant::now();
        let name = format!("web-{number}");
        test.create(&name, containers.clone(), json!({})).await;
        test.until(&name, "ready", is_ready).await;
        total += begin.elapsed();
    }
    println!(
        "{}: {:?} from create to Ready",
        test.runtime.name(),
        total / PODS
    );
    agent.stop().await;
}

#[tokio::test]
async fn pods_start_quickly() {
    measure(Wanted::Container).await;
    measure(Wanted::Process).await;
}

/// An agent that dies leaves everything running; the next one must end it first.
async fn survive(wanted: Wanted) {
    let Some(test) = Test::start(wanted).await else {
        return;
    };
    let (agent, task) = test.agent_with_task();
    let containers = json!([{
        "name": "app",
        "image": "shop:1",
        "command": ["python3", "-m", "http.server", "--bind", "$(POD_ADDRESS)", "8080"],
        "env": [{"name": "POD_ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "readinessProbe": {"tcpSocket": {"port": 8080}},
    }]);
    test.create("web", containers, json!({})).await;
    test.until("web", "ready", is_ready).await;
    task.abort();
    let _ = task.await;
    drop(agent);
    let agent = test.agent();
    let again = |pod: &Pod| is_ready(pod) && restarts(pod) > 0;
    let pod = test.until("web", "ready again", again).await;
    assert_eq!(restarts(&pod), 1, "the address was still taken");
    agent.stop().await;
}

#[tokio::test]
async fn the_next_agent_ends_what_a_dead_one_left_in_namespaces() {
    survive(Wanted::Container).await;
}

#[tokio::test]
async fn the_next_agent_ends_what_a_dead_one_left_as_plain_processes() {
    survive(Wanted::Process).await;
}
