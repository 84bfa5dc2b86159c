//! Deleting everything in a namespace.

use std::collections::BTreeMap;

use kube::Resource;
use kube::api::{DeleteParams, ListParams};
use kube::core::{ObjectList, Request};
use seatrial_controller::{Context, write};

use crate::discovery::Kind;
use crate::shell::Shell;

/// What a namespace still holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Objects by kind, as `plural.group`.
    pub(super) objects: BTreeMap<String, usize>,
    /// Finalizers that hold some of them.
    pub(super) finalizers: BTreeMap<String, usize>,
}

impl Left {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// Deletes what is there; says what is left. Pods go first and alone: what they use (their policies,
/// secrets, accounts) outlives them, as upstream has it. Then kinds that make others (custom kinds,
/// Deployments, Jobs); the core group comes last.
pub(super) async fn empty(
    namespace: &str,
    kinds: &[Kind],
    ctx: &Context,
) -> Result<Left, write::Error> {
    let mut left = Left::default();
    let rank = |kind: &&Kind| match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("", "pods") => 0,
        ("", _) => 2,
        _ => 1,
    };
    let mut kinds: Vec<&Kind> = kinds.iter().filter(|kind| kind.namespaced).collect();
    kinds.sort_by_key(rank);
    for kind in kinds {
        if rank(&kind) > 0 && left.objects.contains_key(PODS) {
            break;
        }
        clear(namespace, kind, ctx, &mut left).await?;
    }
    Ok(left)
}

/// Pods, as [`Left`] calls them.
const PODS: &str = "pods.";

/// Deletes the objects of one kind; adds what is left of them.
async fn clear(
    namespace: &str,
    kind: &Kind,
    ctx: &Context,
    left: &mut Left,
) -> Result<(), write::Error> {
    let objects = list(namespace, kind, ctx).await?;
    let unmarked: Vec<_> = objects
        .iter()
        .filter(|object| object.metadata.deletion_timestamp.is_none())
        .collect();
    let handle = ctx.objects_of::<Shell>(kind.resource.clone());
    for object in &unmarked {
        handle
            .delete_with(object, DeleteParams::background())
            .await?;
    }
    let rest = if unmarked.is_empty() {
        objects
    } else {
        list(namespace, kind, ctx).await?
    };
    if rest.is_empty() {
        return Ok(());
    }
    let name = format!("{}.{}", kind.resource.plural, kind.resource.group);
    left.objects.insert(name, rest.len());
    for finalizer in rest
        .iter()
        .flat_map(|object| object.metadata.finalizers.iter().flatten())
    {
        *left.finalizers.entry(finalizer.clone()).or_default() += 1;
    }
    Ok(())
}

async fn list(namespace: &str, kind: &Kind, ctx: &Context) -> Result<Vec<Shell>, write::Error> {
    let request = Request::new(Shell::url_path(&kind.resource, Some(namespace)))
        .list(&ListParams::default())
        .map_err(kube::Error::BuildRequest);
    let reply = match request {
        Ok(request) => ctx.client.request::<ObjectList<Shell>>(request).await,
        Err(error) => Err(error),
    };
    match reply {
        Ok(list) => Ok(list.items),
        // The kind is no longer served: it has no objects.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(source) => Err(write::Error {
            step: "list",
            kind: kind.resource.plural.clone(),
            key: seatrial_controller::ObjectKey::new(namespace, "*"),
            source: Box::new(source),
        }),
    }
}
