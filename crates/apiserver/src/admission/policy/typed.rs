//! What the types of the kinds that a policy is about say about its expressions.
//!
//! As upstream: only kinds that a rule names without wildcards, and at most ten of them.

use seatrial_expr::cel::{Environment, Type};
use serde_json::{Value, json};

use super::{list, text};
use crate::admission::expression::environment;
use crate::object::Object;
use crate::registry::{Kind, Origin, Version};
use crate::state::State;

/// Upstream's bound of kinds that are looked at.
const MOST_KINDS: usize = 10;

/// The warnings, as `status.typeChecking.expressionWarnings` holds them.
pub(crate) fn warnings(state: &State, policy: &Object) -> Vec<Value> {
    let spec = policy.at(&["spec"]).unwrap_or(&Value::Null);
    let kinds = kinds(state, spec);
    let mut warnings = Vec::new();
    for (at, one) in list(spec, "validations").into_iter().enumerate() {
        for (field, expected) in [
            ("expression", Type::Bool),
            ("messageExpression", Type::String),
        ] {
            let expression = text(one, field).trim();
            if expression.is_empty() {
                continue;
            }
            let found: Vec<String> = kinds
                .iter()
                .filter_map(|(name, of)| {
                    let environment = typed(spec, of);
                    let error = environment.compile(expression, &expected).err()?;
                    Some(format!("{name}: {error}\n"))
                })
                .collect();
            if !found.is_empty() {
                warnings.push(json!({
                    "fieldRef": format!("spec.validations[{at}].{field}"),
                    "warning": found.join("\n"),
                }));
            }
        }
    }
    warnings
}

/// The environment of the policy's expressions where the object has a known type.
fn typed(spec: &Value, of: &Type) -> Environment {
    let mut environment = environment()
        .variable("namespaceObject", Type::Dyn)
        .variable("object", of.clone())
        .variable("oldObject", of.clone());
    if spec.get("paramKind").is_some_and(|kind| !kind.is_null()) {
        environment = environment.variable("params", Type::Dyn);
    }
    for variable in list(spec, "variables") {
        let program = environment.compile(text(variable, "expression").trim(), &Type::Dyn);
        let of = program.map_or(Type::Dyn, |program| program.returns().clone());
        environment = environment.compose("variables", text(variable, "name"), of);
    }
    environment
}

/// The kinds that the rules name, in upstream's notation, with their types.
fn kinds(state: &State, spec: &Value) -> Vec<(String, Type)> {
    let registry = state.registry();
    let mut found: Vec<(String, Type)> = Vec::new();
    let rules = spec
        .get("matchConstraints")
        .map(|part| list(part, "resourceRules"));
    for rule in rules.unwrap_or_default() {
        let texts = |field: &str| -> Vec<&str> {
            list(rule, field)
                .iter()
                .filter_map(|one| one.as_str())
                .collect()
        };
        for group in texts("apiGroups") {
            for version in texts("apiVersions") {
                for resource in texts("resources") {
                    let Some((kind, at)) = registry.find(group, version, resource) else {
                        continue;
                    };
                    let version = &kind.versions[at];
                    let name = format!("{}, Kind={}", kind.api_version(version), kind.kind);
                    let of = type_of(&kind, version).filter(|_| found.len() < MOST_KINDS);
                    found.extend(of.map(|of| (name, of)));
                }
            }
        }
    }
    found
}

/// The type that expressions see, where the kind has a schema.
fn type_of(kind: &Kind, version: &Version) -> Option<Type> {
    let schema = match &kind.origin {
        Origin::Custom(definition) => definition.tree(&version.name)?,
        Origin::BuiltIn => crate::openapi::inlined(kind, version)?,
    };
    Some(Type::from_root_schema(&schema))
}
