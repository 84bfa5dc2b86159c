use serde_json::json;

use super::*;

fn deployment() -> Reference {
    Reference {
        group: "apps".into(),
        kind: "Deployment".into(),
        namespace: "production".into(),
        name: "web".into(),
    }
}

fn rules(rule: Value) -> Result<Ignored, Error> {
    Ignored::parse(&[serde_json::from_value(rule).unwrap()])
}

#[test]
fn paths_of_either_language_are_stripped() {
    let rule = json!({
        "group": "apps", "kind": "Deployment",
        "jsonPointers": ["/spec/replicas", "/metadata/annotations/a~1b"],
        "jqPathExpressions": [".spec.containers[].image", ".metadata.labels[\"x.y/z\"]"],
    });
    let mut live = json!({
        "metadata": {"annotations": {"a/b": 1}, "labels": {"x.y/z": 1, "k": 1}},
        "spec": {"replicas": 3, "containers": [{"name": "a", "image": "b"}]},
    });
    rules(rule)
        .unwrap()
        .strip(&deployment(), &mut live, &mut json!({}));
    let left = json!({
        "metadata": {"annotations": {}, "labels": {"k": 1}},
        "spec": {"containers": [{"name": "a"}]},
    });
    assert_eq!(live, left);
}

#[test]
fn fields_of_a_manager_are_kept_when_respected() {
    let rule = json!({"group": "*", "kind": "*", "managedFieldsManagers": ["autoscaler"]});
    let live = json!({
        "metadata": {"managedFields": [
            {"manager": "autoscaler", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
        ]},
        "spec": {"replicas": 7},
    });
    let mut desired = json!({"spec": {"replicas": 2, "paused": true}});
    rules(rule)
        .unwrap()
        .respect(&deployment(), &mut desired, &live);
    assert_eq!(desired, json!({"spec": {"replicas": 7, "paused": true}}));
}

#[test]
fn what_is_no_path_is_refused_by_name() {
    let rule = json!({"kind": "X", "jqPathExpressions": [".spec.a[] | select(.b)"]});
    let said = rules(rule).unwrap_err().to_string();
    assert!(
        said.contains("ignoreDifferences[0].jqPathExpressions"),
        "{said}"
    );
    assert!(rules(json!({"kind": "X", "jsonPointers": ["spec"]})).is_err());
}
