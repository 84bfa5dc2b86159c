//! Expressions about changes: what they may name, and match conditions.

use std::sync::Arc;

use seatrial_expr::cel::{
    Authorizer, Bindings, Budget, Decision, Environment, Program, Question, Type, Value as Cel,
};
use seatrial_store::Key;
use serde_json::Value;

use super::{Change, review};
use crate::access::{self, Asked, Attributes};
use crate::identity::Identity;
use crate::object::Object;
use crate::registry::Version;
use crate::state::State;

/// What every expression may name.
pub(super) fn environment() -> Environment {
    Environment::new()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable("request", Type::Dyn)
        .variable("authorizer", Type::Authorizer)
}

/// The values of what every expression may name.
pub(super) fn bindings<'a>(
    change: &Change<'_>,
    version: &Version,
    object: Option<&Object>,
) -> Bindings<'a> {
    let (new, old) = review::objects(change, version, object);
    let request = review::request(change, version);
    let verb = match change.operation {
        super::Operation::Connect => "connect".to_owned(),
        operation => operation.name().to_lowercase(),
    };
    let about = Question {
        group: change.kind.group.clone(),
        resource: change.kind.plural.clone(),
        subresource: change.subresource.to_owned(),
        namespace: change.namespace.to_owned(),
        name: change.name.to_owned(),
        verb,
        ..Question::default()
    };
    let rights = Arc::new(Rights {
        state: Arc::clone(change.state),
        identity: change.identity.clone(),
    });
    Bindings::new()
        .bind("object", Cel::from_json(&new, &Type::Dyn))
        .bind("oldObject", Cel::from_json(&old, &Type::Dyn))
        .bind("request", Cel::from_json(&request, &Type::Dyn))
        .bind("authorizer", Cel::authorizer(rights, Some(about)))
}

/// The namespace of the change, as expressions see it.
pub(super) fn namespace_object(change: &Change<'_>) -> Cel {
    let key = Key::new("namespaces", "", change.namespace);
    let record = change
        .state
        .store
        .get(&key)
        .filter(|_| !change.namespace.is_empty());
    let object = record.and_then(|record| Object::decode(&record.bytes).ok());
    let mut value = object.map_or(Value::Null, |object| Value::Object(object.0));
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        // Upstream keeps these from expressions.
        for field in ["managedFields", "ownerReferences", "selfLink"] {
            metadata.remove(field);
        }
    }
    Cel::from_json(&value, &Type::Dyn)
}

/// Answers what the author of a request may do, by the stored roles.
struct Rights {
    state: Arc<State>,
    identity: Identity,
}

impl Authorizer for Rights {
    fn decide(&self, question: &Question) -> Decision {
        let account = question
            .service_account
            .as_ref()
            .map(|(namespace, name)| Identity::service_account(namespace, name));
        let identity = account.as_ref().unwrap_or(&self.identity);
        let asked = if question.path.is_empty() {
            Asked::Object(Attributes {
                verb: question.verb.as_str().into(),
                group: question.group.as_str().into(),
                version: "*".into(),
                resource: question.resource.as_str().into(),
                subresource: question.subresource.as_str().into(),
                namespace: question.namespace.as_str().into(),
                name: question.name.as_str().into(),
            })
        } else {
            Asked::Path {
                verb: question.verb.as_str().into(),
                path: question.path.as_str().into(),
            }
        };
        match access::decide(&self.state, identity, &asked) {
            access::Decision::Allowed(_) => Decision {
                allowed: true,
                ..Decision::default()
            },
            access::Decision::Refused(reason) => Decision {
                reason,
                ..Decision::default()
            },
        }
    }
}

/// Conditions of which all must hold.
#[derive(Debug)]
pub(super) struct Conditions(Vec<(String, Result<Program, String>)>);

/// What conditions say.
pub(super) enum Met {
    /// All hold.
    Yes,
    /// One does not, by this name.
    No,
    /// None fails to hold, but some have no answer.
    Unknown(String),
}

impl Conditions {
    /// Reads `matchConditions`.
    pub(super) fn read(part: &Value, environment: &Environment) -> Self {
        let list = part.get("matchConditions").and_then(Value::as_array);
        let text = |one: &Value, field: &str| {
            one.get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let read = |one: &Value| {
            let compiled = environment.compile(&text(one, "expression"), &Type::Bool);
            (
                text(one, "name"),
                compiled.map_err(|error| format!("compilation error: {error}")),
            )
        };
        Self(list.into_iter().flatten().map(read).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks all conditions; one that does not hold outweighs those without an answer, as upstream.
    pub(super) fn met(&self, bindings: &Bindings<'_>) -> Met {
        let mut budget = Budget::match_conditions();
        let mut errors = Vec::new();
        for (name, program) in &self.0 {
            let held = match program {
                Ok(program) => program
                    .holds(bindings, &mut budget)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.clone()),
            };
            match held {
                Ok(true) => {}
                Ok(false) => return Met::No,
                Err(error) => errors.push(format!("matchConditions[{name:?}]: {error}")),
            }
        }
        match errors.as_slice() {
            [] => Met::Yes,
            [one] => Met::Unknown(one.clone()),
            many => Met::Unknown(format!("[{}]", many.join(", "))),
        }
    }
}
