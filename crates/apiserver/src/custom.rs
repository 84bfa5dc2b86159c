//! Kinds that CustomResourceDefinitions add: from the definition to a row in the registry.

pub(crate) mod conversion;
pub(crate) mod names;
pub(crate) mod rules;
pub(crate) mod selection;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use seatrial_schema::Type;
use seatrial_store::{Change, Expect, Page, Write};
use serde_json::{Value, json};

use crate::call::{Call, Target};
use crate::failure::Cause;
use crate::object::Object;
use crate::registry::{
    Conversion, Generation, Kind, Origin, ScalePaths, Scope, Subresource, Verbs, Version,
    api_version, priority, qualified,
};
use crate::state::State;
use crate::table::Column;
use crate::verb::Options;
use rules::Rules;

/// The schemas of a custom kind, by version; read when one is first needed.
#[derive(Debug)]
pub struct Definition {
    schemas: Vec<Schema>,
    /// `spec.conversion.webhook.clientConfig`, where a webhook converts between versions.
    converter: Option<Value>,
}

#[derive(Debug)]
struct Schema {
    version: String,
    /// As JSON text: the tree takes many times the memory and is rarely needed.
    text: Box<str>,
    /// Whether it may set defaults.
    defaults: bool,
    read: OnceLock<Type>,
    rules: OnceLock<Rules>,
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

/// Adds the kinds of all stored definitions.
pub(crate) fn load(state: &State) {
    // The newest state is never compacted, so this cannot fail.
    let listing = state.store.list(
        "customresourcedefinitions.apiextensions.k8s.io",
        &Page::default(),
    );
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        match Object::decode(&record.bytes) {
            Ok(definition) if names::is_established(&definition) => install(state, &definition),
            Ok(_) => {}
            Err(error) => tracing::error!(key = %record.key, %error, "cannot read a definition"),
        }
    }
}

/// Serves the kind of `definition`, in place of what it defined before.
pub(crate) fn install(state: &State, definition: &Object) {
    let kind = kind(definition);
    state.change_registry(|registry| registry.insert(kind));
}

/// Serves the kind of `definition` no longer.
pub(crate) fn uninstall(state: &State, definition: &Object) {
    let (group, plural) = (
        definition.text(&["spec", "group"]),
        definition.text(&["spec", "names", "plural"]),
    );
    state.change_registry(|registry| registry.remove(group, plural));
}

/// Sets the names that follow from others.
pub(crate) fn default_names(definition: &mut Object) {
    let names = crate::object::section(definition.section("spec"), "names");
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let lower = kind.to_ascii_lowercase();
    for (field, value) in [("singular", lower), ("listKind", format!("{kind}List"))] {
        let given = names.get(field).and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            names.insert(field.to_owned(), json!(value));
        }
    }
    let spec = definition.section("spec");
    spec.entry("conversion")
        .or_insert_with(|| json!({"strategy": "None"}));
}

/// The name of the version in which objects are stored.
pub(crate) fn stored_version(definition: &Object) -> String {
    let versions = versions(definition);
    let stored = versions.iter().find(|version| flag(version, "storage"));
    text(stored.copied(), "name")
}

/// What is wrong with a definition.
pub(crate) fn validate(definition: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    for path in [
        &["spec", "group"][..],
        &["spec", "scope"],
        &["spec", "names", "plural"],
        &["spec", "names", "kind"],
    ] {
        if definition.text(path).is_empty() {
            causes.push(Cause::required(path.join("."), ""));
        }
    }
    let (group, plural) = (
        definition.text(&["spec", "group"]),
        definition.text(&["spec", "names", "plural"]),
    );
    let expected = format!("{plural}.{group}");
    if definition.name() != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", definition.name(), detail));
    }
    let scope = definition.text(&["spec", "scope"]);
    if !matches!(scope, "" | "Namespaced" | "Cluster") {
        let message =
            format!(r#"Unsupported value: {scope:?}: supported values: "Cluster", "Namespaced""#);
        causes.push(Cause::new("FieldValueNotSupported", "spec.scope", message));
    }
    causes.extend(validate_conversion(definition));
    causes.extend(validate_versions(definition));
    causes
}

