//! ValidatingAdmissionPolicy.

use std::collections::BTreeMap;

use async_trait::async_trait;
use seatrial_expr::cel::{Bindings, Budget, Program, Type, Value as Cel};
use serde_json::{Value, json};

use super::parameter::ParameterKind;
use super::{Binding, FailurePolicy, Kinds, Patches, Policy, compile, is_met, list, met, text};
use crate::admission::matching::is_configuration;
use crate::admission::reading::Readings;
use crate::admission::{Admission, Change};
use crate::failure::{Cause, Failure, Reason};
use crate::object::Object;

const KINDS: Kinds = Kinds {
    policies: "validatingadmissionpolicies.admissionregistration.k8s.io",
    bindings: "validatingadmissionpolicybindings.admissionregistration.k8s.io",
};

/// The most letters of a message that an expression makes (upstream's bound).
const LONGEST_MESSAGE: usize = 5 * 1024;

/// The step.
#[derive(Default)]
pub(in crate::admission) struct Validating {
    policies: Readings<Whole>,
    bindings: Readings<Binding>,
}

/// A policy with what it checks.
struct Whole {
    policy: Policy,
    validations: Vec<Validation>,
    annotations: Vec<(String, Result<Program, String>)>,
}

struct Validation {
    expression: String,
    program: Result<Program, String>,
    message: String,
    message_program: Option<Result<Program, String>>,
    reason: String,
}

impl Whole {
    fn read(object: &Object) -> Self {
        let policy = Policy::read(object, Patches::Unknown);
        let spec = object.at(&["spec"]).unwrap_or(&Value::Null);
        let environment = &policy.environment;
        let validation = |one: &Value| Validation {
            expression: text(one, "expression").trim().to_owned(),
            program: compile(environment, text(one, "expression"), &Type::Bool),
            message: text(one, "message").trim().to_owned(),
            message_program: match text(one, "messageExpression") {
                "" => None,
                expression => Some(compile(environment, expression, &Type::String)),
            },
            reason: text(one, "reason").to_owned(),
        };
        let annotation = |one: &Value| {
            let program = compile(environment, text(one, "valueExpression"), &Type::Dyn);
            (text(one, "key").to_owned(), program)
        };
        Self {
            validations: list(spec, "validations")
                .into_iter()
                .map(validation)
                .collect(),
            annotations: list(spec, "auditAnnotations")
                .into_iter()
                .map(annotation)
                .collect(),
            policy,
        }
    }
}

/// A no.
#[derive(Debug, Clone)]
struct Denial {
    message: String,
    reason: String,
    /// Which validation says it.
    index: usize,
}

impl Denial {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            reason: String::new(),
            index: 0,
        }
    }
}

#[async_trait]
impl Admission for Validating {
    fn handles(&self, change: &Change<'_>) -> bool {
        !is_configuration(change) && KINDS.in_force(change)
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let readings = (&self.policies, &self.bindings);
        let found = met(
            &KINDS,
            readings,
            change,
            object,
            |one| Whole::read(&one),
            |whole| &whole.policy,
        )?;
        let mut notices = Notices::default();
        let mut refused = None;
        for (whole, binding, version) in found {
            let denials =
                match ParameterKind::found(whole.policy.parameters.as_ref(), &binding, change) {
                    Ok(parameters) => {
                        let mut denials = Vec::new();
                        for parameter in parameters {
                            let bindings =
                                whole
                                    .policy
                                    .bindings(change, version, object, parameter.as_ref());
                            denials.extend(evaluate(&whole, &bindings, &mut notices));
                        }
                        denials
                    }
                    Err(_) if whole.policy.failure == FailurePolicy::Ignore => Vec::new(),
                    Err(error) => {
                        // A binding that cannot be used refuses whatever its actions say.
                        refused = refused.or(Some((
                            whole.policy.name.clone(),
                            binding.name.clone(),
                            Denial::new(error),
                        )));
                        continue;
                    }
                };
            for denial in denials {
                notices.act(change, &whole.policy, &binding, &denial);
                if binding.actions.iter().any(|action| action == "Deny") && refused.is_none() {
                    refused = Some((whole.policy.name.clone(), binding.name.clone(), denial));
                }
            }
        }
        notices.publish(change);
        refused.map_or(Ok(()), |(policy, binding, denial)| {
            Err(refusal(change, &policy, &binding, &denial))
        })
    }
}

