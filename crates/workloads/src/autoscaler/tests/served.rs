//! Metrics that others serve.

use super::*;

/// A figure of each pod, in thousandths.
fn of_pods(figures: &[i64]) -> Figures {
    let usage = |figure: i64| Usage {
        at: at(0),
        window: SignedDuration::from_secs(60),
        containers: BTreeMap::from([(String::new(), BTreeMap::from([(String::new(), figure)]))]),
    };
    let pods = figures.iter().enumerate();
    let pods = pods.map(|(place, figure)| (format!("web-{place}"), usage(*figure)));
    Figures::Pods(pods.collect())
}

#[test]
fn metrics_that_others_serve_are_read_as_upstream_reads_them() {
    let ready = ["ready 10", "ready 10"];
    let pods = |target: &str| {
        json!({"type": "Pods", "pods": {"metric": {"name": "requests"}, "target":
            {"type": "AverageValue", "averageValue": target}}})
    };
    let object = |target: Value| {
        json!({"type": "Object", "object": {"metric": {"name": "requests"}, "target": target,
            "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"}}})
    };
    let external = |target: Value| json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": target}});
    let average = |amount: &str| json!({"type": "AverageValue", "averageValue": amount});
    let value = |amount: &str| json!({"type": "Value", "value": amount});
    let values = |values: &[i64]| Ok(Figures::Values(values.to_vec()));
    let mut table = String::new();
    for (metric, figures) in [
        (pods("10"), Ok(of_pods(&[10_000, 10_500]))),
        (pods("10"), Ok(of_pods(&[20_000, 20_000]))),
        (pods("10"), Ok(of_pods(&[]))),
        (
            pods("10"),
            Err("no metrics returned from custom metrics API".to_owned()),
        ),
        (object(value("100")), values(&[300_000])),
        (object(average("100")), values(&[250_000])),
        (object(value("100")), values(&[104_000])),
        (object(json!({"type": "Value"})), values(&[1])),
        (external(value("10")), values(&[10_000, 5_000])),
        (external(average("10")), values(&[65_000])),
        (
            external(average("10")),
            Err("no metrics returned from external metrics API".to_owned()),
        ),
    ] {
        let mut world = world(&ready);
        world.others.insert(0, figures);
        let scaler = scaler(json!({"metrics": [metric]}));
        let plan = decide(&scaler, &world, &mut Memory::default());
        let size = plan.resize.as_ref().map_or("stays".to_owned(), |resize| {
            format!("{} -> {}: {}", resize.from, resize.to, resize.reason)
        });
        let status = plan.status.current_metrics.unwrap_or_default();
        let failures: Vec<String> = plan
            .events
            .iter()
            .take(1)
            .map(|event| format!(" {} {}", event.reason, event.message))
            .collect();
        let status = serde_json::to_string(&status).unwrap();
        table += &format!("{size} {status}{}\n", failures.concat());
    }
    expect![[r#"
        stays [{"pods":{"current":{"averageValue":"10250m"},"metric":{"name":"requests"}},"type":"Pods"}]
        2 -> 4: pods metric requests above target [{"pods":{"current":{"averageValue":"20"},"metric":{"name":"requests"}},"type":"Pods"}]
        stays [] FailedGetPodsMetric unable to get metrics for resource : no metrics returned from resource metrics API
        stays [] FailedGetPodsMetric unable to get metric requests: no metrics returned from custom metrics API
        2 -> 4: Service metric requests above target [{"object":{"current":{"value":"300"},"describedObject":{"apiVersion":"v1","kind":"Service","name":"web"},"metric":{"name":"requests"}},"type":"Object"}]
        2 -> 3: external metric requests(nil) above target [{"object":{"current":{"averageValue":"125"},"describedObject":{"apiVersion":"v1","kind":"Service","name":"web"},"metric":{"name":"requests"}},"type":"Object"}]
        stays [{"object":{"current":{"value":"104"},"describedObject":{"apiVersion":"v1","kind":"Service","name":"web"},"metric":{"name":"requests"}},"type":"Object"}]
        stays [] FailedGetObjectMetric invalid object metric source: neither a value target nor an average value target was set
        2 -> 3: external metric queue(nil) above target [{"external":{"current":{"value":"15"},"metric":{"name":"queue"}},"type":"External"}]
        2 -> 4: external metric queue(nil) above target [{"external":{"current":{"averageValue":"32500m"},"metric":{"name":"queue"}},"type":"External"}]
        stays [] FailedGetExternalMetric failed to get queue external metric: unable to get external metric shop/queue/nil: no metrics returned from external metrics API
    "#]].assert_eq(&table);
}
