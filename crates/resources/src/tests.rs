//! The definitions are ones that an API server takes.

use super::*;

/// Every schema in a tree.
fn walk(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    if let Some(object) = schema.as_object() {
        for banned in ["$ref", "$defs", "definitions"] {
            if object.contains_key(banned) {
                found.push(format!("{path}: {banned}"));
            }
        }
        for (key, value) in object {
            walk(value, &format!("{path}.{key}"), found);
        }
    } else if let Some(items) = schema.as_array() {
        for item in items {
            walk(item, path, found);
        }
    }
}

/// Run with `UPDATE_EXPECT=1` after a change of a type.
#[test]
fn the_written_definitions_are_those_of_the_types() {
    let derived = derived();
    assert_eq!(derived.len(), WRITTEN.len());
    for definition in derived {
        let name = definition.metadata.name.as_deref().unwrap();
        let text = serde_json::to_string_pretty(&definition).unwrap() + "\n";
        let path = format!("{}/definitions/{name}.json", env!("CARGO_MANIFEST_DIR"));
        expect_test::expect_file![path].assert_eq(&text);
    }
}

#[test]
fn schemas_are_structural() {
    for definition in derived() {
        let mut found = Vec::new();
        let value = serde_json::to_value(&definition.spec.versions).unwrap();
        walk(&value, &definition.spec.names.kind, &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn the_application_of_the_pipeline_guide_is_read_whole() {
    let text = r"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: production-app, namespace: argocd}
spec:
  project: default
  source: {repoURL: 'https://github.com/org/app-manifests.git', targetRevision: main, path: k8s/overlays/production}
  destination: {server: 'https://kubernetes.default.svc', namespace: production}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true, PrunePropagationPolicy=foreground]
    retry: {limit: 5, backoff: {duration: 5s, factor: 2, maxDuration: 3m}}
operation: {sync: {revision: main}}
";
    let application: argoproj::Application = serde_saphyr::from_str(text).unwrap();
    let automated = application.spec.sync_policy.unwrap().automated.unwrap();
    assert_eq!(
        (automated.prune, automated.self_heal),
        (Some(true), Some(true))
    );
    assert_eq!(
        application
            .operation
            .unwrap()
            .sync
            .unwrap()
            .revision
            .as_deref(),
        Some("main")
    );
    let definition = serde_json::to_value(argoproj::Application::crd()).unwrap();
    let properties = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    assert!(properties["operation"]["properties"]["sync"].is_object());
}

#[test]
fn a_rollout_reads_both_forms_of_a_duration() {
    let text =
        "steps: [{setWeight: 10}, {pause: {duration: 5m}}, {pause: {duration: 30}}, {pause: {}}]";
    let canary: argoproj::CanaryStrategy = serde_saphyr::from_str(text).unwrap();
    assert_eq!(canary.steps.unwrap().len(), 4);
}
