#![allow(clippy::unwrap_used)] // Tests.

use expect_test::expect;

use super::*;

fn object(value: Value) -> Object {
    Object(value.as_object().unwrap().clone())
}

fn pod(resources: &[Value]) -> Object {
    let containers = resources
        .iter()
        .enumerate()
        .map(|(at, resources)| json!({ "name": format!("c{at}"), "resources": resources }));
    object(json!({ "spec": { "containers": containers.collect::<Vec<_>>() } }))
}

fn limits(items: Value) -> Vec<Limit> {
    read(&object(json!({ "spec": { "limits": items } })))
}

#[test]
fn what_containers_leave_open_is_set() {
    let limits = limits(json!([{ "type": "Container",
        "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"} }]));
    let mut pod = pod(&[
        json!({"limits": {"cpu": "2"}}),
        json!({"requests": {"cpu": "1"}}),
    ]);
    let set = fill(&limits, &mut pod);
    expect![[r#"
        cpu request for container c0
        memory limit for container c0
        cpu, memory limit for container c1
        [{"name":"c0","resources":{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"100m"}}},{"name":"c1","resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1"}}}]"#]]
    .assert_eq(&format!("{}\n{}", set.join("\n"), pod.at(&["spec", "containers"]).unwrap()));
}

#[test]
fn bounds_are_kept_in_upstreams_words() {
    let container = |bounds: Value| {
        let mut item = json!({ "type": "Container" });
        item.as_object_mut()
            .unwrap()
            .extend(bounds.as_object().unwrap().clone());
        limits(json!([item]))
    };
    let one =
        |requests: Value, limits: Value| pod(&[json!({"requests": requests, "limits": limits})]);
    let cases = [
        (
            container(json!({"min": {"cpu": "100m"}})),
            one(json!({}), json!({})),
        ),
        (
            container(json!({"min": {"cpu": "100m"}})),
            one(json!({"cpu": "50m"}), json!({})),
        ),
        (
            container(json!({"min": {"memory": "1Gi"}})),
            one(json!({"memory": "1Gi"}), json!({"memory": "1Mi"})),
        ),
        (
            container(json!({"max": {"cpu": "1"}})),
            one(json!({"cpu": "1"}), json!({})),
        ),
        (
            container(json!({"max": {"cpu": "1"}})),
            one(json!({}), json!({"cpu": "1500m"})),
        ),
        (
            container(json!({"max": {"cpu": "1"}})),
            one(json!({"cpu": "2"}), json!({"cpu": "1"})),
        ),
        (
            container(json!({"maxLimitRequestRatio": {"cpu": "2"}})),
            one(json!({"cpu": "1"}), json!({"cpu": "3"})),
        ),
        (
            container(json!({"maxLimitRequestRatio": {"cpu": "2"}})),
            one(json!({}), json!({"cpu": "3"})),
        ),
        (
            container(json!({"maxLimitRequestRatio": {"cpu": "2"}})),
            one(json!({"cpu": "1"}), json!({})),
        ),
        (
            limits(json!([{"type": "Pod", "max": {"cpu": "1"}}])),
            pod(&[
                json!({"limits": {"cpu": "600m"}}),
                json!({"limits": {"cpu": "600m"}}),
            ]),
        ),
        (
            container(json!({"max": {"cpu": "1"}})),
            one(json!({}), json!({"cpu": "1"})),
        ),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|(limits, pod)| broken_by_pod(limits, pod).join("; "))
        .collect();
    expect![[r"
        minimum cpu usage per Container is 100m.  No request is specified
        minimum cpu usage per Container is 100m, but request is 50m
        minimum memory usage per Container is 1Gi, but limit is 1Mi
        maximum cpu usage per Container is 1.  No limit is specified
        maximum cpu usage per Container is 1, but limit is 1500m
        maximum cpu usage per Container is 1, but request is 2
        cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000
        cpu max limit to request ratio per Container is 2, but no request is specified or request is 0
        cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0
        maximum cpu usage per Pod is 1, but limit is 1200m
    "]]
    .assert_eq(&lines.join("\n"));
    let claims = limits(json!([{"type": "PersistentVolumeClaim",
        "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}]));
    let claim =
        |size: &str| object(json!({"spec": {"resources": {"requests": {"storage": size}}}}));
    assert_eq!(
        broken_by_claim(&claims, &claim("3Gi")),
        ["maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"]
    );
    assert_eq!(
        broken_by_claim(&claims, &claim("1Gi")),
        Vec::<String>::new()
    );
}
