// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::expect;
use serde_json::json;

use super::*;

const ALL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

fn resource<'a>(kind: &'a str, plural: &'a str, schema: Option<&'a Value>) -> Resource<'a> {
    Resource {
        kind,
        plural,
        scope: Scope::Namespaced,
        verbs: ALL,
        subresources: &["status"],
        schema,
    }
}

#[test]
fn the_index_names_a_document_for_each_version() {
    let resources = [resource("Deployment", "deployments", None)];
    let print = fingerprint(&resources);
    let versions = [
        GroupVersion {
            group: "",
            version: "v1",
            fingerprint: "1",
        },
        GroupVersion {
            group: "apps",
            version: "v1",
            fingerprint: &print,
        },
    ];
    expect![[r#"{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash=1"},"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?hash=BA5FF47C0B19048D"}}}"#]].assert_eq(&index(&versions).to_string());
    assert_ne!(
        print,
        fingerprint(&[resource("ReplicaSet", "replicasets", None)])
    );
}

#[test]
fn built_in_schemas_have_descriptions_and_extensions() {
    let document = document("apps", "v1", &[resource("Deployment", "deployments", None)]);
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    expect![[r#"[{"group":"apps","kind":"Deployment","version":"v1"}]"#]]
        .assert_eq(&deployment["x-kubernetes-group-version-kind"].to_string());
    expect![[r##"{"allOf":[{"$ref":"#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}],"description":"Specification of the desired behavior of the Deployment."}"##]].assert_eq(&deployment["properties"]["spec"].to_string());
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    expect![[r##"{"description":"List of containers belonging to the pod. Containers cannot currently be added or removed. There must be at least one container in a Pod. Cannot be updated.","items":{"$ref":"#/components/schemas/io.k8s.api.core.v1.Container"},"type":"array","x-kubernetes-list-map-keys":["name"],"x-kubernetes-list-type":"map","x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}"##]].assert_eq(&containers.to_string());
    let strategy = &schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"];
    expect![[r##"{"allOf":[{"$ref":"#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}],"description":"The deployment strategy to use to replace existing pods with new ones.","x-kubernetes-patch-strategy":"retainKeys"}"##]].assert_eq(&strategy.to_string());
}

#[test]
fn every_reference_leads_somewhere() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object"}}});
    let documents = [
        document("apps", "v1", &[resource("Deployment", "deployments", None)]),
        document("", "v1", &[resource("Pod", "pods", None)]),
        document(
            "apiextensions.k8s.io",
            "v1",
            &[resource(
                "CustomResourceDefinition",
                "customresourcedefinitions",
                None,
            )],
        ),
        document(
            "argoproj.io",
            "v1alpha1",
            &[resource("Rollout", "rollouts", Some(&schema))],
        ),
    ];
    for document in documents {
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(
                document["components"]["schemas"].get(name).is_some(),
                "{name}"
            );
        }
        assert!(!text.contains("$defs"));
    }
}

#[test]
fn operations_declare_field_validation() {
    let schema = json!({"type": "object", "description": "A rollout.", "properties": {"spec": {"type": "object"}}});
    let document = document(
        "argoproj.io",
        "v1alpha1",
        &[resource("Rollout", "rollouts", Some(&schema))],
    );
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    expect![[r#"
        [
            "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts",
            "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}",
            "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}/status",
            "/apis/argoproj.io/v1alpha1/rollouts",
        ]"#]]
    .assert_eq(&format!("{paths:#?}"));
    let patch = &document["paths"]["/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}"]
        ["patch"];
    let names: Vec<&Value> = patch["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(
        names,
        ["dryRun", "fieldManager", "fieldValidation", "force"]
    );
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Rollout");
    expect![[r##"{"description":"A rollout.","properties":{"apiVersion":{"description":"APIVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources","type":"string"},"kind":{"description":"Kind is a string value representing the REST resource this object represents. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds","type":"string"},"metadata":{"allOf":[{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],"description":"Standard object's metadata."},"spec":{"type":"object"}},"type":"object","x-kubernetes-group-version-kind":[{"group":"argoproj.io","kind":"Rollout","version":"v1alpha1"}]}"##]]
        .assert_eq(&document["components"]["schemas"]["io.argoproj.v1alpha1.Rollout"].to_string());
}
