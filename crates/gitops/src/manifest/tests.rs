#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Reads as a table of cases.

use expect_test::{Expect, expect};
use seatrial_render::Files;
use seatrial_resources::argoproj::ApplicationSource;
use serde_json::{Value, json};

use super::render;

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers: [{name: web, image: 'shop:1'}]\n";

fn files() -> Files {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    Files::new(
        [
            (
                "k8s/kustomization.yaml",
                "resources: [web.yaml]\nnamePrefix: old-\nimages: [{name: shop, newTag: '2'}]\n",
            ),
            ("k8s/web.yaml", WEB),
            ("plain/a.yaml", map),
            ("plain/deep/b.yaml", WEB),
            ("chart/Chart.yaml", "name: x\n"),
            ("bad/a.yaml", "kind: [\n"),
        ]
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
    )
}

fn check(source: Value, expected: Expect) {
    let mut source = source;
    source["repoURL"] = json!("shop");
    let source: ApplicationSource = serde_json::from_value(source).unwrap();
    let said = match render(&source, &files()) {
        Ok((kind, objects)) => {
            let objects = objects.iter().map(|object| {
                let image = object
                    .value
                    .pointer("/spec/template/spec/containers/0/image");
                format!(
                    "\n{} {}",
                    object.describe(),
                    image.and_then(Value::as_str).unwrap_or("")
                )
            });
            format!("{}{}", kind.as_str(), objects.collect::<String>())
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn kustomize_options_are_written_into_the_kustomization() {
    check(
        json!({"path": "k8s", "kustomize": {"images": ["shop=registry/shop:3"], "namePrefix": "new-"}}),
        expect![[r#"
            Kustomize
            Deployment new-web registry/shop:3"#]],
    );
    check(
        json!({"path": "k8s", "kustomize": {"components": ["x"]}}),
        expect![
            "the field spec.source.kustomize.components is not supported yet; write it into the kustomization instead"
        ],
    );
}

#[test]
fn folders_of_manifests_are_read_as_asked() {
    check(
        json!({"path": "plain"}),
        expect![[r#"
        Directory
        ConfigMap settings "#]],
    );
    check(
        json!({"path": "plain", "directory": {"recurse": true, "exclude": "a.*"}}),
        expect![[r#"
        Directory
        Deployment web shop:1"#]],
    );
}

#[test]
fn what_cannot_be_rendered_is_named() {
    check(
        json!({"path": "nope"}),
        expect!["nope: app path does not exist"],
    );
    check(
        json!({"path": "chart"}),
        expect![
            "Helm is not supported yet: spec.source.path (there is chart/Chart.yaml) asks for it; render the chart to plain manifests or use Kustomize"
        ],
    );
    check(
        json!({"path": "k8s", "helm": {"valueFiles": ["values.yaml"]}}),
        expect![
            "Helm is not supported yet: spec.source.helm.valueFiles asks for it; render the chart to plain manifests or use Kustomize"
        ],
    );
    check(
        json!({"path": "bad"}),
        expect!["bad/a.yaml:1: unclosed bracket '[' at line 1, column 7"],
    );
}
