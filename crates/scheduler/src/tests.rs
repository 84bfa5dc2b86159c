//! Decisions over small clusters, as tables of cases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

mod between;
mod node;
mod preemption;
mod queue;
mod room;
mod spread;

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::ObjectKey;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::decide::{Ask, decide};
use crate::pod::Demand;
use crate::preempt::preempt;
use crate::unfit::Unfit;
use crate::volume::Needs;

/// A node whose labels are its name and, as `tier`, the first letter of it.
fn node(name: &str, spec: Value) -> Node {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "tier": &name[..1]}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110", "example.com/disk": "2"}},
    }))
    .unwrap()
}

fn cluster(nodes: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, spec) in nodes {
        cluster.set_node(&node(name, spec.clone()));
    }
    cluster
}

fn three() -> Cluster {
    cluster(&[("a1", json!({})), ("a2", json!({})), ("b1", json!({}))])
}

/// A pod of namespace `default` with the label `app`.
fn pod(name: &str, app: &str, spec: Value) -> Pod {
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "main"}]);
    }
    serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": name, "uid": name, "labels": {"app": app}},
        "spec": spec,
    }))
    .unwrap()
}

fn demand(spec: Value) -> Demand {
    Demand::of(&pod("web", "web", spec))
}

fn cpu(request: &str) -> Value {
    json!({"containers": [{"name": "main", "resources": {"requests": {"cpu": request}}}]})
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

/// Where a pod goes, and the pod is put there; or why it goes nowhere.
fn place(cluster: &mut Cluster, name: &str, demand: Demand) -> Result<String, Unfit> {
    let (key, demand) = (key(name), Arc::new(demand));
    let ask = Ask {
        key: &key,
        demand: &demand,
        volumes: &Needs::default(),
        defaults: &[],
        nominated: None,
    };
    let slot = decide(&ask, cluster)?;
    let node = cluster.host(slot).unwrap().name.to_string();
    cluster.place(&key, &node, &demand);
    Ok(node)
}

/// As [`place`]; where it goes nowhere, what is said of it.
fn place_or_say(cluster: &mut Cluster, name: &str, demand: Demand) -> String {
    place(cluster, name, demand.clone()).unwrap_or_else(|unfit| {
        let ask = Ask {
            key: &key(name),
            demand: &Arc::new(demand),
            volumes: &Needs::default(),
            defaults: &[],
            nominated: None,
        };
        match preempt(&ask, &unfit, &[], cluster) {
            Ok(sacrifice) => format!("{} after preemption", sacrifice.node),
            Err(why) => unfit.message(why.text()),
        }
    })
}

/// Places `count` pods of one demand after another, and prints where they went.
fn check(mut cluster: Cluster, spec: Value, count: usize, expected: Expect) {
    let mut text = String::new();
    for number in 0..count {
        let name = format!("web-{number}");
        let demand = Demand::of(&pod(&name, "web", spec.clone()));
        let place = place_or_say(&mut cluster, &name, demand);
        writeln!(text, "{place}").unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn pods_without_requests_spread() {
    check(
        three(),
        json!({}),
        4,
        expect![[r#"
        a1
        a2
        b1
        a1
    "#]],
    );
}
