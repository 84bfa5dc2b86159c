//! Whom a pod may push aside, and where that costs least. Pure.
//!
//! Flow: for each node where fewer pods may help → take away everybody less important → let back in
//! as many as fit beside the pod, those first whose disruption budget is spent, the important before
//! the others → of the nodes choose the one where least is lost.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use seatrial_controller::ObjectKey;

use crate::budget::{Budget, protected};
use crate::cluster::Cluster;
use crate::decide::{Ask, rejection};
use crate::pod::{Demand, Preemption};
use crate::reason::{Help, Reason, Rejection};
use crate::unfit::{Unfit, unavailable};

/// A pod that has to go.
pub(crate) type Victim = (ObjectKey, Arc<Demand>);

/// A node, and who has to leave it.
#[derive(Debug, Clone)]
pub(crate) struct Sacrifice {
    pub(crate) node: Arc<str>,
    /// The most important first.
    pub(crate) victims: Vec<Victim>,
    /// How many of them a disruption budget would have protected.
    violations: usize,
}

/// At least this many nodes that would do are compared, where there are as many; and at least a
/// tenth of all (upstream's defaults).
const ENOUGH: usize = 100;

/// Why nobody makes way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no node.
    NoNodes,
    /// The pod does not want it.
    Never,
    /// Somebody is on their way out already.
    Clearing,
    /// It helps on no node; why not.
    Nowhere(String),
}

impl Refusal {
    /// What to say of it, in upstream's words.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::NoNodes => None,
            Self::Never => Some("not eligible due to preemptionPolicy=Never."),
            Self::Clearing => Some("not eligible due to a terminating pod on the nominated node."),
            Self::Nowhere(why) => Some(why),
        }
    }
}

/// Finds the node where making room costs least.
pub(crate) fn preempt(
    ask: &Ask<'_>,
    unfit: &Unfit,
    budgets: &[Budget],
    cluster: &mut Cluster,
) -> Result<Sacrifice, Refusal> {
    let (nodes, rejections) = match unfit {
        Unfit::NoNodes => return Err(Refusal::NoNodes),
        Unfit::Hopeless { nodes, .. } => (*nodes, &[][..]),
        Unfit::Rejected {
            nodes, rejections, ..
        } => (*nodes, rejections.as_slice()),
    };
    if ask.demand.preemption == Preemption::Never {
        return Err(Refusal::Never);
    }
    if is_being_cleared(ask, cluster) {
        return Err(Refusal::Clearing);
    }
    let enough = ENOUGH.max(nodes / 10);
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    let helpful = rejections
        .iter()
        .filter(|(_, rejection)| rejection.help == Help::Possible);
    let mut tried = 0;
    for (slot, _) in helpful {
        tried += 1;
        match sacrifice(ask, *slot, budgets, cluster) {
            Ok(sacrifice) => found.push(sacrifice),
            Err(rejection) => reasons.extend(rejection.reasons),
        }
        if found.len() >= enough {
            break;
        }
    }
    let best = found.into_iter().min_by_key(cost);
    best.ok_or_else(|| {
        let more = [(Reason::NotHelpful, nodes - tried)];
        let reasons = reasons.into_iter().map(|reason| (reason, 1));
        Refusal::Nowhere(unavailable(nodes, reasons.chain(more)))
    })
}

/// Whether somebody is still leaving the node that the pod counts on.
fn is_being_cleared(ask: &Ask<'_>, cluster: &Cluster) -> bool {
    let slot = ask.nominated.and_then(|node| cluster.slot(node));
    slot.and_then(|slot| cluster.host(slot))
        .is_some_and(|host| {
            let mut pods = host.pods.values();
            pods.any(|pod| pod.leaving && pod.priority < ask.demand.priority)
        })
}

/// What the loss of the victims is worth; less is better. As upstream: broken budgets, then the
/// most important victim, then all their priorities, their number, and how long the most important
/// have run.
fn cost(sacrifice: &Sacrifice) -> (usize, i32, i64, usize, Reverse<Timestamp>) {
    let victims = &sacrifice.victims;
    let highest = victims.first().map_or(i32::MIN, |(_, pod)| pod.priority);
    // Shifted, so that one victim of a negative priority is not worse than two.
    let sum = victims
        .iter()
        .map(|(_, pod)| i64::from(pod.priority) - i64::from(i32::MIN))
        .sum();
    let oldest = victims
        .iter()
        .filter(|(_, pod)| pod.priority == highest)
        .map(|(_, pod)| pod.started.unwrap_or(Timestamp::MAX))
        .min();
    (
        sacrifice.violations,
        highest,
        sum,
        victims.len(),
        Reverse(oldest.unwrap_or(Timestamp::MAX)),
    )
}

/// Who would have to leave one node. The cluster is as before when this returns.
fn sacrifice(
    ask: &Ask<'_>,
    slot: usize,
    budgets: &[Budget],
    cluster: &mut Cluster,
) -> Result<Sacrifice, Rejection> {
    let Some(host) = cluster.host(slot) else {
        return Err(Rejection::lasting(Reason::NoVictims));
    };
    let priority = ask.demand.priority;
    if host.least_priority().is_none_or(|least| least >= priority) {
        return Err(Rejection::lasting(Reason::NoVictims));
    }
    let node = host.name.clone();
    let lesser = host.pods.iter().filter(|(_, pod)| pod.priority < priority);
    let mut lesser: Vec<Victim> = lesser
        .map(|(key, pod)| (key.clone(), pod.clone()))
        .collect();
    lesser.sort_by_key(|(_, pod)| {
        let since = pod.started.unwrap_or(Timestamp::MAX);
        (Reverse(pod.priority), since)
    });
    for (key, _) in &lesser {
        cluster.remove(key);
    }
    if let Some(rejection) = rejection(ask, slot, cluster) {
        restore(&lesser, &node, cluster);
        return Err(rejection);
    }
    let protected = protected(&lesser, budgets);
    let (guarded, open): (Vec<_>, Vec<_>) = lesser
        .into_iter()
        .partition(|(key, _)| protected.contains(key));
    let guarded = reprieve(ask, (slot, &node), guarded, cluster);
    let violations = guarded.len();
    let open = reprieve(ask, (slot, &node), open, cluster);
    let mut victims = [guarded, open].concat();
    restore(&victims, &node, cluster);
    victims.sort_by_key(|(_, pod)| Reverse(pod.priority));
    Ok(Sacrifice {
        node,
        victims,
        violations,
    })
}

fn restore(pods: &[Victim], node: &str, cluster: &mut Cluster) {
    for (key, pod) in pods {
        cluster.place(key, node, pod);
    }
}

/// Lets back in whoever fits beside the pod; returns those who do not.
fn reprieve(
    ask: &Ask<'_>,
    (slot, node): (usize, &str),
    pods: Vec<Victim>,
    cluster: &mut Cluster,
) -> Vec<Victim> {
    let mut victims = Vec::new();
    for (key, pod) in pods {
        cluster.place(&key, node, &pod);
        if rejection(ask, slot, cluster).is_some() {
            cluster.remove(&key);
            victims.push((key, pod));
        }
    }
    victims
}
