//! From a definition to a row in the registry.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::definition::{Definition, Schema};
use super::{flag, stored_version, text, texts, versions};
use crate::object::Object;
use crate::registry::{
    Conversion, Generation, Kind, Origin, ScalePaths, Scope, Subresource, Verbs, Version,
    api_version, priority, qualified,
};
use crate::table::Column;

/// The kind that a definition describes.
pub(crate) fn kind(definition: &Object) -> Kind {
    let group = definition.text(&["spec", "group"]);
    let names = definition.at(&["spec", "names"]);
    let plural = text(names, "plural");
    let mut served: Vec<&Value> = versions(definition)
        .into_iter()
        .filter(|version| flag(version, "served"))
        .collect();
    served.sort_by_key(|version| std::cmp::Reverse(priority(&text(Some(version), "name"))));
    let webhook = definition.text(&["spec", "conversion", "strategy"]) == "Webhook";
    let converter = definition
        .at(&["spec", "conversion", "webhook", "clientConfig"])
        .filter(|_| webhook);
    let conversion = if converter.is_some() {
        Conversion::Webhook
    } else {
        Conversion::Rename
    };
    let schema = |version: &Value| {
        let tree = version.pointer("/schema/openAPIV3Schema");
        let tree: Box<str> = tree.map_or_else(|| "{}".into(), |schema| schema.to_string().into());
        Schema {
            version: text(Some(version), "name"),
            // A property of this name costs a needless look at each object, no more.
            defaults: tree.contains("\"default\":"),
            text: tree,
            read: OnceLock::new(),
            rules: OnceLock::new(),
        }
    };
    let served: Vec<Version> = served
        .iter()
        .map(|version| served_version(version, conversion))
        .collect();
    Kind {
        stored_as: api_version(group, &stored_version(definition)),
        kind: text(names, "kind"),
        list_kind: text(names, "listKind"),
        singular: text(names, "singular"),
        short_names: texts(names.and_then(|names| names.get("shortNames"))),
        categories: texts(names.and_then(|names| names.get("categories"))),
        scope: match definition.text(&["spec", "scope"]) {
            "Cluster" => Scope::Cluster,
            _ => Scope::Namespaced,
        },
        resource: Arc::from(qualified(&plural, group)),
        selectable: selectable(&served),
        versions: served,
        generation: Generation::Counted,
        verbs: Verbs::All,
        names: crate::name::NameRule::Subdomain,
        strategy: &crate::strategy::Plain,
        origin: Origin::Custom(Arc::new(Definition {
            // The stored version may not be served, but objects are checked in its form.
            schemas: versions(definition).into_iter().map(schema).collect(),
            converter: converter.cloned(),
        })),
        group: group.to_owned(),
        plural,
    }
}

/// The paths by which any of the versions can be selected.
fn selectable(served: &[Version]) -> Vec<String> {
    let mut selectable: Vec<String> = Vec::new();
    for path in served.iter().flat_map(|version| &version.selectable) {
        if !selectable.contains(path) {
            selectable.push(path.clone());
        }
    }
    selectable
}

/// The paths by which one version can be selected.
fn selectable_fields(version: &Value) -> Vec<String> {
    let fields = version.get("selectableFields").and_then(Value::as_array);
    let path = |field| text(Some(field), "jsonPath");
    let paths = fields.into_iter().flatten().map(path);
    paths
        .map(|path| path.trim_start_matches('.').to_owned())
        .collect()
}

fn served_version(version: &Value, conversion: Conversion) -> Version {
    let mut subresources = Vec::new();
    if version.pointer("/subresources/status").is_some() {
        subresources.push(Subresource::Status);
    }
    if let Some(scale) = version.pointer("/subresources/scale") {
        subresources.push(Subresource::Scale(ScalePaths {
            spec: text(Some(scale), "specReplicasPath"),
            status: text(Some(scale), "statusReplicasPath"),
            selector: text(Some(scale), "labelSelectorPath"),
        }));
    }
    let columns = version
        .get("additionalPrinterColumns")
        .and_then(Value::as_array);
    Version {
        name: text(Some(version), "name"),
        subresources,
        conversion,
        selectable: selectable_fields(version),
        columns: match columns {
            Some(columns) => columns.iter().map(Column::from_definition).collect(),
            None => Arc::new([Column::age()]),
        },
    }
}
