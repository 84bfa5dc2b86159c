//! Hooks, init and sidecar containers, ends: with real containers.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::api::DeleteParams;
use seatrial_node::agent::Agent;
use seatrial_node::logs::{Follow, Options};
use seatrial_node::runtime::sandbox::detect::Wanted;
use serde_json::json;
use tokio::time::Instant;

use crate::harness::{Test, has_ended, is_ready};

/// Everything that a container prints until its end.
fn whole_log(agent: &Agent, pod: &str, container: &str) -> tokio::task::JoinHandle<String> {
    let options = Options {
        follow: Follow::Yes,
        ..Options::default()
    };
    let log = agent.logs("test", pod, Some(container), options).unwrap();
    let chunks = log.stream().map(|chunk| chunk.unwrap().to_vec());
    tokio::spawn(async move { String::from_utf8(chunks.concat().await).unwrap() })
}

async fn delete(test: &Test, name: &str) {
    let params = DeleteParams::default();
    test.pods.delete(name, &params).await.unwrap();
}

async fn until_gone(test: &Test, name: &str) {
    let gone = async || {
        test.pods
            .get_opt(name)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    };
    seatrial_testkit::eventually("the pod to go", Duration::from_secs(30), gone).await;
}

fn ended(pod: &Pod, container: &str) -> ContainerStateTerminated {
    let statuses = pod.status.as_ref().unwrap();
    let all = statuses.container_statuses.iter().flatten();
    let status = all.into_iter().find(|it| it.name == container).unwrap();
    status.state.clone().unwrap().terminated.unwrap()
}

#[tokio::test]
async fn hooks_run_in_the_container_and_by_http() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let script = "trap 'echo asked to end; exit 0' TERM; until test -f /tmp/begun; do sleep 0.02; done; \
        echo hook was first; while :; do sleep 0.02; done";
    let hooks = json!({"lifecycle": {
        "postStart": {"exec": {"command": ["/bin/sh", "-c", "touch /tmp/begun"]}},
        "preStop": {"exec": {"command": ["/bin/sh", "-c", "echo before the end > /proc/1/fd/1"]}},
    }});
    let patient = json!({"terminationGracePeriodSeconds": 30});
    test.script("exec", script, hooks, patient).await;
    let sleeps = json!({"lifecycle": {"preStop": {"sleep": {"seconds": 2}}}});
    let quick = "trap 'exit 0' TERM; while :; do sleep 0.02; done";
    test.script(
        "sleep",
        quick,
        sleeps,
        json!({"terminationGracePeriodSeconds": 30}),
    )
    .await;
    let server = r#"
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, self.headers["X-Hook"], flush=True)
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("0.0.0.0", 8080), Page).serve_forever()
"#;
    let get = |path: &str| json!({"httpGet": {"port": 8080, "path": path, "httpHeaders": [{"name": "X-Hook", "value": "yes"}]}});
    let web = json!([{"name": "main", "image": "shop:1", "command": ["python3", "-c", server],
        "lifecycle": {"preStop": get("/stop")}, "readinessProbe": {"tcpSocket": {"port": 8080}}}]);
    test.create("http", web, json!({"terminationGracePeriodSeconds": 2}))
        .await;
    test.until_printed(&agent, "exec", "main", "hook was first")
        .await;
    for name in ["http", "sleep"] {
        test.until(name, "ready", is_ready).await;
    }
    let logs = ["exec", "http"].map(|name| whole_log(&agent, name, "main"));
    let begin = Instant::now();
    for name in ["exec", "http", "sleep"] {
        delete(&test, name).await;
    }
    until_gone(&test, "sleep").await;
    assert!(begin.elapsed() >= Duration::from_secs(2));
    let [exec, http] = logs;
    assert_eq!(
        exec.await.unwrap(),
        "hook was first\nbefore the end\nasked to end\n"
    );
    assert_eq!(http.await.unwrap(), "/stop yes\n");
    agent.stop().await;
}

#[tokio::test]
async fn a_hook_that_fails_is_told() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let fails = json!({"exec": {"command": ["/bin/sh", "-c", "echo no luck; exit 7"]}});
    let hooks = json!({"lifecycle": {"postStart": fails}});
    test.script("bad", "sleep 1000", hooks, json!({})).await;
    let pod = test.until("bad", "the end", has_ended).await;
    assert_eq!(ended(&pod, "main").exit_code, 137);
    test.told("FailedPostStartHook: PostStartHook failed: ")
        .await;
    agent.stop().await;
}

/// Writes down what happens in a file that all containers share.
fn noting(name: &str, script: &str) -> serde_json::Value {
    let script = format!("note() {{ echo {name} $* >> /shared/order; }}; {script}");
    json!({"name": name, "image": "shop:1", "command": ["/bin/sh", "-c", script],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]})
}

