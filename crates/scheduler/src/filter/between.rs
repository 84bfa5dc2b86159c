//! Constraints between pods: spreading, keeping near, keeping apart.

use super::Question;
use super::findings::Marked;
use crate::reason::{Reason, Rejection};

/// Spread constraints that must hold: no value may get more than `maxSkew` ahead of the least.
pub(super) fn spread(question: &Question<'_>) -> Option<Rejection> {
    question.findings.spread.iter().find_map(|spread| {
        let Some(domain) = spread.domains.get(question.slot) else {
            return Some(Rejection::lasting(Reason::SpreadLabel));
        };
        let here = spread.counts[domain].max(0);
        (here + spread.own - spread.least > spread.most).then(|| Rejection::crowded(Reason::Spread))
    })
}

/// Pods that must be together, and pods that must not. The first of a group that only wants its own
/// kind goes anywhere where the labels are.
pub(super) fn affinity(question: &Question<'_>) -> Option<Rejection> {
    let (findings, slot) = (question.findings, question.slot);
    let near = findings.near.iter().all(|marked| {
        let labelled = marked.domains.get(slot).is_some();
        labelled && (findings.first || marked.holds(slot))
    });
    let any = |marked: &[Marked]| marked.iter().any(|marked| marked.holds(slot));
    if !near {
        Some(Rejection::lasting(Reason::Near))
    } else if any(&findings.apart) {
        Some(Rejection::crowded(Reason::Apart))
    } else if any(&findings.repelled) {
        Some(Rejection::crowded(Reason::Repelled))
    } else {
        None
    }
}
