//! Kinds that are questions: the reply is the object with its status filled in, and nothing is stored.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::access::{self, Asked, Attributes, Decision};
use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure};
use crate::identity::{Identity, NODES};
use crate::object::Object;
use crate::reply;
use crate::token;

/// Answers the question in the body.
///
/// # Errors
/// Where the body cannot be read, or asks for nothing.
pub(crate) fn answer(call: &Call) -> Result<Response, Failure> {
    let mut question = body::object(call)?;
    let kind = call.kind();
    question.0.insert("kind".to_owned(), json!(kind.kind));
    question.0.insert(
        "apiVersion".to_owned(),
        json!(kind.api_version(call.version())),
    );
    question.metadata();
    let status = match kind.kind.as_str() {
        "SelfSubjectReview" => json!({ "userInfo": user_info(&call.identity) }),
        "TokenReview" => token_status(call, &question),
        "SelfSubjectRulesReview" => rules(call, &question)?,
        "SelfSubjectAccessReview" => access_status(call, &question, &call.identity)?,
        _ => access_status(call, &question, &subject(call, &question)?)?,
    };
    question.0.insert("status".to_owned(), status);
    Ok(reply::json(
        StatusCode::CREATED,
        Value::Object(question.0).to_string(),
    ))
}

fn user_info(identity: &Identity) -> Value {
    let mut user = json!({ "username": identity.user, "groups": identity.groups });
    if !identity.uid.is_empty() {
        user["uid"] = json!(identity.uid);
    }
    if !identity.extra.is_empty() {
        user["extra"] = json!(identity.extra);
    }
    user
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn token_status(call: &Call, question: &Object) -> Value {
    let audiences = texts(question.at(&["spec", "audiences"]));
    let token = question.text(&["spec", "token"]);
    match token::authenticate(&call.state, token, &audiences) {
        Ok((identity, audiences)) => {
            json!({ "authenticated": true, "user": user_info(&identity), "audiences": audiences })
        }
        Err(error) => json!({ "authenticated": false, "user": {}, "error": error }),
    }
}

/// About whom a review asks.
fn subject(call: &Call, question: &Object) -> Result<Identity, Failure> {
    let extra = question.at(&["spec", "extra"]).and_then(Value::as_object);
    let identity = Identity {
        user: question.text(&["spec", "user"]).to_owned(),
        uid: question.text(&["spec", "uid"]).to_owned(),
        groups: texts(question.at(&["spec", "groups"])),
        extra: extra
            .into_iter()
            .flatten()
            .map(|(key, values)| (key.clone(), texts(Some(values))))
            .collect(),
    };
    if identity.user.is_empty() && identity.groups.is_empty() {
        let detail = "at least one of user or group must be specified";
        return Err(invalid(call, "spec.user", detail));
    }
    let namespace = question.text(&["spec", "resourceAttributes", "namespace"]);
    if call.kind().namespaced() && namespace != call.target.namespace {
        let field = "spec.resourceAttributes.namespace";
        let cause = Cause::invalid(field, namespace, "must match metadata.namespace");
        return Err(Failure::invalid(call.kind(), "", vec![cause]));
    }
    Ok(identity)
}

fn invalid(call: &Call, field: &str, detail: &str) -> Failure {
    let cause = Cause::invalid(field, "", detail);
    Failure::invalid(call.kind(), "", vec![cause])
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> std::borrow::Cow<'a, str> {
    map.get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .into()
}

/// What a review asks for.
fn asked<'a>(call: &Call, question: &'a Object) -> Result<Asked<'a>, Failure> {
    let part = |field: &str| {
        let part = question.at(&["spec", field]);
        part.and_then(Value::as_object)
    };
    match (part("resourceAttributes"), part("nonResourceAttributes")) {
        (Some(object), None) => Ok(Asked::Object(Attributes {
            verb: text(object, "verb"),
            group: text(object, "group"),
            version: text(object, "version"),
            resource: text(object, "resource"),
            subresource: text(object, "subresource"),
            namespace: text(object, "namespace"),
            name: text(object, "name"),
        })),
        (None, Some(path)) => Ok(Asked::Path {
            verb: text(path, "verb"),
            path: text(path, "path"),
        }),
        (None, None) => Err(invalid(
            call,
            "spec.resourceAttributes",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        (Some(_), Some(_)) => Err(invalid(
            call,
            "spec.nonResourceAttributes",
            "cannot be specified in combination with resourceAttributes",
        )),
    }
}

fn access_status(call: &Call, question: &Object, about: &Identity) -> Result<Value, Failure> {
    let asked = asked(call, question)?;
    let decision = access::decide(&call.state, about, &asked);
    let (allowed, reason) = match decision {
        Decision::Allowed(grant) => (true, grant.to_string()),
        Decision::Refused(reason) => (false, reason),
    };
    let mut status = json!({ "allowed": allowed });
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    Ok(status)
}

fn rules(call: &Call, question: &Object) -> Result<Value, Failure> {
    let namespace = question.text(&["spec", "namespace"]);
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let (rules, mut errors) = call.state.access.rules_of(&call.identity, namespace);
    if call.identity.is_in(NODES) {
        "node authorizer does not support user rule resolution".clone_into(&mut errors);
    }
    let (paths, objects): (Vec<_>, Vec<_>) = rules.iter().partition(|rule| !rule.paths.is_empty());
    let mut status = json!({
        "incomplete": !errors.is_empty(),
        "resourceRules": objects.iter().map(|rule| rule.value()).collect::<Vec<_>>(),
        "nonResourceRules": paths
            .iter()
            .map(|rule| json!({ "verbs": rule.verbs, "nonResourceURLs": rule.paths }))
            .collect::<Vec<_>>(),
    });
    if !errors.is_empty() {
        status["evaluationError"] = json!(errors);
    }
    Ok(status)
}
