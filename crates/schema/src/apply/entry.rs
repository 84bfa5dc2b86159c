//! The entries of `metadata.managedFields`.

use serde_json::{Map, Value, json};

use super::{Conflict, FieldSet, Manager, Operation};

/// What one manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the field manager.
    pub manager: String,
    /// How it writes.
    pub operation: Operation,
    /// The version in which it writes.
    pub api_version: String,
    /// The subresource it writes to; empty for the object itself.
    pub subresource: String,
    /// When it last changed what it owns.
    pub time: String,
    /// What it owns.
    pub fields: FieldSet,
}

impl Entry {
    pub(super) fn is_of(&self, manager: &Manager<'_>) -> bool {
        self.manager == manager.name
            && self.operation == manager.operation
            && self.subresource == manager.subresource
            // An applier has one entry for the kind, whichever version it speaks.
            && (self.operation == Operation::Apply || self.api_version == manager.api_version)
    }

    pub(super) fn conflict(&self, field: String) -> Conflict {
        let time = match self.operation {
            Operation::Apply => String::new(),
            Operation::Update => self.time.clone(),
        };
        Conflict {
            manager: self.manager.clone(),
            api_version: self.api_version.clone(),
            subresource: self.subresource.clone(),
            time,
            field,
        }
    }

    fn decode(value: &Value) -> Option<Self> {
        let text = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let operation = match text("operation").as_str() {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: FieldSet::decode(value.get("fieldsV1").unwrap_or(&Value::Null)),
        })
    }

    fn encode(&self) -> Value {
        let mut entry = Map::new();
        let mut set = |name: &str, text: &str| {
            if !text.is_empty() {
                entry.insert(name.to_owned(), text.into());
            }
        };
        set("manager", &self.manager);
        set("operation", self.operation.name());
        set("apiVersion", &self.api_version);
        set("time", &self.time);
        set("subresource", &self.subresource);
        set("fieldsType", "FieldsV1");
        entry.insert("fieldsV1".to_owned(), self.fields.encode());
        Value::Object(entry)
    }
}

/// The entries of an object. Malformed ones are left out.
pub(super) fn read(object: &Value) -> Vec<Entry> {
    let list = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Entry::decode)
        .collect()
}

/// Writes the entries into an object, in upstream's order, without those that own nothing.
pub(super) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|left, right| {
        let key = |entry: &Entry| {
            (
                entry.operation,
                entry.time.clone(),
                entry.manager.clone(),
                entry.subresource.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    let Value::Object(object) = object else {
        return;
    };
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    let Value::Object(metadata) = metadata else {
        return;
    };
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        let entries = entries.iter().map(Entry::encode).collect();
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

/// Sets what a manager owns. The time stays where that is what it owned before.
pub(super) fn record(entries: &mut Vec<Entry>, manager: &Manager<'_>, fields: FieldSet) {
    let own = entries.iter_mut().find(|entry| entry.is_of(manager));
    match own {
        Some(entry) => {
            if entry.fields != fields || entry.api_version != manager.api_version {
                manager.time.clone_into(&mut entry.time);
            }
            manager.api_version.clone_into(&mut entry.api_version);
            entry.fields = fields;
        }
        None => entries.push(Entry {
            manager: manager.name.to_owned(),
            operation: manager.operation,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.to_owned(),
            time: manager.time.to_owned(),
            fields,
        }),
    }
}

/// The fields that the server writes itself, which nobody owns.
const SERVER: &[&str] = &[
    "f:creationTimestamp",
    "f:deletionGracePeriodSeconds",
    "f:deletionTimestamp",
    "f:generation",
    "f:managedFields",
    "f:name",
    "f:namespace",
    "f:resourceVersion",
    "f:selfLink",
    "f:uid",
];

pub(super) fn without_server_fields(mut fields: FieldSet) -> FieldSet {
    fields.cut("f:apiVersion");
    fields.cut("f:kind");
    // The metadata is owned field by field.
    let mut metadata = fields.take("f:metadata");
    for name in SERVER {
        metadata.cut(name);
    }
    fields.insert_below("f:metadata".to_owned(), metadata);
    fields.tidy();
    fields
}
