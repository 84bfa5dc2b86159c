//! Which of the nodes that do is best. Pure.

use std::cmp::Reverse;

use crate::cluster::{Host, weigh};
use crate::filter::crowding;
use crate::pod::Demand;
use crate::terms::{node_matches, tolerates};

/// A node's merit for one pod; larger is better. Compared member by member: what the pod prefers,
/// then how free the node is, then how few pods it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Merit {
    /// Weights of preferred node terms that match.
    preferred: i64,
    /// Taints that would rather keep the pod away.
    avoided: Reverse<usize>,
    /// Pods that the soft spread constraints would rather have elsewhere.
    crowding: Reverse<i64>,
    /// How much would be left, averaged over processor and memory, in hundredths of a percent.
    free: i64,
    pods: Reverse<usize>,
}

pub(crate) fn merit(demand: &Demand, name: &str, host: &Host) -> Merit {
    let preferred = demand
        .preferred_nodes
        .iter()
        .filter(|term| node_matches(&term.preference, name, &host.labels));
    let avoided = host.taints.iter().filter(|taint| {
        taint.effect == "PreferNoSchedule" && !tolerates(&demand.tolerations, taint)
    });
    Merit {
        preferred: preferred.map(|term| i64::from(term.weight)).sum(),
        avoided: Reverse(avoided.count()),
        crowding: Reverse(crowding(demand, host)),
        free: free(demand, host),
        pods: Reverse(host.pods.len()),
    }
}

fn free(demand: &Demand, host: &Host) -> i64 {
    let asked = weigh(demand);
    let shares = ["cpu", "memory"].map(|name| {
        let room = host.room.get(name);
        let left = room - host.weighed.get(name) - asked.get(name);
        if room <= 0 {
            0
        } else {
            left.max(0).saturating_mul(10_000) / room
        }
    });
    shares.iter().sum::<i64>() / 2
}
