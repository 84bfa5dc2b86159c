//! Pod templates: their identity, and pods made from them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use seatrial_clock::Random;
use seatrial_resources::pod_template;

/// The label that tells the pods and replica sets of one revision from those of another.
pub(crate) const HASH_LABEL: &str = "pod-template-hash";

/// The template as canonical text; two templates that mean the same have the same.
pub(crate) fn fingerprint(template: &PodTemplateSpec) -> String {
    // Serialising a plain struct into a tree cannot fail; an empty text would merely never match.
    let value = serde_json::to_value(template).unwrap_or_default();
    pod_template::fingerprint(value, HASH_LABEL)
}

/// The revision hash of a template.
pub(crate) fn hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    pod_template::hash(&fingerprint(template), collisions)
}

/// A pod made from a template, not yet created.
pub(crate) fn pod(
    template: &PodTemplateSpec,
    namespace: &str,
    name: String,
    owner: OwnerReference,
) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace.to_owned()),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Draws a child name as the server generates them: the parent's name, cut to 57 characters, a dash
/// and five random ones; never one of `taken`, into which it is put.
pub(crate) fn child_name(parent: &str, random: &Random, taken: &mut BTreeSet<String>) -> String {
    let base: String = parent.chars().take(57).collect();
    loop {
        let name = format!("{base}-{}", random.suffix(5));
        if taken.insert(name.clone()) {
            return name;
        }
    }
}

/// A label map with one more entry.
pub(crate) fn with_label(
    labels: Option<&BTreeMap<String, String>>,
    name: &str,
    value: &str,
) -> BTreeMap<String, String> {
    let mut labels = labels.cloned().unwrap_or_default();
    labels.insert(name.to_owned(), value.to_owned());
    labels
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::*;

    fn template(value: Value) -> PodTemplateSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_hash_label_and_empty_members_do_not_count() {
        let plain = template(json!({"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}));
        let labelled = template(
            json!({"metadata": {"labels": {"app": "web", HASH_LABEL: "x"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "env": [], "resources": {}}],
                     "securityContext": {}}}),
        );
        assert_eq!(fingerprint(&plain), fingerprint(&labelled));
        expect![[r#"{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"web:1","name":"web"}]}}"#]]
            .assert_eq(&fingerprint(&plain));
        expect!["794686fc5b"].assert_eq(&hash(&plain, None));
    }

    #[test]
    fn a_collision_gives_another_hash() {
        let template = template(json!({"spec": {"containers": []}}));
        assert_ne!(hash(&template, None), hash(&template, Some(1)));
    }

    #[test]
    fn an_empty_volume_counts() {
        let with = template(json!({"spec": {"containers": [],
            "volumes": [{"name": "a", "emptyDir": {}}]}}));
        let without = template(json!({"spec": {"containers": [], "volumes": [{"name": "a"}]}}));
        assert_ne!(fingerprint(&with), fingerprint(&without));
    }
}
