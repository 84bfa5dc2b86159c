//! From messages to JSON, by the field tables.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::pointer::{keeps_empty_message, keeps_empty_scalar};
use super::reader::{Payload, Reader};
use super::{Error, duration};
use crate::fact::Presence;
use crate::fact::wire::{Form, Label, Message, WireField};

/// Deeper than any kind but a hostile CustomResourceDefinition.
const DEEPEST: usize = 100;

/// Decodes the fields of a message. Fields that the table does not know are skipped.
pub(super) fn message(
    bytes: &[u8],
    message: &'static Message,
    depth: usize,
) -> Result<Map<String, Value>, Error> {
    let mut object = Map::new();
    if depth > DEEPEST {
        return Err(Error::Malformed {
            message: message.name,
            at: 0,
        });
    }
    let mut reader = Reader::new(bytes, message.name);
    while let Some((number, payload)) = reader.next()? {
        let Some(field) = message.fields.iter().find(|field| field.number == number) else {
            continue;
        };
        let step = Step {
            message,
            field,
            depth,
        };
        match field.label {
            Label::Single => {
                if let Some(value) = step.value(&payload)?.filter(|value| step.keeps(value)) {
                    object.insert(field.name.to_owned(), value);
                }
            }
            Label::Inline => {
                if let Value::Object(inner) = step.value(&payload)?.unwrap_or_default() {
                    object.extend(inner);
                }
            }
            Label::Repeated => {
                let slot = object
                    .entry(field.name)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let (Some(value), Value::Array(items)) = (step.value(&payload)?, slot) {
                    items.push(value);
                }
            }
            Label::Map => {
                let slot = object
                    .entry(field.name)
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(entries) = slot {
                    let (key, value) = step.entry(&payload)?;
                    entries.insert(key, value);
                }
            }
        }
    }
    Ok(object)
}

#[derive(Clone, Copy)]
struct Step {
    message: &'static Message,
    field: &'static WireField,
    depth: usize,
}

impl Step {
    fn wrong<T>(self, problem: &'static str) -> Result<T, Error> {
        Err(Error::Field {
            message: self.message.name,
            field: self.field.name,
            problem,
        })
    }

    /// Whether the value of a single field is more than the encoding of nothing.
    fn keeps(self, value: &Value) -> bool {
        if self.field.presence == Presence::Required {
            return true;
        }
        match value {
            Value::Object(map) => !map.is_empty() || keeps_empty_message(self.field.name),
            Value::String(text) => {
                !text.is_empty() || keeps_empty_scalar(self.message.name, self.field.name)
            }
            Value::Bool(flag) => *flag || keeps_empty_scalar(self.message.name, self.field.name),
            Value::Number(number) => {
                number.as_f64() != Some(0.0)
                    || keeps_empty_scalar(self.message.name, self.field.name)
            }
            Value::Null => false,
            Value::Array(_) => true,
        }
    }

    /// The value of one occurrence; `None` for a time that is not set.
    fn value(self, payload: &Payload<'_>) -> Result<Option<Value>, Error> {
        let value = match (self.field.form, payload) {
            (Form::Boolean, Payload::Number(number)) => Value::Bool(*number != 0),
            (Form::Integer, Payload::Number(number)) => Value::from(*number as i64),
            (Form::Double, Payload::Fixed(bits)) => Value::from(f64::from_bits(*bits)),
            (Form::Text, Payload::Bytes(bytes)) => Value::String(self.text(bytes)?),
            (Form::Bytes, Payload::Bytes(bytes)) => {
                Value::String(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
            (Form::Raw, Payload::Bytes(bytes)) => return self.raw(bytes),
            (Form::Time, Payload::Bytes(bytes)) => return self.time(bytes, 0),
            (Form::MicroTime, Payload::Bytes(bytes)) => return self.time(bytes, 6),
            (Form::Duration, Payload::Bytes(bytes)) => Value::String(self.duration(bytes)?),
            (Form::Quantity, Payload::Bytes(bytes)) => Value::String(self.quantity(bytes)?),
            (Form::IntOrString, Payload::Bytes(bytes)) => self.int_or_string(bytes)?,
            (Form::Items, Payload::Bytes(bytes)) => self.items(bytes)?,
            (Form::Message(inner), Payload::Bytes(bytes)) => {
                union(inner, message(bytes, inner, self.depth + 1)?)
            }
            _ => return self.wrong("of another type"),
        };
        Ok(Some(value))
    }

    fn text(self, bytes: &[u8]) -> Result<String, Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.wrong("no UTF-8"),
        }
    }

