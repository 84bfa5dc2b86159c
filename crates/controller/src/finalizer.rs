//! Finalizers: marks that hold an object until its controller has cleaned up.
//!
//! Flow: [`ensure`] before making anything outside the object; when the object is terminating, clean
//! up, then [`remove`]. Guarantees: both are no writes where nothing changes; both write under the
//! resource version that was read, so two controllers adding marks at once do not lose one.
//! Caveats: an object deleted before `ensure` got through is never held.

use kube::api::Patch;
use serde_json::json;

use crate::write::Error;
use crate::{Object, Objects, key_of};

/// Whether the object carries the mark.
pub fn has<K: Object>(object: &K, finalizer: &str) -> bool {
    object
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|name| name == finalizer)
}

/// Adds the mark unless it is there or the object is terminating. A conflict is returned as an
/// error to be retried.
pub async fn ensure<K: Object>(
    objects: &Objects<K>,
    object: &K,
    finalizer: &str,
) -> Result<(), Error> {
    if has(object, finalizer) || object.meta().deletion_timestamp.is_some() {
        return Ok(());
    }
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    finalizers.push(finalizer.to_owned());
    write(objects, object, &finalizers).await
}

/// Removes the mark. An object that is gone already is no error.
pub async fn remove<K: Object>(
    objects: &Objects<K>,
    object: &K,
    finalizer: &str,
) -> Result<(), Error> {
    if !has(object, finalizer) {
        return Ok(());
    }
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    finalizers.retain(|name| name != finalizer);
    match write(objects, object, &finalizers).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn write<K: Object>(
    objects: &Objects<K>,
    object: &K,
    finalizers: &[String],
) -> Result<(), Error> {
    let meta = object.meta();
    let patch = json!({"metadata": {
        "finalizers": finalizers, "resourceVersion": meta.resource_version, "uid": meta.uid,
    }});
    objects
        .patch(&key_of(object), &Patch::Merge(patch))
        .await
        .map(|_| ())
}
