//! Between JSON and values.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::library::time;
use super::types::Type;
use super::value::{List, ListKind, Map, MapKey, Value};

impl Value {
    /// The value of a JSON tree. What the type says about a part decides (a date becomes a timestamp, a list a set); what does not fit
    /// its type is taken as it is.
    pub fn from_json(json: &serde_json::Value, of: &Type) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => from_number(number, of),
            serde_json::Value::String(text) => from_text(text, of),
            serde_json::Value::Array(items) => {
                let (inner, kind) = match of {
                    Type::List(inner, kind) => (inner.as_ref(), kind.clone()),
                    _ => (&Type::Dyn, ListKind::Atomic),
                };
                let items = items
                    .iter()
                    .map(|item| Self::from_json(item, inner))
                    .collect();
                Self::List(Arc::new(List { items, kind }))
            }
            serde_json::Value::Object(fields) => {
                let of_field = |name: &str| match of {
                    Type::Map(_, values) => values.as_ref(),
                    Type::Object(object) => object.fields.get(name).unwrap_or(&Type::Dyn),
                    _ => &Type::Dyn,
                };
                let entry = |(name, value): (&String, &serde_json::Value)| {
                    let value = Self::from_json(value, of_field(name));
                    (MapKey::String(name.as_str().into()), value)
                };
                Self::Map(Arc::new(fields.iter().map(entry).collect::<Map>()))
            }
        }
    }

    /// The value as JSON, as upstream writes values: numbers as numbers, times and durations as texts, bytes in base64. An optional value
    /// that is absent is null.
    ///
    /// # Errors
    /// The name of a type that has no form in JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, &'static str> {
        use base64::Engine as _;
        Ok(match self {
            Self::Null | Self::Optional(None) => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Uint(value) => (*value).into(),
            Self::Double(value) => (*value).into(),
            Self::String(text) | Self::Type(text) => text.as_ref().into(),
            Self::Bytes(bytes) => base64::engine::general_purpose::STANDARD
                .encode(bytes)
                .into(),
            Self::Timestamp(moment) => moment.to_string().into(),
            Self::Duration(duration) => time::show(*duration).into(),
            Self::List(list) => list
                .items
                .iter()
                .map(Self::to_json)
                .collect::<Result<_, _>>()?,
            Self::Map(map) => {
                let entry = |(key, value): (&MapKey, &Self)| {
                    Ok::<_, &'static str>((key.text(), value.to_json()?))
                };
                serde_json::Value::Object(map.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Self::Optional(Some(value)) => value.to_json()?,
            Self::Quantity(quantity) => quantity.to_string().into(),
            Self::Ip(address) => address.to_string().into(),
            Self::Cidr(range) => range.to_string().into(),
            Self::Semver(version) => version.to_string().into(),
            Self::Url(url) => url.text.as_str().into(),
            Self::Format(_) | Self::Authorization(_) => return Err(self.type_name()),
        })
    }
}

fn from_number(number: &serde_json::Number, of: &Type) -> Value {
    let double = number.as_f64().unwrap_or_default();
    match of {
        Type::Double => Value::Double(double),
        Type::Int if number.as_i64().is_none() && double.fract() == 0.0 && double.abs() < 9e18 => {
            Value::Int(double as i64)
        }
        _ => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) => Value::Uint(value),
            (None, None) => Value::Double(double),
        },
    }
}

fn from_text(text: &str, of: &Type) -> Value {
    use base64::Engine as _;
    match of {
        Type::Timestamp => moment(text).map(Value::Timestamp),
        Type::Duration => time::duration(text).ok().map(Value::Duration),
        Type::Bytes => base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()
            .map(|bytes| Value::Bytes(bytes.into())),
        _ => None,
    }
    .unwrap_or_else(|| Value::from(text))
}

/// A moment, or the beginning of a day.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        day.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    })
}

impl From<SignedDuration> for Value {
    fn from(duration: SignedDuration) -> Self {
        Self::Duration(duration)
    }
}
