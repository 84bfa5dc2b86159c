//! What is wrong with a definition.

use seatrial_schema::Type;
use serde_json::{Value, json};

use super::rules::Rules;
use super::{flag, text, texts, versions};
use crate::failure::Cause;
use crate::object::Object;

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
