//! What a pod refers to.

use serde_json::Value;

use super::items;
use crate::object::Object;

/// A kind of object that pods refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Referred {
    Secret,
    ConfigMap,
    Claim,
    Account,
}

/// Whether the pod refers to the object of this name in its namespace.
pub(super) fn refers(pod: &Object, what: Referred, name: &str) -> bool {
    let Some(spec) = pod.0.get("spec") else {
        return false;
    };
    let is = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str) == Some(name);
    match what {
        Referred::Account => {
            is(spec, "/serviceAccountName")
                || (name == "default" && spec.get("serviceAccountName").is_none())
        }
        Referred::Claim => {
            let own = pod.name();
            items(spec, "volumes").any(|volume| {
                let made = volume.get("ephemeral").is_some()
                    && volume
                        .get("name")
                        .and_then(Value::as_str)
                        .is_some_and(|volume| {
                            name.strip_prefix(own)
                                .and_then(|rest| rest.strip_prefix('-'))
                                == Some(volume)
                        });
                made || is(volume, "/persistentVolumeClaim/claimName")
            })
        }
        Referred::Secret => {
            items(spec, "imagePullSecrets").any(|one| is(one, "/name"))
                || in_volumes(
                    spec,
                    |volume| {
                        is(volume, "/secret/secretName")
                            || is(volume, "/csi/nodePublishSecretRef/name")
                    },
                    |source| is(source, "/secret/name"),
                )
                || in_environment(
                    spec,
                    |one| is(one, "/secretRef/name"),
                    |one| is(one, "/valueFrom/secretKeyRef/name"),
                )
        }
        Referred::ConfigMap => {
            in_volumes(
                spec,
                |volume| is(volume, "/configMap/name"),
                |source| is(source, "/configMap/name"),
            ) || in_environment(
                spec,
                |one| is(one, "/configMapRef/name"),
                |one| is(one, "/valueFrom/configMapKeyRef/name"),
            )
        }
    }
}

fn in_volumes(
    spec: &Value,
    volume: impl Fn(&Value) -> bool,
    source: impl Fn(&Value) -> bool,
) -> bool {
    items(spec, "volumes").any(|one| {
        let projected = one
            .get("projected")
            .is_some_and(|projected| items(projected, "sources").any(&source));
        projected || volume(one)
    })
}

fn in_environment(
    spec: &Value,
    from: impl Fn(&Value) -> bool,
    variable: impl Fn(&Value) -> bool,
) -> bool {
    ["containers", "initContainers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|list| items(spec, list))
        .any(|container| {
            items(container, "envFrom").any(&from) || items(container, "env").any(&variable)
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_of_referring_is_seen() {
        let Value::Object(pod) = json!({ "metadata": { "name": "p" }, "spec": {
            "serviceAccountName": "account",
            "imagePullSecrets": [{ "name": "pull" }],
            "volumes": [
                { "name": "a", "secret": { "secretName": "mounted" } },
                { "name": "b", "projected": { "sources": [{ "configMap": { "name": "projected" } }] } },
                { "name": "c", "persistentVolumeClaim": { "claimName": "claim" } },
                { "name": "d", "ephemeral": {} },
            ],
            "initContainers": [{ "env": [{ "valueFrom": { "secretKeyRef": { "name": "variable" } } }] }],
            "containers": [{ "envFrom": [{ "configMapRef": { "name": "all" } }] }],
        }}) else {
            unreachable!()
        };
        let pod = Object(pod);
        for (what, name) in [
            (Referred::Account, "account"),
            (Referred::Secret, "pull"),
            (Referred::Secret, "mounted"),
            (Referred::Secret, "variable"),
            (Referred::ConfigMap, "projected"),
            (Referred::ConfigMap, "all"),
            (Referred::Claim, "claim"),
            (Referred::Claim, "p-d"),
        ] {
            assert!(refers(&pod, what, name), "{what:?} {name}");
            assert!(!refers(&pod, what, "other"), "{what:?}");
        }
    }
}
