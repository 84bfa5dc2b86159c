//! `-o`: objects for people or for programs.

use anyhow::Context as _;
use clap::ValueEnum;
use kube::Resource;
use serde::Serialize;
use serde_json::{Value, json};

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table or a summary.
    #[default]
    #[value(hide = true)]
    Text,
    /// A table with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// How a command is told the form of its output.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Output {
    /// The form of the output
    #[arg(
        long = "output",
        short = 'o',
        value_name = "OUTPUT",
        value_enum,
        default_value_t,
        hide_default_value = true
    )]
    pub(crate) form: Format,
}

/// The data as JSON or YAML; nothing for the forms that people read.
///
/// # Errors
/// Where the data cannot be encoded.
pub(crate) fn encoded(format: Format, data: &impl Serialize) -> anyhow::Result<Option<String>> {
    match format {
        Format::Text | Format::Wide => Ok(None),
        Format::Json => {
            let text = serde_json::to_string_pretty(data).context("encoding as JSON")?;
            Ok(Some(format!("{text}\n")))
        }
        Format::Yaml => {
            // By way of a tree, so that both forms have the same fields in the same order.
            let tree = serde_json::to_value(data).context("encoding as YAML")?;
            Ok(Some(seatrial_render::to_yaml([&tree])))
        }
    }
}

/// An object with its apiVersion and kind, which not every type writes by itself.
pub(crate) fn object<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = K::api_version(&()).into();
    value["kind"] = K::kind(&()).into();
    value
}

/// A list object of these items.
pub(crate) fn list<K: Resource<DynamicType = ()> + Serialize>(items: &[K]) -> Value {
    let items: Vec<Value> = items.iter().map(object).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
