//! The parts of a pod's specification that have paths of their own: ephemeral containers (`kubectl
//! debug`), and resources (`pods/resize`).

use serde_json::Value;

use crate::failure::Cause;
use crate::object::Object;

/// What an ephemeral container may not have.
const FORBIDDEN: [&str; 7] = [
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resources",
    "resizePolicy",
];

fn list<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    let list = object.at(&["spec", name]).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Leaves of a change to a pod only what its path may change; `part` is the path.
pub(super) fn keep(part: &str, object: &mut Object, old: &Object) {
    let wanted = std::mem::take(object);
    *object = old.clone();
    if let Some(fields) = wanted.at(&["metadata", "managedFields"]) {
        let fields = fields.clone();
        object.metadata().insert("managedFields".to_owned(), fields);
    }
    if part == "resize" {
        return resize(object, &wanted);
    }
    let wanted = wanted.at(&["spec", "ephemeralContainers"]).cloned();
    match wanted {
        Some(wanted) => object
            .section("spec")
            .insert("ephemeralContainers".to_owned(), wanted),
        None => object.section("spec").remove("ephemeralContainers"),
    };
}

fn resize(object: &mut Object, wanted: &Object) {
    for name in ["containers", "initContainers"] {
        let wanted = list(wanted, name);
        let spec = object.section("spec");
        let Some(own) = spec.get_mut(name).and_then(Value::as_array_mut) else {
            continue;
        };
        for container in own.iter_mut().filter_map(Value::as_object_mut) {
            let same = |one: &&Value| one.get("name") == container.get("name");
            let Some(new) = wanted.iter().find(same) else {
                continue;
            };
            for field in ["resources", "resizePolicy"] {
                match new.get(field) {
                    Some(value) => container.insert(field.to_owned(), value.clone()),
                    None => container.remove(field),
                };
            }
        }
    }
}

/// What is wrong with the ephemeral containers of a changed pod.
pub(super) fn check_ephemeral(object: &Object, old: &Object) -> Vec<Cause> {
    const PATH: &str = "spec.ephemeralContainers";
    let mut causes = Vec::new();
    let (new, before) = (
        list(object, "ephemeralContainers"),
        list(old, "ephemeralContainers"),
    );
    for one in before {
        let name = one["name"].as_str().unwrap_or_default();
        match new.iter().find(|it| it["name"] == one["name"]) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                causes.push(Cause::forbidden(PATH, &detail));
            }
            Some(same) if same != one => {
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n");
                causes.push(Cause::forbidden(PATH, &detail));
            }
            Some(_) => {}
        }
    }
    let others: Vec<&Value> = ["containers", "initContainers"]
        .iter()
        .flat_map(|name| list(object, name))
        .map(|it| &it["name"])
        .collect();
    for (index, one) in new.iter().enumerate() {
        let at = |field: &str| format!("{PATH}[{index}].{field}");
        let name = &one["name"];
        let again = new[..index].iter().any(|it| it["name"] == *name);
        if again || others.contains(&name) {
            let message = format!("Duplicate value: {name}");
            causes.push(Cause::new("FieldValueDuplicate", at("name"), message));
        }
        for field in FORBIDDEN {
            let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
            if one
                .get(field)
                .is_some_and(|value| !value.is_null() && !empty(value))
            {
                let detail = "cannot be set for an Ephemeral Container";
                causes.push(Cause::forbidden(at(field), detail));
            }
        }
        let target = one["targetContainerName"].as_str().unwrap_or_default();
        if !target.is_empty() && !others.iter().any(|it| it.as_str() == Some(target)) {
            let message = format!("Not found: {target:?}");
            let field = at("targetContainerName");
            causes.push(Cause::new("FieldValueNotFound", field, message));
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: Value) -> Object {
        match json!({ "metadata": { "name": "web" }, "spec": spec }) {
            Value::Object(map) => Object(map),
            _ => unreachable!(),
        }
    }

    #[test]
    fn each_path_changes_its_own_part_alone() {
        let old = pod(json!({"containers": [{"name": "app", "image": "a"}], "nodeName": "n"}));
        let wanted = json!({
            "containers": [{"name": "app", "image": "b", "resources": {"limits": {"cpu": "1"}}}],
            "ephemeralContainers": [{"name": "debug", "image": "c"}],
        });
        let mut resized = pod(wanted.clone());
        keep("resize", &mut resized, &old);
        assert_eq!(
            resized.0["spec"],
            json!({"containers": [{"name": "app", "image": "a", "resources": {"limits": {"cpu": "1"}}}], "nodeName": "n"})
        );
        let mut debugged = pod(wanted);
        keep("ephemeralcontainers", &mut debugged, &old);
        assert_eq!(
            debugged.0["spec"],
            json!({"containers": [{"name": "app", "image": "a"}], "nodeName": "n", "ephemeralContainers": [{"name": "debug", "image": "c"}]})
        );
    }

    #[test]
    fn ephemeral_containers_are_only_added() {
        let with = |list: Value| {
            pod(json!({"containers": [{"name": "app"}], "ephemeralContainers": list}))
        };
        let old = with(json!([{"name": "one", "image": "a"}]));
        let causes = |list: Value| {
            let causes = check_ephemeral(&with(list), &old);
            let lines = causes
                .iter()
                .map(|it| format!("{}: {}", it.field, it.message.trim_end()));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            causes(json!([{"name": "one", "image": "a"}, {"name": "two", "resources": {}}])),
            ""
        );
        expect_test::expect![[r#"
            spec.ephemeralContainers: Forbidden: existing ephemeral containers "one" may not be removed
            spec.ephemeralContainers[0].name: Duplicate value: "app"
            spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container
            spec.ephemeralContainers[0].targetContainerName: Not found: "none""#]]
        .assert_eq(&causes(json!([{"name": "app", "ports": [{"containerPort": 1}], "targetContainerName": "none"}])));
    }
}
