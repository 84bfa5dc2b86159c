#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Snapshots are written so.

use expect_test::{Expect, expect};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;

use super::*;
use crate::{Decision, route};

fn object<K: serde::de::DeserializeOwned>(value: serde_json::Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn member(pod: serde_json::Value) -> Arc<Member> {
    Arc::new(Member::of(&object(pod)))
}

fn service(namespace: &str, name: &str) -> Arc<Service> {
    object(json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }))
}

fn pod(namespace: &str, name: &str, app: &str, ready: &str) -> serde_json::Value {
    json!({
        "metadata": {"namespace": namespace, "name": name, "uid": name, "labels": {"app": app, "version": "1.2"}},
        "status": {"podIP": "10.244.0.7", "phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    })
}

fn virtual_service(spec: &serde_json::Value) -> Arc<VirtualService> {
    object(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"namespace": "production", "name": "app-vsvc"}, "spec": spec,
    }))
}

fn shop(spec: &serde_json::Value) -> Snapshot {
    Snapshot {
        services: vec![
            service("production", "shop"),
            service("production", "shop-canary"),
        ],
        virtual_services: vec![virtual_service(spec)],
        ..Snapshot::default()
    }
}

/// Routes each request (`METHOD host path [header=value]`) and writes down what is decided.
fn check(snapshot: &Snapshot, requests: &[&str], expected: Expect) {
    let table = Table::build(snapshot);
    let mut lines = Vec::new();
    for request in requests {
        let words: Vec<&str> = request.split(' ').collect();
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = words.get(3).and_then(|header| header.split_once('=')) {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let method: Method = words[0].parse().unwrap();
        let decision = route(&table, words[1], words[2], &method, &headers);
        lines.push(format!("{request}\n  -> {}", describe(&decision)));
    }
    lines.extend(
        table
            .problems()
            .iter()
            .map(|problem| format!("problem: {problem}")),
    );
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

fn describe(decision: &Decision) -> String {
    match decision {
        Decision::Refuse(refusal) => {
            let details = refusal.details.join(", ");
            format!(
                "{} {}: {} {details}",
                refusal.reason.status().as_u16(),
                refusal.reason,
                refusal.message
            )
        }
        Decision::Forward(forward) => {
            let destinations = forward.split.destinations.iter().map(|destination| {
                format!(
                    "{} {:?} x{}",
                    destination.service, destination.port, destination.weight
                )
            });
            let destinations: Vec<String> = destinations.collect();
            format!(
                "{} route {} timeout {:?}: {}",
                forward.service,
                forward.route,
                forward.timeout,
                destinations.join(", ")
            )
        }
    }
}

#[test]
fn a_service_is_reached_by_its_names_and_others_get_the_known_hosts() {
    let snapshot = Snapshot {
        services: vec![service("shop", "web")],
        ..Snapshot::default()
    };
    let requests = [
        "GET web.shop.localhost:8080 /",
        "GET web.shop.svc.cluster.local /",
        "GET web.other /",
        "GET  /",
    ];
    check(
        &snapshot,
        &requests,
        expect![[r#"
        GET web.shop.localhost:8080 /
          -> shop/web route web timeout None: shop/web Usual x100
        GET web.shop.svc.cluster.local /
          -> shop/web route web timeout None: shop/web Usual x100
        GET web.other /
          -> 404 UnknownHost: no Service, VirtualService or Ingress has the host "web.other"; known hosts: web.shop
        GET  /
          -> 400 MissingHost: the request names no host; send a Host header such as service.namespace 
    "#]],
    );
}

#[test]
fn a_virtual_service_splits_and_counts_under_its_host() {
    let spec = json!({"hosts": ["shop", "shop.example.com"], "http": [
        {"name": "admin", "match": [{"uri": {"prefix": "/admin"}, "method": {"exact": "GET"}}], "route": [{"destination": {"host": "shop-canary"}}], "timeout": "1m30s"},
        {"name": "testers", "match": [{"headers": {"X-Tester": {"regex": "y.*"}}}], "route": [{"destination": {"host": "shop-canary.production.svc.cluster.local", "port": {"number": 80}}}]},
        {"name": "primary", "route": [
            {"destination": {"host": "shop"}, "weight": 90},
            {"destination": {"host": "shop-canary"}, "weight": 10}]},
    ]});
    let requests = [
        "GET shop.production /",
        "GET shop.example.com /admin/users",
        "POST shop.production.localhost /admin",
        "GET shop.production / x-tester=yes",
        "GET shop.production / x-tester=no-yes",
        "GET shop-canary.production /",
    ];
    check(
        &shop(&spec),
        &requests,
        expect![[r#"
        GET shop.production /
          -> production/shop route primary timeout None: production/shop Usual x90, production/shop-canary Usual x10
        GET shop.example.com /admin/users
          -> production/shop route admin timeout Some(90s): production/shop-canary Usual x100
        POST shop.production.localhost /admin
          -> production/shop route primary timeout None: production/shop Usual x90, production/shop-canary Usual x10
        GET shop.production / x-tester=yes
          -> production/shop route testers timeout None: production/shop-canary Number(80) x100
        GET shop.production / x-tester=no-yes
          -> production/shop route primary timeout None: production/shop Usual x90, production/shop-canary Usual x10
        GET shop-canary.production /
          -> production/shop-canary route shop-canary timeout None: production/shop-canary Usual x100
    "#]],
    );
}

#[test]
fn what_a_virtual_service_cannot_mean_is_refused_by_field() {
    let spec = json!({"hosts": ["shop"], "http": [
        {"match": [{"uri": {"exact": "/subset"}}], "route": [{"destination": {"host": "shop", "subset": "v2"}}]},
        {"match": [{"uri": {"exact": "/zero"}}], "route": [{"destination": {"host": "shop"}, "weight": 0}]},
        {"match": [{"uri": {"exact": "/timeout"}}], "timeout": "fast", "route": [{"destination": {"host": "shop"}}]},
        {"match": [{"uri": {"exact": "/host"}}], "route": [{"destination": {"host": "www.example.com"}}]},
        {"match": [{"uri": {"regex": "/("}}], "route": [{"destination": {"host": "shop"}}]},
    ]});
    let requests = [
        "GET shop.production /subset",
        "GET shop.production /zero",
        "GET shop.production /timeout",
        "GET shop.production /host",
        "GET shop.production /other",
    ];
    check(
        &shop(&spec),
        &requests,
        expect![[r#"
            GET shop.production /subset
              -> 503 SubsetUnsupported: VirtualService production/app-vsvc: spec.http[0].route[0].destination.subset: subset "v2" is not supported; give each version a Service of its own and split between the Services 
            GET shop.production /zero
              -> 503 InvalidRoute: VirtualService production/app-vsvc: spec.http[1].route: no destination has a weight above zero 
            GET shop.production /timeout
              -> 503 InvalidRoute: VirtualService production/app-vsvc: spec.http[2].timeout: "fast" is no duration such as 5s or 500ms 
            GET shop.production /host
              -> 503 InvalidRoute: VirtualService production/app-vsvc: spec.http[3].route[0].destination.host: "www.example.com" names no Service of this cluster; write service, or service.namespace.svc.cluster.local 
            GET shop.production /other
              -> 503 InvalidRoute: VirtualService production/app-vsvc: spec.http[4].match[0].uri: "/(" is no regular expression: error: unclosed group 
            problem: VirtualService production/app-vsvc: spec.http[0].route[0].destination.subset: subset "v2" is not supported; give each version a Service of its own and split between the Services
            problem: VirtualService production/app-vsvc: spec.http[1].route: no destination has a weight above zero
            problem: VirtualService production/app-vsvc: spec.http[2].timeout: "fast" is no duration such as 5s or 500ms
            problem: VirtualService production/app-vsvc: spec.http[3].route[0].destination.host: "www.example.com" names no Service of this cluster; write service, or service.namespace.svc.cluster.local
            problem: VirtualService production/app-vsvc: spec.http[4].match[0].uri: "/(" is no regular expression: error: unclosed group
        "#]],
    );
}

#[test]
fn no_route_that_matches_is_not_found() {
    let spec = json!({"hosts": ["shop"], "http": [{"match": [{"uri": {"exact": "/a"}}], "route": [{"destination": {"host": "shop"}}]}]});
    check(
        &shop(&spec),
        &["GET shop.production /b"],
        expect![[r#"
        GET shop.production /b
          -> 404 NoMatchingRoute: no route of VirtualService production/app-vsvc matches GET /b 
    "#]],
    );
}

#[test]
fn an_ingress_leads_to_a_service_and_through_its_virtual_service() {
    let backend = |name: &str| json!({"service": {"name": name, "port": {"number": 80}}});
    let ingress = object(json!({
        "metadata": {"namespace": "production", "name": "edge"},
        "spec": {"rules": [
            {"host": "www.example.com", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": backend("shop-canary")},
                {"path": "/shop", "pathType": "Prefix", "backend": backend("shop")},
                {"path": "/exact", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "x"}}}]}},
            {"http": {"paths": [{"path": "/any", "pathType": "Prefix", "backend": backend("shop-canary")}]}},
        ]},
    }));
    let spec = json!({"hosts": ["shop"], "http": [{"route": [{"destination": {"host": "shop"}, "weight": 1}, {"destination": {"host": "shop-canary"}, "weight": 1}]}]});
    let snapshot = Snapshot {
        ingresses: vec![ingress],
        ..shop(&spec)
    };
    let requests = [
        "GET www.example.com /",
        "GET www.example.com /shop/cart",
        "GET www.example.com /shopping",
        "GET elsewhere.org /any",
        "GET shop-canary.production /any",
        "GET elsewhere.org /other",
    ];
    check(
        &snapshot,
        &requests,
        expect![[r#"
        GET www.example.com /
          -> production/shop-canary route edge timeout None: production/shop-canary Number(80) x100
        GET www.example.com /shop/cart
          -> production/shop route app-vsvc timeout None: production/shop Usual x1, production/shop-canary Usual x1
        GET www.example.com /shopping
          -> production/shop-canary route edge timeout None: production/shop-canary Number(80) x100
        GET elsewhere.org /any
          -> production/shop-canary route edge timeout None: production/shop-canary Number(80) x100
        GET shop-canary.production /any
          -> production/shop-canary route shop-canary timeout None: production/shop-canary Usual x100
        GET elsewhere.org /other
          -> 404 UnknownHost: no Service, VirtualService or Ingress has the host "elsewhere.org"; known hosts: *, shop-canary.production, shop.production, www.example.com
        problem: Ingress production/edge: spec.rules[0].http.paths[2].backend: only a backend that is a Service is supported
    "#]],
    );
}

#[test]
fn endpoints_come_from_ready_pods_and_the_others_say_why_not() {
    let mut leaving = pod("shop", "web-leaving", "web", "True");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut waiting = pod("shop", "web-waiting", "web", "False");
    waiting["status"]["containerStatuses"] = json!([{"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
    let mut named: serde_json::Value = serde_json::to_value(&*service("shop", "web")).unwrap();
    named["spec"]["ports"] = json!([{"name": "http", "port": 80, "targetPort": "web"}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    let mut ready = pod("shop", "web-ready", "web", "True");
    ready["spec"] =
        json!({"containers": [{"name": "app", "ports": [{"name": "web", "containerPort": 3000}]}]});
    leaving["spec"] = ready["spec"].clone();
    let pods = [
        leaving,
        waiting,
        ready,
        pod("shop", "web-probe", "web", "False"),
        pod("other", "web-x", "web", "True"),
    ];
    let snapshot = Snapshot {
        services: vec![object(named)],
        pods: pods.into_iter().map(member).collect(),
        ..Snapshot::default()
    };
    let table = Table::build(&snapshot);
    expect![[r#"
        Backend {
            ports: [
                BackendPort {
                    name: Some(
                        "http",
                    ),
                    number: 80,
                    endpoints: [
                        Endpoint {
                            pod: PodAddress {
                                namespace: "shop",
                                name: "web-ready",
                                uid: "web-ready",
                                ip: "10.244.0.7",
                            },
                            port: 3000,
                            version: "1.2",
                            node: "",
                        },
                    ],
                    terminating: [
                        Endpoint {
                            pod: PodAddress {
                                namespace: "shop",
                                name: "web-leaving",
                                uid: "web-leaving",
                                ip: "10.244.0.7",
                            },
                            port: 3000,
                            version: "1.2",
                            node: "",
                        },
                    ],
                },
            ],
            datagrams: [
                BackendPort {
                    name: Some(
                        "dns",
                    ),
                    number: 53,
                    endpoints: [
                        Endpoint {
                            pod: PodAddress {
                                namespace: "shop",
                                name: "web-ready",
                                uid: "web-ready",
                                ip: "10.244.0.7",
                            },
                            port: 53,
                            version: "1.2",
                            node: "",
                        },
                    ],
                    terminating: [
                        Endpoint {
                            pod: PodAddress {
                                namespace: "shop",
                                name: "web-leaving",
                                uid: "web-leaving",
                                ip: "10.244.0.7",
                            },
                            port: 53,
                            version: "1.2",
                            node: "",
                        },
                    ],
                },
            ],
            total: 4,
            unready: [
                "pod web-leaving: is being deleted",
                "pod web-probe: its readiness probe has not succeeded",
                "pod web-waiting: container app waits: ImagePullBackOff",
            ],
        }
    "#]]
    .assert_debug_eq(table.backend(&ServiceName::new("shop", "web")).unwrap());
}

#[test]
fn a_service_without_selector_uses_its_endpoint_slices() {
    let service = object(json!({
        "metadata": {"namespace": "shop", "name": "db"}, "spec": {"ports": [{"name": "sql", "port": 5432}]},
    }));
    let slice = object(json!({
        "metadata": {"namespace": "shop", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"name": "sql", "port": 5433}],
        "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}],
    }));
    let snapshot = Snapshot {
        services: vec![service],
        slices: vec![slice],
        ..Snapshot::default()
    };
    let table = Table::build(&snapshot);
    let backend = table.backend(&ServiceName::new("shop", "db")).unwrap();
    assert_eq!(backend.ports[0].endpoints[0].port, 5433);
    assert_eq!(backend.ports[0].endpoints.len(), 1);
    assert_eq!(backend.unready, ["address 10.0.0.2: not ready"]);
}

#[test]
fn an_address_in_a_slice_that_is_a_pods_leads_to_the_pod() {
    let service = object(json!({
        "metadata": {"namespace": "shop", "name": "db"}, "spec": {"ports": [{"port": 5432}]},
    }));
    let slice = object(json!({
        "metadata": {"namespace": "shop", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"port": 5433}],
        "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.3"]}],
    }));
    let pod = |name: &str, ip: &str, host: bool| {
        member(json!({
            "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}")},
            "spec": {"hostNetwork": host, "containers": []}, "status": {"podIP": ip},
        }))
    };
    let snapshot = Snapshot {
        services: vec![service],
        slices: vec![slice],
        pods: vec![pod("one", "10.0.0.1", false), pod("host", "10.0.0.2", true)],
        ..Snapshot::default()
    };
    let table = Table::build(&snapshot);
    let backend = table.backend(&ServiceName::new("shop", "db")).unwrap();
    let endpoints = backend.ports[0].endpoints.iter();
    let uids: Vec<&str> = endpoints.map(|one| &*one.pod.uid).collect();
    assert_eq!(uids, ["uid-one", "10.0.0.2", "10.0.0.3"]);
}

#[test]
fn a_route_that_is_to_be_kept_to_some_namespaces_is_said_to_serve_all() {
    let snapshot = shop(&json!({
        "hosts": ["shop.example"],
        "exportTo": ["."],
        "http": [{ "route": [{ "destination": { "host": "web" } }] }],
    }));
    check(
        &snapshot,
        &["GET shop.example /"],
        expect![[r#"
        GET shop.example /
          -> production/web route app-vsvc timeout None: production/web Usual x100
        problem: VirtualService production/app-vsvc: spec.exportTo: the gateway serves every namespace and routes by this all the same; leave exportTo out or write "*"
    "#]],
    );
}

/// Names of the endpoints of a Service's first port, and of those that are used when there are no others.
fn ends(snapshot: &Snapshot, service: &str) -> (Vec<String>, Vec<String>) {
    let table = Table::build(snapshot);
    let backend = table.backend(&ServiceName::new("shop", service)).unwrap();
    let names = |all: &[Arc<Endpoint>]| all.iter().map(|one| one.pod.name.to_string()).collect();
    let port = &backend.ports[0];
    (names(&port.endpoints), names(&port.terminating))
}

#[test]
fn who_ends_is_used_last_unless_all_are_published() {
    let mut leaving = pod("shop", "leaving", "web", "True");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut gone = pod("shop", "gone", "web", "False");
    gone["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut all: serde_json::Value = serde_json::to_value(&*service("shop", "web")).unwrap();
    let pods = [leaving, gone, pod("shop", "late", "web", "False")];
    let mut snapshot = Snapshot {
        services: vec![object(all.clone())],
        pods: pods.into_iter().map(member).collect(),
        ..Snapshot::default()
    };
    let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(ends(&snapshot, "web"), (list(&[]), list(&["leaving"])));
    all["spec"]["publishNotReadyAddresses"] = json!(true);
    snapshot.services = vec![object(all)];
    assert_eq!(
        ends(&snapshot, "web"),
        (list(&["gone", "late", "leaving"]), list(&[]))
    );
}

#[test]
fn slices_say_who_ends_and_on_which_node() {
    let condition = |ready: bool, serving: bool| json!({"ready": ready, "serving": serving, "terminating": true});
    let slice = object(json!({
        "metadata": {"namespace": "shop", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"name": "", "port": 5433}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "nodeName": "one"},
            {"addresses": ["10.0.0.2"], "conditions": condition(false, true), "nodeName": "two"},
            {"addresses": ["10.0.0.3"], "conditions": condition(false, false)},
        ],
    }));
    let other = object(json!({
        "metadata": {"namespace": "shop", "name": "db-2", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv6", "ports": [{"name": "", "port": 5433}], "endpoints": [{"addresses": ["fd00::1"]}],
    }));
    let service = object(json!({
        "metadata": {"namespace": "shop", "name": "db"}, "spec": {"ports": [{"port": 5432}]},
    }));
    let snapshot = Snapshot {
        services: vec![service],
        slices: vec![slice, other],
        ..Snapshot::default()
    };
    let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        ends(&snapshot, "db"),
        (list(&["10.0.0.1"]), list(&["10.0.0.2"]))
    );
    let table = Table::build(&snapshot);
    let port = &table
        .backend(&ServiceName::new("shop", "db"))
        .unwrap()
        .ports[0];
    let (one, two, three) = (
        port.on_node("one"),
        port.on_node("two"),
        port.on_node("three"),
    );
    assert_eq!((one.endpoints.len(), one.terminating.len()), (1, 0));
    assert_eq!((two.endpoints.len(), two.terminating.len()), (0, 1));
    assert_eq!(three.endpoints.len() + three.terminating.len(), 0);
}
