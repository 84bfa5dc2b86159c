//! What exists in every cluster from the start.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::accept::Form;
use crate::call::{Call, Target};
use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::object::Object;
use crate::state::State;
use crate::verb::finish_create;

/// The namespaces that exist from the start.
const NAMESPACES: [&str; 5] = [
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "seatrial-system",
];

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
    ensure(state, ("", "v1", "services"), "default", service).await
}

async fn ensure(
    state: &Arc<State>,
    (group, version, plural): (&str, &str, &str),
    namespace: &str,
    object: Value,
) -> Result<(), Failure> {
    let Some((kind, version)) = state.registry().find(group, version, plural) else {
        return Err(Failure::internal(format!("{plural} are not served")));
    };
    let Value::Object(object) = object else {
        return Err(Failure::internal("a system object is no object"));
    };
    let object = Object(object);
    if state.record(&kind, namespace, object.name()).is_some() {
        return Ok(());
    }
    let call = Call {
        state: Arc::clone(state),
        target: Target {
            kind,
            version,
            namespace: namespace.to_owned(),
            name: None,
            subresource: String::new(),
        },
        method: Method::POST,
        headers: HeaderMap::new(),
        query: std::collections::BTreeMap::new(),
        identity: Identity::component("system:apiserver"),
        form: Form::plain(),
        body: Bytes::new(),
    };
    match finish_create(&call, object, Vec::new()).await {
        Err(failure) if failure.reason != Reason::AlreadyExists => Err(failure),
        _ => Ok(()),
    }
}
