//! Where one pod goes. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_controller::ObjectKey;

use crate::cluster::{Cluster, enough};
use crate::filter::{Findings, Question, examine, named_nodes};
use crate::pod::Demand;
use crate::reason::Rejection;
use crate::score::best;
use crate::spread::Constraint;
use crate::unfit::Unfit;
use crate::volume::Needs;

/// A pod that wants a place.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) demand: &'a Arc<Demand>,
    pub(crate) volumes: &'a Needs,
    /// Spread constraints for a pod that has none.
    pub(crate) defaults: &'a [Constraint],
    /// The node that others are leaving for this pod.
    pub(crate) nominated: Option<&'a str>,
}

/// The best node for a pod, by its slot.
///
/// Pods that others made way for and that are at least as important count as if they were there
/// already, so that nobody takes the room that was cleared for them.
pub(crate) fn decide(ask: &Ask<'_>, cluster: &mut Cluster) -> Result<usize, Unfit> {
    if cluster.len() == 0 {
        return Err(Unfit::NoNodes);
    }
    let ghosts = ghosts(ask, cluster);
    if ghosts.is_empty() {
        return search(ask, cluster);
    }
    for (key, node, demand) in &ghosts {
        cluster.place(key, node, demand);
    }
    let found = search(ask, cluster);
    for (key, ..) in &ghosts {
        cluster.remove(key);
    }
    let slot = found?;
    // What the pod depends on must be there now, and not only be promised.
    match rejection(ask, slot, cluster) {
        None => Ok(slot),
        Some(rejection) => Err(Unfit::Rejected {
            nodes: cluster.len(),
            rejections: vec![(slot, rejection)],
            unnamed: 0,
        }),
    }
}

/// Pods that count on a node and go before this one.
fn ghosts(ask: &Ask<'_>, cluster: &Cluster) -> Vec<(ObjectKey, Arc<str>, Arc<Demand>)> {
    let nominated = cluster.nominated().filter(|(key, ghost)| {
        *key != ask.key
            && ghost.demand.priority >= ask.demand.priority
            && cluster.placed(key).is_none()
    });
    nominated
        .map(|(key, ghost)| (key.clone(), ghost.node.clone(), ghost.demand.clone()))
        .collect()
}

/// Why one node does not do as things stand.
pub(crate) fn rejection(ask: &Ask<'_>, slot: usize, cluster: &mut Cluster) -> Option<Rejection> {
    let findings = Findings::of(ask.demand, ask.volumes, cluster);
    let host = cluster.host(slot)?;
    examine(&question(ask, &findings, (slot, host)))
}

fn question<'a>(
    ask: &Ask<'a>,
    findings: &'a Findings,
    (slot, host): (usize, &'a crate::cluster::Host),
) -> Question<'a> {
    Question {
        demand: ask.demand,
        findings,
        volumes: ask.volumes,
        slot,
        host,
    }
}

fn search(ask: &Ask<'_>, cluster: &mut Cluster) -> Result<usize, Unfit> {
    let findings = Findings::of(ask.demand, ask.volumes, cluster);
    if let Some(slot) = ask.nominated.and_then(|node| cluster.slot(node))
        && let Some(host) = cluster.host(slot)
        && examine(&question(ask, &findings, (slot, host))).is_none()
    {
        return Ok(slot);
    }
    let named = named_nodes(ask.demand);
    let slots: Vec<usize> = match &named {
        Some(names) => named_slots(names, cluster),
        None => cluster.order().slots().collect(),
    };
    let enough = enough(slots.len());
    let (mut found, mut rejections) = (Vec::new(), Vec::new());
    let mut looked_at = 0;
    for slot in &slots {
        let Some(host) = cluster.host(*slot) else {
            continue;
        };
        looked_at += 1;
        match examine(&question(ask, &findings, (*slot, host))) {
            None => found.push(*slot),
            Some(rejection) => rejections.push((*slot, rejection)),
        }
        if found.len() >= enough {
            break;
        }
    }
    if named.is_none() {
        cluster.order().advance(looked_at);
    }
    best(ask.demand, ask.defaults, &found, cluster).ok_or_else(|| Unfit::Rejected {
        nodes: cluster.len(),
        unnamed: cluster.len() - slots.len(),
        rejections,
    })
}

fn named_slots(names: &BTreeSet<&str>, cluster: &Cluster) -> Vec<usize> {
    names.iter().filter_map(|name| cluster.slot(name)).collect()
}
