//! What a node offers by itself.

use super::{Candidate, Direction, FULL, normalised};
use crate::cluster::Host;
use crate::pod::Demand;
use seatrial_resources::placement;

/// How much would be left of processor and memory.
pub(super) fn least_allocated(demand: &Demand, host: &Host) -> i64 {
    let (cpu, memory) = host.weighed;
    let shares = [
        (host.room.cpu, cpu + demand.weighed.0),
        (host.room.memory, memory + demand.weighed.1),
    ]
    .map(|(room, used)| {
        if room <= 0 || used > room {
            0
        } else {
            // In 128 bits, since bytes times a hundred may be much.
            (i128::from(room - used) * i128::from(FULL) / i128::from(room)) as i64
        }
    });
    let known = [host.room.cpu, host.room.memory];
    let known = known.iter().filter(|room| **room > 0).count() as i64;
    if known == 0 {
        0
    } else {
        shares.iter().sum::<i64>() / known
    }
}

/// How even processor and memory would be used. A pod that requests nothing does not change that.
pub(super) fn balanced(demand: &Demand, host: &Host) -> i64 {
    if demand.requests.cpu == 0 && demand.requests.memory == 0 {
        return 0;
    }
    let share = |room: i64, used: i64| {
        if room <= 0 {
            return 0.0;
        }
        (used as f64 / room as f64).min(1.0)
    };
    let cpu = share(host.room.cpu, host.used.cpu + demand.requests.cpu);
    let memory = share(host.room.memory, host.used.memory + demand.requests.memory);
    let deviation = (cpu - memory).abs() / 2.0;
    ((1.0 - deviation) * FULL as f64) as i64
}

/// Taints that would rather keep the pod away.
pub(super) fn taints(demand: &Demand, candidates: &[Candidate<'_>]) -> Option<Vec<i64>> {
    let avoided = |host: &Host| {
        let taints = host.taints.iter().filter(|taint| {
            taint.effect == "PreferNoSchedule" && !placement::tolerates(&demand.tolerations, taint)
        });
        taints.count() as i64
    };
    let counts: Vec<_> = candidates.iter().map(|(_, host)| avoided(host)).collect();
    if counts.iter().all(|count| *count == 0) {
        return None;
    }
    Some(normalised(counts, Direction::LessIsBetter))
}

/// Weights of the preferred node terms that match.
pub(super) fn affinity(demand: &Demand, candidates: &[Candidate<'_>]) -> Option<Vec<i64>> {
    if demand.preferred_nodes.is_empty() {
        return None;
    }
    let weight = |host: &Host| {
        let terms = demand.preferred_nodes.iter();
        terms
            .filter(|term| placement::means(&term.preference, &host.name, &host.labels))
            .map(|term| i64::from(term.weight))
            .sum()
    };
    let weights = candidates.iter().map(|(_, host)| weight(host)).collect();
    Some(normalised(weights, Direction::MoreIsBetter))
}
