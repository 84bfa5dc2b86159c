//! Reading one object.

use axum::response::Response;
use http::StatusCode;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply;

pub(super) fn get(call: &Call) -> Result<Response, Failure> {
    let kind = call.kind();
    let record = call
        .state
        .find(kind, &call.target.namespace, call.name()?)?;
    let body = reply::object(
        &call.form,
        kind,
        call.version(),
        &record.bytes,
        call.state.now(),
    )?;
    Ok(reply::json(StatusCode::OK, body))
}
