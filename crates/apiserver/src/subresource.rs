//! Parts of objects with paths of their own.

mod binding;
mod eviction;
mod finalize;
mod log;
mod scale;
mod token;

use axum::response::Response;
use http::Method;

pub(crate) use log::container;
pub use log::{LogError, LogOptions, PodLogs};
pub(crate) use scale::selector_text;

use crate::call::Call;
use crate::failure::Failure;
use crate::registry::Subresource;
use crate::stream;

/// Does what the request asks of a subresource other than the status.
///
/// # Errors
/// The failure, for the client.
pub(crate) async fn dispatch(call: &Call) -> Result<Response, Failure> {
    let part = call.subresource().ok_or_else(Failure::unknown_path)?;
    match (part, &call.method) {
        (Subresource::Scale(paths), &Method::GET) => scale::get(call, paths).await,
        (Subresource::Scale(paths), &Method::PUT) => scale::update(call, paths).await,
        (Subresource::Scale(paths), &Method::PATCH) => scale::patch(call, paths).await,
        (Subresource::Finalize, &Method::PUT) => finalize::update(call).await,
        (Subresource::Binding, &Method::POST) => binding::create(call).await,
        (Subresource::Eviction, &Method::POST) => eviction::create(call).await,
        (Subresource::Log, &Method::GET) => log::get(call).await,
        (Subresource::Exec, &Method::GET | &Method::POST) => stream::exec(call).await,
        (Subresource::Attach, &Method::GET | &Method::POST) => stream::attach(call).await,
        (Subresource::PortForward, &Method::GET | &Method::POST) => {
            stream::port_forward(call).await
        }
        (Subresource::Token, &Method::POST) => token::create(call).await,
        _ => Err(Failure::method_not_allowed()),
    }
}
