use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::foreign::Figures;
use super::measure::Usage;
use super::memory::Memory;
use super::plan::{Plan, Scale, World, decide};

mod served;
mod speed;

/// A moment long after every pod here has started.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(100_000 + second).unwrap()
}

/// A pod that requests 100m and 100Mi in each of `app` and `side`.
fn pod(name: &str, state: &str) -> Arc<Pod> {
    let (phase, ready) = match state {
        "pending" => ("Pending", "False"),
        "failed" => ("Failed", "False"),
        "unready" => ("Running", "False"),
        _ => ("Running", "True"),
    };
    let requests = json!({"requests": {"cpu": "100m", "memory": "100Mi"}});
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "resources": requests},
            {"name": "side", "resources": requests}]},
        "status": {"phase": phase, "startTime": "1970-01-01T00:00:00Z", "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": "1970-01-01T00:00:10Z"}]},
    });
    match state {
        // It became ready a moment ago: its figures are from before.
        "fresh" => {
            let now = at(0).to_string();
            pod["status"]["startTime"] = json!(now);
            pod["status"]["conditions"][0]["lastTransitionTime"] = json!(now);
        }
        "leaving" => pod["metadata"]["deletionTimestamp"] = json!("1970-01-02T00:00:00Z"),
        "greedy" => pod["spec"]["containers"][1] = json!({"name": "side"}),
        _ => {}
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

/// What a pod uses, half of it in each container.
fn usage(cpu: i64) -> Usage {
    let half = |thousandths: i64| {
        BTreeMap::from([
            ("cpu".to_owned(), thousandths),
            (
                "memory".to_owned(),
                thousandths.saturating_mul(1_048_576_000),
            ),
        ])
    };
    Usage {
        at: at(0),
        window: SignedDuration::from_secs(15),
        containers: BTreeMap::from([
            ("app".to_owned(), half(cpu / 2)),
            ("side".to_owned(), half(cpu - cpu / 2)),
        ]),
    }
}

/// `state cpu` for each pod, such as `ready 200`; without a figure there is none.
fn world(pods: &[&str]) -> World {
    let mut world = World {
        now: at(0),
        namespace: "shop".to_owned(),
        scale: Ok(Scale {
            replicas: i32::try_from(pods.len()).unwrap(),
            actual: i32::try_from(pods.len()).unwrap(),
            selector: "app=web".to_owned(),
        }),
        pods: Vec::new(),
        usages: Ok(BTreeMap::new()),
        rivals: Vec::new(),
        others: BTreeMap::new(),
    };
    for (number, text) in pods.iter().enumerate() {
        let (state, cpu) = text.split_once(' ').unwrap_or((text, ""));
        let name = format!("web-{number}");
        world.pods.push(pod(&name, state));
        if let Ok(cpu) = cpu.parse() {
            world.usages.as_mut().unwrap().insert(name, usage(cpu));
        }
    }
    world
}

fn scaler(more: Value) -> HorizontalPodAutoscaler {
    let mut spec = json!({"minReplicas": 1, "maxReplicas": 10,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [cpu(50)]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}))
        .unwrap()
}

fn cpu(percent: i32) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn told(plan: &Plan) -> String {
    let mut lines = Vec::new();
    match &plan.resize {
        Some(resize) => lines.push(format!(
            "{} -> {}: {}",
            resize.from, resize.to, resize.reason
        )),
        None => lines.push(format!("stays at {}", plan.status.desired_replicas)),
    }
    for metric in plan.status.current_metrics.iter().flatten() {
        let value = metric
            .resource
            .as_ref()
            .map(|one| &one.current)
            .or(metric.container_resource.as_ref().map(|one| &one.current));
        lines.push(value.map_or("no figure".to_owned(), |value| {
            let percent = value.average_utilization;
            let percent = percent.map_or(String::new(), |percent| format!("{percent}% "));
            format!("{percent}{}", value.average_value.as_ref().unwrap().0)
        }));
    }
    for one in plan.status.conditions.iter().flatten() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (reason, message) = (text(&one.reason), text(&one.message));
        lines.push(format!("{}={} {reason}: {message}", one.type_, one.status));
    }
    for event in &plan.events {
        lines.push(format!(
            "{} {}: {}",
            event.kind.as_str(),
            event.reason,
            event.message
        ));
    }
    lines.join("\n")
}

