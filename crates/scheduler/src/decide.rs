//! Where one pod goes. Pure.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::filter::examine;
use crate::pod::Demand;
use crate::score::merit;

/// Why no node does, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) String);

/// The best node for a pod.
pub(crate) fn decide(demand: &Demand, cluster: &Cluster) -> Result<String, Unfit> {
    let (fitting, reasons) = examine(demand, cluster);
    let mut best: Option<(&str, _)> = None;
    for (name, host) in fitting {
        let merit = merit(demand, name, host);
        // Strictly better, so that of equals the first by name stays.
        if best.as_ref().is_none_or(|(_, than)| merit > *than) {
            best = Some((name, merit));
        }
    }
    best.map(|(name, _)| name.to_owned())
        .ok_or_else(|| explain(cluster.len(), &reasons))
}

fn explain(nodes: usize, reasons: &[String]) -> Unfit {
    if nodes == 0 {
        return Unfit("no nodes available to schedule pods".to_owned());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut parts: Vec<String> = counts
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    parts.sort();
    Unfit(format!(
        "0/{nodes} nodes are available: {}.",
        parts.join(", ")
    ))
}
