//! What a DaemonSet has.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::Context;

use super::{Error, placement};
use crate::history::{self, History};
use crate::{ownership, selector};

/// What concerns one set.
#[derive(Debug, Default)]
pub(super) struct World {
    /// All nodes by name.
    pub(super) nodes: BTreeMap<String, Arc<Node>>,
    /// Owned and matching, by the node they run on or are meant for; oldest first.
    pub(super) owned: BTreeMap<String, Vec<Arc<Pod>>>,
    /// Owned, but their labels no longer match.
    pub(super) strays: Vec<Arc<Pod>>,
    /// Matching, and nobody's.
    pub(super) orphans: Vec<Arc<Pod>>,
    pub(super) history: History,
}

pub(super) async fn observe(set: &DaemonSet, ctx: &Context) -> Result<World, Error> {
    let spec = set.spec.as_ref().ok_or(Error::NoSpec)?;
    let selector = selector::parse(&spec.selector)?;
    let family = ownership::family(set, &selector, &ctx.cache::<Pod>().await);
    let nodes = ctx.cache::<Node>().await.all();
    Ok(World {
        nodes: nodes
            .into_iter()
            .filter_map(|node| Some((node.metadata.name.clone()?, node)))
            .collect(),
        owned: by_node(family.owned),
        strays: family.strays,
        orphans: family.orphans,
        history: history::observe(set, &selector, ctx).await,
    })
}

/// Groups pods by node. One that is bound nowhere and meant for none stands under the empty name.
pub(super) fn by_node(pods: Vec<Arc<Pod>>) -> BTreeMap<String, Vec<Arc<Pod>>> {
    let mut grouped: BTreeMap<String, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods {
        let node = placement::node_of(&pod).unwrap_or_default().to_owned();
        grouped.entry(node).or_default().push(pod);
    }
    for pods in grouped.values_mut() {
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    }
    grouped
}
