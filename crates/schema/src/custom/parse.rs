//! From the JSON of an `openAPIV3Schema` to [`Node`]s.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Additional, Bound, Embedded, Kind, Limits, List, Node, Null, Unknown};
use crate::fact::MapKind;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A keyword has a value of the wrong type.
    #[error("schema at {path:?}: {keyword} must be {expected}")]
    Keyword {
        /// The place in the schema.
        path: String,
        /// The keyword.
        keyword: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The type is none of OpenAPI's.
    #[error(
        "schema at {path:?}: unknown type {name:?}; use object, array, string, integer, number or boolean"
    )]
    Type {
        /// The place in the schema.
        path: String,
        /// The type.
        name: String,
    },
    /// A pattern is no regular expression.
    #[error("schema at {path:?}: the pattern {pattern:?} cannot be compiled")]
    Pattern {
        /// The place in the schema.
        path: String,
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// Schemas are nested too deeply.
    #[error("schema at {path:?} is nested more than {DEPTH} levels deep")]
    Depth {
        /// The place in the schema.
        path: String,
    },
}

const DEPTH: usize = 128;

/// Reads the schema of the root.
pub(super) fn node(schema: &Value) -> Result<Node, Error> {
    Reader { path: Vec::new() }.node(schema)
}

struct Reader {
    path: Vec<String>,
}

impl Reader {
    fn place(&self) -> String {
        self.path.join(".")
    }

    fn wrong(&self, keyword: &'static str, expected: &'static str) -> Error {
        Error::Keyword {
            path: self.place(),
            keyword,
            expected,
        }
    }

    fn below(&mut self, step: String, schema: &Value) -> Result<Node, Error> {
        self.path.push(step);
        if self.path.len() > DEPTH {
            return Err(Error::Depth { path: self.place() });
        }
        let node = self.node(schema)?;
        self.path.pop();
        Ok(node)
    }

    fn node(&mut self, schema: &Value) -> Result<Node, Error> {
        let Some(schema) = schema.as_object() else {
            return Err(self.wrong("the schema", "an object"));
        };
        let flag = |keyword: &str| {
            schema
                .get(keyword)
                .and_then(Value::as_bool)
                .unwrap_or_default()
        };
        let mut properties = std::collections::BTreeMap::new();
        if let Some(given) = schema.get("properties") {
            let given = given
                .as_object()
                .ok_or_else(|| self.wrong("properties", "an object"))?;
            for (name, schema) in given {
                properties.insert(name.clone(), self.below(name.clone(), schema)?);
            }
        }
        let items = match schema.get("items") {
            Some(items) => Some(Box::new(self.below("[]".to_owned(), items)?)),
            None => None,
        };
        Ok(Node {
            kind: self.kind(schema)?,
            properties,
            required: self.texts(schema, "required")?,
            additional: self.additional(schema)?,
            items,
            null: if flag("nullable") {
                Null::Allowed
            } else {
                Null::Refused
            },
            default: schema.get("default").cloned(),
            choices: schema
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            pattern: self.pattern(schema)?,
            format: schema
                .get("format")
                .and_then(Value::as_str)
                .map(str::to_owned),
            minimum: bound(schema, "minimum", "exclusiveMinimum"),
            maximum: bound(schema, "maximum", "exclusiveMaximum"),
            multiple_of: schema.get("multipleOf").and_then(Value::as_f64),
            length: limits(schema, "minLength", "maxLength"),
            count: limits(schema, "minItems", "maxItems"),
            size: limits(schema, "minProperties", "maxProperties"),
            unique: flag("uniqueItems"),
            unknown: if flag("x-kubernetes-preserve-unknown-fields") {
                Unknown::Preserved
            } else {
                Unknown::Pruned
            },
            embedded: if flag("x-kubernetes-embedded-resource") {
                Embedded::Resource
            } else {
                Embedded::Value
            },
            list: self.list(schema)?,
            map: match schema.get("x-kubernetes-map-type").and_then(Value::as_str) {
                Some("atomic") => MapKind::Atomic,
                _ => MapKind::Granular,
            },
            all_of: self.several(schema, "allOf")?,
            any_of: self.several(schema, "anyOf")?,
            one_of: self.several(schema, "oneOf")?,
            not: match schema.get("not") {
                Some(schema) => Some(Box::new(self.below("not".to_owned(), schema)?)),
                None => None,
            },
        })
    }

