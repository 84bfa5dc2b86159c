//! Kubernetes objects as trees of values, and their YAML form.

use serde_json::{Map, Value};

use crate::Error;

/// An object with the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The whole object.
    pub value: Value,
    /// The file it was written in, or the kustomization that generated it.
    pub origin: String,
}

impl Object {
    fn text(&self, pointer: &str) -> &str {
        self.value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// The API group; empty for core.
    pub fn group(&self) -> &str {
        self.api_version()
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The version within the group.
    pub fn version(&self) -> &str {
        self.api_version().rsplit('/').next().unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`; empty where it has none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// `Deployment production/web`, for messages.
    pub fn describe(&self) -> String {
        match self.namespace() {
            "" => format!("{} {}", self.kind(), self.name()),
            namespace => format!("{} {namespace}/{}", self.kind(), self.name()),
        }
    }

    /// Sets `metadata.<field>`.
    pub(crate) fn set_metadata(&mut self, field: &str, text: &str) {
        let metadata = entry(&mut self.value, "metadata");
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert(field.to_owned(), text.into());
        }
    }
}

/// The object under `key`, made where it is missing.
pub(crate) fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let slot = &mut value[key];
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot
}

/// Reads the objects of a manifest file, which may hold several documents and `List`s.
///
/// # Errors
/// [`Error::Malformed`] with the file and the line where it is not YAML, or a document is no object
/// with `apiVersion`, `kind` and `metadata.name`.
pub fn parse_manifest(file: &str, bytes: &[u8]) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for document in parse_documents(file, bytes)? {
        let items = match document["kind"].as_str() {
            Some(kind) if kind.ends_with("List") && document["items"].is_array() => {
                document["items"].as_array().cloned().unwrap_or_default()
            }
            _ => vec![document],
        };
        for value in items {
            objects.push(checked(file, value)?);
        }
    }
    Ok(objects)
}

fn checked(file: &str, value: Value) -> Result<Object, Error> {
    let malformed = |detail: String| Error::Malformed {
        file: file.to_owned(),
        line: None,
        detail,
    };
    if !value.is_object() {
        return Err(malformed(
            "a document is not an object with apiVersion and kind".to_owned(),
        ));
    }
    let object = Object {
        value,
        origin: file.to_owned(),
    };
    let generated = object.value.pointer("/metadata/generateName").is_some();
    for (field, text) in [
        ("apiVersion", object.api_version()),
        ("kind", object.kind()),
        ("metadata.name", object.name()),
    ] {
        if text.is_empty() && !(field == "metadata.name" && generated) {
            let kind = if object.kind().is_empty() {
                "an object"
            } else {
                object.kind()
            };
            return Err(malformed(format!("{kind} has no {field}")));
        }
    }
    Ok(object)
}

/// The non-empty documents of a YAML (or JSON) file.
pub(crate) fn parse_documents(file: &str, bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed {
        file: file.to_owned(),
        line: None,
        detail: "the file is not UTF-8".to_owned(),
    })?;
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Error::Malformed {
            file: file.to_owned(),
            line: error.location().map(|location| location.line()),
            detail: error.to_string(),
        })?;
    Ok(documents
        .into_iter()
        .flatten()
        .filter(|document| !document.is_null())
        .collect())
}

/// The objects as one YAML text, `---` between them.
pub fn to_yaml<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = objects
        .into_iter()
        .map(|value| serde_saphyr::to_string(value).unwrap_or_default())
        .collect();
    documents.join("---\n")
}
