//! Request bodies: from bytes to a tree of values.

use http::header;
use seatrial_schema::parse;
use serde_json::Value;

use crate::call::{Call, FieldValidation};
use crate::facts;
use crate::failure::{Failure, Reason};
use crate::object::Object;

/// The encoding of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Yaml,
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

/// An object and the fields that its text repeats.
pub(crate) struct Document {
    /// The object.
    pub(crate) object: Object,
    /// Paths of repeated fields.
    pub(crate) duplicates: Vec<String>,
}

fn document(read: Result<parse::Document, parse::Error>) -> Result<Document, Failure> {
    let document =
        read.map_err(|error| Failure::bad_request(format!("the body of the request: {error}")))?;
    match document.value {
        Value::Object(map) => Ok(Document {
            object: Object(map),
            duplicates: document.duplicates,
        }),
        _ => Err(Failure::bad_request(
            "the body of the request is not an object",
        )),
    }
}

fn read(call: &Call) -> Result<Document, Failure> {
    match encoding(call)? {
        Encoding::Json => document(parse::json(&call.body)),
        Encoding::Yaml => document(parse::yaml(&call.body)),
        Encoding::Protobuf => {
            let object = facts::protobuf(&call.body)?;
            Ok(Document {
                object,
                duplicates: Vec::new(),
            })
        }
    }
}

/// Reads the body as one object.
///
/// # Errors
/// Unsupported media type, or a bad request that says where the text is malformed.
pub(crate) fn object(call: &Call) -> Result<Object, Failure> {
    read(call).map(|document| document.object)
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

/// Reads the body as one object of the kind and checks its fields.
///
/// # Errors
/// As [`object`]; a bad request, where a field is unknown or has the wrong type.
pub(crate) fn checked(call: &Call) -> Result<(Object, Vec<String>), Failure> {
    check(call, read(call)?)
}

/// Checks the fields of an object by the schema of its kind; returns it without unknown fields, and
/// warnings.
///
/// # Errors
/// A bad request, where a field is unknown or has the wrong type.
pub(crate) fn check(call: &Call, document: Document) -> Result<(Object, Vec<String>), Failure> {
    let Document {
        mut object,
        duplicates,
    } = document;
    let strictness = call.field_validation()?;
    let warnings = facts::check(
        call.kind(),
        call.version(),
        &mut object,
        &duplicates,
        strictness,
    )?;
    Ok((object, warnings))
}

/// Reads a patch, which is JSON.
///
/// # Errors
/// A bad request with the line and column.
pub(crate) fn patch(call: &Call) -> Result<Value, Failure> {
    let read = parse::json(&call.body);
    read.map(|document| document.value)
        .map_err(|error| Failure::bad_request(format!("the body of the request: {error}")))
}

/// Reads the object of an apply, which is YAML.
///
/// # Errors
/// A bad request with the line and column.
pub(crate) fn applied(call: &Call) -> Result<Document, Failure> {
    document(parse::yaml(&call.body))
}

/// Checks the object of an apply; returns it and warnings.
///
/// # Errors
/// A field of the wrong type, an unknown one, or, where the client is strict, a repeated one.
pub(crate) fn check_applied(
    call: &Call,
    document: Document,
) -> Result<(Object, Vec<String>), Failure> {
    let Document {
        mut object,
        duplicates,
    } = document;
    facts::check_applied(call.kind(), call.version(), &mut object)?;
    match (call.field_validation()?, duplicates.as_slice()) {
        (FieldValidation::Strict, [first, ..]) => {
            let key = first.rsplit('.').next().unwrap_or(first);
            let line = parse::repeated_line(&call.body).unwrap_or_default();
            Err(Failure::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal \
                 errors:\n  line {line}: key {key:?} already set in map"
            )))
        }
        (FieldValidation::Ignore, _) => Ok((object, Vec::new())),
        (_, paths) => {
            let warn = |path: &String| format!("duplicate field {path:?}");
            Ok((object, paths.iter().map(warn).collect()))
        }
    }
}
