//! Why no node does, in upstream's words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::reason::{Cause, Reason, Rejection};

/// Why a pod has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// There is no node at all.
    NoNodes,
    /// The pod itself cannot be placed anywhere as things stand.
    Hopeless {
        nodes: usize,
        why: String,
        cause: Cause,
    },
    /// Every node was looked at.
    Rejected {
        nodes: usize,
        /// Why not, by slot.
        rejections: Vec<(usize, Rejection)>,
        /// Nodes not looked at, since the pod names others.
        unnamed: usize,
    },
}

impl Unfit {
    /// What to say; `preemption` is why making room did not help either.
    pub(crate) fn message(&self, preemption: Option<&str>) -> String {
        let first = match self {
            Self::NoNodes => return "no nodes available to schedule pods".to_owned(),
            Self::Hopeless { nodes, why, .. } => {
                format!("0/{nodes} nodes are available: {why}.")
            }
            Self::Rejected {
                nodes,
                rejections,
                unnamed,
            } => {
                let reasons = rejections.iter().flat_map(|(_, all)| &all.reasons);
                let more = [(&Reason::NotNamed, *unnamed)];
                unavailable(*nodes, reasons.map(|reason| (reason, 1)).chain(more))
            }
        };
        match preemption {
            Some(preemption) => format!("{first} preemption: {preemption}"),
            None => first,
        }
    }

    /// What kind of change may help.
    pub(crate) fn causes(&self) -> BTreeSet<Cause> {
        match self {
            Self::NoNodes => [Cause::Labels].into(),
            Self::Hopeless { cause, .. } => [*cause].into(),
            Self::Rejected {
                rejections,
                unnamed,
                ..
            } => {
                let reasons = rejections.iter().flat_map(|(_, all)| &all.reasons);
                let unnamed = (*unnamed > 0).then_some(Cause::Labels);
                reasons.map(Reason::cause).chain(unnamed).collect()
            }
        }
    }
}

/// `0/3 nodes are available: 1 …, 2 ….`, sorted as text.
pub(crate) fn unavailable<R: Display + Ord>(
    nodes: usize,
    reasons: impl Iterator<Item = (R, usize)>,
) -> String {
    let mut counts: BTreeMap<R, usize> = BTreeMap::new();
    for (reason, count) in reasons.filter(|(_, count)| *count > 0) {
        *counts.entry(reason).or_default() += count;
    }
    let mut parts: Vec<String> = counts
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    parts.sort();
    format!("0/{nodes} nodes are available: {}.", parts.join(", "))
}
