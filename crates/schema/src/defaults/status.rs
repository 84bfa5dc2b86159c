//! The status of an object that nobody has looked at yet.
//!
//! Upstream's types hold `status` as a struct that is never left out, and so do some of its fields;
//! clients with typed models (Python's among them) read it without asking whether it is there.

use serde_json::{Map, Value, json};

use crate::Type;
use crate::fact::{Presence, Shape, TypeFact};

/// What stands in `status` of a new object of a built-in kind; nothing where the kind has none.
pub fn initial(group: &str, version: &str, kind: &str) -> Option<Value> {
    let Some(Type::BuiltIn(fact)) = Type::built_in(group, version, kind) else {
        return None;
    };
    let Shape::Object(status) = fact.field("status")?.shape else {
        return None;
    };
    Some(match (group, kind) {
        ("", "Service") | ("networking.k8s.io", "Ingress") => json!({"loadBalancer": {}}),
        ("apiextensions.k8s.io", _) => json!({}),
        ("", "PersistentVolume" | "PersistentVolumeClaim") => json!({"phase": "Pending"}),
        _ => zero(status),
    })
}

/// The fields that must be there, where nothing is known.
fn zero(fact: &TypeFact) -> Value {
    let required = fact
        .fields
        .iter()
        .filter(|field| field.presence == Presence::Required);
    let fields = required.filter_map(|field| {
        let value = match field.shape {
            Shape::Int32 | Shape::Int64 | Shape::Number => json!(0),
            Shape::Boolean => json!(false),
            _ => return None,
        };
        Some((field.name.to_owned(), value))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn says_zero_where_upstream_always_says_something() {
        let kinds = [
            ("apps", "v1", "Deployment"),
            ("apps", "v1", "ReplicaSet"),
            ("apps", "v1", "DaemonSet"),
            ("apps", "v1", "StatefulSet"),
            ("policy", "v1", "PodDisruptionBudget"),
            ("autoscaling", "v2", "HorizontalPodAutoscaler"),
            ("", "v1", "Service"),
            ("", "v1", "PersistentVolumeClaim"),
            ("", "v1", "ConfigMap"),
            ("example.com", "v1", "Ship"),
        ];
        let said: Vec<String> = kinds
            .iter()
            .map(|(group, version, kind)| {
                let status = initial(group, version, kind);
                format!(
                    "{kind}: {}\n",
                    status.map_or("none".into(), |it| it.to_string())
                )
            })
            .collect();
        expect![[r#"
            Deployment: {}
            ReplicaSet: {"replicas":0}
            DaemonSet: {"currentNumberScheduled":0,"desiredNumberScheduled":0,"numberMisscheduled":0,"numberReady":0}
            StatefulSet: {"replicas":0}
            PodDisruptionBudget: {"currentHealthy":0,"desiredHealthy":0,"disruptionsAllowed":0,"expectedPods":0}
            HorizontalPodAutoscaler: {"desiredReplicas":0}
            Service: {"loadBalancer":{}}
            PersistentVolumeClaim: {"phase":"Pending"}
            ConfigMap: none
            Ship: none
        "#]].assert_eq(&said.concat());
    }
}
