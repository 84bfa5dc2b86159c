//! The entries of `metadata.managedFields`.

use serde_json::{Map, Value};

use super::{Conflict, FieldSet, Manager, Operation};
use crate::structure::Structure;

/// What one manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
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
    pub(super) fields: Fields,
}

/// A set of fields, which stays encoded until it must change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fields {
    /// As it is in the object.
    Encoded(Value),
    /// Decoded.
    Set(FieldSet),
}

impl Fields {
    pub(super) fn set(&self) -> FieldSet {
        match self {
            Self::Encoded(value) => FieldSet::decode(value),
            Self::Set(set) => set.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Encoded(value) => value.as_object().is_none_or(Map::is_empty),
            Self::Set(set) => set.is_empty(),
        }
    }

    /// Follows a change of the kind's schema.
    pub(super) fn settle(&mut self, structure: Structure<'_>) {
        let mut set = self.set();
        set.settle(structure);
        *self = Self::Set(set);
    }

    /// Takes fields out. What has none of them stays encoded.
    pub(super) fn subtract(&mut self, fields: &FieldSet) {
        match self {
            Self::Encoded(value) if !fields.overlaps(value) => {}
            other => *other = Self::Set(other.set().difference(fields)),
        }
    }

    fn encode(self) -> Value {
        match self {
            Self::Encoded(value) => value,
            Self::Set(set) => set.encode(),
        }
    }
}

impl Entry {
    pub(super) fn of(manager: &Manager<'_>, fields: FieldSet) -> Self {
        Self {
            manager: manager.name.to_owned(),
            operation: manager.operation,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.to_owned(),
            time: manager.time.to_owned(),
            fields: Fields::Set(fields),
        }
    }

    pub(super) fn is_of(&self, manager: &Manager<'_>) -> bool {
        self.manager == manager.name
            && self.operation == manager.operation
            && self.subresource == manager.subresource
            // An applier has one entry for the kind, whichever version it speaks.
            && (self.operation == Operation::Apply || self.api_version == manager.api_version)
    }

    pub(super) fn conflict(&self, field: String) -> Conflict {
        Conflict {
            manager: self.manager.clone(),
            operation: self.operation,
            api_version: self.api_version.clone(),
            subresource: self.subresource.clone(),
            field,
        }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// Gives the entry back where it is malformed.
    fn decode(value: Value) -> Result<Self, Value> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err(value),
        };
        if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
            return Err(value);
        }
        let [manager, api_version, subresource, time] =
            ["manager", "apiVersion", "subresource", "time"].map(|name| text(name).to_owned());
        let fields = match value {
            Value::Object(mut entry) => entry.remove("fieldsV1"),
            _ => None,
        };
        Ok(Self {
            manager,
            operation,
            api_version,
            subresource,
            time,
            fields: Fields::Encoded(fields.unwrap_or_else(|| Value::Object(Map::new()))),
        })
    }

    fn encode(self) -> Value {
        let mut entry = Map::new();
        let operation = self.operation.name().to_owned();
        for (name, text) in [
            ("manager", self.manager),
            ("operation", operation),
            ("apiVersion", self.api_version),
            ("time", self.time),
            ("subresource", self.subresource),
            ("fieldsType", "FieldsV1".to_owned()),
        ] {
            if !text.is_empty() {
                entry.insert(name.to_owned(), Value::String(text));
            }
        }
        entry.insert("fieldsV1".to_owned(), self.fields.encode());
        Value::Object(entry)
    }
}

/// The record of who owns what, as an object carries it.
#[derive(Debug)]
pub(super) enum Record {
    /// The object does not say.
    Absent,
    /// The client asks for the record to be forgotten.
    Reset,
    /// What it says, read; malformed entries are none.
    Entries(Vec<Entry>),
}

/// Takes the record out of an object. One with a malformed entry counts as absent.
pub(super) fn take(object: &mut Map<String, Value>) -> Record {
    let Some(Value::Object(metadata)) = object.get_mut("metadata") else {
        return Record::Absent;
    };
    match metadata.remove("managedFields") {
        Some(Value::Array(list)) => read(list),
        _ => Record::Absent,
    }
}

fn read(list: Vec<Value>) -> Record {
    let nothing = |entry: &Value| entry.as_object().is_some_and(Map::is_empty);
    if list.is_empty() || (list.len() == 1 && list.iter().all(nothing)) {
        return Record::Reset;
    }
    let entries: Result<Vec<Entry>, Value> = list.into_iter().map(Entry::decode).collect();
    entries.map_or(Record::Absent, Record::Entries)
}

/// The entries of a stored object.
pub(super) fn entries_of(object: &Map<String, Value>) -> Vec<Entry> {
    let list = object
        .get("metadata")
        .and_then(|it| it.get("managedFields"));
    match list.and_then(Value::as_array).cloned().map(read) {
        Some(Record::Entries(entries)) => entries,
        _ => Vec::new(),
    }
}

/// Writes the entries into an object, in upstream's order, without those that own nothing.
pub(super) fn write(object: &mut Map<String, Value>, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|left, right| order(left).cmp(&order(right)));
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(metadata) = metadata else {
        return;
    };
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        let entries = entries.into_iter().map(Entry::encode).collect();
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

fn order(entry: &Entry) -> (Operation, &str, &str, &str, &str) {
    (
        entry.operation,
        &entry.time,
        &entry.manager,
        &entry.api_version,
        &entry.subresource,
    )
}

/// The most entries for updates that an object keeps (upstream's `DefaultMaxUpdateManagers`).
const MOST_UPDATERS: usize = 10;

/// The manager that inherits from those that are too many.
const ANCIENT: &str = "ancient-changes";

/// Joins the oldest entries for updates of one version until there are few enough.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let count = |entries: &[Entry]| {
        let updaters = entries.iter();
        updaters
            .filter(|entry| entry.operation == Operation::Update)
            .count()
    };
    if count(entries) <= MOST_UPDATERS {
        return;
    }
    entries.sort_by(|left, right| order(left).cmp(&order(right)));
    let mut at = 0;
    while at < entries.len() && count(entries) > MOST_UPDATERS {
        let older = entries[..at].iter().position(|entry| {
            entry.operation == Operation::Update && entry.api_version == entries[at].api_version
        });
        let (Operation::Update, Some(older)) = (entries[at].operation, older) else {
            at += 1;
            continue;
        };
        let newer = entries.remove(at);
        let bucket = &mut entries[older];
        ANCIENT.clone_into(&mut bucket.manager);
        bucket.subresource.clear();
        bucket.time = newer.time;
        bucket.fields = Fields::Set(bucket.fields.set().union(&newer.fields.set()));
    }
}

/// The fields that the server writes itself, which nobody owns.
const SERVER: &[&str] = &[
    "f:creationTimestamp",
    "f:generation",
    "f:managedFields",
    "f:name",
    "f:namespace",
    "f:resourceVersion",
    "f:selfLink",
    "f:uid",
];

/// Takes out what nobody owns: what the server writes, and what the path cannot change.
pub(super) fn strip(fields: &mut FieldSet, reset: &[&str]) {
    fields.cut("f:apiVersion");
    fields.cut("f:kind");
    for name in reset {
        fields.cut(name);
    }
    // The metadata is owned field by field.
    let mut metadata = fields.take("f:metadata");
    for name in SERVER {
        metadata.cut(name);
    }
    fields.insert_below("f:metadata".to_owned(), metadata);
}
