//! ServiceAccount: every pod runs as one, with its token in a volume and its pull secrets.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::reading::found;
use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

const DEFAULT: &str = "default";
const MIRROR: &str = "kubernetes.io/config.mirror";
const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";

/// How often upstream looks for a `default` account that its controller is about to make, and how
/// long it waits in between.
const LOOKS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// The step.
pub(super) struct ServiceAccounts;

#[async_trait]
impl Admission for ServiceAccounts {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && change.is_about("pods")
    }

    async fn mutate(&self, change: &Change<'_>, pod: &mut Object) -> Result<(), Failure> {
        if is_mirror(pod) {
            return Ok(());
        }
        if pod.text(&["spec", "serviceAccountName"]).is_empty() {
            pod.section("spec")
                .insert("serviceAccountName".to_owned(), json!(DEFAULT));
        }
        let name = pod.text(&["spec", "serviceAccountName"]).to_owned();
        // The field's old name is kept alike, as upstream's conversion does it.
        pod.section("spec")
            .insert("serviceAccount".to_owned(), json!(name));
        let account = look_up(change, &name).await?;
        if mounts(&account, pod) && change.state.authority().is_some() {
            mount(change, pod);
        }
        let pulls = pod
            .at(&["spec", "imagePullSecrets"])
            .and_then(Value::as_array);
        if pulls.is_none_or(Vec::is_empty)
            && let Some(secrets) = account.at(&["imagePullSecrets"])
        {
            pod.section("spec")
                .insert("imagePullSecrets".to_owned(), secrets.clone());
        }
        Ok(())
    }

    async fn validate(&self, change: &Change<'_>, pod: &Object) -> Result<(), Failure> {
        let name = pod.text(&["spec", "serviceAccountName"]);
        if is_mirror(pod) {
            return may_mirror(change, pod);
        }
        if name.is_empty() {
            let detail = format!(
                "no service account specified for pod {}/{}",
                change.namespace, change.name
            );
            return Err(change.forbidden(&detail));
        }
        let account = look_up(change, name).await?;
        if enforces(&account)
            && let Some(refused) = foreign_secret(&account, pod)
        {
            return Err(change.forbidden(&refused));
        }
        Ok(())
    }
}

fn is_mirror(pod: &Object) -> bool {
    pod.at(&["metadata", "annotations", MIRROR]).is_some()
}

fn may_mirror(change: &Change<'_>, pod: &Object) -> Result<(), Failure> {
    if !pod.text(&["spec", "serviceAccountName"]).is_empty() {
        return Err(change.forbidden("a mirror pod may not reference service accounts"));
    }
    let volumes = pod.at(&["spec", "volumes"]).and_then(Value::as_array);
    for volume in volumes.into_iter().flatten() {
        if volume.get("secret").is_some() {
            return Err(change.forbidden("a mirror pod may not reference secrets"));
        }
        let sources = volume
            .pointer("/projected/sources")
            .and_then(Value::as_array);
        if sources
            .into_iter()
            .flatten()
            .any(|source| source.get("serviceAccountToken").is_some())
        {
            return Err(
                change.forbidden("a mirror pod may not use ServiceAccountToken volume projections")
            );
        }
    }
    Ok(())
}

async fn look_up(change: &Change<'_>, name: &str) -> Result<Object, Failure> {
    let looks = if name == DEFAULT { LOOKS } else { 1 };
    for look in 1..=looks {
        if let Some(account) = found(change.state, "serviceaccounts", change.namespace, name) {
            return Ok(account);
        }
        if look < looks {
            tokio::time::sleep(BETWEEN).await;
        }
    }
    let namespace = change.namespace;
    Err(change.forbidden(&format!(
        "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
    )))
}

/// Whether the token is to be mounted: the pod says, or else the account, or else yes.
fn mounts(account: &Object, pod: &Object) -> bool {
    let said = |value: Option<&Value>| value.and_then(Value::as_bool);
    said(pod.at(&["spec", "automountServiceAccountToken"]))
        .or_else(|| said(account.at(&["automountServiceAccountToken"])))
        .unwrap_or(true)
}

