//! What a push changed.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use seatrial_resources::seatrial_dev::PushSpec;

use crate::repository::is_absent;
use crate::{Error, Name, Repository};

/// One ref that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The full ref name.
    pub reference: String,
    /// The digest before; zeros for a new ref.
    pub before: String,
    /// The digest after; zeros for a deleted ref.
    pub after: String,
}

/// Who pushed, and when.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) pusher: String,
    pub(crate) at: Timestamp,
}

/// The Push object's content for one update: what the newest commit says, and which paths differ.
pub(crate) async fn describe(
    repository: &Repository,
    name: &Name,
    update: &RefUpdate,
    received: &Received,
) -> Result<PushSpec, Error> {
    let mut spec = PushSpec {
        repository: name.to_string(),
        reference: update.reference.clone(),
        before: update.before.clone(),
        after: update.after.clone(),
        subject: String::new(),
        message: String::new(),
        author: String::new(),
        pusher: received.pusher.clone(),
        received_at: Some(MicroTime(received.at)),
        changed_paths: Vec::new(),
        committed_at: None,
    };
    if is_absent(&update.after) {
        return Ok(spec);
    }
    let (log, paths) = tokio::join!(
        repository.log(&update.after, 1),
        repository.changed_paths(&update.before, &update.after)
    );
    spec.changed_paths = paths?;
    if let Some(newest) = log?.pop() {
        spec.subject = newest.subject;
        spec.message = newest.message;
        spec.author = newest.author;
        spec.committed_at = newest.authored.map(Time);
        // A push of an annotated tag names the tag's own object; the commit is what others need.
        spec.after = newest.commit;
    }
    Ok(spec)
}
