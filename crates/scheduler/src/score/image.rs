//! Images that a node has already: upstream's `ImageLocality`.

use super::{Candidate, FULL};
use crate::cluster::Cluster;
use crate::pod::Demand;

const MEGABYTE: i64 = 1 << 20;
/// Less than this is soon fetched (upstream's).
const LEAST: i64 = 23 * MEGABYTE;
/// More than this for each container makes no difference (upstream's).
const MOST: i64 = 1000 * MEGABYTE;

/// How much of the pod's images the nodes have. An image that few nodes have counts for less, lest all its pods
/// gather there.
pub(super) fn locality(
    demand: &Demand,
    candidates: &[Candidate<'_>],
    cluster: &Cluster,
) -> Option<Vec<i64>> {
    let total = cluster.len();
    let known: Vec<(&str, usize)> = demand
        .images
        .iter()
        .map(|image| (image.as_str(), cluster.nodes_with(image)))
        .filter(|(_, nodes)| *nodes > 0)
        .collect();
    if known.is_empty() {
        return None;
    }
    let score = |(_, host): &Candidate<'_>| {
        let sizes = known.iter().filter_map(|(image, nodes)| {
            let size = *host.images.get(*image)?;
            Some((size as f64 * (*nodes as f64 / total as f64)) as i64)
        });
        priority(sizes.sum(), demand.images.len())
    };
    Some(candidates.iter().map(score).collect())
}

fn priority(sum: i64, containers: usize) -> i64 {
    let most = MOST.saturating_mul(containers as i64);
    let sum = sum.clamp(LEAST, most.max(LEAST));
    FULL * (sum - LEAST) / (most - LEAST).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_and_widespread_counts_most() {
        let half = i64::midpoint(MOST, LEAST);
        assert_eq!(priority(0, 1), 0);
        assert_eq!(priority(10 * MEGABYTE, 1), 0);
        assert_eq!(priority(half, 1), 50);
        assert_eq!(priority(i64::MAX, 1), 100);
        assert_eq!(priority(MOST, 2), 49);
        assert_eq!(priority(MOST, 0), 0);
    }
}
