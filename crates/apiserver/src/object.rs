//! An object as a tree of values, with the few readings of it that every kind shares.

use bytes::Bytes;
use jiff::Timestamp;
use seatrial_store::{Draft, Metadata, Pairs};
use serde_json::{Map, Value};

/// A decoded object: a JSON object with `metadata`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(pub Map<String, Value>);

impl Object {
    /// Reads stored bytes, which this crate wrote itself.
    ///
    /// # Errors
    /// Where the bytes are no JSON object, which means that the data directory is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(Self)
    }

    /// The text at `path`, or "" where there is none.
    pub fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The value at `path`.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.0.get(*first)?, |value, step| value.get(step))
    }

    /// The object at `key`, made if it is absent or no object.
    pub fn section(&mut self, key: &str) -> &mut Map<String, Value> {
        section(&mut self.0, key)
    }

    /// `metadata`, made if absent.
    pub fn metadata(&mut self) -> &mut Map<String, Value> {
        self.section("metadata")
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.text(&["metadata", "uid"])
    }

    /// `metadata.generation`, 0 where unset.
    pub fn generation(&self) -> i64 {
        self.at(&["metadata", "generation"])
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    /// The entries of `metadata.finalizers`.
    pub fn finalizers(&self) -> Vec<&str> {
        let finalizers = self
            .at(&["metadata", "finalizers"])
            .and_then(Value::as_array);
        finalizers
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Sets `metadata.finalizers`, removing the field where there are none.
    pub fn set_finalizers(&mut self, finalizers: Vec<String>) {
        if finalizers.is_empty() {
            self.metadata().remove("finalizers");
        } else {
            self.metadata()
                .insert("finalizers".to_owned(), finalizers.into());
        }
    }

    /// Whether deletion has begun.
    pub fn deleting(&self) -> bool {
        !self.text(&["metadata", "deletionTimestamp"]).is_empty()
    }

    /// Encodes the object with a hole for its revision. `apiVersion` and `kind` come first, so that
    /// another version of the object can be made by replacing the beginning.
    pub fn draft(&self) -> Draft {
        let (bytes, hole) = self.encode(Revision::Hole);
        Draft::new(bytes, hole)
    }

    /// Encodes an object that is not stored and so has no revision.
    pub fn unstored(&self) -> Bytes {
        self.encode(Revision::Absent).0.into()
    }

    /// Encodes an object that was read from the store, in the order in which the store keeps it.
    pub(crate) fn as_stored(&self) -> Bytes {
        self.encode(Revision::Kept).0.into()
    }

    fn encode(&self, revision: Revision) -> (Vec<u8>, usize) {
        let mut bytes = Vec::with_capacity(1024);
        let mut hole = 0;
        bytes.push(b'{');
        for key in ["apiVersion", "kind"] {
            write_entry(&mut bytes, key, self.0.get(key).unwrap_or(&Value::Null));
        }
        for (key, value) in &self.0 {
            match (key.as_str(), value) {
                ("apiVersion" | "kind", _) => {}
                ("metadata", Value::Object(metadata)) => {
                    write_key(&mut bytes, key);
                    hole = write_metadata(&mut bytes, metadata, revision);
                }
                _ => write_entry(&mut bytes, key, value),
            }
        }
        bytes.push(b'}');
        (bytes, hole)
    }

    /// What the store needs to know for selection. `fields` are the kind's selectable paths.
    pub fn selectable(&self, fields: &[String]) -> Metadata {
        let labels = self.at(&["metadata", "labels"]).and_then(Value::as_object);
        let field = |path: &String| {
            let steps: Vec<&str> = path.split('.').collect();
            let text = match self.at(&steps)? {
                Value::String(text) => text.clone(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
                scalar => scalar.to_string(),
            };
            (!text.is_empty()).then(|| (path.clone(), text))
        };
        Metadata {
            uid: self.uid().into(),
            labels: labels.map(text_pairs).unwrap_or_default(),
            fields: fields.iter().filter_map(field).collect(),
            deleting: self.deleting(),
        }
    }
}

/// The object at `key` of `map`, made if it is absent or no object.
pub fn section<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object just above"),
    }
}

fn text_pairs(map: &Map<String, Value>) -> Pairs {
    map.iter()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

/// A moment as Kubernetes writes it: whole seconds in UTC.
pub fn timestamp(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second())
        .unwrap_or(moment)
        .to_string()
}

fn write_key(bytes: &mut Vec<u8>, key: &str) {
    if bytes.last() != Some(&b'{') {
        bytes.push(b',');
    }
    write_value(bytes, &Value::String(key.to_owned()));
    bytes.push(b':');
}

fn write_entry(bytes: &mut Vec<u8>, key: &str, value: &Value) {
    write_key(bytes, key);
    write_value(bytes, value);
}

fn write_value(bytes: &mut Vec<u8>, value: &Value) {
    // Values have text keys only and a vector takes every byte, so this cannot fail.
    let _ = serde_json::to_writer(bytes, value);
}

/// What to write for the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Revision {
    /// An empty text, to be filled in when the object is stored.
    Hole,
    /// Nothing.
    Absent,
    /// The one that the object has.
    Kept,
}

/// Writes `metadata` and returns where its revision belongs.
fn write_metadata(bytes: &mut Vec<u8>, metadata: &Map<String, Value>, revision: Revision) -> usize {
    bytes.push(b'{');
    for (key, value) in metadata {
        if key != "resourceVersion" || revision == Revision::Kept {
            write_entry(bytes, key, value);
        }
    }
    let mut hole = bytes.len();
    if revision == Revision::Hole {
        write_key(bytes, "resourceVersion");
        bytes.push(b'"');
        hole = bytes.len();
        bytes.push(b'"');
    }
    bytes.push(b'}');
    hole
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_draft_begins_with_the_type_and_ends_its_metadata_with_the_revision() {
        let Value::Object(map) = json!({
            "data": {"a": "b"},
            "kind": "ConfigMap",
            "metadata": {"name": "x", "resourceVersion": "7", "uid": "u"},
            "apiVersion": "v1",
        }) else {
            unreachable!("a literal object");
        };
        let filled = Object(map).draft().fill(42);
        assert_eq!(
            std::str::from_utf8(&filled).unwrap(),
            r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"},"metadata":{"name":"x","uid":"u","resourceVersion":"42"}}"#
        );
    }
}
