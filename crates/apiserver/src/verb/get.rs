//! Reading one object.

use axum::response::Response;
use http::StatusCode;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply;

pub(super) async fn get(call: &Call) -> Result<Response, Failure> {
    let kind = call.kind();
    let record = call
        .state
        .find(kind, &call.target.namespace, call.name()?)?;
    let bytes = crate::custom::conversion::served(call, record.bytes.clone()).await?;
    let body = reply::object(&call.form, kind, call.version(), &bytes, call.state.now())?;
    reply::encoded(&call.form, StatusCode::OK, body)
}
