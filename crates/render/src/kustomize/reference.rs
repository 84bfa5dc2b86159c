//! Names that objects use for each other, followed when a name changes.

use serde_json::Value;

use super::build::Item;

/// Fields that name an object of a kind: within a pod's specification, or of a kind of their own.
/// `[]` goes through a list. From Kustomize's default configuration (`namereference.go`).
const IN_PODS: &[(&str, &[&str])] = &[
    (
        "ConfigMap",
        &[
            "volumes[]/configMap/name",
            "volumes[]/projected/sources[]/configMap/name",
            "containers[]/env[]/valueFrom/configMapKeyRef/name",
            "containers[]/envFrom[]/configMapRef/name",
            "initContainers[]/env[]/valueFrom/configMapKeyRef/name",
            "initContainers[]/envFrom[]/configMapRef/name",
        ],
    ),
    (
        "Secret",
        &[
            "volumes[]/secret/secretName",
            "volumes[]/projected/sources[]/secret/name",
            "containers[]/env[]/valueFrom/secretKeyRef/name",
            "containers[]/envFrom[]/secretRef/name",
            "initContainers[]/env[]/valueFrom/secretKeyRef/name",
            "initContainers[]/envFrom[]/secretRef/name",
            "imagePullSecrets[]/name",
        ],
    ),
    ("ServiceAccount", &["serviceAccountName"]),
    (
        "PersistentVolumeClaim",
        &["volumes[]/persistentVolumeClaim/claimName"],
    ),
    ("PriorityClass", &["priorityClassName"]),
];

/// The kind that refers, the kind that is meant, and the field.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("StatefulSet", "Service", "spec/serviceName"),
    (
        "Ingress",
        "Service",
        "spec/rules[]/http/paths[]/backend/service/name",
    ),
    ("Ingress", "Service", "spec/defaultBackend/service/name"),
    ("Ingress", "Secret", "spec/tls[]/secretName"),
    ("ServiceAccount", "Secret", "imagePullSecrets[]/name"),
    ("ServiceAccount", "Secret", "secrets[]/name"),
    ("RoleBinding", "Role", "roleRef/name"),
    ("RoleBinding", "ClusterRole", "roleRef/name"),
    ("ClusterRoleBinding", "ClusterRole", "roleRef/name"),
    ("RoleBinding", "ServiceAccount", "subjects[]/name"),
    ("ClusterRoleBinding", "ServiceAccount", "subjects[]/name"),
    (
        "HorizontalPodAutoscaler",
        "Deployment",
        "spec/scaleTargetRef/name",
    ),
    (
        "HorizontalPodAutoscaler",
        "StatefulSet",
        "spec/scaleTargetRef/name",
    ),
    (
        "HorizontalPodAutoscaler",
        "ReplicaSet",
        "spec/scaleTargetRef/name",
    ),
];

fn pod_specification(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some("spec"),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => Some("spec/template/spec"),
        "CronJob" => Some("spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

/// One object that got another name.
struct Renamed {
    kind: String,
    namespace_before: String,
    from: String,
    to: String,
}

/// Lets every reference follow the names that changed since the present kustomization began.
pub(crate) fn follow(items: &mut [Item]) {
    let renamed: Vec<Renamed> = items
        .iter()
        .filter(|item| item.object.name() != item.before.0)
        .map(|item| Renamed {
            kind: item.object.kind().to_owned(),
            namespace_before: item.before.1.clone(),
            from: item.before.0.clone(),
            to: item.object.name().to_owned(),
        })
        .collect();
    if renamed.is_empty() {
        return;
    }
    for item in items {
        let (kind, namespace) = (item.object.kind().to_owned(), item.before.1.clone());
        let change = |target: &str, holder: &mut Value, field: &str| {
            // A field that says which kind it means speaks of that kind only.
            if holder["kind"].as_str().is_some_and(|meant| meant != target) {
                return;
            }
            let found = renamed.iter().find(|renamed| {
                renamed.kind == target
                    && holder[field] == renamed.from.as_str()
                    && (renamed.namespace_before == namespace
                        || renamed.namespace_before.is_empty())
            });
            if let Some(found) = found {
                holder[field] = found.to.as_str().into();
            }
        };
        if let Some(pods) = pod_specification(&kind) {
            for (target, fields) in IN_PODS {
                for field in *fields {
                    walk(
                        &mut item.object.value,
                        &format!("{pods}/{field}"),
                        &mut |holder, last| {
                            change(target, holder, last);
                        },
                    );
                }
            }
        }
        for (_, target, field) in ELSEWHERE.iter().filter(|(referrer, ..)| *referrer == kind) {
            walk(&mut item.object.value, field, &mut |holder, last| {
                change(target, holder, last);
            });
        }
    }
}

/// Calls `act` with each object that holds the last field of `path`, and that field's name.
fn walk(value: &mut Value, path: &str, act: &mut dyn FnMut(&mut Value, &str)) {
    let Some((first, rest)) = path.split_once('/') else {
        if value.get(path).is_some() {
            act(value, path);
        }
        return;
    };
    match first.strip_suffix("[]") {
        Some(list) => {
            let items = value.get_mut(list).and_then(Value::as_array_mut);
            items
                .into_iter()
                .flatten()
                .for_each(|item| walk(item, rest, act));
        }
        None => {
            if let Some(inner) = value.get_mut(first) {
                walk(inner, rest, act);
            }
        }
    }
}
