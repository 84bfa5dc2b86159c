//! What can be done with objects: one module for each verb.

mod create;
mod delete;
mod get;
mod keep;
mod list;
mod patch;
mod pod_part;
mod update;
mod watch;
mod write;

use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};

use crate::call::Call;
use crate::failure::Failure;
use crate::registry::Verbs;
use crate::reply;
use crate::subresource;

/// An object that a write left behind, and what to tell the client with it.
pub(crate) struct Written {
    /// The code of the reply.
    pub(crate) code: StatusCode,
    /// The object as stored, or as it would be.
    pub(crate) bytes: bytes::Bytes,
    /// Warnings.
    pub(crate) warnings: Vec<String>,
}

impl Written {
    /// The response to the client of `call`.
    pub(crate) async fn response(self, call: &Call) -> Result<Response, Failure> {
        let now = call.state.now();
        let bytes = crate::custom::conversion::served(call, self.bytes).await?;
        let body = reply::object(&call.form, call.kind(), call.version(), &bytes, now)?;
        let mut response = reply::encoded(&call.form, self.code, body)?;
        for warning in self.warnings {
            let text = warning
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', " ");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
                response.headers_mut().append(http::header::WARNING, value);
            }
        }
        Ok(response)
    }
}

/// Does what the request asks for.
///
/// # Errors
/// The failure, for the client.
pub(crate) async fn dispatch(call: Call) -> Result<Response, Failure> {
    if call.kind().verbs == Verbs::Measure {
        return match call.method {
            Method::GET => crate::usage::answer(&call).await,
            _ => Err(Failure::method_not_allowed()),
        };
    }
    if call.kind().verbs == Verbs::Ask {
        return match (&call.method, &call.target.name) {
            (&Method::POST, None) => crate::question::answer(&call),
            _ => Err(Failure::method_not_allowed()),
        };
    }
    crate::ownership::check_options(&call)?;
    let part = call.target.subresource.as_str();
    match (&call.method, call.target.name.is_some(), part) {
        (&Method::GET, true, part) if is_object(part) => get::get(&call).await,
        (&Method::GET, false, _) if call.flag("watch") == Some(true) => watch::watch(&call),
        (&Method::GET, false, _) => list::list(&call).await,
        (&Method::POST, false, _) => create::create(&call).await?.response(&call).await,
        (&Method::PUT, true, part) if is_object(part) => {
            update::update(&call).await?.response(&call).await
        }
        (&Method::PATCH, true, part) if is_object(part) => {
            patch::patch(&call).await?.response(&call).await
        }
        (&Method::DELETE, true, "") => delete::delete(&call).await,
        (&Method::DELETE, false, _) if call.kind().verbs == Verbs::All => {
            delete::delete_collection(&call).await
        }
        (_, true, part) if !part.is_empty() => subresource::dispatch(&call).await,
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Whether what stands at the path is the object itself, of which a change concerns a part.
fn is_object(part: &str) -> bool {
    matches!(
        part,
        "" | "status" | "approval" | "ephemeralcontainers" | "resize"
    )
}

pub(crate) use create::finish_create;
pub(crate) use delete::{Options, remove};
pub(crate) use update::commit_update;
pub(crate) use write::Fixed;
