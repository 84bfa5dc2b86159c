//! Looks at one object and does what its owners ask for.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PropagationPolicy};
use seatrial_controller::{Class, Classify, Context, Queue, finalizer, key_of, write};
use serde_json::json;

use super::graph::{Graph, Item, Tracked};
use super::plan::{FOREGROUND, Fate, ORPHAN, Owner, decide, has_finalizer};
use super::unknown_owner;
use crate::ownership;
use crate::shell::Shell;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The object could not be read.
    #[error("read the object")]
    Read(#[source] write::Error),
    /// An owner could not be looked up.
    #[error("look up an owner")]
    Owner(#[source] write::Error),
    /// References to owners that are gone could not be removed.
    #[error("remove references to owners")]
    Prune(#[source] write::Error),
    /// The object could not be deleted.
    #[error("delete the object")]
    Delete(#[source] write::Error),
    /// The mark that holds an owner could not be removed.
    #[error("let the owner go")]
    Release(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// Flow: a terminating object is an owner to be finished (foreground, orphan); any other is a
/// dependent whose owners are looked up.
pub(super) async fn collect(
    ctx: &Context,
    graph: &Graph,
    queue: &Queue<Item>,
    item: &Item,
) -> Result<(), Error> {
    let Some(kind) = graph.at(&item.path) else {
        return Ok(());
    };
    let Some(object) = kind.cache.get(&item.key) else {
        return Ok(());
    };
    if object.metadata.deletion_timestamp.is_some() {
        return finish(ctx, graph, queue, &kind, &object).await;
    }
    if object
        .metadata
        .owner_references
        .as_ref()
        .is_none_or(Vec::is_empty)
    {
        return Ok(());
    }
    attempt(ctx, graph, &kind, &object).await
}

async fn attempt(
    ctx: &Context,
    graph: &Graph,
    kind: &Tracked,
    object: &Shell,
) -> Result<(), Error> {
    let owners = owners(ctx, graph, object).await?;
    if owners.iter().all(|(_, owner)| *owner == Owner::Solid) {
        return Ok(());
    }
    // Before anything is taken away, the server's own word on the object.
    let objects = ctx.objects_of::<Shell>(kind.resource.clone());
    let latest = match objects.get(&key_of(object)).await {
        Ok(latest) if latest.metadata.uid == object.metadata.uid => latest,
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(Error::Read(error)),
    };
    if latest.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let owners = self::owners(ctx, graph, &latest).await?;
    let uid = latest.metadata.uid.as_deref().unwrap_or_default();
    let dependents = graph.dependents(uid);
    let is_parent = !dependents.is_empty();
    match decide(&latest, &owners, is_parent) {
        Fate::Keep => Ok(()),
        Fate::Prune(solid) => {
            let meta = &latest.metadata;
            let patch = json!({"metadata": {
                "uid": meta.uid, "resourceVersion": meta.resource_version,
                "ownerReferences": solid,
            }});
            let patched = objects.patch(&key_of(&latest), &Patch::Merge(patch)).await;
            patched.map(|_| ()).map_err(Error::Prune)
        }
        Fate::Delete(policy) => {
            let closes_circle = dependents.iter().any(|(_, dependent)| waits(dependent));
            if policy == PropagationPolicy::Foreground && closes_circle {
                unblock(ctx, kind, &latest).await?;
            }
            let params = DeleteParams {
                propagation_policy: Some(policy),
                ..DeleteParams::default()
            };
            objects
                .delete_with(&latest, params)
                .await
                .map_err(Error::Delete)
        }
    }
}

/// Lets the owners of an object go before it. Where what it owns waits for it in turn, each of them
/// would wait for the next for ever.
async fn unblock(ctx: &Context, kind: &Tracked, object: &Shell) -> Result<(), Error> {
    let mut owners = object.metadata.owner_references.clone().unwrap_or_default();
    for owner in &mut owners {
        owner.block_owner_deletion = Some(false);
    }
    let patch = json!({"metadata": {"uid": object.metadata.uid, "ownerReferences": owners}});
    let objects = ctx.objects_of::<Shell>(kind.resource.clone());
    let patched = objects.patch(&key_of(object), &Patch::Merge(patch)).await;
    patched.map(|_| ()).map_err(Error::Prune)
}

/// Whether an object is being deleted and waits for its dependents.
fn waits(object: &Shell) -> bool {
    object.metadata.deletion_timestamp.is_some() && has_finalizer(object, FOREGROUND)
}

/// What is known of each owner. An owner that the cache does not have is looked up.
async fn owners(
    ctx: &Context,
    graph: &Graph,
    object: &Shell,
) -> Result<Vec<(OwnerReference, Owner)>, Error> {
    let mut owners = Vec::new();
    for reference in object.metadata.owner_references.iter().flatten() {
        owners.push((
            reference.clone(),
            owner(ctx, graph, object, reference).await?,
        ));
    }
    Ok(owners)
}

async fn owner(
    ctx: &Context,
    graph: &Graph,
    object: &Shell,
    reference: &OwnerReference,
) -> Result<Owner, Error> {
    if graph.is_absent(&reference.uid) {
        return Ok(Owner::Dangling);
    }
    let Some(kind) = graph.kind_of(reference) else {
        let what = format!("{} {}", reference.api_version, reference.kind);
        tracing::debug!(owner = what, "{}", unknown_owner(&what).message);
        return Ok(Owner::Solid);
    };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let key = kind.owner_key(namespace, &reference.name);
    let is_it = |owner: &Shell| owner.metadata.uid.as_deref() == Some(reference.uid.as_str());
    let present = match kind.cache.get(&key).filter(|owner| is_it(owner)) {
        Some(present) => present,
        None => match ctx
            .objects_of::<Shell>(kind.resource.clone())
            .get(&key)
            .await
        {
            Ok(present) if is_it(&present) => Arc::new(present),
            Err(error) if !error.is_not_found() => return Err(Error::Owner(error)),
            _ => {
                graph.set_absent(&reference.uid);
                return Ok(Owner::Dangling);
            }
        },
    };
    Ok(if waits(&present) {
        Owner::Waiting
    } else {
        Owner::Solid
    })
}

/// Finishes an owner that is being deleted.
async fn finish(
    ctx: &Context,
    graph: &Graph,
    queue: &Queue<Item>,
    kind: &Tracked,
    owner: &Shell,
) -> Result<(), Error> {
    let uid = owner.metadata.uid.as_deref().unwrap_or_default();
    // A dependent of a kind that was not listed yet must not be overlooked.
    graph.synced().await;
    let dependents = graph.dependents(uid);
    let owners = ctx.objects_of::<Shell>(kind.resource.clone());
    if has_finalizer(owner, ORPHAN) {
        for (kind, dependent) in dependents {
            let objects = ctx.objects_of::<Shell>(kind.resource);
            ownership::release(&objects, &*dependent, uid)
                .await
                .map_err(Error::Prune)?;
        }
        return finalizer::remove(&owners, owner, ORPHAN)
            .await
            .map_err(Error::Release);
    }
    if !has_finalizer(owner, FOREGROUND) {
        return Ok(());
    }
    let blocking: Vec<_> = dependents
        .into_iter()
        .filter(|(_, dependent)| blocks(dependent, uid))
        .collect();
    if blocking.is_empty() {
        return finalizer::remove(&owners, owner, FOREGROUND)
            .await
            .map_err(Error::Release);
    }
    for (kind, dependent) in blocking {
        if dependent.metadata.deletion_timestamp.is_none() {
            queue.add(kind.item(&dependent));
        }
    }
    Ok(())
}

fn blocks(dependent: &Shell, owner_uid: &str) -> bool {
    dependent
        .metadata
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.uid == owner_uid && owner.block_owner_deletion == Some(true))
}
