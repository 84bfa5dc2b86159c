//! Policies and webhook configurations as they are written: every expression must make sense.

use async_trait::async_trait;
use seatrial_expr::cel::{Environment, Type};
use serde_json::Value;

use super::{Patches, Policy, list, text};
use crate::admission::expression::environment;
use crate::admission::{Admission, Change, Operation};
use crate::failure::{Cause, Failure};
use crate::object::Object;

/// The step.
pub(in crate::admission) struct Definitions;

#[async_trait]
impl Admission for Definitions {
    fn handles(&self, change: &Change<'_>) -> bool {
        matches!(change.operation, Operation::Create | Operation::Update)
            && change.subresource.is_empty()
            && change.kind.group == "admissionregistration.k8s.io"
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        // What was let in once may stay, even if it would not be let in today.
        if change.old.is_some_and(|old| {
            old.at(&["spec"]) == object.at(&["spec"])
                && old.at(&["webhooks"]) == object.at(&["webhooks"])
        }) {
            return Ok(());
        }
        let mut causes = Vec::new();
        match change.kind.kind.as_str() {
            "ValidatingAdmissionPolicy" => validating(object, &mut causes),
            "MutatingAdmissionPolicy" => mutating(object, &mut causes),
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
                webhooks(object, &mut causes);
            }
            _ => {}
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid(change.kind, object.name(), causes))
    }
}

/// Compiles one expression of the field at `path`.
fn check(
    environment: &Environment,
    path: &str,
    expression: &str,
    expected: &Type,
    causes: &mut Vec<Cause>,
) {
    if expression.trim().is_empty() {
        causes.push(Cause::required(path, ""));
    } else if let Err(error) = environment.compile(expression.trim(), expected) {
        causes.push(Cause::invalid(
            path,
            expression,
            &format!("compilation failed: {error}"),
        ));
    }
}

fn conditions(part: &Value, path: &str, environment: &Environment, causes: &mut Vec<Cause>) {
    for (at, one) in list(part, "matchConditions").into_iter().enumerate() {
        let path = format!("{path}matchConditions[{at}]");
        if text(one, "name").is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        }
        check(
            environment,
            &format!("{path}.expression"),
            text(one, "expression"),
            &Type::Bool,
            causes,
        );
    }
}

/// What policies of both sorts have; returns the environment of the rest.
fn common(object: &Object, patches: Patches, causes: &mut Vec<Cause>) -> Environment {
    let spec = object.at(&["spec"]).unwrap_or(&Value::Null);
    let constraints = spec
        .get("matchConstraints")
        .filter(|constraints| !constraints.is_null());
    match constraints {
        None => causes.push(Cause::required("spec.matchConstraints", "")),
        Some(constraints) if list(constraints, "resourceRules").is_empty() => {
            causes.push(Cause::required("spec.matchConstraints.resourceRules", ""));
        }
        Some(_) => {}
    }
    let policy = Policy::read(object, patches);
    let mut before = environment().variable("namespaceObject", Type::Dyn);
    if policy.parameters.is_some() {
        before = before.variable("params", Type::Dyn);
    }
    conditions(spec, "spec.", &before, causes);
    for (at, one) in list(spec, "variables").into_iter().enumerate() {
        let path = format!("spec.variables[{at}].expression");
        check(&before, &path, text(one, "expression"), &Type::Dyn, causes);
        let known = policy
            .variables
            .get(at)
            .and_then(|(name, program)| Some((name, program.as_ref().ok()?)));
        if let Some((name, program)) = known {
            before = before.compose("variables", name, program.returns().clone());
        }
    }
    policy.environment
}

fn validating(object: &Object, causes: &mut Vec<Cause>) {
    let environment = common(object, Patches::Unknown, causes);
    let spec = object.at(&["spec"]).unwrap_or(&Value::Null);
    let (validations, annotations) = (list(spec, "validations"), list(spec, "auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        for field in ["spec.validations", "spec.auditAnnotations"] {
            causes.push(Cause::required(
                field,
                "validations or auditAnnotations must contain at least one item",
            ));
        }
    }
    for (at, one) in validations.into_iter().enumerate() {
        let path = |field: &str| format!("spec.validations[{at}].{field}");
        check(
            &environment,
            &path("expression"),
            text(one, "expression"),
            &Type::Bool,
            causes,
        );
        let message = text(one, "messageExpression");
        if !message.is_empty() {
            check(
                &environment,
                &path("messageExpression"),
                message,
                &Type::String,
                causes,
            );
        }
    }
    for (at, one) in annotations.into_iter().enumerate() {
        let path = format!("spec.auditAnnotations[{at}].valueExpression");
        check(
            &environment,
            &path,
            text(one, "valueExpression"),
            &Type::Dyn,
            causes,
        );
    }
}

fn mutating(object: &Object, causes: &mut Vec<Cause>) {
    let environment = common(object, Patches::Allowed, causes);
    let spec = object.at(&["spec"]).unwrap_or(&Value::Null);
    let mutations = list(spec, "mutations");
    if mutations.is_empty() {
        causes.push(Cause::required(
            "spec.mutations",
            "mutations must contain at least one item",
        ));
    }
    for (at, one) in mutations.into_iter().enumerate() {
        let field = match text(one, "patchType") {
            "ApplyConfiguration" => "applyConfiguration",
            "JSONPatch" => "jsonPatch",
            other => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"ApplyConfiguration\", \"JSONPatch\""
                );
                causes.push(Cause::new(
                    "FieldValueNotSupported",
                    format!("spec.mutations[{at}].patchType"),
                    message,
                ));
                continue;
            }
        };
        let expression = one
            .get(field)
            .map(|part| text(part, "expression"))
            .unwrap_or_default();
        let path = format!("spec.mutations[{at}].{field}.expression");
        check(&environment, &path, expression, &Type::Dyn, causes);
    }
}

fn webhooks(object: &Object, causes: &mut Vec<Cause>) {
    let hooks = object.at(&["webhooks"]).and_then(Value::as_array);
    for (at, hook) in hooks.into_iter().flatten().enumerate() {
        conditions(hook, &format!("webhooks[{at}]."), &environment(), causes);
        let url = hook.pointer("/clientConfig/url").and_then(Value::as_str);
        if let Some(url) = url.filter(|url| !url.starts_with("https://")) {
            let detail =
                "'https' is the only allowed URL scheme; desired format: https://host[/path]";
            causes.push(Cause::invalid(
                format!("webhooks[{at}].clientConfig.url"),
                url,
                detail,
            ));
        }
    }
}
