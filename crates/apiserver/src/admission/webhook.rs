//! Webhooks: others are asked over HTTPS.
//!
//! ```text
//!   change ─▶ rules, selectors, conditions ─▶ AdmissionReview ─▶ webhook ─▶ verdict ─▶ patch or refusal
//! ```
//!
//! Mutating webhooks are asked one after the other, by the names of their configurations; validating ones
//! all at once. One that hangs, lies or is down counts as an error, which `failurePolicy` turns into a
//! refusal or into nothing.

mod client;
mod configuration;
mod verdict;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::{Value, json};

use self::configuration::{FailurePolicy, Hook, Reinvocation};
use self::verdict::{Problem, Verdict};
use super::expression::{self, Met};
use super::matching::is_configuration;
use super::reading::{Readings, listed};
use super::{Admission, Change, Operation, Round, review};
use crate::call::FieldValidation;
use crate::facts;
use crate::failure::{Failure, Reason};
use crate::object::Object;
use crate::registry::Version;

const MUTATING: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
const VALIDATING: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// The webhooks of one configuration.
type Hooks = Vec<Arc<Hook>>;

fn hooks(readings: &Readings<Hooks>, change: &Change<'_>, resource: &str) -> Hooks {
    let records = listed(change.state, resource, None);
    let read = readings.of(&records, |configuration| {
        configuration::read(&configuration)
            .into_iter()
            .map(Arc::new)
            .collect()
    });
    read.iter()
        .flat_map(|hooks| hooks.iter().cloned())
        .collect()
}

fn is_reviewed(change: &Change<'_>, resource: &str) -> bool {
    !is_configuration(change) && !listed(change.state, resource, None).is_empty()
}

/// The version in which a webhook wants to see the change, if it wants to.
fn wanted<'a>(
    hook: &Hook,
    change: &Change<'a>,
    object: Option<&Object>,
) -> Result<Option<&'a Version>, Failure> {
    let Some(version) = hook.matching.version(change, object)? else {
        return Ok(None);
    };
    if hook.conditions.is_empty() {
        return Ok(Some(version));
    }
    let bindings = expression::bindings(change, version, object);
    match hook.conditions.met(&bindings) {
        Met::Yes => Ok(Some(version)),
        Met::No => Ok(None),
        Met::Unknown(_) if hook.failure_policy == FailurePolicy::Ignore => Ok(None),
        Met::Unknown(error) => Err(change.forbidden(&error)),
    }
}

/// Asks one webhook and reads what it says.
async fn ask(
    hook: &Hook,
    change: &Change<'_>,
    version: &Version,
    object: Option<&Object>,
) -> Result<Verdict, Problem> {
    if change.dry_run && !hook.side_effects.allow_dry_run() {
        return Err(Problem::Refusal(Failure::bad_request(format!(
            "admission webhook {:?} does not support dry run",
            hook.name
        ))));
    }
    let uid = change.state.random.uuid();
    let mut request = review::request(change, version);
    request["uid"] = json!(uid);
    let (new, old) = review::objects(change, version, object);
    (request["object"], request["oldObject"]) = (new, old);
    let review = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": request,
    });
    let reply = hook.client.post(change.state, &review, hook.timeout).await;
    let reply = reply.map_err(Problem::call)?;
    let verdict = verdict::read(&reply, &uid)?;
    for (key, value) in &verdict.annotations {
        change
            .notes
            .annotate(format!("{}/{key}", hook.name), value.clone());
    }
    for warning in &verdict.warnings {
        change.notes.warn(warning.clone());
    }
    match &verdict.refusal {
        Some(result) => Err(Problem::Refusal(verdict::refusal(&hook.name, result))),
        None => Ok(verdict),
    }
}

/// What becomes of a problem with a webhook.
fn settle(hook: &Hook, change: &Change<'_>, kind: &str, problem: Problem) -> Result<(), Failure> {
    match problem {
        Problem::Refusal(failure) => Err(failure),
        Problem::Failed(error) if hook.failure_policy == FailurePolicy::Ignore => {
            tracing::warn!(webhook = hook.name, %error, "a webhook failed and is ignored");
            let round = match change.notes.round() {
                Round::First => 0,
                Round::Again => 1,
            };
            let key = format!(
                "failed-open.{kind}.webhook.admission.k8s.io/round_{round}_index_{}",
                hook.index
            );
            change.notes.annotate(key, hook.name.clone());
            Ok(())
        }
        Problem::Failed(error) => Err(Failure::internal(format!(
            "failed calling webhook {:?}: {error}",
            hook.name
        ))),
    }
}

