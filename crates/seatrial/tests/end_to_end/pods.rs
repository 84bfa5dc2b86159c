//! Pods that find and reach each other, the API and nobody else, seen from inside one of them.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{LogParams, PostParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::process::{Up, client};

const LIMIT: Duration = Duration::from_mins(1);

/// Answers each connection, and each datagram, with the client's address.
const SERVER: &str = r#"
import socket, threading
def datagrams():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 8125))
    while True:
        text, client = server.recvfrom(100)
        server.sendto(client[0].encode(), client)
threading.Thread(target=datagrams, daemon=True).start()
server = socket.create_server(("0.0.0.0", 8080))
while True:
    connection, client = server.accept()
    connection.sendall(client[0].encode())
    connection.close()
"#;

/// Looks around, and says what it saw.
const CLIENT: &str = r#"
import json, os, socket, ssl, time, urllib.request
own = os.environ["OWN_ADDRESS"]

def fetch(host, port):
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            text = b""
            while chunk := connection.recv(100):
                text += chunk
            return text.decode()
    except OSError as error:
        return type(error).__name__

def eventually(act, wanted):
    for _ in range(200):
        found = act()
        if found == wanted:
            return found
        time.sleep(0.1)
    return found

def say(what, value):
    print(what, value, flush=True)

say("service", eventually(lambda: fetch("web", 80), own) == own)
def send(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(2)
        try:
            sender.sendto(b"x", (host, port))
            text, place = sender.recvfrom(100)
            return text.decode() if place == (host, port) else place
        except OSError as error:
            return type(error).__name__

say("datagrams", send(os.environ["WEB_SERVICE_HOST"], 8125) == own)
say("full name", fetch("web.default.svc.cluster.local", 80) == own)
say("variable", os.environ["WEB_SERVICE_HOST"] == socket.gethostbyname("web"))
say("headless", eventually(lambda: fetch("first.each", 8080), own) == own)
say("by address", fetch(socket.gethostbyname("each"), 8080) == own)
say("nobody", fetch("nobody", 80) in ("ConnectionRefusedError", "ConnectionResetError"))
say("guarded", fetch("guarded", 80) in ("TimeoutError", "ConnectionResetError"))
try:
    socket.gethostbyname("missing")
except socket.gaierror as error:
    say("missing", error.errno == socket.EAI_NONAME)
say("alias", socket.gethostbyname("alias") == socket.gethostbyname("web"))
say("hosts", socket.gethostbyname("other.example") == "192.0.2.7")
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
trust = ssl.create_default_context(cafile=folder + "ca.crt")
review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()
for host in ("kubernetes.default.svc", os.environ["KUBERNETES_SERVICE_HOST"]):
    request = urllib.request.Request(
        "https://" + host + "/apis/authentication.k8s.io/v1/selfsubjectreviews", review,
        {"Authorization": "Bearer " + open(folder + "token").read(), "Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
        say("api", json.load(answer)["status"]["userInfo"]["username"])
"#;

const SEEN: &str = "service True
datagrams True
full name True
variable True
headless True
by address True
nobody True
guarded True
missing True
alias True
hosts True
api system:serviceaccount:default:default
api system:serviceaccount:default:default
";

pub(crate) async fn create<K>(client: &Client, object: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + DeserializeOwned
        + Serialize
        + Clone
        + std::fmt::Debug,
{
    let api: Api<K> = Api::default_namespaced(client.clone());
    let object: K = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

pub(crate) fn pod(name: &str, script: &str, spec: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "main",
                "image": "seatrial/host",
                "command": ["python3", "-c", script],
                "env": [{"name": "OWN_ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            }],
        },
    });
    let Value::Object(more) = spec else {
        return pod;
    };
    for (key, value) in more {
        pod["spec"][key] = value;
    }
    pod
}

pub(crate) fn service(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn make_services(client: &Client) {
    let to =
        |app: &str| json!({"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]});
    let web = json!({"selector": {"app": "web"}, "ports": [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "counts", "port": 8125, "protocol": "UDP"}]});
    create::<Service>(client, service("web", &web)).await;
    for name in ["guarded", "nobody"] {
        create::<Service>(client, service(name, &to(name))).await;
    }
    let each = json!({"selector": {"app": "each"}, "clusterIP": "None", "ports": [{"port": 8080}]});
    create::<Service>(client, service("each", &each)).await;
    let alias = json!({"type": "ExternalName", "externalName": "web.default.svc.cluster.local"});
    create::<Service>(client, service("alias", &alias)).await;
}

/// Starts a cluster whose pods are containers; says why not where this machine has none.
pub(crate) fn containers(data: &Path, nodes: u16) -> Option<Up> {
    let up = Up::start_as(data, &["--runtime", "auto", "--nodes", &nodes.to_string()]);
    let runtime = up.ready["state"]["runtime"].as_str().unwrap().to_owned();
    if runtime.starts_with("the container runtime was taken") {
        return Some(up);
    }
    seatrial_testkit::skipped(runtime);
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_reaches_others_and_the_api_by_name_and_is_kept_out_by_a_policy() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = folder.path().join("cluster");
    let Some(up) = containers(&data, 1) else {
        return;
    };
    let client = client(&data).await;
    make_services(&client).await;
    let policy = json!({
        "metadata": {"name": "guard"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "guarded"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
        },
    });
    create::<NetworkPolicy>(&client, policy).await;
    for name in ["web", "guarded"] {
        create::<Pod>(&client, pod(name, SERVER, json!({}))).await;
    }
    let first = json!({"hostname": "first", "subdomain": "each"});
    create::<Pod>(&client, pod("each", SERVER, first)).await;
    let aliases = json!({"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["other.example"]}]});
    create::<Pod>(&client, pod("client", CLIENT, aliases)).await;

    let pods: Api<Pod> = Api::default_namespaced(client);
    let ended = async {
        loop {
            let pod = pods.get("client").await.unwrap();
            let phase = pod.status.and_then(|status| status.phase);
            if matches!(phase.as_deref(), Some("Succeeded" | "Failed")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(LIMIT, ended).await;
    let seen = pods.logs("client", &LogParams::default()).await;
    let seen = seen.unwrap_or_else(|error| error.to_string());
    assert_eq!(seen, SEEN, "{in_time:?}");
    up.stop();
}
