//! Storage that the node can reach.

use super::Question;
use crate::reason::Rejection;

/// A claim that only one pod may use, and another does.
pub(super) fn exclusive(question: &Question<'_>) -> Option<Rejection> {
    let reason = crate::reason::Reason::ClaimInUse;
    question
        .findings
        .claim_in_use
        .then(|| Rejection::crowded(reason))
}

/// More volumes than the node can have.
pub(super) fn limits(question: &Question<'_>) -> Option<Rejection> {
    let reason = crate::reason::Reason::VolumeLimit;
    question
        .volumes
        .exceed(question.host)
        .then(|| Rejection::crowded(reason))
}

/// Volumes that are elsewhere, and claims for which nothing can be found or made here.
pub(super) fn topology(question: &Question<'_>) -> Option<Rejection> {
    if question.volumes.is_empty() {
        return None;
    }
    question
        .volumes
        .on(question.host)
        .err()
        .map(Rejection::lasting)
}