fn evaluate(whole: &Whole, bindings: &Bindings<'_>, notices: &mut Notices) -> Vec<Denial> {
    match is_met(&whole.policy, bindings) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(error) => return vec![Denial::new(error)],
    }
    let mut budget = Budget::per_object();
    let mut denials = Vec::new();
    let fails = whole.policy.failure == FailurePolicy::Fail;
    for (index, validation) in whole.validations.iter().enumerate() {
        let held = match &validation.program {
            Ok(program) => program.holds(bindings, &mut budget).map_err(|error| {
                format!(
                    "expression '{}' resulted in error: {error}",
                    validation.expression
                )
            }),
            Err(error) => Err(error.clone()),
        };
        match held {
            Ok(false) => denials.push(Denial {
                message: validation.said(bindings, &mut budget),
                reason: validation.reason.clone(),
                index,
            }),
            Err(message) if fails => denials.push(Denial {
                index,
                ..Denial::new(message)
            }),
            Ok(true) | Err(_) => {}
        }
    }
    for (key, program) in &whole.annotations {
        let value = match program {
            Ok(program) => program
                .evaluate(bindings, &mut budget)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        match value {
            Ok(Cel::String(value)) if !value.trim().is_empty() => {
                notices.annotation(&whole.policy.name, key, value.trim());
            }
            Ok(other) if fails && !matches!(other, Cel::Null | Cel::String(_)) => {
                denials.push(Denial::new(format!(
                    "valueExpression '{key}' resulted in unsupported return type: {}",
                    other.type_name()
                )));
            }
            Err(error) if fails => {
                denials.push(Denial::new(format!(
                    "valueExpression '{key}' resulted in error: {error}"
                )));
            }
            _ => {}
        }
    }
    denials
}

impl Validation {
    /// The message: what its expression makes, or else what is written, or else the expression itself.
    fn said(&self, bindings: &Bindings<'_>, budget: &mut Budget) -> String {
        let made = match &self.message_program {
            Some(Ok(program)) => program.evaluate(bindings, budget).ok(),
            _ => None,
        };
        let made = made
            .as_ref()
            .and_then(Cel::as_str)
            .map(str::trim)
            .unwrap_or_default();
        if !made.is_empty() && made.len() <= LONGEST_MESSAGE && !made.contains('\n') {
            return made.to_owned();
        }
        if self.message.is_empty() {
            return format!("failed expression: {}", self.expression);
        }
        self.message.clone()
    }
}

fn refusal(change: &Change<'_>, policy: &str, binding: &str, denial: &Denial) -> Failure {
    let message = format!(
        "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {}",
        denial.message
    );
    let mut failure = change.forbidden(&message);
    failure.reason = match denial.reason.as_str() {
        "Unauthorized" => Reason::Unauthorized,
        "Forbidden" => Reason::Forbidden,
        "RequestEntityTooLarge" => Reason::RequestEntityTooLarge,
        _ => Reason::Invalid,
    };
    failure.with_causes(vec![Cause::new("", "", message)])
}

/// What is said beside refusals.
#[derive(Default)]
struct Notices {
    annotations: BTreeMap<String, Vec<String>>,
    failures: Vec<Value>,
}

impl Notices {
    fn annotation(&mut self, policy: &str, key: &str, value: &str) {
        let values = self
            .annotations
            .entry(format!("{policy}/{key}"))
            .or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Does with a denial what the binding says, but for refusing.
    fn act(&mut self, change: &Change<'_>, policy: &Policy, binding: &Binding, denial: &Denial) {
        for action in &binding.actions {
            match action.as_str() {
                "Warn" => change.notes.warn(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                    policy.name, binding.name, denial.message
                )),
                "Audit" => self.failures.push(json!({
                    "message": denial.message,
                    "policy": policy.name,
                    "binding": binding.name,
                    "expressionIndex": denial.index,
                    "validationActions": binding.actions,
                })),
                _ => {}
            }
        }
    }

    fn publish(self, change: &Change<'_>) {
        for (key, values) in self.annotations {
            change.notes.annotate(key, values.join(", "));
        }
        if !self.failures.is_empty() {
            let key = "validation.policy.admission.k8s.io/validation_failure";
            change
                .notes
                .annotate(key, Value::Array(self.failures).to_string());
        }
    }
}
