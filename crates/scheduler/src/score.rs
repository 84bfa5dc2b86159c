//! Which of the nodes that do is best. Pure.
//!
//! Upstream's plugins and weights: tolerated taints 3, node affinity 2, topology spread 2, affinity
//! between pods 2, free resources 1, balanced resources 1, images that are there 1. Each gives 0 to 100.

mod between;
mod image;
mod node;
mod spread;

use crate::cluster::{Cluster, Host};
use crate::pod::Demand;
use crate::spread::Constraint;

/// The most that one plugin gives.
const FULL: i64 = 100;

/// A node that does, by slot.
pub(crate) type Candidate<'a> = (usize, &'a Host);

/// The better of the scores; of equals the node with fewest pods, then the first that was found.
pub(crate) fn best(
    demand: &Demand,
    defaults: &[Constraint],
    found: &[usize],
    cluster: &mut Cluster,
) -> Option<usize> {
    if found.len() < 2 {
        return found.first().copied();
    }
    let spread = spread::Soft::of(demand, defaults, cluster);
    let between = between::Draw::of(demand, cluster);
    let candidates: Vec<Candidate<'_>> = found
        .iter()
        .filter_map(|slot| Some((*slot, cluster.host(*slot)?)))
        .collect();
    let mut scores: Vec<i64> = candidates
        .iter()
        .map(|(_, host)| node::least_allocated(demand, host) + node::balanced(demand, host))
        .collect();
    add(&mut scores, 3, node::taints(demand, &candidates));
    add(&mut scores, 2, node::affinity(demand, &candidates));
    add(&mut scores, 2, spread.scores(demand, &candidates, cluster));
    add(&mut scores, 2, between.scores(&candidates));
    add(
        &mut scores,
        1,
        image::locality(demand, &candidates, cluster),
    );
    let rank = |index: &usize| {
        let (_, host) = candidates[*index];
        (scores[*index], std::cmp::Reverse(host.pods.len()))
    };
    // `max_by_key` would take the last of equals.
    let mut best = 0;
    for index in 1..candidates.len() {
        if rank(&index) > rank(&best) {
            best = index;
        }
    }
    candidates.get(best).map(|(slot, _)| *slot)
}

/// Adds what one plugin gives, unless it has nothing to say.
fn add(scores: &mut [i64], weight: i64, plugin: Option<Vec<i64>>) {
    for (score, more) in scores.iter_mut().zip(plugin.into_iter().flatten()) {
        *score += weight * more;
    }
}

/// Scales scores so that the largest becomes [`FULL`]; with `reverse`, so that the least is best.
fn normalised(mut scores: Vec<i64>, direction: Direction) -> Vec<i64> {
    let most = scores.iter().copied().max().unwrap_or(0);
    for score in &mut scores {
        let scaled = if most == 0 { 0 } else { FULL * *score / most };
        *score = match direction {
            Direction::MoreIsBetter => scaled,
            Direction::LessIsBetter => FULL - scaled,
        };
    }
    scores
}

/// What a plugin's figure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    MoreIsBetter,
    LessIsBetter,
}
