//! Values whose shape another project defines and that we only carry.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema of an object with any fields, for `#[schemars(schema_with = …)]`.
pub(crate) fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// The schema of any value at all.
pub(crate) fn value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
