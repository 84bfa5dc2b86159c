//! Important pods push others aside.

use k8s_openapi::api::core::v1::Event;

use super::*;

async fn add_important(cluster: &Cluster, name: &str, cpu: &str, priority: i32) {
    let class = format!("of-{priority}");
    let object = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": class}, "value": priority});
    cluster.apply(object).await.unwrap();
    add_pod(cluster, name, cpu, json!({"priorityClassName": class})).await;
}

/// Plays the node: a pod on its way out is gone after a second.
fn end_pods(cluster: &Cluster) {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    tokio::spawn(async move {
        loop {
            wait(1).await;
            let all = pods.list(&ListParams::default()).await.unwrap();
            for pod in all.items {
                if pod.metadata.deletion_timestamp.is_some() {
                    let now = DeleteParams::default().grace_period(0);
                    let _ = pods.delete(&pod.metadata.name.unwrap(), &now).await;
                }
            }
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_more_important_pod_takes_the_place_of_another() {
    let cluster = start(1).await;
    for (name, priority) in [("calm", 10), ("least", 1)] {
        add_important(&cluster, name, "500m", priority).await;
    }
    wait(2).await;
    add_important(&cluster, "urgent", "400m", 100).await;
    add_important(&cluster, "late", "100m", 50).await;
    wait(2).await;
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let urgent = pods.get("urgent").await.unwrap().status.unwrap();
    assert_eq!(urgent.nominated_node_name.as_deref(), Some("n0"));
    let least = pods.get("least").await.unwrap();
    assert_eq!(least.metadata.deletion_grace_period_seconds, Some(30));
    let disrupted = least.status.unwrap().conditions.unwrap();
    let disrupted = disrupted.iter().find(|one| one.type_ == "DisruptionTarget");
    assert_eq!(
        disrupted.unwrap().reason.as_deref(),
        Some("PreemptionByScheduler")
    );
    end_pods(&cluster);
    wait(20).await;
    expect![[r#"
        [
            "calm n0: True",
            "late n0: True",
            "urgent n0: True",
        ]
    "#]]
    .assert_debug_eq(&places(&cluster).await);
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let all = events.list(&ListParams::default()).await.unwrap().items;
    let preempted = all
        .iter()
        .find(|event| event.reason.as_deref() == Some("Preempted"))
        .unwrap();
    assert_eq!(preempted.involved_object.name.as_deref(), Some("least"));
    let uid = pods.get("urgent").await.unwrap().metadata.uid.unwrap();
    assert_eq!(
        preempted.message.as_deref(),
        Some(format!("Preempted by pod {uid} on node n0").as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn a_nomination_that_came_to_nothing_is_taken_back() {
    let cluster = start(1).await;
    add_important(&cluster, "calm", "800m", 10).await;
    wait(2).await;
    add_important(&cluster, "urgent", "400m", 100).await;
    wait(2).await;
    // Somebody more important comes before the room is free.
    add_important(&cluster, "vital", "900m", 1000).await;
    wait(2).await;
    end_pods(&cluster);
    wait(60).await;
    expect![[r#"
        [
            "urgent nowhere: False Unschedulable 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
            "vital n0: True",
        ]
    "#]].assert_debug_eq(&places(&cluster).await);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let urgent = pods.get("urgent").await.unwrap().status.unwrap();
    assert_eq!(urgent.nominated_node_name, None);
}