    fn entry(self, payload: &Payload<'_>) -> Result<(String, Value), Error> {
        let Payload::Bytes(bytes) = payload else {
            return self.wrong("no map");
        };
        let (mut key, mut value) = (String::new(), None);
        let mut reader = Reader::new(bytes, self.message.name);
        while let Some((number, payload)) = reader.next()? {
            match (number, &payload) {
                (1, Payload::Bytes(bytes)) => key = self.text(bytes)?,
                (2, payload) => value = self.value(payload)?,
                _ => {}
            }
        }
        Ok((key, value.unwrap_or_else(|| Value::String(String::new()))))
    }

    /// A message whose first field is bytes of JSON.
    fn raw(self, bytes: &[u8]) -> Result<Option<Value>, Error> {
        let mut reader = Reader::new(bytes, self.message.name);
        while let Some((number, payload)) = reader.next()? {
            if let (1, Payload::Bytes(json)) = (number, payload) {
                return match serde_json::from_slice(json) {
                    Ok(value) => Ok(Some(value)),
                    Err(_) => self.wrong("no JSON"),
                };
            }
        }
        Ok(None)
    }

    fn time(self, bytes: &[u8], digits: u8) -> Result<Option<Value>, Error> {
        let (mut seconds, mut nanos) = (None, 0);
        let mut reader = Reader::new(bytes, self.message.name);
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (1, Payload::Number(number)) => seconds = Some(number as i64),
                (2, Payload::Number(number)) => nanos = number as i32,
                _ => {}
            }
        }
        let Some(seconds) = seconds else {
            return Ok(None);
        };
        match jiff::Timestamp::new(seconds, if digits == 0 { 0 } else { nanos }) {
            Ok(time) if digits == 0 => Ok(Some(Value::String(format!("{time:.0}")))),
            Ok(time) => Ok(Some(Value::String(format!("{time:.6}")))),
            Err(_) => self.wrong("no time"),
        }
    }

    fn duration(self, bytes: &[u8]) -> Result<String, Error> {
        let mut reader = Reader::new(bytes, self.message.name);
        let mut nanos = 0;
        while let Some((number, payload)) = reader.next()? {
            if let (1, Payload::Number(number)) = (number, payload) {
                nanos = number as i64;
            }
        }
        Ok(duration::format(nanos))
    }

    fn quantity(self, bytes: &[u8]) -> Result<String, Error> {
        let mut reader = Reader::new(bytes, self.message.name);
        let mut amount = "0".to_owned();
        while let Some((number, payload)) = reader.next()? {
            if let (1, Payload::Bytes(bytes)) = (number, payload) {
                amount = self.text(bytes)?;
            }
        }
        Ok(amount)
    }

    fn int_or_string(self, bytes: &[u8]) -> Result<Value, Error> {
        let (mut is_text, mut number_value, mut text) = (false, 0, String::new());
        let mut reader = Reader::new(bytes, self.message.name);
        while let Some((number, payload)) = reader.next()? {
            match (number, payload) {
                (1, Payload::Number(sort)) => is_text = sort == 1,
                (2, Payload::Number(number)) => number_value = number as i64,
                (3, Payload::Bytes(bytes)) => text = self.text(bytes)?,
                _ => {}
            }
        }
        Ok(if is_text {
            Value::String(text)
        } else {
            Value::from(number_value)
        })
    }

    fn items(self, bytes: &[u8]) -> Result<Value, Error> {
        let mut items = Vec::new();
        let mut reader = Reader::new(bytes, self.message.name);
        while let Some((number, payload)) = reader.next()? {
            if let (1, Payload::Bytes(bytes)) = (number, payload) {
                items.push(Value::String(self.text(bytes)?));
            }
        }
        Ok(Value::Array(items))
    }
}

/// The few messages that stand for one of several JSON types.
fn union(message: &Message, mut object: Map<String, Value>) -> Value {
    let choices: &[&str] = match message.name.rsplit('.').next() {
        Some("JSONSchemaPropsOrBool") => &["schema", "allows"],
        Some("JSONSchemaPropsOrArray") => &["schema", "jSONSchemas"],
        Some("JSONSchemaPropsOrStringArray") => &["schema", "property"],
        _ => return Value::Object(object),
    };
    let given = choices.iter().find_map(|name| object.remove(*name));
    given.unwrap_or(Value::Bool(false))
}