fn validate_conversion(definition: &Object) -> Vec<Cause> {
    let config = definition.at(&["spec", "conversion", "webhook", "clientConfig"]);
    match (definition.text(&["spec", "conversion", "strategy"]), config) {
        ("None" | "", None) => Vec::new(),
        ("None" | "", Some(_)) => {
            let detail = "should not be set when strategy is not set to Webhook";
            vec![Cause::forbidden("spec.conversion.webhook", detail)]
        }
        ("Webhook", None) => {
            let detail = "required when strategy is set to Webhook";
            vec![Cause::required(
                "spec.conversion.webhook.clientConfig",
                detail,
            )]
        }
        ("Webhook", Some(config)) => validate_converter(definition, config),
        (other, _) => {
            let message =
                format!("Unsupported value: {other:?}: supported values: \"None\", \"Webhook\"");
            vec![Cause::new(
                "FieldValueNotSupported",
                "spec.conversion.strategy",
                message,
            )]
        }
    }
}

fn validate_converter(definition: &Object, config: &Value) -> Vec<Cause> {
    const CONFIG: &str = "spec.conversion.webhook.clientConfig";
    const VERSIONS: &str = "spec.conversion.webhook.conversionReviewVersions";
    let mut causes = Vec::new();
    let url = config.get("url").and_then(Value::as_str);
    match (url, config.get("service").is_some_and(Value::is_object)) {
        (Some(_), true) | (None, false) => {
            causes.push(Cause::required(
                CONFIG,
                "exactly one of url or service is required",
            ));
        }
        (Some(url), false) if !url.starts_with("https://") => {
            let detail = "'https' is the only allowed URL scheme";
            causes.push(Cause::invalid(format!("{CONFIG}.url"), url, detail));
        }
        _ => {}
    }
    let versions = definition.at(&["spec", "conversion", "webhook", "conversionReviewVersions"]);
    let versions = texts(versions);
    if versions.is_empty() {
        causes.push(Cause::required(VERSIONS, ""));
    } else if !versions.iter().any(|version| version == "v1") {
        let detail = "must include at least one of v1";
        causes.push(Cause::invalid(VERSIONS, versions, detail));
    }
    causes
}

fn validate_versions(definition: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let versions = versions(definition);
    if versions
        .iter()
        .filter(|version| flag(version, "storage"))
        .count()
        != 1
    {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", json!(versions), detail));
    }
    let schemas: Vec<&Value> = versions
        .iter()
        .filter_map(|version| version.pointer("/schema/openAPIV3Schema"))
        .collect();
    // Upstream speaks of one schema for all versions where they are alike.
    let alike =
        schemas.len() == versions.len() && schemas.windows(2).all(|pair| pair[0] == pair[1]);
    for (index, version) in versions
        .iter()
        .enumerate()
        .take(if alike { 1 } else { usize::MAX })
    {
        let field = if alike {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{index}].schema.openAPIV3Schema")
        };
        match version.pointer("/schema/openAPIV3Schema") {
            None => causes.push(Cause::required(field, "schemas are required")),
            Some(schema) => match Type::custom(schema) {
                Ok(_) => {
                    let problems = seatrial_schema::custom::structural::problems(schema, &field);
                    causes.extend(problems.into_iter().map(crate::facts::cause));
                    causes.extend(Rules::check(schema, &field));
                }
                Err(error) => causes.push(Cause::new(
                    "FieldValueInvalid",
                    field,
                    format!("Invalid value: {error}"),
                )),
            },
        }
    }
    causes
}

