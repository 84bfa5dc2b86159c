//! `finalize`: the namespace controller says that a namespace is empty.

use axum::response::Response;
use serde_json::json;

use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::verb::{Fixed, commit_update};

pub(super) async fn update(call: &Call) -> Result<Response, Failure> {
    let wanted = body::object(call)?;
    let old = Fixed::load(call).await?;
    let revision = wanted.text(&["metadata", "resourceVersion"]);
    if !revision.is_empty() && revision != old.record.revision.to_string() {
        return Err(Failure::modified(call.kind(), call.name()?));
    }
    let mut object = old.served(call).await?;
    let finalizers = wanted
        .at(&["spec", "finalizers"])
        .cloned()
        .unwrap_or_else(|| json!([]));
    object
        .section("spec")
        .insert("finalizers".to_owned(), finalizers);
    commit_update(call, &old, object, Vec::new())
        .await?
        .response(call)
        .await
}
