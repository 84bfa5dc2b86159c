//! Resources, ports, and what is in use.

use super::*;

#[test]
fn a_full_cluster_says_what_is_missing() {
    check(
        three(),
        cpu("3"),
        4,
        expect![[r#"
        a1
        a2
        b1
        0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
    check(
        three(),
        cpu("5"),
        1,
        expect![[r#"
        0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn extended_resources_and_the_number_of_pods_are_limits() {
    let disk = json!({"containers": [{"name": "main", "resources": {
        "limits": {"example.com/disk": "2"}, "requests": {"example.com/disk": "2"}}}]});
    check(
        cluster(&[("a1", json!({}))]),
        disk,
        2,
        expect![[r#"
        a1
        0/1 nodes are available: 1 Insufficient example.com/disk. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.
    "#]],
    );
    let mut small = node("a1", json!({}));
    let room = small.status.as_mut().unwrap().allocatable.as_mut().unwrap();
    room.insert("pods".into(), serde_json::from_value(json!("1")).unwrap());
    let mut nodes = Cluster::default();
    nodes.set_node(&small);
    check(
        nodes,
        cpu("4"),
        2,
        expect![[r#"
        a1
        0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.
    "#]],
    );
}

#[test]
fn the_emptier_and_the_more_even_node_is_better() {
    let mut nodes = three();
    for (name, spec, at) in [("x", cpu("2"), "a1"), ("y", cpu("1"), "a2")] {
        nodes.place(&key(name), at, &Arc::new(demand(spec)));
    }
    check(
        nodes,
        cpu("500m"),
        5,
        expect![[r#"
        b1
        b1
        a2
        b1
        a2
    "#]],
    );
}

#[test]
fn host_ports_are_exclusive() {
    let ports = |address: &str, protocol: &str| {
        json!({"containers": [{"name": "main", "ports": [{
            "containerPort": 1, "hostPort": 80, "hostIP": address, "protocol": protocol}]}]})
    };
    let one = || cluster(&[("a1", json!({}))]);
    check(
        one(),
        ports("", "TCP"),
        2,
        expect![[r#"
        a1
        0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.
    "#]],
    );
    for (address, protocol, fits) in [
        ("", "UDP", true),
        ("127.0.0.1", "TCP", false),
        ("10.0.0.1", "TCP", true),
        ("0.0.0.0", "TCP", false),
    ] {
        let mut nodes = one();
        place(&mut nodes, "first", demand(ports("127.0.0.1", "TCP"))).unwrap();
        let second = place(&mut nodes, "second", demand(ports(address, protocol)));
        assert_eq!(second.is_ok(), fits, "{address} {protocol}");
    }
}

#[test]
fn init_containers_and_sidecars_count() {
    let request = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let demand = demand(json!({
        "initContainers": [
            {"name": "early", "resources": request("1")},
            {"name": "proxy", "restartPolicy": "Always", "resources": request("200m")},
            {"name": "late", "resources": request("2")},
        ],
        "containers": [{"name": "one", "resources": request("500m")},
                       {"name": "two", "resources": {"limits": {"cpu": "1"}}}],
        "overhead": {"cpu": "50m"},
    }));
    assert_eq!(
        demand.requests.cpu, 2250,
        "late with the proxy, and the overhead"
    );
    assert_eq!(demand.requests.pods, 1);
    assert_eq!(demand.weighed.0, 2250);
}

#[test]
fn requests_of_the_whole_pod_take_the_place_of_its_containers() {
    let whole = demand(json!({
        "resources": {"requests": {"cpu": "3"}},
        "containers": [{"name": "main", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
    }));
    assert_eq!((whole.requests.cpu, whole.requests.memory), (3000, 1 << 30));
    let nothing = demand(json!({"containers": [{"name": "one"}, {"name": "two"}]}));
    assert_eq!(
        nothing.weighed,
        (200, 400 << 20),
        "each container counts for something"
    );
}

#[test]
fn a_removed_pod_frees_its_room() {
    let mut cluster = cluster(&[("a1", json!({}))]);
    let big = Arc::new(demand(cpu("3")));
    cluster.place(&key("big"), "a1", &big);
    assert!(place(&mut cluster, "web", demand(cpu("3"))).is_err());
    assert!(cluster.remove(&key("big")).is_some());
    assert_eq!(
        place(&mut cluster, "web", demand(cpu("3"))),
        Ok("a1".to_owned())
    );
}

#[test]
fn a_node_that_comes_late_has_its_pods_counted() {
    let mut cluster = Cluster::default();
    let big = Arc::new(demand(cpu("3")));
    cluster.place(&key("big"), "a1", &big);
    assert_eq!(cluster.set_node(&node("a1", json!({}))).len(), 1);
    assert!(
        cluster.set_node(&node("a1", json!({}))).is_empty(),
        "nothing changed"
    );
    assert!(place(&mut cluster, "web", demand(cpu("3"))).is_err());
    cluster.remove_node("a1");
    cluster.set_node(&node("a0", json!({})));
    assert_eq!(
        place(&mut cluster, "web", demand(cpu("3"))),
        Ok("a0".to_owned())
    );
}

#[test]
fn large_clusters_are_filled_evenly() {
    let mut cluster = Cluster::default();
    for number in 0..200 {
        cluster.set_node(&node(&format!("n{number}"), json!({})));
    }
    for number in 0..4000 {
        let name = format!("p{number}");
        place(
            &mut cluster,
            &name,
            Demand::of(&pod(&name, "web", cpu("10m"))),
        )
        .unwrap();
    }
    let sizes: Vec<_> = cluster.hosts().map(|(_, host)| host.pods.len()).collect();
    assert_eq!(
        (sizes.iter().min(), sizes.iter().max()),
        (Some(&20), Some(&20))
    );
}
