//! How large the values of a schema may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::size::Size;
use crate::cel::field;

/// The longest request, in bytes: nothing is larger.
const REQUEST: u64 = 3 << 20;

/// The sizes of values that a schema describes, by upstream's rules (`apiserver/pkg/cel/common/schemas.go`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    fields: BTreeMap<String, Declared>,
    /// What is in a list or map.
    item: Option<Box<Declared>>,
    keyed: bool,
    /// The longest a value may be: letters, items or entries; 0 for what has no length.
    most: u64,
    /// How many bytes of JSON a value takes at least.
    least_bytes: u64,
}

impl Declared {
    /// The sizes of what an `openAPIV3Schema` describes; `None` where expressions do not see it.
    pub fn from_schema(schema: &Json) -> Option<Self> {
        read(schema, flag(schema, "x-kubernetes-embedded-resource"))
    }

    /// The same for the schema of a whole object of the API.
    pub fn from_root_schema(schema: &Json) -> Option<Self> {
        read(schema, true)
    }

    /// How often such a value can stand in one request at most.
    pub fn most_in_request(&self) -> u64 {
        REQUEST / (self.least_bytes + 1)
    }

    /// The sizes of a field's values.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.fields.get(name)
    }

    /// The sizes of what is in a list or map.
    pub fn item(&self) -> Option<&Self> {
        self.item.as_deref()
    }

    /// The size of what a path leads to. Upstream does not ask at which variable it begins.
    pub(super) fn size(&self, path: &[Arc<str>]) -> Option<Size> {
        let (_, steps) = path.split_first()?;
        let text = Self::default();
        let mut place = self;
        for step in steps {
            place = match &**step {
                "@items" | "@values" => place.item.as_deref()?,
                "@keys" if place.keyed => &text,
                "@keys" => return None,
                name => {
                    let fields = &place.fields;
                    fields.get(field::unescape(name).as_ref())?
                }
            };
        }
        Some(Size::up_to(place.most))
    }
}

fn flag(schema: &Json, keyword: &str) -> bool {
    schema.get(keyword).and_then(Json::as_bool) == Some(true)
}

/// A limit of the schema; what is negative counts as nothing.
fn limit(schema: &Json, keyword: &str) -> Option<u64> {
    let limit = schema.get(keyword)?.as_i64()?;
    Some(u64::try_from(limit).unwrap_or(0))
}

fn simple(least_bytes: u64, most: u64) -> Declared {
    Declared {
        most,
        least_bytes,
        ..Declared::default()
    }
}

fn read(schema: &Json, whole: bool) -> Option<Declared> {
    // Letters count four times: each may take as many bytes.
    let longest = limit(schema, "maxLength").map(|limit| limit.saturating_mul(4));
    if flag(schema, "x-kubernetes-int-or-string") {
        return Some(simple(1, longest.unwrap_or(REQUEST - 2)));
    }
    let word = |keyword: &str| schema.get(keyword).and_then(Json::as_str);
    match word("type")? {
        "boolean" => Some(simple(4, 0)),
        "integer" | "number" => Some(simple(1, 0)),
        "string" => Some(match word("format") {
            Some("byte") => simple(2, limit(schema, "maxLength").unwrap_or(REQUEST - 2)),
            Some("duration") => simple(3, 32),
            Some("date") => simple(12, 12),
            Some("date-time") => simple(21, 32),
            _ => simple(2, longest.unwrap_or_else(|| longest_choice(schema))),
        }),
        "array" => {
            let items = embedded(schema.get("items")?)?;
            let most = limit(schema, "maxItems");
            let most = most.unwrap_or((REQUEST - 2) / (items.least_bytes + 1));
            Some(Declared {
                item: Some(Box::new(items)),
                ..simple(2, most)
            })
        }
        "object" => object(schema, whole),
        _ => None,
    }
}

fn embedded(schema: &Json) -> Option<Declared> {
    Declared::from_schema(schema)
}

fn longest_choice(schema: &Json) -> u64 {
    let choices = schema.get("enum").and_then(Json::as_array);
    let choices = choices.filter(|choices| !choices.is_empty());
    choices.map_or(REQUEST - 2, |choices| {
        let texts = choices.iter().filter_map(Json::as_str);
        texts.map(|text| text.len() as u64).max().unwrap_or(0)
    })
}

fn object(schema: &Json, whole: bool) -> Option<Declared> {
    if let Some(values) = schema
        .get("additionalProperties")
        .filter(|values| values.is_object())
    {
        let values = embedded(values)?;
        let most = limit(schema, "maxProperties");
        let most = most.unwrap_or((REQUEST - 2) / (values.least_bytes + 6));
        return Some(Declared {
            item: Some(Box::new(values)),
            keyed: true,
            ..simple(2, most)
        });
    }
    let mut least_bytes = 2;
    let mut fields = BTreeMap::new();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Json::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let Some(field) = embedded(property) else {
            continue;
        };
        if required.contains(&name.as_str()) && property.get("default").is_none() {
            least_bytes += name.len() as u64 + field.least_bytes + 4;
        }
        fields.insert(name.clone(), field);
    }
    if whole {
        let text = || simple(2, REQUEST - 2);
        for name in ["kind", "apiVersion"] {
            fields.insert(name.to_owned(), text());
        }
        let names = ["name", "generateName"].map(|name| (name.to_owned(), text()));
        let metadata = Declared {
            fields: names.into_iter().collect(),
            ..simple(2, 0)
        };
        fields.insert("metadata".to_owned(), metadata);
    }
    Some(Declared {
        fields,
        ..simple(least_bytes, 0)
    })
}
