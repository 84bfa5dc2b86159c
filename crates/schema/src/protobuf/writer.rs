//! Encodes objects in protobuf, by the field tables that the decoder reads by.
//!
//! # Caveats
//! Empty values of fields that are no pointers in upstream's structs are left out, which means the same to every decoder.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::{MAGIC, duration, message};
use crate::fact::wire::{Form, Label, Message, WireField};

/// Why an object cannot be encoded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The kind has no protobuf form, as custom kinds have none.
    #[error("{kind} in {api_version} has no protobuf form; ask for JSON")]
    UnknownKind {
        /// As in the object.
        api_version: String,
        /// As in the object.
        kind: String,
    },
    /// A value does not fit its field.
    #[error("the field {field} of {message} cannot be encoded: it is no {expected}")]
    Value {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

const PARTIAL: &str = "PartialObjectMetadata";
const PARTIALS: &str = "PartialObjectMetadataList";

/// Whether objects of this kind have a protobuf form.
pub fn encodes(api_version: &str, kind: &str) -> bool {
    message(api_version, kind).is_some()
}

/// Encodes an object or a list with its envelope. `apiVersion` and `kind` decide how.
///
/// # Errors
/// Kinds without a table, and values that do not fit it.
pub fn encode(object: &Value) -> Result<Vec<u8>, Error> {
    let text = |field: &str| {
        object
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let mut raw = Vec::with_capacity(512);
    match (kind, message(api_version, kind)) {
        (PARTIAL, _) => partial(&mut raw, object)?,
        (PARTIALS, _) => partials(&mut raw, object)?,
        (_, Some(message)) => fields(&mut raw, object, message)?,
        (_, None) => {
            let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
            return Err(Error::UnknownKind { api_version, kind });
        }
    }
    let mut type_meta = Vec::new();
    delimited(&mut type_meta, 1, api_version.as_bytes());
    delimited(&mut type_meta, 2, kind.as_bytes());
    let mut encoded = Vec::with_capacity(raw.len() + 64);
    encoded.extend_from_slice(MAGIC);
    delimited(&mut encoded, 1, &type_meta);
    delimited(&mut encoded, 2, &raw);
    // The decoders of Go write these two even where they are empty.
    delimited(&mut encoded, 3, &[]);
    delimited(&mut encoded, 4, &[]);
    Ok(encoded)
}

/// One frame of a watch: the length in four bytes, then a `WatchEvent` around an encoded object.
pub fn frame(event: &str, object: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(object.len() + 8);
    delimited(&mut raw, 1, object);
    let mut body = Vec::with_capacity(raw.len() + 24);
    delimited(&mut body, 1, event.as_bytes());
    delimited(&mut body, 2, &raw);
    let mut framed = Vec::with_capacity(body.len() + 4);
    framed.extend_from_slice(&(body.len() as u32).to_be_bytes());
    framed.extend_from_slice(&body);
    framed
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn tag(to: &mut Vec<u8>, number: u32, wire: u64) {
    varint(to, u64::from(number) << 3 | wire);
}

fn delimited(to: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    tag(to, number, 2);
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn number(to: &mut Vec<u8>, field: u32, value: i64) {
    tag(to, field, 0);
    varint(to, value as u64);
}

/// The message of a field that every kind has.
fn metadata_of(kind: &str) -> Option<&'static Message> {
    let fields = message("v1", kind)?.fields;
    match fields.iter().find(|field| field.name == "metadata")?.form {
        Form::Message(message) => Some(message),
        _ => None,
    }
}

fn partial(to: &mut Vec<u8>, object: &Value) -> Result<(), Error> {
    let mut metadata = Vec::new();
    if let (Some(value), Some(message)) = (object.get("metadata"), metadata_of("ConfigMap")) {
        fields(&mut metadata, value, message)?;
    }
    delimited(to, 1, &metadata);
    Ok(())
}

fn partials(to: &mut Vec<u8>, list: &Value) -> Result<(), Error> {
    let mut metadata = Vec::new();
    if let (Some(value), Some(message)) = (list.get("metadata"), metadata_of("ConfigMapList")) {
        fields(&mut metadata, value, message)?;
    }
    delimited(to, 1, &metadata);
    for item in list
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let mut encoded = Vec::new();
        partial(&mut encoded, item)?;
        delimited(to, 2, &encoded);
    }
    Ok(())
}

/// Writes the fields of a message, in the order of its table.
fn fields(to: &mut Vec<u8>, value: &Value, message: &'static Message) -> Result<(), Error> {
    let empty = Map::new();
    let object = value.as_object().unwrap_or(&empty);
    for field in message.fields {
        let step = Step { message, field };
        if field.label == Label::Inline {
            step.write(to, value)?;
            continue;
        }
        let Some(given) = object.get(field.name).filter(|given| !given.is_null()) else {
            continue;
        };
        match (field.label, given) {
            (Label::Repeated, Value::Array(items)) => {
                for item in items {
                    step.write(to, item)?;
                }
            }
            (Label::Repeated, _) => return step.wrong("list"),
            (Label::Map, Value::Object(entries)) => {
                for (key, value) in entries {
                    step.entry(to, key, value)?;
                }
            }
            (Label::Map, _) => return step.wrong("object"),
            _ => step.write(to, given)?,
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Step {
    message: &'static Message,
    field: &'static WireField,
}

impl Step {
    fn wrong<T>(self, expected: &'static str) -> Result<T, Error> {
        Err(Error::Value {
            message: self.message.name,
            field: self.field.name,
            expected,
        })
    }

    fn entry(self, to: &mut Vec<u8>, key: &str, value: &Value) -> Result<(), Error> {
        let mut entry = Vec::new();
        delimited(&mut entry, 1, key.as_bytes());
        self.write_as(&mut entry, 2, value)?;
        delimited(to, self.field.number, &entry);
        Ok(())
    }

    fn write(self, to: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
        self.write_as(to, self.field.number, value)
    }

    fn write_as(self, to: &mut Vec<u8>, at: u32, value: &Value) -> Result<(), Error> {
        match (self.field.form, value) {
            (Form::Boolean, Value::Bool(flag)) => number(to, at, i64::from(*flag)),
            (Form::Boolean, _) => return self.wrong("boolean"),
            (Form::Integer, value) => match whole(value) {
                Some(value) => number(to, at, value),
                None => return self.wrong("integer"),
            },
            (Form::Double, value) => {
                let Some(value) = value.as_f64() else {
                    return self.wrong("number");
                };
                tag(to, at, 1);
                to.extend_from_slice(&value.to_le_bytes());
            }
            (Form::Text, Value::String(text)) => delimited(to, at, text.as_bytes()),
            (Form::Text, _) => return self.wrong("text"),
            (Form::Bytes, value) => {
                let text = value.as_str().unwrap_or_default();
                match base64::engine::general_purpose::STANDARD.decode(text) {
                    Ok(bytes) => delimited(to, at, &bytes),
                    Err(_) => return self.wrong("base64"),
                }
            }
            (Form::Raw, value) => {
                let mut raw = Vec::new();
                delimited(&mut raw, 1, value.to_string().as_bytes());
                delimited(to, at, &raw);
            }
            (Form::Time | Form::MicroTime, value) => self.time(to, at, value)?,
            (Form::Duration, value) => {
                let Some(nanos) = value.as_str().and_then(duration::parse) else {
                    return self.wrong("duration");
                };
                let mut body = Vec::new();
                number(&mut body, 1, nanos);
                delimited(to, at, &body);
            }
            (Form::Quantity, value) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let mut quantity = Vec::new();
                delimited(&mut quantity, 1, text.as_bytes());
                delimited(to, at, &quantity);
            }
            (Form::IntOrString, value) => self.int_or_string(to, at, value)?,
            (Form::Items, value) => {
                let mut items = Vec::new();
                for item in value.as_array().into_iter().flatten() {
                    delimited(&mut items, 1, item.as_str().unwrap_or_default().as_bytes());
                }
                delimited(to, at, &items);
            }
            (Form::Message(inner), value) => {
                let mut body = Vec::new();
                match split(inner, value) {
                    Some(value) => fields(&mut body, &value, inner)?,
                    None => fields(&mut body, value, inner)?,
                }
                delimited(to, at, &body);
            }
        }
        Ok(())
    }

    fn time(self, to: &mut Vec<u8>, at: u32, value: &Value) -> Result<(), Error> {
        let Some(moment) = value
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        else {
            return self.wrong("time");
        };
        let mut time = Vec::new();
        number(&mut time, 1, moment.as_second());
        number(&mut time, 2, i64::from(moment.subsec_nanosecond()));
        delimited(to, at, &time);
        Ok(())
    }

    fn int_or_string(self, to: &mut Vec<u8>, at: u32, value: &Value) -> Result<(), Error> {
        let mut body = Vec::new();
        match value {
            Value::String(text) => {
                number(&mut body, 1, 1);
                number(&mut body, 2, 0);
                delimited(&mut body, 3, text.as_bytes());
            }
            value => {
                let Some(value) = whole(value) else {
                    return self.wrong("integer or text");
                };
                number(&mut body, 1, 0);
                number(&mut body, 2, value);
                delimited(&mut body, 3, &[]);
            }
        }
        delimited(to, at, &body);
        Ok(())
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0)
            .map(|number| number as i64)
    })
}

/// The fields of the few messages that stand for one of several JSON types; `None` for the others.
fn split(message: &Message, value: &Value) -> Option<Value> {
    let name = match (message.name.rsplit('.').next()?, value) {
        ("JSONSchemaPropsOrBool", Value::Bool(allowed)) => {
            return Some(serde_json::json!({ "allows": allowed }));
        }
        ("JSONSchemaPropsOrBool", value) => {
            return Some(serde_json::json!({ "allows": true, "schema": value }));
        }
        ("JSONSchemaPropsOrArray", Value::Array(_)) => "jSONSchemas",
        ("JSONSchemaPropsOrStringArray", Value::Array(_)) => "property",
        ("JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray", _) => "schema",
        _ => return None,
    };
    Some(Value::Object(Map::from_iter([(
        name.to_owned(),
        value.clone(),
    )])))
}
