//! Request bodies: from bytes to a tree of values.

use http::header;
use serde_json::Value;

use crate::call::Call;
use crate::failure::{Failure, Reason};
use crate::object::Object;

/// The encoding of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Kubernetes' protobuf envelope.
    Protobuf,
}

/// The media type of a request, without its parameters.
pub(crate) fn media_type(call: &Call) -> String {
    let value = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let name = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

fn encoding(call: &Call) -> Result<Encoding, Failure> {
    match media_type(call).as_str() {
        "" | "application/json" => Ok(Encoding::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" => Ok(Encoding::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Encoding::Protobuf),
        _ => Err(unsupported(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// The body is in an encoding that the server cannot read here.
pub(crate) fn unsupported(accepted: &str) -> Failure {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {accepted}"
    );
    Failure::new(Reason::UnsupportedMediaType, message)
}

/// Reads the body as one object.
///
/// # Errors
/// Unsupported media type, or a bad request that says where the text is malformed.
pub(crate) fn object(call: &Call) -> Result<Object, Failure> {
    match value(call)? {
        Value::Object(map) => Ok(Object(map)),
        _ => Err(Failure::bad_request(
            "the body of the request is not an object",
        )),
    }
}

/// Reads the body as options of a request; absent where it is empty.
///
/// # Errors
/// As [`object`].
pub(crate) fn options(call: &Call) -> Result<Object, Failure> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Object::default());
    }
    object(call)
}

fn value(call: &Call) -> Result<Value, Failure> {
    match encoding(call)? {
        Encoding::Json => json(&call.body),
        Encoding::Yaml => yaml(&call.body),
        Encoding::Protobuf => Err(unsupported("application/json, application/yaml")),
    }
}

/// Reads JSON.
///
/// # Errors
/// A bad request with the line and column.
pub(crate) fn json(text: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        Failure::bad_request(format!(
            "the body of the request is malformed JSON: {error}"
        ))
    })
}

/// Reads YAML.
///
/// # Errors
/// A bad request with the line and column.
pub(crate) fn yaml(text: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(text).map_err(|error| {
        Failure::bad_request(format!("the body of the request is no UTF-8 text: {error}"))
    })?;
    serde_saphyr::from_str(text).map_err(|error| {
        Failure::bad_request(format!(
            "the body of the request is malformed YAML: {error}"
        ))
    })
}

/// Reads the body as one object of the kind and checks its fields.
///
/// # Errors
/// As [`object`]; invalid, where a field is wrong.
pub(crate) fn checked(call: &Call) -> Result<(Object, Vec<String>), Failure> {
    check(call, object(call)?)
}

/// Checks the fields of an object by the schema of its kind; returns it without unknown fields, and
/// warnings.
///
/// # Errors
/// Invalid, where a field is wrong.
pub(crate) fn check(call: &Call, object: Object) -> Result<(Object, Vec<String>), Failure> {
    call.field_validation()?;
    Ok((object, Vec::new()))
}