#[tokio::test]
async fn sidecars_start_in_order_and_end_in_reverse() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let stays = "while :; do sleep 0.02; done";
    let mut first = noting(
        "first",
        &format!(
            "sleep 0.3; note up; touch /shared/first; trap 'note down; cat /shared/order; exit 0' TERM; {stays}"
        ),
    );
    first["restartPolicy"] = json!("Always");
    first["startupProbe"] = json!({"exec": {"command": ["test", "-f", "/shared/first"]}, "periodSeconds": 1, "failureThreshold": 30});
    let mut second = noting(
        "second",
        &format!("note up; trap 'sleep 0.3; note down; exit 0' TERM; {stays}"),
    );
    second["restartPolicy"] = json!("Always");
    let init = noting("init", "note done");
    let main = noting(
        "main",
        &format!("note up; trap 'sleep 0.3; note down; exit 0' TERM; {stays}"),
    );
    test.create(
        "web",
        json!([main]),
        json!({"initContainers": [first, init, second], "volumes": [{"name": "shared", "emptyDir": {}}]}),
    )
    .await;
    test.until("web", "ready", is_ready).await;
    let log = whole_log(&agent, "web", "first");
    delete(&test, "web").await;
    until_gone(&test, "web").await;
    assert_eq!(
        log.await.unwrap(),
        "first up\ninit done\nsecond up\nmain up\nmain down\nsecond down\nfirst down\n"
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_sidecar_that_ends_is_started_again_and_keeps_no_pod_from_its_end() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let mut helper = noting(
        "helper",
        "note up; test -f /shared/again && sleep 1000; touch /shared/again",
    );
    helper["restartPolicy"] = json!("Always");
    let main = noting(
        "main",
        "until test $(grep -c helper /shared/order) = 2; do sleep 0.05; done; cat /shared/order",
    );
    let spec = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
        "initContainers": [helper], "volumes": [{"name": "shared", "emptyDir": {}}]});
    test.create("job", json!([main]), spec).await;
    assert_eq!(
        test.printed(&agent, "job", "main").await,
        "helper up\nhelper up\n"
    );
    let pod = test.pods.get("job").await.unwrap();
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Succeeded"));
    agent.stop().await;
}

#[tokio::test]
async fn the_last_words_are_kept_and_the_patience_has_an_end() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let file = json!({"terminationMessagePath": "/tmp/words"});
    test.script(
        "file",
        "echo from the log; echo last > /tmp/words",
        file,
        json!({}),
    )
    .await;
    let log = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    test.script("log", "echo from the log; exit 3", log.clone(), json!({}))
        .await;
    test.script("good", "echo from the log", log, json!({}))
        .await;
    test.script(
        "default",
        "echo usual > /dev/termination-log",
        json!({}),
        json!({}),
    )
    .await;
    let long = "head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log";
    test.script("long", long, json!({}), json!({})).await;
    let deaf = json!({"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 1});
    test.script(
        "deaf",
        "trap '' TERM; while :; do sleep 0.1; done",
        json!({}),
        deaf,
    )
    .await;
    for (name, words) in [
        ("file", Some("last\n")),
        ("log", Some("from the log\n")),
        ("good", None),
        ("default", Some("usual\n")),
    ] {
        let pod = test.until(name, "the end", has_ended).await;
        assert_eq!(ended(&pod, "main").message.as_deref(), words, "{name}");
    }
    let pod = test.until("long", "the end", has_ended).await;
    assert_eq!(ended(&pod, "main").message.unwrap().len(), 4096);
    let killed = |pod: &Pod| {
        let status = pod.status.as_ref().unwrap();
        has_ended(pod)
            && status
                .container_statuses
                .iter()
                .flatten()
                .any(|it| it.state.as_ref().is_some_and(|it| it.terminated.is_some()))
    };
    let pod = test.until("deaf", "the kill", killed).await;
    assert_eq!(ended(&pod, "main").exit_code, 137);
    assert_eq!(
        pod.status.unwrap().reason.as_deref(),
        Some("DeadlineExceeded")
    );
    agent.stop().await;
}

#[tokio::test]
async fn memory_beyond_the_limit_ends_a_container() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let eats = json!({"command": ["python3", "-c", "x = bytearray(512 << 20); print(len(x))"],
        "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}}});
    test.script("eater", "", eats, json!({})).await;
    let pod = test.until("eater", "the end", has_ended).await;
    let events = test.events().await;
    let refused = events
        .iter()
        .find(|it| it.starts_with("NotEnforced: memory limit of 64Mi"));
    if let Some(refused) = refused {
        seatrial_testkit::skipped(refused);
    } else {
        let ended = ended(&pod, "main");
        assert_eq!(
            (ended.exit_code, ended.reason.as_deref()),
            (137, Some("OOMKilled"))
        );
    }
    agent.stop().await;
}
