#![allow(
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)] // Snapshots are written so.

use std::net::Ipv4Addr;
use std::sync::Arc;

use expect_test::{Expect, expect};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::policy::Protocol;
use super::view::{Destination, Objects, Settings, Source, View};

fn objects<K: DeserializeOwned>(value: Value) -> Vec<Arc<K>> {
    let list: Vec<K> = serde_json::from_value(value).unwrap();
    list.into_iter().map(Arc::new).collect()
}

fn settings() -> Settings {
    Settings {
        domain: "cluster.local".to_owned(),
        resolver: Ipv4Addr::new(10, 96, 0, 10),
        api: "127.0.0.1:6443".parse().unwrap(),
        api_address: Ipv4Addr::new(10, 96, 0, 1),
        balancers: None,
        nodes: vec![Ipv4Addr::new(127, 40, 252, 1)],
        servers: Vec::new(),
        networks: ["10.96.0.0/16", "10.244.0.0/16"]
            .map(|it| it.parse().unwrap())
            .to_vec(),
    }
}

fn pod(namespace: &str, name: &str, address: &str) -> Value {
    json!({
        "metadata": {"namespace": namespace, "name": name, "uid": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "ports": [
            {"name": "http", "containerPort": 8080}, {"name": "names", "containerPort": 53, "protocol": "UDP"}]}]},
        "status": {"phase": "Running", "podIP": address, "hostIP": "127.40.252.1"},
    })
}

fn cluster(policies: Value) -> Objects {
    let mut on_machine = pod("shop", "machine", "127.40.252.1");
    on_machine["spec"]["hostNetwork"] = json!(true);
    let mut ended = pod("shop", "ended", "10.244.0.1");
    ended["status"]["phase"] = json!("Succeeded");
    Objects {
        pods: objects(json!([
            pod("shop", "web", "10.244.0.1"),
            pod("shop", "db", "10.244.0.2"),
            pod("ops", "scraper", "10.244.0.3"),
            on_machine,
            ended,
        ])),
        services: objects(json!([
            {"metadata": {"namespace": "default", "name": "kubernetes"},
             "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]}},
            {"metadata": {"namespace": "shop", "name": "web"},
             "spec": {"clusterIP": "10.96.0.7", "externalIPs": ["192.0.2.1"], "sessionAffinity": "ClientIP",
                      "ports": [{"port": 80}]}},
            {"metadata": {"namespace": "shop", "name": "outside"},
             "spec": {"type": "NodePort", "clusterIP": "10.96.0.8", "ports": [
                {"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP", "nodePort": 30081}]}},
            {"metadata": {"namespace": "shop", "name": "out"},
             "spec": {"type": "ExternalName", "externalName": "example.com"}},
        ])),
        namespaces: objects(json!([
            {"metadata": {"name": "shop", "labels": {"team": "shop"}}},
            {"metadata": {"name": "ops", "labels": {"team": "ops"}}},
            {"metadata": {"name": "kube-system", "labels": {"kubernetes.io/metadata.name": "kube-system"}}},
        ])),
        policies: objects(policies),
        ..Objects::default()
    }
}

fn source(objects: &Objects, name: &str) -> Source {
    let pod = objects
        .pods
        .iter()
        .find(|pod| pod.metadata.name.as_deref() == Some(name));
    let pod = pod.unwrap().clone();
    let address = pod.status.as_ref().unwrap().pod_ip.as_ref().unwrap();
    Source {
        address: address.parse().unwrap(),
        pod,
    }
}

#[test]
fn every_address_leads_somewhere() {
    let (settings, objects) = (settings(), cluster(json!([])));
    let view = View::build(&settings, &objects);
    let mut lines = String::new();
    for to in [
        "10.96.0.1:443",
        "10.96.0.1:80",
        "10.96.0.10:53",
        "10.96.0.7:80",
        "192.0.2.1:80",
        "10.244.0.1:9",
        "10.96.0.99:80",
        "10.244.9.9:80",
        "93.184.216.34:80",
        "127.40.252.1:30080",
        "127.40.252.1:30081",
        "127.40.252.1:8080",
        "127.40.252.2:30080",
    ] {
        let to: std::net::SocketAddr = to.parse().unwrap();
        let found = match view.destination(&settings, (to.ip(), to.port()), Protocol::Tcp) {
            Destination::Service { front, port } => {
                format!("Service {} {port} {:?}", front.name, front.affinity)
            }
            Destination::Pod { pod, port } => format!("Pod {pod} {port}"),
            other => format!("{other:?}"),
        };
        lines += &format!("{to} {found}\n");
    }
    expect![[r#"
        10.96.0.1:443 Api
        10.96.0.1:80 Service default/kubernetes 80 None
        10.96.0.10:53 Resolver
        10.96.0.7:80 Service shop/web 80 Some(10800s)
        192.0.2.1:80 Service shop/web 80 Some(10800s)
        10.244.0.1:9 Pod shop/web 9
        10.96.0.99:80 Nowhere
        10.244.9.9:80 Nowhere
        93.184.216.34:80 Outside
        127.40.252.1:30080 Service shop/outside 80 None
        127.40.252.1:30081 Nowhere
        127.40.252.1:8080 Pod shop/machine 8080
        127.40.252.2:30080 Outside
    "#]]
    .assert_eq(&lines);
}

/// Asks for each `from -> address:port[/udp]`, or `from -> names`.
fn check(policies: Value, questions: &[&str], expected: Expect) {
    let (settings, objects) = (settings(), cluster(policies));
    let view = View::build(&settings, &objects);
    let mut lines = String::new();
    for question in questions {
        let (from, to) = question.split_once(" -> ").unwrap();
        let from = source(&objects, from);
        let allowed = if to == "names" {
            view.permits_names(&from, settings.resolver, Protocol::Udp)
        } else {
            let (to, protocol) = match to.strip_suffix("/udp") {
                Some(to) => (to, Protocol::Udp),
                None => (to, Protocol::Tcp),
            };
            let to: std::net::SocketAddr = to.parse().unwrap();
            view.permits(&from, to.ip(), (to.port(), protocol))
        };
        let verdict = allowed.map_or_else(|denied| denied.to_string(), |()| "allowed".to_owned());
        lines += &format!("{question}: {verdict}\n");
    }
    expected.assert_eq(&lines);
}

fn policy(name: &str, spec: Value) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name}, "spec": spec})
}

