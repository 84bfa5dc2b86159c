//! Replacing an object.

use super::{Fixed, Written, commit_update};
use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};

/// How often a change without a revision is tried again when others are faster.
pub(super) const ATTEMPTS: usize = 5;

pub(super) async fn update(call: &Call) -> Result<Written, Failure> {
    let (object, warnings) = body::checked(call)?;
    let pinned = !object.text(&["metadata", "resourceVersion"]).is_empty();
    if !pinned && !call.kind().built_in() {
        let detail = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", 0, detail);
        return Err(Failure::invalid(call.kind(), call.name()?, vec![cause]));
    }
    for attempt in 1.. {
        let old = Fixed::load(call)?;
        match commit_update(call, &old, object.clone(), warnings.clone()).await {
            Err(failure) if failure.reason == Reason::Conflict && !pinned && attempt < ATTEMPTS => {
            }
            outcome => return outcome,
        }
    }
    Err(Failure::modified(call.kind(), call.name()?))
}
