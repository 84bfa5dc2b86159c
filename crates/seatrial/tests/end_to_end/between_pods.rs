//! Everything that connections of pods may lead to, and what keeps them from it, seen from inside real pods and
//! from the machine.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{ListParams, LogParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::pods::{containers, create, pod, service};
use crate::process::client;

const LIMIT: Duration = Duration::from_mins(1);

/// Says over TCP and UDP who it is and whom it sees.
const ECHO: &str = r#"
import os, socket, threading
def say(client):
    return (os.uname().nodename + " " + client[0]).encode()
def datagrams():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 8125))
    while True:
        _, client = server.recvfrom(100)
        server.sendto(say(client), client)
threading.Thread(target=datagrams, daemon=True).start()
def serve(port):
    server = socket.create_server(("0.0.0.0", port))
    while True:
        connection, client = server.accept()
        connection.sendall(say(client))
        connection.close()
threading.Thread(target=serve, args=(8081,), daemon=True).start()
serve(8080)
"#;

/// What every client begins with.
const BEGINNING: &str = r#"
import os, socket, struct, sys, time
own = os.environ["OWN_ADDRESS"]
def fetch(host, port, timeout=3):
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            text = b""
            while chunk := connection.recv(100):
                text += chunk
            return text.decode()
    except OSError as error:
        return type(error).__name__
def eventually(act, check):
    for _ in range(300):
        found = act()
        if check(found):
            return found
        time.sleep(0.1)
    return found
def say(what, value):
    print(what, value, flush=True)
"#;

const SPREAD: &str = r#"
both = {"echo-a", "echo-b"}
who = lambda service, port=80: fetch(service, port).split(" ")[0]
say("both", eventually(lambda: {who("plain") for _ in range(8)}, lambda found: found == both) == both)
say("sticky", len({who("sticky") for _ in range(8)}))
say("unready", eventually(lambda: who("early", 8080), lambda found: found == "late"))
say("nobody ready", who("late", 80))
say("near", sorted({who("near") for _ in range(6)}))
say("far", fetch("far", 80, 1.5))
say("namespace", fetch("there.other", 80).split(" ")[0], )
say("balanced", fetch(BALANCED, 8070).split(" ")[1] == own)
def ask(name, kind, over_stream=False):
    question = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0)
    for label in name.split("."):
        question += bytes([len(label)]) + label.encode()
    question += b"\0" + struct.pack(">2H", kind, 1)
    place = (open("/etc/resolv.conf").read().split("nameserver ")[1].split()[0], 53)
    if over_stream:
        with socket.create_connection(place, timeout=5) as stream:
            stream.sendall(struct.pack(">H", len(question)) + question)
            answer = stream.recv(4096)[2:]
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(5)
            sender.sendto(question, place)
            answer = sender.recv(4096)
    return answer[3] & 15, struct.unpack(">H", answer[6:8])[0], answer
for over_stream in (False, True):
    code, count, answer = ask("_web._tcp.each.default.svc.cluster.local", 33, over_stream)
    say("srv", (code, count, struct.pack(">H", 8080) in answer, b"echo-a" in answer))
say("pod name", socket.gethostbyname(own.replace(".", "-") + ".default.pod") == own)
say("each", sorted(socket.gethostbyname_ex("each")[2]) == sorted({socket.gethostbyname("echo-a.each"), socket.gethostbyname("echo-b.each")}))
say("reverse", socket.gethostbyaddr(socket.gethostbyname("plain"))[0])
server = socket.create_server(("::1", 7000), family=socket.AF_INET6)
client = socket.create_connection(("::1", 7000))
say("own ::1", server.accept()[1][0])
try:
    socket.create_connection(("2001:db8::1", 80), timeout=2)
except OSError as error:
    say("elsewhere", error.errno in (101, 99))
say("links", "PLAIN_SERVICE_HOST" in os.environ)
say("search", [line for line in open("/etc/resolv.conf") if line.startswith("options")][0].strip())
if OUTSIDE:
    say("outside", fetch(*OUTSIDE))
time.sleep(1000)
"#;

const SEEN: &str = "both True
sticky 1
unready late
nobody ready ConnectionRefusedError
near ['echo-a']
far TimeoutError
namespace there
balanced True
srv (0, 2, True, True)
srv (0, 2, True, True)
pod name True
each True
reverse plain.default.svc.cluster.local
own ::1 ::1
elsewhere True
links False
search options ndots:5 timeout:4
";

fn on(node: &str, name: &str, spec: Value) -> Value {
    let mut made = pod(name, ECHO, json!({"nodeName": node, "hostname": name}));
    let more = spec.as_object().unwrap().clone();
    made["spec"].as_object_mut().unwrap().extend(more);
    made["metadata"]["labels"]["set"] = json!("echo");
    made
}