    fn kind(&self, schema: &Map<String, Value>) -> Result<Kind, Error> {
        if schema
            .get("x-kubernetes-int-or-string")
            .and_then(Value::as_bool)
            == Some(true)
        {
            return Ok(Kind::IntOrString);
        }
        match schema
            .get("type")
            .map(|name| name.as_str().unwrap_or_default())
        {
            None | Some("") => Ok(Kind::Any),
            Some("object") => Ok(Kind::Object),
            Some("array") => Ok(Kind::Array),
            Some("string") => Ok(Kind::Text),
            Some("integer") => Ok(Kind::Integer),
            Some("number") => Ok(Kind::Number),
            Some("boolean") => Ok(Kind::Boolean),
            Some(name) => Err(Error::Type {
                path: self.place(),
                name: name.to_owned(),
            }),
        }
    }

    fn texts(&self, schema: &Map<String, Value>, key: &'static str) -> Result<Vec<String>, Error> {
        let Some(given) = schema.get(key) else {
            return Ok(Vec::new());
        };
        let list = given
            .as_array()
            .ok_or_else(|| self.wrong(key, "a list of texts"))?;
        let text = |item: &Value| item.as_str().map(str::to_owned);
        let texts: Option<Vec<String>> = list.iter().map(text).collect();
        texts.ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    fn additional(&mut self, schema: &Map<String, Value>) -> Result<Additional, Error> {
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(false)) => Ok(Additional::None),
            Some(Value::Bool(true)) => Ok(Additional::Any),
            Some(values) => {
                let node = self.below("*".to_owned(), values)?;
                Ok(Additional::Schema(Box::new(node)))
            }
        }
    }

    fn pattern(&self, schema: &Map<String, Value>) -> Result<Option<Regex>, Error> {
        let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else {
            return Ok(None);
        };
        Regex::new(pattern)
            .map(Some)
            .map_err(|source| Error::Pattern {
                path: self.place(),
                pattern: pattern.to_owned(),
                source: Box::new(source),
            })
    }

    fn list(&self, schema: &Map<String, Value>) -> Result<List, Error> {
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => Ok(List::Atomic),
            Some("set") => Ok(List::Set),
            Some("map") => {
                let keys = self.texts(schema, "x-kubernetes-list-map-keys")?;
                if keys.is_empty() {
                    return Err(self.wrong("x-kubernetes-list-map-keys", "given for a map list"));
                }
                Ok(List::Map(keys))
            }
            Some(_) => Err(self.wrong("x-kubernetes-list-type", "atomic, set or map")),
        }
    }

    fn several(
        &mut self,
        schema: &Map<String, Value>,
        keyword: &'static str,
    ) -> Result<Vec<Node>, Error> {
        let Some(given) = schema.get(keyword) else {
            return Ok(Vec::new());
        };
        let list = given
            .as_array()
            .ok_or_else(|| self.wrong(keyword, "a list of schemas"))?;
        let mut nodes = Vec::new();
        for (index, schema) in list.iter().enumerate() {
            nodes.push(self.below(format!("{keyword}[{index}]"), schema)?);
        }
        Ok(nodes)
    }
}

fn bound(schema: &Map<String, Value>, keyword: &str, exclusive: &str) -> Option<Bound> {
    let value = schema.get(keyword)?.as_f64()?;
    let exclusive = schema
        .get(exclusive)
        .and_then(Value::as_bool)
        .unwrap_or_default();
    Some(Bound { value, exclusive })
}

fn limits(schema: &Map<String, Value>, least: &str, most: &str) -> Limits {
    let number = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    Limits {
        least: number(least),
        most: number(most),
    }
}
