//! What every request passes before anything is done: as whom it acts, whether it may, and what is
//! written down about it.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::{self, Asked, Grant};
use crate::audit;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::state::State;

/// Who asked in fact, where somebody acts as somebody else.
#[derive(Debug, Clone)]
pub(crate) struct Original(pub(crate) Identity);

/// The middleware.
pub(crate) async fn pass(
    Shared(state): Shared<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<Identity>().is_none() {
        request.extensions_mut().insert(Identity::anonymous());
    }
    if let Err(failure) = act_as(&state, &mut request) {
        let refused = async move |_| failure.into_response();
        return audit::watched(&state, request, None, refused).await;
    }
    match may(&state, &request) {
        // Upstream finds nothing there either.
        Ok(_) if !is_text(request.uri().path()) => Failure::unknown_path().into_response(),
        Ok(grant) if state.audit.is_on() => {
            audit::watched(&state, request, Some(&grant), async move |request| {
                next.run(request).await
            })
            .await
        }
        Ok(_) => next.run(request).await,
        Err(failure) => {
            tracing::debug!("{}", failure.message);
            let refused = async move |_| failure.into_response();
            audit::watched(&state, request, None, refused).await
        }
    }
}

/// Replaces the identity by the one that the headers ask for.
fn act_as(state: &State, request: &mut Request) -> Result<(), Failure> {
    let Some(identity) = request.extensions().get::<Identity>() else {
        return Ok(());
    };
    if let Some(other) = access::impersonated(state, identity, request.headers())? {
        let original = std::mem::replace(
            request.extensions_mut().get_or_insert_default::<Identity>(),
            other,
        );
        request.extensions_mut().insert(Original(original));
    }
    Ok(())
}

/// Whether a path is text behind its percents; the parts of the router that take paths apart want that.
fn is_text(path: &str) -> bool {
    !path.contains('%')
        || percent_encoding::percent_decode_str(path)
            .decode_utf8()
            .is_ok()
}

fn may(state: &State, request: &Request) -> Result<Grant, Failure> {
    let uri = request.uri();
    let asked = Asked::of(request.method(), uri.path(), uri.query());
    match request.extensions().get::<Identity>() {
        Some(identity) => access::require(state, identity, &asked),
        None => access::require(state, &Identity::anonymous(), &asked),
    }
}
