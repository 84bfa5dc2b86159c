//! MutatingAdmissionPolicy.

use async_trait::async_trait;
use seatrial_expr::cel::{Bindings, Budget, Program, Type};
use serde_json::Value;

use super::parameter::ParameterKind;
use super::{
    Binding, FailurePolicy, Kinds, Patches, Policy, compile, is_met, list, met, settled, text,
};
use crate::admission::matching::is_configuration;
use crate::admission::reading::Readings;
use crate::admission::{Admission, Change, Operation, Round, review};
use crate::facts;
use crate::failure::Failure;
use crate::object::Object;
use crate::registry::Version;

const KINDS: Kinds = Kinds {
    policies: "mutatingadmissionpolicies.admissionregistration.k8s.io",
    bindings: "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
};

/// The step.
#[derive(Default)]
pub(in crate::admission) struct Mutating {
    policies: Readings<Whole>,
    bindings: Readings<Binding>,
}

/// A policy with what it changes.
struct Whole {
    policy: Policy,
    mutations: Vec<Mutation>,
    /// Whether it wants to see again what changed after it.
    again: bool,
}

enum Mutation {
    /// Merges an object, as server-side apply does.
    Apply(Result<Program, String>),
    /// Applies a JSON patch.
    Patch(Result<Program, String>),
}

impl Whole {
    fn read(object: &Object) -> Self {
        let policy = Policy::read(object, Patches::Allowed);
        let spec = object.at(&["spec"]).unwrap_or(&Value::Null);
        let program = |part: Option<&Value>| {
            let expression = part
                .map(|part| text(part, "expression"))
                .unwrap_or_default();
            compile(&policy.environment, expression, &Type::Dyn)
        };
        let mutation = |one: &Value| match text(one, "patchType") {
            "JSONPatch" => Mutation::Patch(program(one.get("jsonPatch"))),
            _ => Mutation::Apply(program(one.get("applyConfiguration"))),
        };
        Self {
            mutations: list(spec, "mutations").into_iter().map(mutation).collect(),
            again: text(spec, "reinvocationPolicy") == "IfNeeded",
            policy,
        }
    }
}

#[async_trait]
impl Admission for Mutating {
    fn handles(&self, change: &Change<'_>) -> bool {
        let changes = matches!(change.operation, Operation::Create | Operation::Update);
        changes && !is_configuration(change) && KINDS.in_force(change)
    }

    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        let round = change.notes.round();
        change.notes.called(|called| {
            if round == Round::Again && called.left.get(KINDS.policies) != Some(&*object) {
                called.changed();
            }
        });
        let readings = (&self.policies, &self.bindings);
        let found = met(
            &KINDS,
            readings,
            change,
            object,
            |one| Whole::read(&one),
            |whole| &whole.policy,
        )?;
        for (whole, binding, version) in found {
            let refused = |error: String| {
                change.forbidden(&format!(
                    "policy '{}' with binding '{}' denied request: {error}",
                    whole.policy.name, binding.name
                ))
            };
            let key = format!("{}/{}/{}", KINDS.policies, whole.policy.name, binding.name);
            let due = change.notes.called(|called| called.due.remove(&key));
            if round == Round::Again && !due {
                continue;
            }
            let before = object.clone();
            match apply(&whole, &binding, version, change, object) {
                Ok(()) => {}
                Err(_) if whole.policy.failure == FailurePolicy::Ignore => {
                    object.clone_from(&before);
                }
                Err(error) => return Err(refused(error)),
            }
            if *object != before {
                change.notes.called(crate::admission::Called::changed);
                change.notes.see_again();
            }
            if whole.again {
                change.notes.called(|called| called.earlier.insert(key));
            }
        }
        let left = object.clone();
        change
            .notes
            .called(|called| called.left.insert(KINDS.policies, left));
        Ok(())
    }
}

/// All mutations of a policy, for each of its parameters in turn.
fn apply(
    whole: &Whole,
    binding: &Binding,
    version: &Version,
    change: &Change<'_>,
    object: &mut Object,
) -> Result<(), String> {
    for parameter in ParameterKind::found(whole.policy.parameters.as_ref(), binding, change)? {
        let bindings = whole
            .policy
            .bindings(change, version, object, parameter.as_ref());
        if !is_met(&whole.policy, &bindings)? {
            continue;
        }
        let mut budget = Budget::per_object();
        for mutation in &whole.mutations {
            // Each mutation sees what the one before it left.
            let bindings = whole
                .policy
                .bindings(change, version, object, parameter.as_ref());
            *object = mutation.apply(&bindings, &mut budget, version, change, object)?;
        }
    }
    Ok(())
}

impl Mutation {
    fn apply(
        &self,
        bindings: &Bindings<'_>,
        budget: &mut Budget,
        version: &Version,
        change: &Change<'_>,
        object: &Object,
    ) -> Result<Object, String> {
        let (Self::Apply(program) | Self::Patch(program)) = self;
        let program = program.as_ref().map_err(Clone::clone)?;
        let value = program
            .evaluate(bindings, budget)
            .map_err(|error| error.to_string())?;
        let value = value.to_json().map_err(str::to_owned)?;
        let served = review::served(change, version, object.clone());
        let changed = match self {
            Self::Patch(_) => {
                let mut whole = Value::Object(served.0);
                facts::json_patch(&mut whole, &value).map_err(|failure| failure.message)?;
                whole
            }
            Self::Apply(_) => {
                let Value::Object(configuration) = value else {
                    return Err("an apply configuration must be an Object{}".to_owned());
                };
                let merged = facts::merged(change.kind, version, served, &Object(configuration));
                Value::Object(merged.map_err(|failure| failure.message)?.0)
            }
        };
        settled(change, version, changed)
    }
}
