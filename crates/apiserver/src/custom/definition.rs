//! What is kept of a definition beside its row in the registry.

use std::sync::OnceLock;

use seatrial_schema::Type;
use serde_json::Value;

use super::rules::Rules;
use crate::failure::Cause;

/// The schemas of a custom kind, by version; read when one is first needed.
#[derive(Debug)]
pub struct Definition {
    pub(super) schemas: Vec<Schema>,
    /// `spec.conversion.webhook.clientConfig`, where a webhook converts between versions.
    pub(super) converter: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Schema {
    pub(super) version: String,
    /// As JSON text: the tree takes many times the memory and is rarely needed.
    pub(super) text: Box<str>,
    /// Whether it may set defaults.
    pub(super) defaults: bool,
    pub(super) read: OnceLock<Type>,
    pub(super) rules: OnceLock<Rules>,
}

impl Definition {
    fn schema(&self, version: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| schema.version == version)
    }

    /// Whom to ask for conversion, as a `clientConfig`.
    pub(crate) fn converter(&self) -> Option<&Value> {
        self.converter.as_ref()
    }

    /// The `openAPIV3Schema` of a version.
    pub(crate) fn tree(&self, version: &str) -> Option<Value> {
        let schema = self.schema(version)?;
        // The text was written from a tree.
        serde_json::from_str(&schema.text).ok()
    }

    /// What the schema of a version says. A version without a usable schema allows every field.
    pub(crate) fn type_of(&self, version: &str) -> Type {
        let Some(schema) = self.schema(version) else {
            return Type::Unknown;
        };
        let read = || {
            let tree = serde_json::from_str(&schema.text).unwrap_or_default();
            Type::custom(&tree).unwrap_or_else(|error| {
                tracing::error!(%version, %error, "the schema of a definition cannot be used");
                Type::Unknown
            })
        };
        schema.read.get_or_init(read).clone()
    }

    /// Whether the schema of a version may set defaults.
    pub(crate) fn has_defaults(&self, version: &str) -> bool {
        self.schema(version).is_some_and(|schema| schema.defaults)
    }

    /// What the rules of a version find wrong with an object, and with its change from `old`.
    pub(crate) fn broken_rules(
        &self,
        version: &str,
        object: &Value,
        old: Option<&Value>,
    ) -> Vec<Cause> {
        let Some(schema) = self.schema(version) else {
            return Vec::new();
        };
        let compile = || Rules::of(&serde_json::from_str(&schema.text).unwrap_or_default());
        schema.rules.get_or_init(compile).validate(object, old)
    }
}
