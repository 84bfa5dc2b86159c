//! From what a verb found to the bytes of a response, in the form that the client accepts.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header};
use seatrial_store::Revision;
use serde_json::{Value, json};

use crate::accept::{Encoding, Form, Shape};
use crate::call::Call;
use crate::failure::Failure;
use crate::object::Object;
use crate::registry::{Conversion, Kind, Version};
use crate::skim::{self, Wanted};
use crate::table;
use crate::table::rows::Rows;

mod pieces;
mod shaped;

use pieces::Pieces;
use shaped::{Shaped, Shaper};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON response.
pub(crate) fn json(code: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/vnd.kubernetes.protobuf");

/// A response whose body is JSON so far, in the encoding that the client accepts.
///
/// # Errors
/// Not acceptable, where the object has no such form.
pub(crate) fn encoded(form: &Form, code: StatusCode, body: Bytes) -> Result<Response, Failure> {
    match form.encoding {
        Encoding::Json => Ok(json(code, body)),
        Encoding::Protobuf => {
            let mut response = json(code, protobuf(&body)?);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, PROTOBUF);
            Ok(response)
        }
    }
}

/// Protobuf in place of JSON.
///
/// # Errors
/// Not acceptable, where the object has no such form.
pub(crate) fn protobuf(json: &[u8]) -> Result<Vec<u8>, Failure> {
    let object = serde_json::from_slice(json).map_err(Failure::internal)?;
    seatrial_schema::protobuf::encode(&object)
        .map_err(|error| Failure::new(crate::failure::Reason::NotAcceptable, error.to_string()))
}

/// The status that says that a request which leaves no object behind has succeeded.
pub(crate) fn created() -> Response {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    });
    json(StatusCode::CREATED, status.to_string())
}

/// Stored bytes in the form of `version`.
///
/// # Errors
/// Internal, where stored bytes cannot be read.
pub(crate) fn served(kind: &Kind, version: &Version, bytes: &Bytes) -> Result<Bytes, Failure> {
    match version.conversion {
        Conversion::Rename => Ok(renamed(kind, version, bytes)),
        // Done already, where requests are received and answered.
        Conversion::Webhook => Ok(bytes.clone()),
        Conversion::Convert { to_served, .. } => {
            let mut object = Object::decode(bytes).map_err(Failure::internal)?;
            to_served(&mut object);
            let text = serde_json::to_vec(&object.0).map_err(Failure::internal)?;
            Ok(text.into())
        }
    }
}

/// Every stored object begins with its `apiVersion` (see [`Object::draft`]), so another version of it
/// that differs in name only is made by replacing the beginning.
fn renamed(kind: &Kind, version: &Version, bytes: &Bytes) -> Bytes {
    const BEGINNING: &str = "{\"apiVersion\":\"";
    let wanted = kind.api_version(version);
    let stored = bytes.get(BEGINNING.len()..).unwrap_or_default();
    let length = stored
        .iter()
        .position(|&byte| byte == b'"')
        .unwrap_or_default();
    if &stored[..length] == wanted.as_bytes() {
        return bytes.clone();
    }
    let mut other = BytesMut::with_capacity(bytes.len() + wanted.len());
    other.put_slice(BEGINNING.as_bytes());
    other.put_slice(wanted.as_bytes());
    other.put_slice(&stored[length..]);
    other.freeze()
}

