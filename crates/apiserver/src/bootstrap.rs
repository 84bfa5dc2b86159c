//! What exists in every cluster from the start.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::accept::Form;
use crate::admission::priority::SYSTEM;
use crate::allocation::NETWORK;
use crate::call::{Call, Target};
use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::object::Object;
use crate::state::State;
use crate::verb::{Fixed, commit_update, finish_create};

/// The namespaces that exist from the start.
const NAMESPACES: [&str; 5] = [
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "seatrial-system",
];

const SERVICE_NETWORKS: (&str, &str, &str) = ("networking.k8s.io", "v1", "servicecidrs");

/// Makes what is missing of the system's own objects.
///
/// # Errors
/// Where the store cannot write.
pub(crate) async fn bootstrap(state: &Arc<State>) -> Result<(), Failure> {
    for name in NAMESPACES {
        let namespace = json!({ "metadata": { "name": name } });
        ensure(state, ("", "v1", "namespaces"), "", namespace).await?;
    }
    for name in NAMESPACES {
        let account = json!({ "metadata": { "name": "default" } });
        ensure(state, ("", "v1", "serviceaccounts"), name, account).await?;
    }
    for (name, value, description) in SYSTEM {
        let path = ("scheduling.k8s.io", "v1", "priorityclasses");
        let class = json!({
            "metadata": { "name": name },
            "value": value,
            "description": description,
        });
        ensure(state, path, "", class).await?;
    }
    let service = json!({
        "metadata": {
            "name": "kubernetes",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "clusterIP": "10.96.0.1",
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }],
        },
    });
    ensure(state, ("", "v1", "services"), "default", service).await?;
    // Where Services get their addresses, as clients look it up.
    let network = json!({ "metadata": { "name": "kubernetes" }, "spec": { "cidrs": [NETWORK] } });
    ensure(state, SERVICE_NETWORKS, "", network).await?;
    crate::access::policy::reconcile(state).await
}

async fn ensure(
    state: &Arc<State>,
    (group, version, plural): (&str, &str, &str),
    namespace: &str,
    object: Value,
) -> Result<(), Failure> {
    let (target, object) = place(state, (group, version, plural), namespace, object)?;
    if state
        .record(&target.kind, namespace, object.name())
        .is_some()
    {
        return Ok(());
    }
    let call = call(state, target);
    match finish_create(&call, object, Vec::new()).await {
        Err(failure) if failure.reason != Reason::AlreadyExists => Err(failure),
        _ => Ok(()),
    }
}

/// Makes the cluster-scoped `object` as it is given, or changes the one that is there.
pub(crate) async fn install(
    state: &Arc<State>,
    path: (&str, &str, &str),
    object: Value,
) -> Result<(), Failure> {
    let (mut target, object) = place(state, path, "", object)?;
    let name = object.name().to_owned();
    if state.record(&target.kind, "", &name).is_none() {
        return finish_create(&call(state, target), object, Vec::new())
            .await
            .map(|_| ());
    }
    target.name = Some(name);
    let call = call(state, target);
    let old = Fixed::load(&call).await?;
    commit_update(&call, &old, object, Vec::new())
        .await
        .map(|_| ())
}

fn place(
    state: &Arc<State>,
    (group, version, plural): (&str, &str, &str),
    namespace: &str,
    object: Value,
) -> Result<(Target, Object), Failure> {
    let Some((kind, version)) = state.registry().find(group, version, plural) else {
        return Err(Failure::internal(format!("{plural} are not served")));
    };
    let Value::Object(object) = object else {
        return Err(Failure::internal("a system object is no object"));
    };
    let target = Target {
        kind,
        version,
        namespace: namespace.to_owned(),
        name: None,
        subresource: String::new(),
    };
    Ok((target, Object(object)))
}

fn call(state: &Arc<State>, target: Target) -> Call {
    Call {
        state: Arc::clone(state),
        target,
        method: Method::POST,
        headers: HeaderMap::new(),
        query: std::collections::BTreeMap::new(),
        identity: Identity::component("system:apiserver"),
        form: Form::plain(),
        body: Bytes::new(),
        annotations: crate::admission::Annotations::default(),
        streaming: crate::stream::Streaming::default(),
    }
}
