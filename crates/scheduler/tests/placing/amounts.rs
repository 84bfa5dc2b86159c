//! Amounts as large and as small as they can be written.

use super::*;

#[tokio::test(start_paused = true)]
async fn amounts_beyond_all_nodes_wait_and_stop_nobody() {
    let cluster = start(2).await;
    let mut refused = Vec::new();
    for (index, amount) in [
        "1e308",
        "9223372036854775807",
        "9223372036854775808",
        "8Ei",
        "1e30Ki",
        "1E",
        "0",
        "1n",
        "0.0000000000001",
        "-1",
        "1e-308",
        "99999999999999999999999999",
        "NaN",
        "0x10",
    ]
    .into_iter()
    .enumerate()
    {
        let requests = json!({"cpu": amount, "memory": amount, "ephemeral-storage": amount});
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": NAMESPACE, "name": format!("p{index:02}")},
            "spec": {"priority": 0, "containers": [
                {"name": "a", "image": "i", "resources": {"requests": requests}},
                {"name": "b", "image": "i", "resources": {"requests": requests}}]}});
        if let Err(error) = cluster.create(pod).await {
            let error = format!("{error:#}");
            assert!(
                error.contains("spec.containers[0].resources"),
                "{amount}: {error}"
            );
            refused.push(amount);
        }
    }
    expect![[r#"
        [
            "1e30Ki",
            "-1",
            "NaN",
            "0x10",
        ]
    "#]]
    .assert_debug_eq(&refused);
    add_pod(&cluster, "sound", "500m", json!({})).await;
    wait(30).await;
    expect![[r#"
        [
            "p00 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p01 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p02 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p03 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p05 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p06 n0: True",
            "p07 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient ephemeral-storage. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "p08 n1: True",
            "p10 n0: True",
            "p11 nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            "sound n1: True",
        ]
    "#]].assert_debug_eq(&places(&cluster).await);
}

#[tokio::test(start_paused = true)]
async fn a_node_may_say_that_it_has_anything() {
    let cluster = start(1).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    for (name, amount) in [
        ("endless", "1e308"),
        ("less", "-1"),
        ("tiny", "1n"),
        ("most", "9223372036854775807"),
    ] {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        cluster.create(node).await.unwrap();
        admit(&cluster, name).await;
        let room =
            json!({"status": {"allocatable": {"cpu": amount, "memory": amount, "pods": amount}}});
        // A refusal is an answer too.
        let patched = nodes
            .patch_status(name, &PatchParams::default(), &Patch::Merge(room))
            .await;
        drop(patched);
    }
    for number in 0..6 {
        add_pod(&cluster, &format!("p{number}"), "400m", json!({})).await;
    }
    add_pod(&cluster, "vast", "1000000", json!({})).await;
    wait(30).await;
    let placed = places(&cluster).await;
    assert!(
        placed.iter().filter(|line| line.contains(": True")).count() >= 6,
        "{placed:#?}"
    );
    assert!(
        !placed
            .iter()
            .any(|line| line.contains(" less: ") || line.contains(" tiny: ")),
        "{placed:#?}"
    );
}