/// Mounts the token in every container that has nothing at its place.
fn mount(change: &Change<'_>, pod: &mut Object) {
    let volumes = pod.at(&["spec", "volumes"]).and_then(Value::as_array);
    let named = |volume: &Value| {
        volume
            .get("name")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let present = volumes
        .into_iter()
        .flatten()
        .filter_map(named)
        .find(|name| name.starts_with(VOLUME_PREFIX));
    let fresh = present.is_none();
    let name =
        present.unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", change.state.random.suffix(5)));
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        let containers = pod
            .section("spec")
            .get_mut(list)
            .and_then(Value::as_array_mut);
        for container in containers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            needed |= mount_in(container, &name);
        }
    }
    if needed && fresh {
        let volumes = pod
            .section("spec")
            .entry("volumes")
            .or_insert_with(|| json!([]));
        if let Value::Array(volumes) = volumes {
            volumes.push(token_volume(&name));
        }
    }
}

fn mount_in(container: &mut Map<String, Value>, volume: &str) -> bool {
    let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
    let Value::Array(mounts) = mounts else {
        return false;
    };
    let taken = |mount: &Value| mount.get("mountPath").and_then(Value::as_str) == Some(MOUNT_PATH);
    if mounts.iter().any(taken) {
        return false;
    }
    mounts.push(json!({ "name": volume, "readOnly": true, "mountPath": MOUNT_PATH }));
    true
}

fn token_volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                } },
                { "downwardAPI": { "items": [{
                    "path": "namespace",
                    "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                }] } },
            ],
        },
    })
}

fn enforces(account: &Object) -> bool {
    matches!(
        account.text(&["metadata", "annotations", ENFORCE]),
        "1" | "t" | "T" | "true" | "TRUE" | "True"
    )
}

/// The first secret of the pod that its account does not list.
fn foreign_secret(account: &Object, pod: &Object) -> Option<String> {
    let names = |list: &str| -> BTreeSet<&str> {
        let list = account.at(&[list]).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|one| one.get("name")?.as_str())
            .collect()
    };
    let (known, pulls) = (names("secrets"), names("imagePullSecrets"));
    let who = account.name();
    let list = |field: &str| {
        pod.at(&["spec", field])
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for volume in list("volumes") {
        let secret = volume.pointer("/secret/secretName").and_then(Value::as_str);
        if let Some(secret) = secret.filter(|secret| !known.contains(secret)) {
            return Some(format!(
                "volume with secret.secretName={secret:?} is not allowed because service account {who} does not reference that secret"
            ));
        }
    }
    for (field, word) in [
        ("initContainers", "init container"),
        ("containers", "container"),
    ] {
        for container in list(field) {
            if let Some((variable, secret)) = foreign_variable(container, &known) {
                let name = container
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                return Some(format!(
                    "{word} {name} with envVar {variable} referencing secret.secretName={secret:?} is not allowed because service account {who} does not reference that secret"
                ));
            }
        }
    }
    list("imagePullSecrets").enumerate().find_map(|(at, one)| {
        let name = one.get("name").and_then(Value::as_str)?;
        (!pulls.contains(name)).then(|| format!(
            "imagePullSecrets[{at}].name={name:?} is not allowed because service account {who} does not reference that imagePullSecret"
        ))
    })
}

fn foreign_variable<'a>(
    container: &'a Value,
    known: &BTreeSet<&str>,
) -> Option<(&'a str, &'a str)> {
    let variables = container.get("env").and_then(Value::as_array);
    variables.into_iter().flatten().find_map(|variable| {
        let secret = variable.pointer("/valueFrom/secretKeyRef/name")?.as_str()?;
        let name = variable
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        (!known.contains(secret)).then_some((name, secret))
    })
}
