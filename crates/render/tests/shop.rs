//! `examples/shop`: its overlays render, and the pipeline's edit reaches the Rollout.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::path::Path;

use expect_test::expect;
use seatrial_render::{Files, Object, kustomize, parse_manifest};
use serde_json::json;

fn shop() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop")
}

/// The manifests, with this image set in an overlay as the pipeline sets it.
fn files(overlay: &str, image: &str) -> Files {
    let edited = format!("k8s/overlays/{overlay}/kustomization.yaml");
    let mut found = Vec::new();
    let mut folders = vec![shop().join("k8s")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path
                .strip_prefix(shop())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let mut text = std::fs::read_to_string(&path).unwrap();
            if inner == edited {
                text = kustomize::set_image(&inner, &text, &[format!("app={image}")]).unwrap();
            }
            found.push((inner, text.into_bytes()));
        }
    }
    Files::new(found)
}

fn render(overlay: &str) -> Vec<Object> {
    let files = files(overlay, "ghcr.io/acme/shop:0123456");
    kustomize::build(&files, &format!("k8s/overlays/{overlay}")).unwrap()
}

fn list(objects: &[Object]) -> String {
    let line = |object: &Object| {
        let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
        format!("{kind} {namespace}/{name}\n")
    };
    objects.iter().map(line).collect()
}

fn rollout(objects: &[Object]) -> &serde_json::Value {
    let mut rollouts = objects.iter().filter(|object| object.kind() == "Rollout");
    &rollouts.next().unwrap().value
}

#[test]
fn staging_is_one_pod_without_steps() {
    let objects = render("staging");
    expect![[r"
        Service staging/shop
        Rollout staging/shop
    "]]
    .assert_eq(&list(&objects));
    let rollout = rollout(&objects);
    assert_eq!(rollout["spec"]["strategy"], json!({"canary": {}}));
    let container = &rollout["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "ghcr.io/acme/shop:0123456");
}

#[test]
fn production_is_a_canary_of_the_same_pods() {
    let objects = render("production");
    expect![[r"
        Service production/shop
        Service production/shop-canary
        Service production/shop-stable
        AnalysisTemplate production/success-rate
        Rollout production/shop
        VirtualService production/shop
    "]]
    .assert_eq(&list(&objects));
    let found = rollout(&objects);
    let container = &found["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "ghcr.io/acme/shop:0123456");
    assert_eq!(
        found["spec"]["template"],
        rollout(&render("staging"))["spec"]["template"]
    );
    let steps = found["spec"]["strategy"]["canary"]["steps"]
        .as_array()
        .unwrap();
    let weights: Vec<_> = steps
        .iter()
        .filter_map(|step| step["setWeight"].as_i64())
        .collect();
    assert_eq!(weights, [10, 30, 50, 100]);
}

#[test]
fn applications_lead_to_the_overlays() {
    for overlay in ["staging", "production"] {
        let file = format!("deploy/shop-{overlay}.yaml");
        let bytes = std::fs::read(shop().join(&file)).unwrap();
        let objects = parse_manifest(&file, &bytes).unwrap();
        let spec = &objects[0].value["spec"];
        assert_eq!(spec["source"]["path"], format!("k8s/overlays/{overlay}"));
        assert_eq!(spec["destination"]["namespace"], overlay);
        assert!(
            kustomize::find(&files(overlay, "x:1"), &format!("k8s/overlays/{overlay}")).is_some()
        );
    }
}
