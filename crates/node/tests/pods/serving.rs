//! Pods that serve, crash, and are found again by the next agent.

use std::fs;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use seatrial_node::agent::Agent;
use seatrial_node::logs::{Follow, Options};
use seatrial_node::runtime::sandbox::detect::Wanted;
use seatrial_testkit::eventually;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::harness::{Test, is_ready, restarts};

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