#[test]
fn without_policies_everybody_may() {
    check(
        json!([]),
        &[
            "web -> 10.244.0.2:5432",
            "scraper -> 10.244.0.1:1",
            "web -> names",
            "web -> 1.1.1.1:443",
        ],
        expect![[r#"
            web -> 10.244.0.2:5432: allowed
            scraper -> 10.244.0.1:1: allowed
            web -> names: allowed
            web -> 1.1.1.1:443: allowed
        "#]],
    );
}

#[test]
fn a_policy_without_rules_isolates_and_others_add_to_it() {
    let all = policy(
        "none",
        json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    );
    let questions = [
        "web -> 10.244.0.2:5432",
        "web -> 10.244.0.1:80",
        "scraper -> 10.244.0.1:8080",
        "web -> names",
        "web -> 1.1.1.1:443",
        "scraper -> 1.1.1.1:443",
    ];
    check(
        json!([all]),
        &questions,
        expect![[r#"
            web -> 10.244.0.2:5432: no egress rule of none allows it
            web -> 10.244.0.1:80: allowed
            scraper -> 10.244.0.1:8080: no ingress rule of none allows it
            web -> names: no egress rule of none allows it
            web -> 1.1.1.1:443: no egress rule of none allows it
            scraper -> 1.1.1.1:443: allowed
        "#]],
    );
    let ask = policy(
        "ask",
        json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        "ports": [{"port": 53, "protocol": "UDP"}]}]}),
    );
    let db = policy(
        "db",
        json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{
        "from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}],
        "ports": [{"port": 5432}]}]}),
    );
    let web = policy(
        "web",
        json!({"podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "ops"}}}],
                     "ports": [{"port": "http"}]}],
        "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]}),
    );
    check(
        json!([all, ask, db, web]),
        &questions,
        expect![[r#"
            web -> 10.244.0.2:5432: allowed
            web -> 10.244.0.1:80: allowed
            scraper -> 10.244.0.1:8080: allowed
            web -> names: allowed
            web -> 1.1.1.1:443: no egress rule of none, ask, web allows it
            scraper -> 1.1.1.1:443: allowed
        "#]],
    );
}

#[test]
fn blocks_ranges_and_protocols_are_looked_at() {
    let out = policy(
        "out",
        json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [
        {"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}],
         "ports": [{"port": 8000, "endPort": 8010}, {"port": 53, "protocol": "UDP"}]},
        {"ports": [{"port": 443}]}]}),
    );
    check(
        json!([out]),
        &[
            "web -> 192.0.2.1:8000",
            "web -> 192.0.2.1:8010",
            "web -> 192.0.2.1:8011",
            "web -> 192.0.2.200:8000",
            "web -> 192.0.2.1:53",
            "web -> 192.0.2.1:53/udp",
            "web -> 1.1.1.1:443",
            "web -> 10.244.0.3:443",
        ],
        expect![[r#"
            web -> 192.0.2.1:8000: allowed
            web -> 192.0.2.1:8010: allowed
            web -> 192.0.2.1:8011: no egress rule of out allows it
            web -> 192.0.2.200:8000: no egress rule of out allows it
            web -> 192.0.2.1:53: no egress rule of out allows it
            web -> 192.0.2.1:53/udp: allowed
            web -> 1.1.1.1:443: allowed
            web -> 10.244.0.3:443: allowed
        "#]],
    );
}

#[test]
fn peers_without_a_namespace_selector_are_those_of_the_policys_own() {
    let own = policy(
        "own",
        json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [
        {"from": [{"podSelector": {}}]}]}),
    );
    let everywhere = policy(
        "everywhere",
        json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "scraper"}}}],
         "ports": [{"port": "http"}, {"port": "names", "protocol": "UDP"}]}]}),
    );
    check(
        json!([own, everywhere]),
        &[
            "web -> 10.244.0.2:1",
            "scraper -> 10.244.0.2:1",
            "scraper -> 10.244.0.1:8080",
            "scraper -> 10.244.0.1:8081",
            "scraper -> 10.244.0.1:53/udp",
            "db -> 10.244.0.1:8080",
        ],
        expect![[r#"
            web -> 10.244.0.2:1: allowed
            scraper -> 10.244.0.2:1: no ingress rule of own allows it
            scraper -> 10.244.0.1:8080: allowed
            scraper -> 10.244.0.1:8081: no ingress rule of everywhere allows it
            scraper -> 10.244.0.1:53/udp: allowed
            db -> 10.244.0.1:8080: no ingress rule of everywhere allows it
        "#]],
    );
}
