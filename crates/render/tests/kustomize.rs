//! Folders rendered as `kubectl kustomize` (Kustomize 5.5) renders them: `expected.yaml` of each
//! fixture is that program's output.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::path::Path;

use seatrial_render::{Error, Files, kustomize, parse_manifest};

fn fixture(name: &str) -> Files {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let mut found = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inner = path
                    .strip_prefix(&top)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((inner, std::fs::read(path).unwrap()));
            }
        }
    }
    Files::new(found)
}

fn files(entries: &[(&str, &str)]) -> Files {
    Files::new(
        entries
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())),
    )
}

/// Kustomize puts new entries of merged lists first, the API server puts them last; neither order
/// means anything, so lists of objects are compared in an order of their own.
fn in_any_order(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(in_any_order).collect();
            items.sort_by_key(ToString::to_string);
            items.into()
        }
        serde_json::Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), in_any_order(field)))
            .collect(),
        other => other.clone(),
    }
}

fn same_as_kubectl(name: &str) {
    let files = fixture(name);
    let expected = parse_manifest("expected.yaml", files.get("expected.yaml").unwrap()).unwrap();
    let found = kustomize::build(&files, "overlay").unwrap();
    let names = |objects: &[seatrial_render::Object]| {
        objects
            .iter()
            .map(seatrial_render::Object::describe)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        let pretty = |object: &seatrial_render::Object| {
            serde_json::to_string_pretty(&in_any_order(&object.value)).unwrap()
        };
        assert_eq!(pretty(found), pretty(expected), "{}", expected.describe());
    }
}

#[test]
fn layers_with_generators_and_names_are_rendered_as_kubectl_does() {
    same_as_kubectl("layers");
}

#[test]
fn patches_and_images_are_rendered_as_kubectl_does() {
    same_as_kubectl("patches");
}

/// The message for a kustomization with this text, beside a small `a.yaml`.
fn refused(text: &str) -> String {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let files = files(&[
        ("k8s/kustomization.yaml", text),
        ("k8s/a.yaml", object),
        ("k8s/bad.yaml", "a: [1,\nb: 2\n"),
        ("k8s/nameless.yaml", "apiVersion: v1\nkind: Secret\n"),
        ("loop/kustomization.yaml", "resources: [../k8s]"),
    ]);
    kustomize::build(&files, "k8s").unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_said_by_file_and_field() {
    let cases = [
        (
            "resources: [missing.yaml]",
            "k8s/kustomization.yaml: k8s/missing.yaml does not exist (resources[0])",
        ),
        (
            "resources: [../../etc]",
            "k8s/kustomization.yaml: resources[0]: ../../etc lies outside of the source",
        ),
        (
            "resources: [a.yaml, a.yaml]",
            "k8s/kustomization.yaml: resources[1]: ConfigMap a is in k8s/a.yaml and in k8s/a.yaml",
        ),
        (
            "resources: [nameless.yaml]",
            "k8s/nameless.yaml: Secret has no metadata.name",
        ),
        (
            "resources: [../loop]",
            "the kustomization at k8s includes itself: k8s → loop → k8s",
        ),
        (
            "components: [x]",
            "k8s/kustomization.yaml: the field components is not supported yet; remove it, or render with kubectl kustomize and commit the result",
        ),
        (
            "replicas: [{name: web, count: 2}]",
            "k8s/kustomization.yaml: replicas[0]: no object named web of kind Deployment, ReplicaSet, ReplicationController, StatefulSet; use a patch for other kinds",
        ),
        (
            "patches: [{target: {kind: Pod}}]",
            "k8s/kustomization.yaml: patches[0]: a patch has either a path or a patch",
        ),
        (
            "resources: [a.yaml]\nconfigMapGenerator: [{name: a, literals: [x]}]",
            "k8s/kustomization.yaml: configMapGenerator[0].literals: \"x\" is not KEY=value",
        ),
        (
            "resources: [a.yaml]\nconfigMapGenerator: [{name: a}]",
            "k8s/kustomization.yaml: configMapGenerator[0]: ConfigMap a exists already (from k8s/a.yaml); use behavior: merge or replace",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
    let unknown = refused("resorces: [a.yaml]");
    assert!(
        unknown.starts_with("k8s/kustomization.yaml:1: ") && unknown.contains("resorces"),
        "{unknown}"
    );
    let malformed = refused("resources: [bad.yaml]");
    assert!(malformed.starts_with("k8s/bad.yaml:1: "), "{malformed}");
}

#[test]
fn a_folder_without_a_kustomization_is_named() {
    let files = files(&[("k8s/a.yaml", "")]);
    assert_eq!(
        kustomize::build(&files, "k8s").unwrap_err(),
        Error::NoKustomization {
            folder: "k8s".to_owned()
        }
    );
    assert_eq!(
        kustomize::build(&files, "nowhere").unwrap_err(),
        Error::NoFolder {
            folder: "nowhere".to_owned()
        }
    );
}