async fn nodes(client: &Client) -> Vec<String> {
    let nodes = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await;
    let mut names: Vec<String> = nodes
        .unwrap()
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    names.sort();
    names
}

/// Waits until a pod has printed so many lines, and returns them.
async fn printed(client: &Client, name: &str, last: &str) -> String {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let waited = async {
        loop {
            let log = pods.logs(name, &LogParams::default()).await;
            let log = log.unwrap_or_default();
            if log.lines().any(|line| line.starts_with(last)) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(LIMIT, waited).await {
        Ok(log) => log,
        Err(_) => pods.logs(name, &LogParams::default()).await.unwrap(),
    }
}

/// An address of this machine that is not on its loopback, if it has one.
fn machine_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: the kernel chooses the address that would be used.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

fn fetch(place: SocketAddr) -> String {
    let mut text = String::new();
    let stream = TcpStream::connect_timeout(&place, Duration::from_secs(5));
    let read = stream.and_then(|mut stream| stream.read_to_string(&mut text));
    read.map_or_else(|error| error.to_string(), |_| text)
}

fn send(place: SocketAddr) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket.send_to(b"x", place).unwrap();
    let mut buffer = [0; 100];
    let received = socket.recv_from(&mut buffer);
    received.map_or_else(
        |error| error.to_string(),
        |(length, _)| String::from_utf8_lossy(&buffer[..length]).into_owned(),
    )
}

async fn make_services(client: &Client) {
    let to = |selector: Value, more: Value| {
        let mut spec = json!({"selector": selector, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        spec
    };
    let all = || json!({"set": "echo"});
    for (name, spec) in [
        ("plain", to(all(), json!({}))),
        ("sticky", to(all(), json!({"sessionAffinity": "ClientIP"}))),
        ("near", to(all(), json!({"internalTrafficPolicy": "Local"}))),
        (
            "far",
            to(
                json!({"app": "echo-b"}),
                json!({"internalTrafficPolicy": "Local"}),
            ),
        ),
        ("late", to(json!({"app": "late"}), json!({}))),
        (
            "early",
            to(
                json!({"app": "late"}),
                json!({"clusterIP": "None", "publishNotReadyAddresses": true}),
            ),
        ),
        ("each", to(all(), json!({"clusterIP": "None"}))),
    ] {
        create::<Service>(client, service(name, &spec)).await;
    }
    let open = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": {"app": "echo-a"}, "ports": [
        {"name": "web", "port": 8070, "targetPort": 8080}, {"name": "counts", "port": 8125, "protocol": "UDP"}]});
    create::<Service>(client, service("open", &open)).await;
    let namespace = json!({"metadata": {"name": "other", "labels": {"team": "red"}}});
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(namespace).unwrap();
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    let there = service("there", &to(json!({"app": "there"}), json!({})));
    create_in::<Service>(client, "other", there).await;
}

async fn create_in<K>(client: &Client, namespace: &str, object: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + serde::de::DeserializeOwned
        + serde::Serialize
        + Clone
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let object: K = serde_json::from_value(object).unwrap();
    // Its account is made a moment after the namespace.
    for _ in 0..100 {
        match api.create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            made => return drop(made.unwrap()),
        }
    }
    panic!("{namespace} has no default account");
}

