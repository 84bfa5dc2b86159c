//! Looking at pods, and saying which containers are meant.

use serde_json::Value;

/// All containers with their names, in upstream's order.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = (&str, &Value)> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .filter_map(|list| pod.get("spec")?.get(list)?.as_array())
        .flatten()
        .map(|container| (text(container, "/name"), container))
}

/// The names of the containers of which `is_bad` holds.
pub(super) fn bad(pod: &Value, is_bad: impl Fn(&Value) -> bool) -> Vec<&str> {
    containers(pod)
        .filter(|(_, container)| is_bad(container))
        .map(|(name, _)| name)
        .collect()
}

/// The text at a path, or "".
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether true stands at a path.
pub(super) fn is_true(value: &Value, path: &str) -> bool {
    value.pointer(path) == Some(&Value::Bool(true))
}

/// The texts of a list at a path.
pub(super) fn texts<'a>(value: &'a Value, path: &str) -> Vec<&'a str> {
    let list = value.pointer(path).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// `"a", "b"`.
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

/// `container "a"` or `containers "a", "b"`.
pub(super) fn named(names: &[&str]) -> String {
    let word = plural(names.len(), "container", "containers");
    format!("{word} {}", quoted(names.iter().copied()))
}

/// The word for one or for many.
pub(super) fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `pod and container "a"`: who sets something, of the pod itself and its containers.
pub(super) fn setters(pod: bool, containers: &[&str]) -> String {
    let mut setters = Vec::new();
    if pod {
        setters.push("pod".to_owned());
    }
    if !containers.is_empty() {
        setters.push(named(containers));
    }
    setters.join(" and ")
}
