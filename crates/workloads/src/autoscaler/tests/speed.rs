//! How fast a target may grow and shrink.

use super::*;

/// Looks again and again, `step` seconds apart, at a target whose pods use `cpu` each; tells the sizes.
fn run(more: Value, from: usize, step: i64, cpu: impl Fn(i64) -> i64, looks: i64) -> Vec<i32> {
    let (scaler, mut memory, mut replicas) = (scaler(more), Memory::default(), from);
    let mut sizes = Vec::new();
    for look in 0..looks {
        let pods = vec![format!("ready {}", cpu(look * step)); replicas];
        let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
        let mut world = world(&pods);
        world.now = at(look * step);
        let plan = decide(&scaler, &world, &mut memory);
        if let Some(resize) = plan.resize {
            memory.changed(resize.from, resize.to, world.now);
            replicas = usize::try_from(resize.to).unwrap();
        }
        sizes.push(i32::try_from(replicas).unwrap());
    }
    sizes
}

#[test]
fn shrinking_waits_until_nobody_asked_for_more_for_a_while() {
    // Busy once, at the beginning: five minutes later the target shrinks.
    let calm = |second: i64| if second == 0 { 200 } else { 10 };
    assert_eq!(run(json!({}), 2, 60, calm, 8), [4, 4, 4, 4, 4, 1, 1, 1]);
    let soon = json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}});
    assert_eq!(run(soon, 2, 60, calm, 4), [4, 1, 1, 1]);
}

#[test]
fn growing_may_wait_too() {
    let patient = json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 120}}});
    // A short peak is not followed, a long one is.
    let peak = |second: i64| if second == 60 { 200 } else { 100 };
    assert_eq!(run(patient.clone(), 2, 60, peak, 4), [2, 2, 2, 2]);
    let long = |second: i64| if second >= 60 { 200 } else { 100 };
    assert_eq!(run(patient, 2, 60, long, 4), [2, 2, 4, 4]);
}

#[test]
fn policies_limit_the_speed() {
    let busy = |_| 1000;
    let up = |rules: Value| json!({"maxReplicas": 100, "behavior": {"scaleUp": rules}});
    let pods = json!({"type": "Pods", "value": 1, "periodSeconds": 60});
    let percent = json!({"type": "Percent", "value": 50, "periodSeconds": 60});
    let both = json!([pods, percent]);
    assert_eq!(
        run(up(json!({"policies": [pods]})), 4, 30, busy, 5),
        [5, 5, 6, 6, 7]
    );
    assert_eq!(
        run(up(json!({"policies": both})), 4, 60, busy, 3),
        [6, 9, 14]
    );
    assert_eq!(
        run(
            up(json!({"policies": both, "selectPolicy": "Min"})),
            4,
            60,
            busy,
            3
        ),
        [5, 6, 7]
    );
    assert_eq!(
        run(up(json!({"selectPolicy": "Disabled"})), 4, 60, busy, 2),
        [4, 4]
    );
    // The usual: double or four more, each 15 seconds.
    assert_eq!(run(up(json!({})), 1, 15, busy, 4), [5, 10, 20, 40]);
    let idle = |_| 1;
    let down = |rules: Value| json!({"maxReplicas": 100, "behavior": {"scaleDown": rules}});
    let slowly = json!({"policies": [pods], "stabilizationWindowSeconds": 0});
    assert_eq!(run(down(slowly), 4, 60, idle, 4), [3, 2, 1, 1]);
    let half = json!({"policies": [percent], "stabilizationWindowSeconds": 0});
    assert_eq!(run(down(half), 9, 60, idle, 4), [4, 2, 1, 1]);
    assert_eq!(
        run(down(json!({"selectPolicy": "Disabled"})), 4, 60, idle, 2),
        [4, 4]
    );
    let limited = decide(
        &scaler(up(json!({"policies": [pods]}))),
        &world(&["ready 1000"]),
        &mut Memory::default(),
    );
    assert!(told(&limited).contains(
        "ScalingLimited=True ScaleUpLimit: the desired replica count is increasing faster than the maximum scale rate"
    ));
}