/// Waits until the Service has an address outside, and returns it.
async fn balanced(client: &Client) -> (IpAddr, Service) {
    let services: Api<Service> = Api::default_namespaced(client.clone());
    for _ in 0..300 {
        let open = services.get("open").await.unwrap();
        let status = open
            .status
            .as_ref()
            .and_then(|it| it.load_balancer.as_ref());
        let ingress = status.and_then(|it| it.ingress.as_ref()?.first()?.ip.clone());
        if let Some(address) = ingress {
            return (address.parse().unwrap(), open);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no address was given out");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_spread_stay_and_are_found_from_inside_and_from_the_machine() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = folder.path().join("cluster");
    let Some(up) = containers(&data, 2) else {
        return;
    };
    let client = client(&data).await;
    make_services(&client).await;
    let nodes = nodes(&client).await;
    let each = json!({"subdomain": "each"});
    create::<Pod>(&client, on(&nodes[0], "echo-a", each.clone())).await;
    create::<Pod>(&client, on(&nodes[1], "echo-b", each)).await;
    let mut late = on(&nodes[1], "late", json!({}));
    late["metadata"]["labels"]["set"] = json!("late");
    late["spec"]["containers"][0]["readinessProbe"] = json!({"exec": {"command": ["false"]}});
    create::<Pod>(&client, late).await;
    let mut there = on(&nodes[0], "there", json!({}));
    there["metadata"]["labels"]["set"] = json!("there");
    create_in::<Pod>(&client, "other", there).await;
    let (address, open) = balanced(&client).await;

    let listener = machine_address().map(|address| TcpListener::bind((address, 0)).unwrap());
    let outside = listener.as_ref().map(|it| it.local_addr().unwrap());
    if let Some(listener) = listener {
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.write_all(b"machine");
            }
        });
    } else {
        seatrial_testkit::skipped("this machine has no address but its loopback's");
    }
    let place = outside.map_or("None".to_owned(), |it| {
        format!("({:?}, {})", it.ip().to_string(), it.port())
    });
    let script = format!(
        "BALANCED, OUTSIDE = {:?}, {place}\n{BEGINNING}{SPREAD}",
        address.to_string()
    );
    let settings = json!({"nodeName": nodes[0], "enableServiceLinks": false,
        "dnsConfig": {"options": [{"name": "timeout", "value": "4"}]}});
    create::<Pod>(&client, pod("client", &script, settings)).await;
    let mut expected = SEEN.to_owned();
    if outside.is_some() {
        expected += "outside machine\n";
    }
    let last = if outside.is_some() {
        "outside"
    } else {
        "search"
    };
    assert_eq!(printed(&client, "client", last).await, expected);

    // From the machine, over both protocols, at the node and at the address that was given out.
    let spec = open.spec.unwrap();
    let ports = spec.ports.unwrap();
    let node =
        |index: usize| SocketAddr::from(([127, 0, 0, 1], ports[index].node_port.unwrap() as u16));
    for place in [node(0), SocketAddr::new(address, 8070)] {
        assert_eq!(fetch(place), "echo-a 127.0.0.1", "{place}");
    }
    for place in [node(1), SocketAddr::new(address, 8125)] {
        assert_eq!(send(place), "echo-a 10.244.0.0", "{place}");
    }
    let health = SocketAddr::from(([127, 0, 0, 1], spec.health_check_node_port.unwrap() as u16));
    let mut stream = TcpStream::connect(health).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.contains("\"localEndpoints\":1"),
        "{text}"
    );

    // All of it was counted.
    for (query, least) in [
        (
            "sum(network_connections_total{service=\"plain\",source=\"client\",outcome=\"carried\"})",
            8.0,
        ),
        (
            "sum(network_connections_total{service=\"far\",outcome=\"nobody\"})",
            1.0,
        ),
        (
            "sum(network_connections_total{service=\"open\",protocol=\"TCP\",outcome=\"carried\"})",
            3.0,
        ),
        (
            "sum(network_connection_bytes_total{service=\"plain\",direction=\"received\"})",
            50.0,
        ),
    ] {
        counted(&up.ready, query, least).await;
    }
    up.stop();
}

