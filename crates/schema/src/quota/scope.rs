//! Which objects a quota is about.

use serde_json::Value;

/// One condition of a quota: `scopes` and `scopeSelector.matchExpressions` alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Such as `BestEffort`.
    pub name: String,
    /// `Exists`, `DoesNotExist`, `In` or `NotIn`.
    pub operator: String,
    /// The values of `In` and `NotIn`.
    pub values: Vec<String>,
}

/// The conditions of a quota; all must hold.
pub fn scopes_for(quota: &Value) -> Vec<Scope> {
    let list = |path: &str| {
        quota
            .pointer(path)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plain = list("/spec/scopes").map(|name| Scope {
        name: text(name),
        operator: "Exists".to_owned(),
        values: Vec::new(),
    });
    let selected = list("/spec/scopeSelector/matchExpressions").map(|one| Scope {
        name: one.get("scopeName").map(text).unwrap_or_default(),
        operator: one.get("operator").map(text).unwrap_or_default(),
        values: one
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(text)
            .collect(),
    });
    plain.chain(selected).collect()
}

/// Whether a quota with these conditions counts `object` of the kind `plural` of the core group
/// (other kinds have no scopes, so a quota with scopes does not count them).
pub fn covers(scopes: &[Scope], group: &str, plural: &str, object: &Value) -> bool {
    scopes.iter().all(|scope| match (group, plural) {
        ("", "pods") => pod_in(scope, object),
        ("", "persistentvolumeclaims") if scope.name == "VolumeAttributesClass" => {
            let class = object.pointer("/spec/volumeAttributesClassName");
            named(scope, class.and_then(Value::as_str).unwrap_or_default())
        }
        _ => false,
    })
}

fn pod_in(scope: &Scope, pod: &Value) -> bool {
    let deadline = pod
        .pointer("/spec/activeDeadlineSeconds")
        .and_then(Value::as_i64);
    let ends = deadline.is_some_and(|seconds| seconds >= 0);
    match scope.name.as_str() {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => best_effort(pod),
        "NotBestEffort" => !best_effort(pod),
        "PriorityClass" => {
            let class = pod
                .pointer("/spec/priorityClassName")
                .and_then(Value::as_str);
            named(scope, class.unwrap_or_default())
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

/// Whether `class` is one that the scope names. Without values, any class is meant.
fn named(scope: &Scope, class: &str) -> bool {
    let known = scope.values.iter().any(|value| value == class);
    match scope.operator.as_str() {
        "In" => known,
        "NotIn" => !class.is_empty() && !known,
        "DoesNotExist" => class.is_empty(),
        _ => !class.is_empty(),
    }
}

/// Whether no container asks for anything.
fn best_effort(pod: &Value) -> bool {
    let lists = ["/spec/containers", "/spec/initContainers"];
    let containers = lists
        .iter()
        .filter_map(|path| pod.pointer(path).and_then(Value::as_array))
        .flatten();
    let mut parts = containers.chain(pod.get("spec"));
    !parts.any(|part| {
        ["requests", "limits"].iter().any(|kind| {
            let amounts = super::amounts(part.pointer(&format!("/resources/{kind}")));
            ["cpu", "memory"]
                .iter()
                .any(|name| amounts.get(*name).is_some_and(|amount| !amount.is_zero()))
        })
    })
}

/// Whether an affinity term looks into other namespaces.
fn crosses_namespaces(pod: &Value) -> bool {
    let rules = ["podAffinity", "podAntiAffinity"];
    let lists = [
        ("requiredDuringSchedulingIgnoredDuringExecution", ""),
        (
            "preferredDuringSchedulingIgnoredDuringExecution",
            "/podAffinityTerm",
        ),
    ];
    rules.iter().any(|rule| {
        lists.iter().any(|(list, inner)| {
            let terms = pod.pointer(&format!("/spec/affinity/{rule}/{list}"));
            let terms = terms.and_then(Value::as_array);
            terms.into_iter().flatten().any(|term| {
                let names = term.pointer(&format!("{inner}/namespaces"));
                let named = names
                    .and_then(Value::as_array)
                    .is_some_and(|names| !names.is_empty());
                let selector = term.pointer(&format!("{inner}/namespaceSelector"));
                named || selector.is_some_and(|selector| !selector.is_null())
            })
        })
    })
}