fn check(scaler: &HorizontalPodAutoscaler, world: &World, expected: Expect) {
    expected.assert_eq(&told(&decide(scaler, world, &mut Memory::default())));
}

/// Only the first line: the size.
fn size(more: Value, pods: &[&str]) -> String {
    let plan = decide(&scaler(more), &world(pods), &mut Memory::default());
    told(&plan).lines().next().unwrap().to_owned()
}

#[test]
fn a_busy_target_grows_and_says_why() {
    // 200m requested by each; 150m used: 75 % where 50 % is wanted.
    let busy = ["ready 150", "ready 150"];
    check(
        &scaler(json!({})),
        &world(&busy),
        expect![[r#"
            2 -> 3: cpu resource utilization (percentage of request) above target
            75% 150m
            AbleToScale=True ReadyForNewScale: recommended size matches current size
            ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)
            ScalingLimited=False DesiredWithinRange: the desired count is within the acceptable range"#]],
    );
}

#[test]
fn what_was_done_or_refused_completes_the_status() {
    let world = world(&["ready 150", "ready 150"]);
    let outcome = |outcome: Result<(), String>| {
        let mut plan = decide(&scaler(json!({})), &world, &mut Memory::default());
        let resize = plan.resize.take().unwrap();
        plan.finish(&resize, outcome);
        let scaled = plan.status.last_scale_time.is_some();
        let text = told(&plan);
        let text: Vec<_> = text
            .lines()
            .filter(|line| line.contains("escale") || line.contains("UpdateScale"))
            .collect();
        format!("{}\nscaled: {scaled}", text.join("\n"))
    };
    expect![[r#"
        AbleToScale=True SucceededRescale: the HPA controller was able to update the target scale to 3
        Normal SuccessfulRescale: New size: 3; reason: cpu resource utilization (percentage of request) above target
        scaled: true"#]].assert_eq(&outcome(Ok(())));
    expect![[r#"
        AbleToScale=False FailedUpdateScale: the HPA controller was unable to update the target scale: no
        Warning FailedRescale: New size: 3; reason: cpu resource utilization (percentage of request) above target; error: no
        scaled: false"#]].assert_eq(&outcome(Err("no".to_owned())));
}

#[test]
fn sizes_follow_from_what_is_used() {
    let at_half = json!({"metrics": [cpu(50)]});
    let cases: [(&str, &[&str], &str); 15] = [
        ("as wanted", &["ready 100", "ready 100"], "stays at 2"),
        (
            "nearly as wanted",
            &["ready 108", "ready 110"],
            "stays at 2",
        ),
        ("a little below", &["ready 92", "ready 92"], "stays at 2"),
        ("twice as much", &["ready 200", "ready 200"], "2 -> 4: "),
        (
            "no more than double",
            &["ready 900", "ready 900"],
            "2 -> 4: ",
        ),
        ("no more than the most", &["ready 200"; 6], "6 -> 10: "),
        (
            "what was found first counts as proposed",
            &["ready 10"; 4],
            "stays at 4",
        ),
        (
            "a pod that starts counts as idle",
            &["ready 200", "pending"],
            "stays at 2",
        ),
        (
            "unready ones too",
            &["ready 200", "unready 900"],
            "stays at 2",
        ),
        (
            "those that just started too",
            &["ready 200", "fresh 900"],
            "stays at 2",
        ),
        (
            "missing figures are idle before pods come",
            &["ready 150", "ready"],
            "stays at 2",
        ),
        (
            "a large need is seen all the same",
            &["ready 600", "ready"],
            "2 -> 4: ",
        ),
        (
            "failed pods count for nothing",
            &["ready 200", "failed 900"],
            "stays at 2",
        ),
        (
            "leaving pods count for nothing",
            &["ready 150", "ready 150", "leaving 900"],
            "stays at 3",
        ),
        ("nobody is ready", &["unready 10"], "stays at 0"),
    ];
    for (what, pods, expected) in cases {
        let found = size(at_half.clone(), pods);
        assert!(found.starts_with(expected), "{what}: {found}");
    }
    let at_once = json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}});
    let cases: [(&str, &[&str], &str); 3] = [
        (
            "idle pods go",
            &["ready 10"; 4],
            "4 -> 1: All metrics below target",
        ),
        ("no fewer than the least", &["ready 0"; 4], "4 -> 1: All"),
        (
            "missing figures are full before pods go",
            &["ready 10", "ready"],
            "stays at 2",
        ),
    ];
    for (what, pods, expected) in cases {
        let found = size(at_once.clone(), pods);
        assert!(found.starts_with(expected), "{what}: {found}");
    }
}

#[test]
fn other_targets_are_measured_their_own_way() {
    let resource = |name: &str, target: Value| {
        json!({"metrics": [
        {"type": "Resource", "resource": {"name": name, "target": target}}]})
    };
    let average = |amount: &str| json!({"type": "AverageValue", "averageValue": amount});
    let pods = ["ready 150", "ready 150"];
    let cases = [
        (
            resource("cpu", average("50m")),
            "2 -> 4: cpu resource above",
        ),
        (resource("cpu", average("140m")), "stays at 2"),
        (
            resource("memory", average("50Mi")),
            "2 -> 4: memory resource above",
        ),
        (
            json!({"metrics": [{"type": "ContainerResource", "containerResource": {"name": "cpu",
                "container": "app", "target": {"type": "Utilization", "averageUtilization": 25}}}]}),
            "2 -> 4: cpu resource utilization",
        ),
        (
            json!({"metrics": [cpu(300), cpu(50), cpu(100)]}),
            "2 -> 3: ",
        ),
        (
            json!({"metrics": [cpu(60)], "behavior": {"scaleUp": {"tolerance": "300m"}}}),
            "stays at 2",
        ),
        (
            json!({"metrics": [cpu(60)], "behavior": {"scaleUp": {"tolerance": "200m"}}}),
            "2 -> 3: ",
        ),
    ];
    for (more, expected) in cases {
        let found = size(more.clone(), &pods);
        assert!(found.starts_with(expected), "{more}: {found}");
    }
}

#[test]
fn the_range_holds_whatever_the_figures_say() {
    let quiet = world(&["ready 100"; 3]);
    check(
        &scaler(json!({"maxReplicas": 2})),
        &quiet,
        expect![[r#"
            3 -> 2: Current number of replicas above Spec.MaxReplicas
            AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale"#]],
    );
    check(
        &scaler(json!({"minReplicas": 5})),
        &quiet,
        expect![[r#"
            3 -> 5: Current number of replicas below Spec.MinReplicas
            AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale"#]],
    );
    check(
        &scaler(json!({})),
        &world(&[]),
        expect![[r#"
            stays at 0
            AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale
            ScalingActive=False ScalingDisabled: scaling is disabled since the replica count of the target is zero"#]],
    );
    check(
        &scaler(json!({"maxReplicas": 3})),
        &world(&["ready 400"; 3]),
        expect![[r#"
            stays at 3
            200% 400m
            AbleToScale=True ReadyForNewScale: recommended size matches current size
            ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)
            ScalingLimited=True TooManyReplicas: the desired replica count is more than the maximum replica count"#]],
    );
}

#[test]
fn what_cannot_be_known_is_told_in_upstreams_words() {
    let mut lost = world(&["ready 150"]);
    lost.scale = Err("deployments.apps \"web\" not found".to_owned());
    check(
        &scaler(json!({})),
        &lost,
        expect![[r#"
            stays at 0
            AbleToScale=False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "web" not found
            Warning FailedGetScale: deployments.apps "web" not found"#]],
    );
    check(
        &scaler(json!({})),
        &world(&["ready", "ready"]),
        expect![[r#"
            stays at 0
            AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale
            ScalingActive=False FailedGetResourceMetric: the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API
            Warning FailedGetResourceMetric: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API
            Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"#]],
    );
    let first_event = |pods: &[&str], more: Value| {
        let plan = decide(&scaler(more), &world(pods), &mut Memory::default());
        plan.events[0].message.clone()
    };
    let lines = [
        first_event(&["greedy 10"], json!({})),
        first_event(&["unready 10"], json!({})),
        first_event(
            &["ready 10"],
            json!({"metrics": [{"type": "ContainerResource", "containerResource":
            {"name": "cpu", "container": "none", "target": {"averageUtilization": 50}}}]}),
        ),
        first_event(
            &["ready 10"],
            json!({"metrics": [{"type": "Pods", "pods":
            {"metric": {"name": "requests"}, "target": {"averageValue": "1"}}}]}),
        ),
        first_event(
            &["ready 10"],
            json!({"metrics": [{"type": "Object", "object":
            {"metric": {"name": "requests"}, "describedObject": {"kind": "Service", "name": "web"},
             "target": {"value": "1"}}}]}),
        ),
        first_event(
            &["ready 10"],
            json!({"metrics": [{"type": "External", "external":
            {"metric": {"name": "queue", "selector": {"matchLabels": {"a": "b"}}}, "target": {"value": "1"}}}]}),
        ),
    ];
    expect![[r#"
        failed to get cpu utilization: missing request for cpu in container side of Pod web-0
        failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)
        failed to get cpu utilization: failed to get container metrics: container none not present in metrics for pod web-0
        unable to get metric requests: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered
        unable to get metric requests: Service on shop web/unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered
        failed to get external metric queue: unable to get external metric shop/queue/&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn one_bad_metric_stops_shrinking_but_not_growing() {
    let bad = json!({"type": "Pods", "pods": {"metric": {"name": "requests"},
        "target": {"averageValue": "1"}}});
    let both = json!({"metrics": [bad, cpu(50)]});
    assert!(size(both.clone(), &["ready 200", "ready 200"]).starts_with("2 -> 4: "));
    assert_eq!(size(both, &["ready 10", "ready 10"]), "stays at 0");
}

#[test]
fn pods_of_two_autoscalers_are_left_alone() {
    let mut shared = world(&["ready 150"]);
    shared.rivals = vec!["shop/a".to_owned(), "shop/web".to_owned()];
    check(
        &scaler(json!({})),
        &shared,
        expect![[r#"
            stays at 0
            AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale
            ScalingActive=False AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [shop/a shop/web]
            Warning AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [shop/a shop/web]
            Warning FailedComputeMetricsReplicas: pods by selector app=web are controlled by multiple HPAs: [shop/a shop/web]"#]],
    );
    let mut all = world(&["ready 150"]);
    all.scale.as_mut().unwrap().selector = String::new();
    let plan = decide(&scaler(json!({})), &all, &mut Memory::default());
    assert!(told(&plan).contains("the HPA target's scale is missing a selector"));
}

#[test]
fn figures_out_of_this_world_stop_nobody() {
    let most = i64::MAX / 2_000_000;
    let cases = [
        (format!("ready {most}"), "3 -> 6: "),
        ("ready -5".to_owned(), "stays at 3"),
    ];
    for (pod, expected) in cases {
        let found = size(json!({"maxReplicas": i32::MAX}), &[pod.as_str(); 3]);
        assert!(found.starts_with(expected), "{found}");
    }
    let nothing = json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "AverageValue", "averageValue": "0"}}}]});
    assert!(size(nothing, &["ready 10"]).starts_with("1 -> "));
}
