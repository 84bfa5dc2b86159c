//! Who makes way for whom.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::*;
use crate::budget::Budget;

fn important(priority: i32, request: &str) -> Value {
    let mut spec = cpu(request);
    spec["priority"] = json!(priority);
    spec
}

/// A cluster in which these pods (name, node, priority, processor, second of their start) are.
fn filled(nodes: &[&str], pods: &[(&str, &str, i32, &str, u32)]) -> Cluster {
    let nodes: Vec<_> = nodes.iter().map(|name| (*name, json!({}))).collect();
    let mut cluster = cluster(&nodes);
    for (name, node, priority, request, second) in pods {
        let mut pod = pod(name, name, important(*priority, request));
        let started = json!({"startTime": format!("2026-01-01T00:00:{second:02}Z")});
        pod.status = serde_json::from_value(started).unwrap();
        cluster.place(&key(name), node, &Arc::new(Demand::of(&pod)));
    }
    cluster
}

fn budget(app: &str, allowed: i32) -> Budget {
    let budget: PodDisruptionBudget = serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": app},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1,
                   "expectedPods": 1},
    }))
    .unwrap();
    Budget::of(&budget).unwrap()
}

/// Which node is cleared, of whom, for a pod of priority 100.
fn sacrifice(cluster: &mut Cluster, spec: Value, budgets: &[Budget]) -> String {
    let (key, demand) = (key("web"), Arc::new(demand(spec)));
    let ask = Ask {
        key: &key,
        demand: &demand,
        volumes: &Needs::default(),
        defaults: &[],
        nominated: Some("a1"),
    };
    let unfit = decide(&ask, cluster).unwrap_err();
    match preempt(&ask, &unfit, budgets, cluster) {
        Ok(sacrifice) => {
            let names: Vec<_> = sacrifice
                .victims
                .iter()
                .map(|(key, _)| &*key.name)
                .collect();
            format!("{}: {}", sacrifice.node, names.join(", "))
        }
        Err(why) => unfit.message(why.text()),
    }
}

#[test]
fn nobody_makes_way_for_an_equal() {
    let mut nodes = filled(
        &["a1", "a2"],
        &[("x", "a1", 100, "3", 1), ("y", "a2", 200, "3", 1)],
    );
    expect!["0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."].assert_eq(&sacrifice(&mut nodes, important(100, "2"), &[]));
    let mut never = important(300, "2");
    never["preemptionPolicy"] = json!("Never");
    expect!["0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."].assert_eq(&sacrifice(&mut nodes, never, &[]));
    expect!["0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."].assert_eq(&sacrifice(&mut nodes, important(300, "5"), &[]));
}

#[test]
fn as_few_as_needed_go_and_the_least_important_first() {
    let pods = [
        ("low", "a1", 1, "1", 1),
        ("middle", "a1", 50, "1", 1),
        ("high", "a1", 90, "1", 1),
        ("vital", "a1", 100, "1", 1),
    ];
    let mut nodes = filled(&["a1"], &pods);
    expect!["a1: low"].assert_eq(&sacrifice(&mut nodes, important(100, "1"), &[]));
    expect!["a1: middle, low"].assert_eq(&sacrifice(&mut nodes, important(100, "2"), &[]));
    expect!["0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Insufficient cpu."].assert_eq(&sacrifice(&mut nodes, important(100, "4"), &[]));
    assert_eq!(nodes.host(0).unwrap().pods.len(), 4, "nothing was changed");
    assert_eq!(nodes.host(0).unwrap().used.cpu, 4000);
}

#[test]
fn the_node_where_least_is_lost_is_taken() {
    let of = |pods: &[(&str, &str, i32, &str, u32)]| {
        sacrifice(&mut filled(&["a1", "a2"], pods), important(100, "4"), &[])
    };
    // The less important victim.
    expect!["a2: y"].assert_eq(&of(&[("x", "a1", 9, "4", 1), ("y", "a2", 5, "4", 1)]));
    // The smaller sum.
    expect!["a2: z, w"].assert_eq(&of(&[
        ("x", "a1", 9, "2", 1),
        ("y", "a1", 9, "2", 1),
        ("z", "a2", 9, "2", 1),
        ("w", "a2", 1, "2", 1),
    ]));
    // Fewer.
    expect!["a2: z"].assert_eq(&of(&[
        ("x", "a1", 9, "2", 1),
        ("y", "a1", 0, "2", 1),
        ("z", "a2", 9, "4", 1),
    ]));
    // Who has run for less long.
    expect!["a2: y"].assert_eq(&of(&[("x", "a1", 9, "4", 1), ("y", "a2", 9, "4", 30)]));
}

#[test]
fn budgets_are_kept_where_that_is_possible() {
    let pods = [("guarded", "a1", 1, "4", 1), ("free", "a2", 50, "4", 1)];
    let of = |budgets: &[Budget]| {
        sacrifice(
            &mut filled(&["a1", "a2"], &pods),
            important(100, "4"),
            budgets,
        )
    };
    expect!["a1: guarded"].assert_eq(&of(&[]));
    expect!["a1: guarded"].assert_eq(&of(&[budget("guarded", 1)]));
    expect!["a2: free"].assert_eq(&of(&[budget("guarded", 0)]));
    // No way around it.
    expect!["a1: guarded"].assert_eq(&of(&[budget("guarded", 0), budget("free", 0)]));
}

#[test]
fn a_guarded_pod_stays_before_an_open_one() {
    let pods = [("guarded", "a1", 1, "2", 1), ("open", "a1", 50, "2", 1)];
    let mut nodes = filled(&["a1"], &pods);
    let budgets = [budget("guarded", 0)];
    expect!["a1: open"].assert_eq(&sacrifice(&mut nodes, important(100, "2"), &budgets));
}

#[test]
fn who_keeps_others_away_makes_way_too() {
    let mut nodes = cluster(&[("a1", json!({}))]);
    let mut shy = json!({"priority": 1, "affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "tier",
            "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    shy["containers"] = cpu("1")["containers"].clone();
    nodes.place(
        &key("shy"),
        "a1",
        &Arc::new(Demand::of(&pod("shy", "db", shy))),
    );
    nodes.place(
        &key("calm"),
        "a1",
        &Arc::new(Demand::of(&pod("calm", "db", important(0, "1")))),
    );
    expect!["a1: shy"].assert_eq(&sacrifice(&mut nodes, important(100, "1"), &[]));
}

#[test]
fn one_waits_while_the_node_is_being_cleared() {
    let mut nodes = filled(&["a1", "a2"], &[("y", "a2", 5, "4", 1)]);
    let mut leaving = Demand::of(&pod("x", "x", important(5, "4")));
    leaving.leaving = true;
    nodes.place(&key("x"), "a1", &Arc::new(leaving));
    expect!["0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node."].assert_eq(&sacrifice(&mut nodes, important(100, "4"), &[]));
}

#[test]
fn cleared_room_is_kept_for_whom_it_was_cleared() {
    let mut nodes = filled(&["a1"], &[]);
    let urgent = Arc::new(Demand::of(&pod("urgent", "urgent", important(100, "3"))));
    nodes.nominate(&key("urgent"), Some(("a1", &urgent)));
    assert!(place(&mut nodes, "web", demand(important(50, "2"))).is_err());
    assert_eq!(
        nodes.host(0).unwrap().pods.len(),
        0,
        "nothing was left behind"
    );
    assert!(place(&mut nodes, "more", demand(important(200, "2"))).is_ok());
    nodes.remove(&key("more"));
    assert!(place(&mut nodes, "urgent", demand(important(100, "3"))).is_ok());
}
