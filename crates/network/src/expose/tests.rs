#![allow(clippy::needless_raw_string_hashes, clippy::format_push_string)] // Snapshots are written so.

use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::{Value, json};

use super::plan::{Range, gifts, places};

fn service(name: &str, spec: &Value, given: &[&str]) -> Value {
    let ingress: Vec<Value> = given.iter().map(|it| json!({"ip": it})).collect();
    json!({
        "metadata": {"namespace": "shop", "name": name},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress}},
    })
}

fn check(services: &Value, expected: &Expect) {
    let services: Vec<Arc<Service>> = serde_json::from_value(services.clone()).unwrap();
    let mut lines = String::new();
    for gift in gifts(&services, Range::of_cluster(33)) {
        lines += &format!("{} gets {:?}\n", gift.service, gift.address);
    }
    for (place, target) in places(&services, &[], &[Range::of_cluster(33).node(0).unwrap()]) {
        lines += &format!("{place} is {} {:?}\n", target.goal, target.clients);
    }
    expected.assert_eq(&lines);
}

#[test]
fn node_ports_and_addresses_lead_to_services() {
    let ports = json!([
        {"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP", "nodePort": 30053}]);
    let balanced = json!({"type": "LoadBalancer", "ports": ports});
    let (mut asks, mut foreign) = (balanced.clone(), balanced.clone());
    asks["loadBalancerIP"] = json!("127.33.0.9");
    foreign["loadBalancerClass"] = json!("example.com/other");
    let mut local = json!({"type": "LoadBalancer", "ports": [{"port": 82, "nodePort": 30082}]});
    local["externalTrafficPolicy"] = json!("Local");
    local["healthCheckNodePort"] = json!(30083);
    local["loadBalancerSourceRanges"] = json!(["127.0.0.0/30", " 10.0.0.0/8"]);
    check(
        &json!([
            service(
                "cluster",
                &json!({"type": "ClusterIP", "ports": [{"port": 80}]}),
                &[]
            ),
            service(
                "node",
                &json!({"type": "NodePort", "ports": [{"port": 81, "nodePort": 30081}]}),
                &[]
            ),
            service("given", &balanced, &["127.33.0.1"]),
            service("twice", &balanced, &["127.33.0.1"]),
            service("new", &balanced, &[]),
            service("asks", &asks, &[]),
            service("foreign", &foreign, &["192.0.2.1"]),
            service("local", &local, &["127.33.0.7"]),
            service(
                "was",
                &json!({"type": "ClusterIP", "ports": [{"port": 80}]}),
                &["127.33.0.4"]
            ),
        ]),
        &expect![[r#"
            shop/was gets None
            shop/twice gets Some(127.33.0.2)
            shop/new gets Some(127.33.0.3)
            shop/asks gets Some(127.33.0.9)
            127.0.0.1:30053 (UDP) is shop/given port 53 []
            127.0.0.1:30080 is shop/given port 80 []
            127.0.0.1:30081 is shop/node port 81 []
            127.0.0.1:30082 is shop/local port 82 []
            127.0.0.1:30083 is shop/local health []
            127.33.0.1:53 (UDP) is shop/given port 53 []
            127.33.0.1:80 is shop/given port 80 []
            127.33.0.7:82 is shop/local port 82 [Block { base: 127.0.0.0, bits: 30 }, Block { base: 10.0.0.0, bits: 8 }]
            127.33.252.1:30053 (UDP) is shop/given port 53 []
            127.33.252.1:30080 is shop/given port 80 []
            127.33.252.1:30081 is shop/node port 81 []
            127.33.252.1:30082 is shop/local port 82 []
            127.33.252.1:30083 is shop/local health []
        "#]],
    );
}

#[test]
fn ports_of_pods_are_on_their_node() {
    let pod = |name: &str, ports: Value, phase: &str, host: bool| -> Arc<Pod> {
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": name, "uid": name},
            "spec": {"hostNetwork": host, "containers": [{"name": "main", "ports": ports}]},
            "status": {"phase": phase, "podIP": "10.244.0.7", "hostIP": "127.33.252.2"},
        }))
        .unwrap()
    };
    let ports = json!([{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]);
    let pods = [
        pod("one", ports.clone(), "Running", false),
        pod("later", ports.clone(), "Running", false),
        pod(
            "over",
            json!([{"containerPort": 80, "hostPort": 8081}]),
            "Succeeded",
            false,
        ),
        pod(
            "machine",
            json!([{"containerPort": 82, "hostPort": 82}]),
            "Running",
            true,
        ),
        pod(
            "named",
            json!([{"containerPort": 53, "hostPort": 5353, "hostIP": "127.0.0.5", "protocol": "UDP"},
                {"containerPort": 9, "hostPort": 9, "protocol": "SCTP"}]),
            "Running",
            false,
        ),
    ];
    let mut lines = String::new();
    for (place, target) in places(&[], &pods, &[]) {
        lines += &format!("{place} is {}\n", target.goal);
    }
    expect![[r#"
        127.0.0.1:8080 is pod shop/one port 80
        127.0.0.5:5353 (UDP) is pod shop/named port 53
        127.33.252.2:8080 is pod shop/one port 80
    "#]]
    .assert_eq(&lines);
}
