//! Probes of every kind against real containers, with their thresholds.

use k8s_openapi::api::core::v1::Pod;
use seatrial_node::runtime::sandbox::detect::Wanted;
use serde_json::{Value, json};

use crate::harness::{Test, is_ready, restarts};

/// HTTP that answers with what a file says, and a health service over HTTP/2 as gRPC has it, written by hand:
/// it reads until the request has come and says SERVING, or NOT_SERVING for the service `bad`.
const SERVER: &str = r#"
import http.server, os, socket, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(open("/tmp/status").read()) if os.path.exists("/tmp/status") else 200
        if self.path != "/health?x=1" or self.headers["X-Probe"] != "yes": status = 404
        self.send_response(status); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *args): pass
def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
def health():
    server = socket.create_server(("0.0.0.0", 9090))
    while True:
        connection, _ = server.accept()
        connection.sendall(frame(4, 0, 0, b""))
        text = b""
        while b"grpc.health" not in text and b"\0\0\0\0\0" not in text[24:]:
            chunk = connection.recv(4096)
            if not chunk: break
            text += chunk
        connection.settimeout(0.2)
        try:
            while chunk := connection.recv(4096): text += chunk
        except OSError: pass
        state = b"\x08\x02" if b"\n\x03bad" in text else b"\x08\x01"
        connection.sendall(frame(4, 1, 0, b"") +
            frame(1, 4, 1, b"\x88" + literal(b"content-type", b"application/grpc")) +
            frame(0, 0, 1, b"\0\0\0\0\x02" + state) +
            frame(1, 5, 1, literal(b"grpc-status", b"0")))
        connection.close()
threading.Thread(target=health, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Page).serve_forever()
"#;

fn server(probes: Value) -> Value {
    let mut container = json!({"name": "main", "image": "shop:1", "command": ["python3", "-c", SERVER],
        "ports": [{"name": "web", "containerPort": 8080}]});
    container
        .as_object_mut()
        .unwrap()
        .extend(probes.as_object().unwrap().clone());
    json!([container])
}

#[tokio::test]
async fn every_kind_of_probe_is_answered() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let http = json!({"httpGet": {"port": "web", "path": "/health?x=1", "httpHeaders": [{"name": "X-Probe", "value": "yes"}]}});
    for (name, probe) in [
        ("http", http),
        ("tcp", json!({"tcpSocket": {"port": 8080}})),
        ("grpc", json!({"grpc": {"port": 9090, "service": "good"}})),
        ("exec", json!({"exec": {"command": ["test", "-d", "/tmp"]}})),
    ] {
        test.create(name, server(json!({"readinessProbe": probe})), json!({}))
            .await;
    }
    for name in ["http", "tcp", "grpc", "exec"] {
        test.until(name, "ready", is_ready).await;
    }
    for (name, probe, problem) in [
        (
            "no-http",
            json!({"httpGet": {"port": 8080, "path": "/x"}}),
            "HTTP probe failed with statuscode: 404",
        ),
        ("no-tcp", json!({"tcpSocket": {"port": 1}}), "dial tcp "),
        (
            "no-grpc",
            json!({"grpc": {"port": 9090, "service": "bad"}}),
            "service unhealthy (responded with \"NOT_SERVING\")",
        ),
        (
            "no-exec",
            json!({"exec": {"command": ["/bin/sh", "-c", "echo not yet; exit 1"]}}),
            "not yet",
        ),
    ] {
        let mut probe = probe;
        probe["periodSeconds"] = json!(1);
        test.create(name, server(json!({"readinessProbe": probe})), json!({}))
            .await;
        test.told(&format!("Unhealthy: Readiness probe failed: {problem}"))
            .await;
        assert!(!is_ready(&test.pods.get(name).await.unwrap()));
    }
    agent.stop().await;
}

#[tokio::test]
async fn thresholds_gate_readiness_and_restart_what_is_dead() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    // Ready only after two good answers; then unready after two bad ones, without a restart.
    let count = "n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) > /tmp/n; test $n -lt 4";
    let ready = json!({"exec": {"command": ["/bin/sh", "-c", count]}, "periodSeconds": 1,
        "successThreshold": 2, "failureThreshold": 2});
    let sleeps = "sleep 1000";
    test.script("ready", sleeps, json!({"readinessProbe": ready}), json!({}))
        .await;
    // Alive for two answers, then dead: one restart after the threshold, by its own grace period.
    let dies = "n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) > /tmp/n; test $n -lt 2";
    let alive = json!({"exec": {"command": ["/bin/sh", "-c", dies]}, "periodSeconds": 1, "failureThreshold": 1,
        "terminationGracePeriodSeconds": 1});
    let again = json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": 60});
    test.script(
        "alive",
        sleeps,
        json!({"livenessProbe": alive}),
        again.clone(),
    )
    .await;
    // The others wait for the startup probe.
    let starts = json!({"exec": {"command": ["test", "-f", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 30});
    let never = json!({"exec": {"command": ["test", "-f", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 1});
    let gated = json!({"startupProbe": starts, "livenessProbe": never});
    test.script(
        "gated",
        "sleep 3; touch /tmp/up; sleep 1000",
        gated,
        again.clone(),
    )
    .await;
    // One that never comes up is started again.
    let stuck = json!({"startupProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2,
        "terminationGracePeriodSeconds": 1}});
    test.script("stuck", "sleep 1000", stuck, again).await;

    test.until("ready", "ready", is_ready).await;
    test.until("ready", "unready again", |pod| !is_ready(pod))
        .await;
    assert_eq!(restarts(&test.pods.get("ready").await.unwrap()), 0);
    test.until("alive", "a restart", |pod: &Pod| restarts(pod) == 1)
        .await;
    test.told("Killing: Container main failed liveness probe, will be restarted")
        .await;
    test.until("stuck", "a restart", |pod: &Pod| restarts(pod) >= 1)
        .await;
    test.told("Killing: Container main failed startup probe, will be restarted")
        .await;
    let pod = test.until("gated", "ready", is_ready).await;
    assert_eq!(restarts(&pod), 0);
    agent.stop().await;
}
