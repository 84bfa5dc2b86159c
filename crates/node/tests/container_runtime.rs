//! The container runtime, with real namespaces where the machine has them.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use seatrial_node::runtime::{Exit, Sandbox as _, Signal};
use support::harness::{Captured, Machine, shell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: &str = r#"
import http.server, os, socket
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("hello from " + socket.gethostname()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
print("ready", flush=True)
http.server.HTTPServer((os.environ["POD_IP"], 8080), Page).serve_forever()
"#;

#[tokio::test]
async fn a_server_on_the_pods_address_is_reached() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("web").await;
    let mut spec = shell(&machine, "web", "exec python3 /app/server.py");
    spec.root.layers = vec![machine.layer(&[("app/server.py", SERVER)])];
    spec.env
        .insert("POD_IP".into(), sandbox.address().to_string());
    let output = Captured::default();
    spec.output = output.handle();
    let process = sandbox.start(spec).await.unwrap();
    output.wait_for("ready").await;
    let mut stream = sandbox.connect(8080).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello from web"), "{answer}");
    process.signal(Signal::KILL).await.unwrap();
    assert_eq!(process.wait().await, Exit::signal(9));
    tokio::time::timeout(Duration::from_secs(5), sandbox.stop())
        .await
        .unwrap()
        .unwrap();
}
