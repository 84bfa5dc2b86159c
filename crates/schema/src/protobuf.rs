//! The protobuf form in which kubectl and client-go send objects, and ask for them.
//!
//! ```text
//! "k8s\0" ─ runtime.Unknown ─┬─ typeMeta: apiVersion, kind
//!                            └─ raw: the message of the kind, read by the generated field table
//! ```
//!
//! # Caveats
//! Upstream's encoder writes fields that are no pointers even where they are empty, and leaves pointers
//! out where they are nil; the bytes do not tell which is which. So an empty value of an optional field is
//! dropped here, unless the field is known to be a pointer ([`pointer`]).

mod duration;
mod further;
mod pointer;
mod reader;
mod value;
mod writer;

use serde_json::Value;

use crate::fact::wire::Message;
use crate::generated::wire::KINDS;
use reader::{Payload, Reader};
pub use writer::{Error as EncodeError, encode, encodes, frame};

/// The bytes that every encoded object begins with.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// Why bytes cannot be decoded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The bytes do not begin as they must.
    #[error("the body is no protobuf object of Kubernetes: it does not begin with \"k8s\\0\"")]
    Magic,
    /// The envelope names no kind.
    #[error("the envelope of the protobuf object names no apiVersion and kind")]
    NoKind,
    /// The kind has no protobuf form here.
    #[error("{kind} in {api_version} cannot be decoded from protobuf; send JSON")]
    UnknownKind {
        /// As in the envelope.
        api_version: String,
        /// As in the envelope.
        kind: String,
    },
    /// The contents are encoded or compressed in another way.
    #[error("the protobuf object has contents of the type {found:?}, which cannot be decoded")]
    Contents {
        /// The content type or encoding.
        found: String,
    },
    /// The bytes end too early or are no protobuf.
    #[error("malformed protobuf in {message} at byte {at}")]
    Malformed {
        /// The name of the message.
        message: &'static str,
        /// The offset in that message.
        at: usize,
    },
    /// A field has a value that JSON cannot have.
    #[error("malformed protobuf in {message}: the field {field} is {problem}")]
    Field {
        /// The name of the message.
        message: &'static str,
        /// The name of the field.
        field: &'static str,
        /// What it is.
        problem: &'static str,
    },
}

const ENVELOPE: &str = "runtime.Unknown";

/// Decodes an object; `apiVersion` and `kind` are those of the envelope.
///
/// # Errors
/// Bytes that are no such object, and kinds without a table.
pub fn decode(bytes: &[u8]) -> Result<Value, Error> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or(Error::Magic)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader::new(envelope, ENVELOPE);
    while let Some((number, payload)) = reader.next()? {
        match (number, payload) {
            (1, Payload::Bytes(bytes)) => (api_version, kind) = type_meta(bytes)?,
            (2, Payload::Bytes(bytes)) => raw = bytes,
            (3 | 4, Payload::Bytes(bytes)) if !plain(bytes) => {
                return Err(Error::Contents {
                    found: String::from_utf8_lossy(bytes).into_owned(),
                });
            }
            _ => {}
        }
    }
    if api_version.is_empty() || kind.is_empty() {
        return Err(Error::NoKind);
    }
    let Some(message) = message(&api_version, &kind) else {
        return Err(Error::UnknownKind { api_version, kind });
    };
    let mut object = value::message(raw, message, 0)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

fn plain(content: &[u8]) -> bool {
    content.is_empty() || content == b"application/vnd.kubernetes.protobuf"
}

fn type_meta(bytes: &[u8]) -> Result<(String, String), Error> {
    let (mut api_version, mut kind) = (String::new(), String::new());
    let mut reader = Reader::new(bytes, "runtime.TypeMeta");
    while let Some((number, payload)) = reader.next()? {
        if let Payload::Bytes(bytes) = payload {
            let text = String::from_utf8_lossy(bytes).into_owned();
            match number {
                1 => api_version = text,
                2 => kind = text,
                _ => {}
            }
        }
    }
    Ok((api_version, kind))
}

fn message(api_version: &str, kind: &str) -> Option<&'static Message> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    // Options are sent in the group of the request, or in that of the options themselves.
    let group = if group == "meta.k8s.io" { "" } else { group };
    let find = |table: &'static [((&str, &str, &str), &'static Message)]| {
        let index = table.binary_search_by(|(key, _)| key.cmp(&(group, version, kind)));
        table.get(index.ok()?).map(|(_, message)| *message)
    };
    find(KINDS).or_else(|| find(further::KINDS))
}

#[cfg(test)]
mod tests;
