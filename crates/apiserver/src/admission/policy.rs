//! Admission policies: expressions in objects of the cluster decide about changes, or make them.
//!
//! ```text
//!   policy (what) ◀─ binding (where, with which parameters) ─▶ each parameter ─▶ evaluate ─▶ decision
//! ```
//!
//! Messages and order are upstream's (`apiserver/pkg/admission/plugin/policy`). What an expression cannot
//! answer counts as a no unless `failurePolicy` says otherwise.

mod definition;
mod mutating;
mod parameter;
mod typed;
mod validating;

use std::sync::Arc;

use seatrial_expr::cel::{Bindings, Environment, Program, Type, Value as Cel};
use serde_json::Value;

pub(super) use self::definition::Definitions;
pub(super) use self::mutating::Mutating;
use self::parameter::ParameterKind;
pub(crate) use self::typed::warnings as type_warnings;
pub(super) use self::validating::Validating;
use super::expression::{self, Conditions, Met, environment};
use super::matching::Matching;
use super::reading::{Readings, listed};
use super::{Change, review};
use crate::failure::Failure;
use crate::object::Object;
use crate::registry::Version;

/// What happens where an expression has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailurePolicy {
    Fail,
    Ignore,
}

/// What policies of both sorts have.
struct Policy {
    name: String,
    matching: Matching,
    conditions: Conditions,
    variables: Vec<(String, Result<Program, String>)>,
    parameters: Option<ParameterKind>,
    failure: FailurePolicy,
    /// In which the policy's own expressions are compiled.
    environment: Environment,
}

impl Policy {
    fn read(policy: &Object, patches: Patches) -> Self {
        let spec = policy.at(&["spec"]).unwrap_or(&Value::Null);
        let parameters = ParameterKind::read(spec.get("paramKind"));
        let mut environment = environment().variable("namespaceObject", Type::Dyn);
        if parameters.is_some() {
            environment = environment.variable("params", Type::Dyn);
        }
        if patches == Patches::Allowed {
            environment = environment.with_patches();
        }
        let conditions = Conditions::read(spec, &environment);
        let mut variables = Vec::new();
        for one in list(spec, "variables") {
            let name = text(one, "name");
            let program = compile(&environment, text(one, "expression"), &Type::Dyn);
            if let Ok(program) = &program {
                environment = environment.compose("variables", name, program.returns().clone());
            }
            variables.push((name.to_owned(), program));
        }
        Self {
            name: policy.name().to_owned(),
            matching: Matching::read(
                spec.get("matchConstraints").unwrap_or(&Value::Null),
                "resourceRules",
            ),
            conditions,
            variables,
            parameters,
            failure: match text(spec, "failurePolicy") {
                "Ignore" => FailurePolicy::Ignore,
                _ => FailurePolicy::Fail,
            },
            environment,
        }
    }

    /// The values of what the policy's expressions may name.
    fn bindings<'a>(
        &'a self,
        change: &Change<'_>,
        version: &Version,
        object: &Object,
        parameter: Option<&Value>,
    ) -> Bindings<'a> {
        let mut bindings = expression::bindings(change, version, Some(object))
            .bind("namespaceObject", expression::namespace_object(change));
        if self.parameters.is_some() {
            let parameter = parameter.unwrap_or(&Value::Null);
            bindings.set("params", Cel::from_json(parameter, &Type::Dyn));
        }
        for (name, program) in &self.variables {
            if let Ok(program) = program {
                bindings = bindings.compose("variables", name, program);
            }
        }
        bindings
    }
}

/// Whether expressions may make `Object{…}` and `JSONPatch{…}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patches {
    Allowed,
    Unknown,
}

/// Where a policy is in force.
struct Binding {
    name: String,
    policy: String,
    matching: Option<Matching>,
    reference: Option<Value>,
    actions: Vec<String>,
}

impl Binding {
    fn read(binding: &Object) -> Self {
        let spec = binding.at(&["spec"]).unwrap_or(&Value::Null);
        let resources = spec
            .get("matchResources")
            .filter(|resources| !resources.is_null());
        let actions = list(spec, "validationActions");
        Self {
            name: binding.name().to_owned(),
            policy: text(spec, "policyName").to_owned(),
            matching: resources.map(|resources| Matching::read(resources, "resourceRules")),
            reference: spec
                .get("paramRef")
                .filter(|reference| !reference.is_null())
                .cloned(),
            actions: actions
                .iter()
                .filter_map(|action| action.as_str())
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// The storage names of policies and of their bindings.
struct Kinds {
    policies: &'static str,
    bindings: &'static str,
}

impl Kinds {
    /// Whether there are any bindings, without which no policy is in force.
    fn in_force(&self, change: &Change<'_>) -> bool {
        !listed(change.state, self.bindings, None).is_empty()
    }
}

/// One policy in force: with its binding and the version in which it wants to see the change.
type InForce<'a, P> = (Arc<P>, Arc<Binding>, &'a Version);

/// The policies that a change meets, with their bindings.
fn met<'a, P>(
    kinds: &Kinds,
    readings: (&Readings<P>, &Readings<Binding>),
    change: &Change<'a>,
    object: &Object,
    parts: impl Fn(Object) -> P,
    policy_of: impl Fn(&P) -> &Policy,
) -> Result<Vec<InForce<'a, P>>, Failure> {
    let policies = readings
        .0
        .of(&listed(change.state, kinds.policies, None), parts);
    let bindings = readings
        .1
        .of(&listed(change.state, kinds.bindings, None), |one| {
            Binding::read(&one)
        });
    let mut found = Vec::new();
    for whole in policies {
        let policy = policy_of(&whole);
        let own: Vec<&Arc<Binding>> = bindings
            .iter()
            .filter(|one| one.policy == policy.name)
            .collect();
        if own.is_empty() {
            continue;
        }
        let Some(version) = policy.matching.version(change, Some(object))? else {
            continue;
        };
        for binding in own {
            let here = match &binding.matching {
                Some(matching) => matching.version(change, Some(object))?.is_some(),
                None => true,
            };
            if here {
                found.push((Arc::clone(&whole), Arc::clone(binding), version));
            }
        }
    }
    Ok(found)
}

/// Whether the policy's conditions hold; why it cannot be said, where it cannot.
fn is_met(policy: &Policy, bindings: &Bindings<'_>) -> Result<bool, String> {
    match policy.conditions.met(bindings) {
        Met::Yes => Ok(true),
        Met::No => Ok(false),
        Met::Unknown(_) if policy.failure == FailurePolicy::Ignore => Ok(false),
        Met::Unknown(error) => Err(error),
    }
}

fn compile(environment: &Environment, text: &str, expected: &Type) -> Result<Program, String> {
    let compiled = environment.compile(text.trim(), expected);
    compiled.map_err(|error| format!("compilation error: compilation failed: {error}"))
}

fn text<'a>(part: &'a Value, field: &str) -> &'a str {
    part.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(part: &'a Value, field: &str) -> Vec<&'a Value> {
    let list = part.get(field).and_then(Value::as_array);
    list.into_iter().flatten().collect()
}

/// An object after an expression has changed it, in the stored form.
fn settled(change: &Change<'_>, version: &Version, value: Value) -> Result<Object, String> {
    let Value::Object(map) = value else {
        return Err("the result is not an object".to_owned());
    };
    let mut object = Object(map);
    let ignore = crate::call::FieldValidation::Ignore;
    crate::facts::check(change.kind, version, &mut object, &[], ignore)
        .map_err(|failure| failure.message)?;
    let mut object = review::stored(change, version, object);
    crate::facts::default(change.kind, &mut object);
    Ok(object)
}
