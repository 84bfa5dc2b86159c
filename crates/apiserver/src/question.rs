//! Kinds that are questions: the reply is the object with its status filled in, and nothing is stored.
//!
//! Every authenticated user is an administrator, so access is always granted; who may do what
//! comes with RBAC.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::reply;
use crate::token;

/// Answers the question in the body.
///
/// # Errors
/// Where the body cannot be read.
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
        "TokenReview" => token_status(call, question.text(&["spec", "token"])),
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
        }),
        _ => json!({ "allowed": true, "reason": "every authenticated user is an administrator" }),
    };
    question.0.insert("status".to_owned(), status);
    Ok(reply::json(
        StatusCode::CREATED,
        Value::Object(question.0).to_string(),
    ))
}

fn user_info(identity: &Identity) -> Value {
    json!({ "username": identity.user, "groups": identity.groups })
}

fn token_status(call: &Call, token: &str) -> Value {
    match call.state.tokens.check(token, call.state.now()) {
        Some(claims) => {
            let mut user = user_info(&token::identity(&claims));
            user["uid"] = json!(claims.uid);
            json!({ "authenticated": true, "user": user })
        }
        None => json!({ "authenticated": false, "error": "invalid bearer token" }),
    }
}