/// Versions in which objects may still be stored must stay.
pub(crate) fn missing_versions(definition: &Object) -> Vec<Cause> {
    let known: Vec<String> = versions(definition)
        .into_iter()
        .map(|version| text(Some(version), "name"))
        .collect();
    let stored = texts(definition.at(&["status", "storedVersions"]));
    let missing = stored
        .iter()
        .enumerate()
        .filter(|(_, version)| !known.contains(version));
    let cause = |(index, version): (usize, &String)| {
        let detail = format!(
            "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions until a \
             storage migration ensures no data remains persisted in {version} and removes {version} from status.storedVersions"
        );
        Cause::invalid(
            format!("status.storedVersions[{index}]"),
            version.as_str(),
            &detail,
        )
    };
    missing.map(cause).collect()
}

fn versions(definition: &Object) -> Vec<&Value> {
    let versions = definition
        .at(&["spec", "versions"])
        .and_then(Value::as_array);
    versions.into_iter().flatten().collect()
}

fn flag(value: &Value, field: &str) -> bool {
    value
        .get(field)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

fn text(value: Option<&Value>, field: &str) -> String {
    let text = value
        .and_then(|value| value.get(field))
        .and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

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

const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

/// A definition that is being deleted takes its objects along.
pub(crate) async fn definition_marked(call: &Call, definition: &Object) {
    if (call.kind().group.as_str(), call.kind().plural.as_str()) != DEFINITIONS {
        return;
    }
    let (group, plural) = (
        definition.text(&["spec", "group"]),
        definition.text(&["spec", "names", "plural"]),
    );
    let Some(kind) = call.state.registry().get(group, plural).cloned() else {
        return;
    };
    let listing = call.state.store.list(&kind.resource, &Page::default());
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let one = Call {
            state: Arc::clone(&call.state),
            target: Target {
                kind: Arc::clone(&kind),
                version: 0,
                namespace: record.key.namespace.to_string(),
                name: Some(record.key.name.to_string()),
                subresource: String::new(),
            },
            method: call.method.clone(),
            headers: call.headers.clone(),
            query: BTreeMap::new(),
            identity: call.identity.clone(),
            form: call.form.clone(),
            body: bytes::Bytes::new(),
            annotations: call.annotations.clone(),
            streaming: crate::stream::Streaming::default(),
        };
        let removed = Box::pin(crate::verb::remove(
            &one,
            &record.key.name,
            &Options::default(),
        ))
        .await;
        if let Err(failure) = removed {
            tracing::warn!(key = %record.key, %failure, "cannot delete with its definition");
        }
    }
    release_definition(&call.state, &kind).await;
}

/// The last object of a custom kind lets a definition go that is being deleted.
pub(crate) async fn object_gone(state: &Arc<State>, kind: &Kind) {
    if !kind.built_in() {
        release_definition(state, kind).await;
    }
}

async fn release_definition(state: &Arc<State>, kind: &Kind) {
    let registry = state.registry();
    let Some(definitions) = registry.get(DEFINITIONS.0, DEFINITIONS.1) else {
        return;
    };
    let name = qualified(&kind.plural, &kind.group);
    let Some(record) = state.record(definitions, "", &name) else {
        return;
    };
    let left = state.store.list(&kind.resource, &Page::default());
    if !record.metadata.deleting || left.is_ok_and(|listing| !listing.records.is_empty()) {
        return;
    }
    let Ok(mut definition) = Object::decode(&record.bytes) else {
        return;
    };
    let others: Vec<String> = definition
        .finalizers()
        .into_iter()
        .filter(|finalizer| *finalizer != crate::strategy::CLEANUP)
        .map(str::to_owned)
        .collect();
    let done = others.is_empty();
    definition.set_finalizers(others);
    let change = if done {
        Change::Delete {
            draft: definition.draft(),
        }
    } else {
        let metadata = definition.selectable(&definitions.selectable);
        Change::Put {
            draft: definition.draft(),
            metadata,
        }
    };
    let expect = Expect::Revision(record.revision);
    let write = Write {
        key: record.key.clone(),
        expect,
        change,
    };
    match state.commit(definitions, write).await {
        Ok(_) if done => {
            uninstall(state, &definition);
            names::settle_waiting(state, &kind.group).await;
        }
        Ok(_) => {}
        Err(failure) => tracing::warn!(%name, %failure, "cannot finish deleting a definition"),
    }
}
