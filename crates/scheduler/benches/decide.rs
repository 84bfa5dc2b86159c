//! Decisions alone: 10,000 pods onto 1,000 nodes, by what they ask for.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_scheduler::Board;
use serde_json::{Value, json};

const NODES: usize = 1_000;
const PODS: usize = 10_000;
/// Pods of one controller.
const SIBLINGS: usize = 100;

fn board() -> Board {
    let mut board = Board::default();
    for number in 0..NODES {
        let name = format!("n{number}");
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": format!("z{}", number % 3)}},
            "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110"}},
        }))
        .expect("a node");
        board.set_node(&node);
    }
    board
}

fn pods(spec: &Value) -> Vec<(Pod, LabelSelector)> {
    let pod = |number: usize| {
        let app = format!("web-{}", number / SIBLINGS);
        let selector = LabelSelector {
            match_labels: Some([("app".to_owned(), app.clone())].into()),
            ..LabelSelector::default()
        };
        let text = spec.to_string().replace("$app", &app);
        let spec: Value = serde_json::from_str(&text).expect("a spec");
        let pod = serde_json::from_value(json!({
            "metadata": {"namespace": "default", "name": format!("pod-{number}"),
                         "labels": {"app": app}},
            "spec": spec,
        }));
        (pod.expect("a pod"), selector)
    };
    (0..PODS).map(pod).collect()
}

fn decisions(criterion: &mut Criterion) {
    let containers = json!([{"name": "main", "resources": {
        "requests": {"cpu": "100m", "memory": "64Mi"}}}]);
    let own = json!({"matchLabels": {"app": "$app"}});
    let cases = [
        ("plain", json!({"containers": containers})),
        (
            "spread",
            json!({"containers": containers, "topologySpreadConstraints": [{
                "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule", "labelSelector": own}]}),
        ),
        (
            "apart",
            json!({"containers": containers, "affinity": {"podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{
                    "topologyKey": "kubernetes.io/hostname", "labelSelector": own}]}}}),
        ),
    ];
    let mut group = criterion.benchmark_group("decide");
    group
        .throughput(Throughput::Elements(PODS as u64))
        .sample_size(10);
    for (name, spec) in cases {
        let pods = pods(&spec);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                board,
                |mut board| {
                    for (pod, siblings) in &pods {
                        board.place(pod, Some(siblings)).expect("a place");
                    }
                    board
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