/// Waits until a query's answer is at least so much: what is counted is scraped every second.
async fn counted(ready: &Value, query: &str, least: f64) {
    let base = ready["state"]["endpoints"]["metrics"]
        .as_str()
        .unwrap()
        .to_owned();
    let place: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut found = Value::Null;
    for _ in 0..100 {
        let mut stream = TcpStream::connect(place).unwrap();
        let request = format!("GET /api/v1/query?query={escaped} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        found = serde_json::from_str(body).unwrap_or_default();
        let value = found["data"]["result"][0]["value"][1].as_str();
        if value
            .and_then(|it| it.parse().ok())
            .is_some_and(|value: f64| value >= least)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{query} is not {least} but {found}");
}

const KEPT_OUT: &str = r#"
allowed = lambda host, port: "yes" if " " in fetch(host, port, 1.5) else "no"
resolve = lambda name: eventually(lambda: socket.gethostbyname(name), lambda found: True)
a, b = ADDRESSES
say("ready", eventually(lambda: allowed(a, 8080), lambda found: found == EXPECTED[0]) == EXPECTED[0])
for (address, port) in ((a, 8080), (a, 8081), (b, 8080), (b, 8081)):
    say(port, allowed(address, port))
try:
    say("name", socket.gethostbyname("kubernetes.default") != "")
except OSError as error:
    say("name", False)
say("api", fetch("10.96.0.1", 443, 1) in ("", "TimeoutError") and "done")
time.sleep(1000)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn policies_look_at_blocks_ports_names_and_namespaces() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = folder.path().join("cluster");
    let Some(up) = containers(&data, 1) else {
        return;
    };
    let client = client(&data).await;
    let nodes = nodes(&client).await;
    let red = json!({"metadata": {"name": "red", "labels": {"team": "red"}}});
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let red = serde_json::from_value(red).unwrap();
    namespaces
        .create(&PostParams::default(), &red)
        .await
        .unwrap();
    let mut addresses = Vec::new();
    for name in ["echo-a", "echo-b"] {
        let mut made = on(&nodes[0], name, json!({}));
        made["spec"]["containers"][0]["ports"] = json!([{"name": "web", "containerPort": 8080}]);
        create::<Pod>(&client, made).await;
        addresses.push(address_of(&client, name).await);
    }
    let policy = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let only = |app: &str| json!({"matchLabels": {"app": app}});
    for made in [
        // Nobody comes in …
        policy(
            "closed",
            json!({"podSelector": {"matchLabels": {"set": "echo"}}, "policyTypes": ["Ingress"]}),
        ),
        // … but to one by a port's name from a namespace and from a pod …
        policy(
            "web",
            json!({"podSelector": only("echo-a"), "ingress": [{
            "from": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}, {"podSelector": only("friend")},
                {"podSelector": only("quarantined")}],
            "ports": [{"port": "web"}]}]}),
        ),
        // … and to the other by a range.
        policy(
            "range",
            json!({"podSelector": only("echo-b"), "ingress": [{"ports": [{"port": 8081, "endPort": 8090}]}]}),
        ),
        policy(
            "quarantine",
            json!({"podSelector": only("quarantined"), "policyTypes": ["Egress"], "egress": [
            {"to": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": [format!("{}/32", addresses[1])]}}]}]}),
        ),
    ] {
        create::<NetworkPolicy>(&client, made).await;
    }
    for (name, namespace, first) in [
        ("friend", "default", "yes"),
        ("stranger", "default", "no"),
        ("quarantined", "default", "yes"),
        ("visitor", "red", "yes"),
    ] {
        let script = format!(
            "ADDRESSES, EXPECTED = ({:?}, {:?}), ({first:?},)\n{BEGINNING}{KEPT_OUT}",
            addresses[0], addresses[1]
        );
        create_in::<Pod>(&client, namespace, pod(name, &script, json!({}))).await;
    }
    let expected = |a: [&str; 4], name: &str| {
        format!(
            "ready True\n8080 {}\n8081 {}\n8080 {}\n8081 {}\nname {name}\napi done\n",
            a[0], a[1], a[2], a[3]
        )
    };
    let friend = expected(["yes", "no", "no", "yes"], "True");
    assert_eq!(printed(&client, "friend", "api").await, friend);
    let stranger = expected(["no", "no", "no", "yes"], "True");
    assert_eq!(printed(&client, "stranger", "api").await, stranger);
    let quarantined = expected(["yes", "no", "no", "no"], "False");
    assert_eq!(printed(&client, "quarantined", "api").await, quarantined);
    let pods: Api<Pod> = Api::namespaced(client.clone(), "red");
    let mut visitor = String::new();
    for _ in 0..300 {
        visitor = pods
            .logs("visitor", &LogParams::default())
            .await
            .unwrap_or_default();
        if visitor.contains("api") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(visitor, friend);
    look_from_the_machine(&client).await;
    counted(
        &up.ready,
        "sum(network_connections_total{source=\"stranger\",outcome=\"denied\"})",
        1.0,
    )
    .await;
    up.stop();
}

async fn address_of(client: &Client, name: &str) -> String {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    for _ in 0..600 {
        let pod = pods.get(name).await.unwrap();
        if let Some(address) = pod.status.as_ref().and_then(|it| it.pod_ip.clone()) {
            return address;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{} has no address",
        pods.get(name).await.unwrap().name_any()
    );
}

/// A pod on the machine's network reaches the API where it really is, and is told what it does without.
async fn look_from_the_machine(client: &Client) {
    let script = "import os, socket\n\
        place = (os.environ['KUBERNETES_SERVICE_HOST'], int(os.environ['KUBERNETES_SERVICE_PORT']))\n\
        socket.create_connection(place, timeout=5)\nprint('api done', flush=True)\n";
    let settings = json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"});
    create::<Pod>(client, pod("machine", script, settings)).await;
    assert_eq!(printed(client, "machine", "api").await, "api done\n");
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let all = events.list(&ListParams::default()).await.unwrap();
    for (reason, text) in [
        ("NotEnforced", "hostNetwork: addresses of Services"),
        ("DNSConfigForming", "names of the cluster are not found"),
    ] {
        let told = all.iter().any(|it| {
            let message = it.message.as_deref().unwrap_or_default();
            it.reason.as_deref() == Some(reason) && message.starts_with(text)
        });
        assert!(told, "{reason}: {text}");
    }
}
