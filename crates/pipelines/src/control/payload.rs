//! The event's payload, in the shape of GitHub's `push` webhook as far as workflows read it.

use seatrial_resources::seatrial_dev::{PipelineRunSpec, PushSpec};
use serde_json::{Value, json};

/// The payload of a run. `push` is the push that caused it, where it is still kept.
pub(super) fn payload(
    run: &PipelineRunSpec,
    push: Option<&PushSpec>,
    owner: &str,
    default_branch: &str,
    server_url: &str,
) -> Value {
    const NONE: &str = "0000000000000000000000000000000000000000";
    let name = &run.repository;
    let full_name = format!("{owner}/{name}");
    let before = push.map_or(NONE, |push| push.before.as_str());
    let author = push.map_or("", |push| push.author.as_str());
    let (author_name, email) = author.split_once('<').unwrap_or((author, ""));
    let author = json!({ "name": author_name.trim(), "email": email.trim_end_matches('>') });
    let commit = json!({
        "id": run.commit,
        "message": run.message,
        "author": author,
        "committer": author,
        "timestamp": push.and_then(|push| push.committed_at.as_ref()),
        "distinct": true,
    });
    json!({
        "ref": run.reference,
        "before": before,
        "after": run.commit,
        "created": before == NONE,
        "deleted": false,
        "forced": false,
        "base_ref": null,
        "commits": [commit],
        "head_commit": commit,
        "pusher": { "name": run.actor },
        "sender": { "login": run.actor },
        "repository": {
            "name": name,
            "full_name": full_name,
            "owner": { "login": owner, "name": owner },
            "default_branch": default_branch,
            "private": true,
            "html_url": format!("{server_url}/{full_name}"),
            "clone_url": format!("{server_url}/{full_name}.git"),
        },
    })
}
