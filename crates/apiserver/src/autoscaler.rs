//! HorizontalPodAutoscalers have two forms: `autoscaling/v2`, which is stored, and the older `v1`,
//! which knows one metric. What v1 has no field for travels in annotations, as upstream does it, so
//! that a client of v1 that writes back what it read loses nothing.

use serde_json::{Value, json};

use crate::object::{Object, section};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

fn is_cpu_utilization(metric: &Value) -> bool {
    metric.pointer("/resource/name") == Some(&json!("cpu"))
        && metric
            .pointer("/resource/target/averageUtilization")
            .is_some()
}

/// From the stored form to `autoscaling/v1`.
pub(crate) fn to_v1(scaler: &mut Object) {
    scaler
        .0
        .insert("apiVersion".to_owned(), json!("autoscaling/v1"));
    let spec = scaler.section("spec");
    let behavior = spec.remove("behavior");
    let metrics = match spec.remove("metrics") {
        Some(Value::Array(metrics)) => metrics,
        _ => Vec::new(),
    };
    let (cpu, others): (Vec<_>, Vec<_>) = metrics.into_iter().partition(is_cpu_utilization);
    if let Some(target) = cpu
        .first()
        .and_then(|metric| metric.pointer("/resource/target/averageUtilization"))
    {
        spec.insert("targetCPUUtilizationPercentage".to_owned(), target.clone());
    }
    let kept = [
        (
            METRICS,
            (!others.is_empty()).then_some(Value::Array(others)),
        ),
        (BEHAVIOR, behavior),
    ];
    for (name, value) in kept {
        if let Some(value) = value {
            let annotations = section(scaler.metadata(), "annotations");
            annotations.insert(name.to_owned(), json!(value.to_string()));
        }
    }
    if scaler.0.contains_key("status") {
        status_to_v1(scaler);
    }
}

fn status_to_v1(scaler: &mut Object) {
    let status = scaler.section("status");
    status.remove("conditions");
    let Some(Value::Array(metrics)) = status.remove("currentMetrics") else {
        return;
    };
    let used = metrics.iter().find_map(|metric| {
        (metric.pointer("/resource/name") == Some(&json!("cpu")))
            .then(|| metric.pointer("/resource/current/averageUtilization"))
            .flatten()
    });
    if let Some(used) = used {
        status.insert("currentCPUUtilizationPercentage".to_owned(), used.clone());
    }
}

/// From `autoscaling/v1` to the stored form.
pub(crate) fn to_v2(scaler: &mut Object) {
    scaler
        .0
        .insert("apiVersion".to_owned(), json!("autoscaling/v2"));
    let kept = |scaler: &mut Object, name: &str| {
        let annotations = scaler.metadata().get_mut("annotations")?.as_object_mut()?;
        let text = annotations.remove(name)?;
        serde_json::from_str::<Value>(text.as_str()?).ok()
    };
    let (others, behavior) = (kept(scaler, METRICS), kept(scaler, BEHAVIOR));
    let spec = scaler.section("spec");
    let mut metrics = Vec::new();
    if let Some(target) = spec.remove("targetCPUUtilizationPercentage") {
        metrics.push(json!({
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": { "type": "Utilization", "averageUtilization": target },
            },
        }));
    }
    if let Some(Value::Array(others)) = others {
        metrics.extend(others);
    }
    if !metrics.is_empty() {
        spec.insert("metrics".to_owned(), Value::Array(metrics));
    }
    if let Some(behavior) = behavior {
        spec.insert("behavior".to_owned(), behavior);
    }
    if let Some(Value::Object(status)) = scaler.0.get_mut("status")
        && let Some(used) = status.remove("currentCPUUtilizationPercentage")
    {
        status.insert(
            "currentMetrics".to_owned(),
            json!([{
                "type": "Resource",
                "resource": { "name": "cpu", "current": { "averageUtilization": used } },
            }]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_the_older_form_loses_nothing() {
        let Value::Object(map) = json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": "a", "annotations": {} },
            "spec": {
                "maxReplicas": 3,
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": 60 } },
                "metrics": [
                    { "type": "Resource", "resource": { "name": "cpu",
                        "target": { "type": "Utilization", "averageUtilization": 70 } } },
                    { "type": "Resource", "resource": { "name": "memory",
                        "target": { "type": "AverageValue", "averageValue": "1Gi" } } },
                ],
            },
        }) else {
            unreachable!("a literal object");
        };
        let stored = Object(map);
        let mut other = stored.clone();
        to_v1(&mut other);
        assert_eq!(
            other.at(&["spec", "targetCPUUtilizationPercentage"]),
            Some(&json!(70))
        );
        assert_eq!(other.at(&["spec", "metrics"]), None);
        to_v2(&mut other);
        assert_eq!(other, stored);
    }
}
