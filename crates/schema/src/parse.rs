//! Reads JSON and YAML, and tells which fields are given more than once.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::path::Path;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The value. Of a field that is given more than once, the last one.
    pub value: Value,
    /// The paths of the fields that are given more than once, in the order of the text.
    pub duplicates: Vec<String>,
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The bytes are no UTF-8.
    #[error("the text is not UTF-8: byte {at} is not a part of a letter")]
    Encoding {
        /// Where the first wrong byte is.
        at: usize,
    },
    /// The text is malformed.
    #[error("malformed {language} at line {line}, column {column}: {message}")]
    Syntax {
        /// `JSON` or `YAML`.
        language: &'static str,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong, in one line.
        message: String,
    },
}

/// Reads one JSON value.
///
/// # Errors
/// With line and column.
pub fn json(bytes: &[u8]) -> Result<Document, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let message = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(message, _)| message);
        Error::Syntax {
            language: "JSON",
            line: error.line() as u64,
            column: error.column() as u64,
            message: one_line(message),
        }
    })
}

/// Reads one YAML document; JSON is YAML too. An empty text is `null`.
///
/// # Errors
/// With line and column.
pub fn yaml(bytes: &[u8]) -> Result<Document, Error> {
    serde_saphyr::from_str_with_options(utf8(bytes)?, options()).map_err(|error| syntax(&error))
}

/// The line of a YAML text, from 1, on which a field is given that was given before.
pub fn repeated_line(bytes: &[u8]) -> Option<u64> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        with_snippet: false,
        legacy_octal_numbers: true,
    };
    let text = std::str::from_utf8(bytes).ok()?;
    let read: Result<Document, _> = serde_saphyr::from_str_with_options(text, options);
    match syntax(&read.err()?) {
        Error::Syntax { line, .. } => Some(line),
        Error::Encoding { .. } => None,
    }
}

/// Reads all documents of a YAML text, without the empty ones.
///
/// # Errors
/// With line and column.
pub fn yaml_documents(bytes: &[u8]) -> Result<Vec<Document>, Error> {
    let documents: Vec<Document> =
        serde_saphyr::from_multiple_with_options(utf8(bytes)?, options())
            .map_err(|error| syntax(&error))?;
    Ok(documents
        .into_iter()
        .filter(|document| !document.value.is_null())
        .collect())
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| Error::Encoding {
        at: error.valid_up_to(),
    })
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
        // As in YAML 1.1, which Kubernetes speaks: `defaultMode: 0644`.
        legacy_octal_numbers: true,
        // A few hundred bytes of aliases of aliases can stand for millions of values.
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
    }
}

fn syntax(error: &serde_saphyr::Error) -> Error {
    let error = error.without_snippet();
    let location = error.location();
    let (line, column) = location.map_or((0, 0), |location| (location.line(), location.column()));
    let text = one_line(&error.to_string());
    // The location is told apart from the message.
    let suffix = format!(" at line {line}, column {column}");
    let message = text.replace(&suffix, "");
    Error::Syntax {
        language: "YAML",
        line,
        column,
        message,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reader = Reader {
            path: Path::root(),
            duplicates: Vec::new(),
        };
        let value = Step(&mut reader).deserialize(deserializer)?;
        Ok(Self {
            value,
            duplicates: reader.duplicates,
        })
    }
}

struct Reader {
    path: Path,
    duplicates: Vec<String>,
}

struct Step<'a>(&'a mut Reader);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number is not finite"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let Reader { path, duplicates } = self.0;
        loop {
            let item = path.with_index(list.len(), |path| {
                nested(path, duplicates, |reader| {
                    items.next_element_seed(Step(reader))
                })
            })?;
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let Reader { path, duplicates } = self.0;
        while let Some(key) = entries.next_key::<String>()? {
            let value = path.with_field(&key, |path| {
                if map.contains_key(&key) {
                    duplicates.push(path.as_str().to_owned());
                }
                nested(path, duplicates, |reader| {
                    entries.next_value_seed(Step(reader))
                })
            })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Lends the parts of a reader to a nested one.
fn nested<R>(
    path: &mut Path,
    duplicates: &mut Vec<String>,
    read: impl FnOnce(&mut Reader) -> R,
) -> R {
    let mut reader = Reader {
        path: std::mem::take(path),
        duplicates: std::mem::take(duplicates),
    };
    let result = read(&mut reader);
    *path = reader.path;
    *duplicates = reader.duplicates;
    result
}

#[cfg(test)]
mod tests;