/// One object, in the form the client wants.
///
/// # Errors
/// Internal, where stored bytes cannot be read.
pub(crate) fn object(
    form: &Form,
    kind: &Kind,
    version: &Version,
    bytes: &Bytes,
    now: jiff::Timestamp,
) -> Result<Bytes, Failure> {
    let bytes = served(kind, version, bytes)?;
    let (shaper, head, tail) = match &form.shape {
        Shape::Plain => return Ok(bytes),
        Shape::Metadata => (Shaper::Metadata, String::new(), ""),
        Shape::Table {
            version: table_version,
        } => {
            let rows = Rows::new(table::with_name(&version.columns), form.rows, now);
            let list = json!({ "resourceVersion": revision(&bytes)? });
            let head = rows.head(table_version, &list);
            (Shaper::Row(rows), head, "]}")
        }
    };
    let mut text = Vec::with_capacity(head.len() + bytes.len() + tail.len());
    text.extend_from_slice(head.as_bytes());
    shaper.write(&bytes, &mut text)?;
    text.extend_from_slice(tail.as_bytes());
    Ok(text.into())
}

/// The revision of an object, "" where it has none.
fn revision(bytes: &[u8]) -> Result<String, Failure> {
    let mut wanted = Wanted::nothing();
    wanted.add(["metadata", "resourceVersion"]);
    let read = skim::skim(bytes, &wanted).map_err(Failure::internal)?;
    let revision = read.object.text(&["metadata", "resourceVersion"]);
    Ok(revision.to_owned())
}

/// What a list found.
pub(crate) struct Listed {
    /// The revision of the list.
    pub revision: Revision,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many objects follow this page, where known.
    pub remaining: Option<usize>,
    /// The objects, as stored.
    pub items: Vec<Arc<seatrial_store::Record>>,
}

impl Listed {
    fn metadata(&self) -> Value {
        let mut metadata = json!({ "resourceVersion": self.revision.to_string() });
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
            if let Some(remaining) = self.remaining {
                metadata["remainingItemCount"] = json!(remaining);
            }
        }
        metadata
    }

    /// The list in the form the client wants. Plain lists are the stored bytes, one after the other.
    ///
    /// # Errors
    /// Internal, where stored bytes cannot be read; not acceptable, where there is no such form.
    pub(crate) async fn reply(self, call: &Call) -> Result<Response, Failure> {
        let (form, kind, version) = (&call.form, call.kind(), call.version());
        let (shaper, head, tail) = match &form.shape {
            Shape::Plain => {
                let pieces = self.pieces(kind, version)?;
                return match form.encoding {
                    Encoding::Json => Ok(json(StatusCode::OK, Body::new(pieces))),
                    Encoding::Protobuf => encoded(form, StatusCode::OK, pieces.join()),
                };
            }
            Shape::Table {
                version: table_version,
            } => {
                let columns = table::with_name(&version.columns);
                let rows = Rows::new(columns, form.rows, call.state.now());
                let head = rows.head(table_version, &self.metadata());
                (Shaper::Row(rows), head, "]}".to_owned())
            }
            Shape::Metadata => {
                let head = r#"{"apiVersion":"meta.k8s.io/v1","items":["#.to_owned();
                let metadata = self.metadata();
                let tail =
                    format!(r#"],"kind":"PartialObjectMetadataList","metadata":{metadata}}}"#);
                (Shaper::Metadata, head, tail)
            }
        };
        let shaped = Shaped {
            kind: Arc::clone(&call.target.kind),
            version: call.target.version,
            shaper,
            records: self.items,
            head,
            tail,
        };
        match form.encoding {
            Encoding::Json => shaped.reply().await,
            Encoding::Protobuf => encoded(form, StatusCode::OK, shaped.whole()?),
        }
    }

    fn pieces(&self, kind: &Kind, version: &Version) -> Result<Pieces, Failure> {
        let head = format!(
            "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
            json!(kind.list_kind),
            json!(kind.api_version(version)),
            self.metadata(),
        );
        let mut pieces = Vec::with_capacity(2 * self.items.len() + 2);
        pieces.push(Bytes::from(head));
        for (index, record) in self.items.iter().enumerate() {
            if index > 0 {
                pieces.push(Bytes::from_static(b","));
            }
            pieces.push(served(kind, version, &record.bytes)?);
        }
        pieces.push(Bytes::from_static(b"]}"));
        Ok(Pieces::new(pieces))
    }
}