/// Asks webhooks that may change objects.
#[derive(Default)]
pub(super) struct Mutating(Readings<Hooks>);

#[async_trait]
impl Admission for Mutating {
    fn handles(&self, change: &Change<'_>) -> bool {
        is_reviewed(change, MUTATING)
    }

    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        let round = change.notes.round();
        change.notes.called(|called| {
            if round == Round::Again && called.left.get(MUTATING) != Some(&*object) {
                called.changed();
            }
        });
        for hook in hooks(&self.0, change, MUTATING) {
            let due = change.notes.called(|called| called.due.remove(&hook.key));
            if round == Round::Again && !due {
                continue;
            }
            let Some(version) = wanted(&hook, change, Some(object))? else {
                continue;
            };
            let changed = match ask(&hook, change, version, Some(object)).await {
                Ok(verdict) => match patch(&hook, change, version, object, &verdict) {
                    Ok(changed) => changed,
                    Err(problem) => settle(&hook, change, "mutating", problem).map(|()| false)?,
                },
                Err(problem) => settle(&hook, change, "mutating", problem).map(|()| false)?,
            };
            if changed {
                change.notes.called(super::Called::changed);
                change.notes.see_again();
            }
            if hook.reinvocation == Reinvocation::IfNeeded {
                change
                    .notes
                    .called(|called| called.earlier.insert(hook.key.clone()));
            }
        }
        let left = object.clone();
        change
            .notes
            .called(|called| called.left.insert(MUTATING, left));
        Ok(())
    }
}

/// Applies a webhook's patch; says whether it changed anything.
fn patch(
    hook: &Hook,
    change: &Change<'_>,
    version: &Version,
    object: &mut Object,
    verdict: &Verdict,
) -> Result<bool, Problem> {
    let Some(operations) = &verdict.patch else {
        return Ok(false);
    };
    if change.operation == Operation::Delete {
        return Err(Problem::Refusal(Failure::internal(format!(
            "admission webhook {:?} attempted to modify the object, which is not supported for this operation",
            hook.name
        ))));
    }
    let refused = |failure: Failure| Problem::Refusal(Failure::internal(failure));
    let mut value = Value::Object(review::served(change, version, object.clone()).0);
    facts::json_patch(&mut value, operations).map_err(refused)?;
    let Value::Object(map) = value else {
        return Err(Problem::Refusal(Failure::internal(
            "a patch does not leave an object",
        )));
    };
    let mut patched = Object(map);
    facts::check(
        change.kind,
        version,
        &mut patched,
        &[],
        FieldValidation::Ignore,
    )
    .map_err(refused)?;
    let mut patched = review::stored(change, version, patched);
    facts::default(change.kind, &mut patched);
    let changed = patched != *object;
    *object = patched;
    let key = format!(
        "mutation.webhook.admission.k8s.io/round_0_index_{}",
        hook.index
    );
    let text =
        json!({ "configuration": hook.configuration, "webhook": hook.name, "mutated": changed });
    change.notes.annotate(key, text.to_string());
    Ok(changed)
}

/// Asks webhooks that may refuse objects.
#[derive(Default)]
pub(super) struct Validating(Readings<Hooks>);

#[async_trait]
impl Admission for Validating {
    fn handles(&self, change: &Change<'_>) -> bool {
        is_reviewed(change, VALIDATING)
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let mut asked = Vec::new();
        for hook in hooks(&self.0, change, VALIDATING) {
            if let Some(version) = wanted(&hook, change, Some(object))? {
                asked.push((hook, version));
            }
        }
        let replies = asked
            .iter()
            .map(|(hook, version)| ask(hook, change, version, Some(object)));
        let mut first = Ok(());
        for ((hook, _), reply) in asked.iter().zip(join_all(replies).await) {
            let settled = reply.map_or_else(
                |problem| settle(hook, change, "validating", problem),
                |_| Ok(()),
            );
            first = first.and(settled);
        }
        first
    }
}

/// The reason that goes with a code, where one does.
fn reason_of(code: u16) -> Reason {
    match code {
        401 => Reason::Unauthorized,
        403 => Reason::Forbidden,
        404 => Reason::NotFound,
        409 => Reason::Conflict,
        410 => Reason::Expired,
        413 => Reason::RequestEntityTooLarge,
        422 => Reason::Invalid,
        429 => Reason::TooManyRequests,
        500 => Reason::InternalError,
        503 => Reason::ServiceUnavailable,
        504 => Reason::Timeout,
        _ => Reason::BadRequest,
    }
}
