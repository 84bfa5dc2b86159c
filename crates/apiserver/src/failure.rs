//! Errors as clients see them: always a `metav1.Status`, in the words that upstream uses, because
//! clients match on some of them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::registry::Kind;

/// Why a request failed, as `status.reason` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names are upstream's own (`metav1.StatusReason`).
pub enum Reason {
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Expired,
    Invalid,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    ServiceUnavailable,
}

impl Reason {
    /// The HTTP status code that goes with this reason.
    pub fn code(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists | Self::Conflict => StatusCode::CONFLICT,
            Self::Expired => StatusCode::GONE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A machine-readable word such as `FieldValueRequired`.
    pub reason: String,
    /// A sentence for people, without the field.
    pub message: String,
    /// The path of the field, such as `spec.containers[0].image`; empty where none is meant.
    pub field: String,
}

impl Cause {
    /// A cause of the given reason.
    pub fn new(reason: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
            field: field.into(),
        }
    }

    /// The field must be set.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self::new("FieldValueRequired", field, message)
    }

    /// The field has a value that is not allowed.
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: &str) -> Self {
        let message = format!("Invalid value: {}: {detail}", value.into());
        Self::new("FieldValueInvalid", field, message)
    }

    /// The value is none of those there are.
    pub fn unsupported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let message = format!(
            "Unsupported value: {value:?}: supported values: {}",
            quoted.join(", ")
        );
        Self::new("FieldValueNotSupported", field, message)
    }

    /// The field may not be set here, or may not change.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }
}

/// A request that failed. Turning it into a response does not log; the one middleware does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Why, as a word.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
    /// What it is about.
    pub details: Box<Details>,
}

/// What a failure is about. Texts are empty where they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// The object's API group.
    pub group: String,
    /// The plural name of its resource, or its kind for [`Reason::Invalid`].
    pub kind: String,
    /// What is wrong in detail.
    pub causes: Vec<Cause>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
    /// Code and reason in the words of another server that was asked, in place of our own.
    pub said: Option<(u16, String)>,
    /// The token with which a list whose revision is forgotten goes on, without being consistent.
    pub next: Option<String>,
}

impl Failure {
    /// A failure that is about no object in particular.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            details: Box::default(),
        }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        kind.plural.clone_into(&mut self.details.kind);
        kind.group.clone_into(&mut self.details.group);
        name.clone_into(&mut self.details.name);
        self
    }

    /// The request makes no sense as it stands.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// The server failed in a way the client cannot help.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::InternalError,
            format!("Internal error occurred: {message}"),
        )
    }

    /// No object of this name.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.qualified());
        Self::new(Reason::NotFound, message).about(kind, name)
    }

    /// No such path or kind.
    pub fn unknown_path() -> Self {
        Self::new(
            Reason::NotFound,
            "the server could not find the requested resource",
        )
    }

    /// The path is known, the method on it is not.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(Reason::MethodNotAllowed, message)
    }

    /// There is one of this name already.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.qualified());
        Self::new(Reason::AlreadyExists, message).about(kind, name)
    }

    /// Somebody else changed the object first, or a precondition does not hold.
    pub fn conflict(kind: &Kind, name: &str, detail: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {detail}",
            kind.qualified()
        );
        Self::new(Reason::Conflict, message).about(kind, name)
    }

    /// The object was changed between the client's read and its write.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let detail = "the object has been modified; please apply your changes to the latest \
                      version and try again";
        Self::conflict(kind, name, detail)
    }

    /// The request is understood and refused.
    pub fn forbidden(kind: &Kind, name: &str, detail: &str) -> Self {
        let name_part = if name.is_empty() {
            String::new()
        } else {
            format!(" {name:?}")
        };
        let message = format!("{}{name_part} is forbidden: {detail}", kind.qualified());
        Self::new(Reason::Forbidden, message).about(kind, name)
    }

    /// The object breaks the rules of its kind.
    pub fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> Self {
        let mut lines: Vec<String> = causes
            .iter()
            .map(|cause| match cause.field.as_str() {
                "" => cause.message.clone(),
                field => format!("{field}: {}", cause.message),
            })
            .collect();
        lines.dedup();
        let detail = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = match kind.group.as_str() {
            "" => kind.kind.clone(),
            group => format!("{}.{group}", kind.kind),
        };
        let message = format!("{qualified} {name:?} is invalid: {detail}");
        let mut failure = Self::new(Reason::Invalid, message).about(kind, name);
        failure.details.kind.clone_from(&kind.kind);
        failure.details.causes = causes;
        failure
    }

    /// The options of a request, such as `PatchOptions`, break their rules.
    pub fn invalid_options(options: &str, causes: Vec<Cause>) -> Self {
        let lines: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let detail = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{options}.meta.k8s.io \"\" is invalid: {detail}");
        let mut failure = Self::new(Reason::Invalid, message);
        options.clone_into(&mut failure.details.kind);
        "meta.k8s.io".clone_into(&mut failure.details.group);
        failure.details.causes = causes;
        failure
    }

    /// The revision that was asked for is forgotten.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// The request or the object is too large.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(Reason::RequestEntityTooLarge, message)
    }

    /// Adds causes.
    pub fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        self.details.causes = causes;
        self
    }

    /// The HTTP status code.
    pub fn code(&self) -> StatusCode {
        let said = self.details.said.as_ref();
        said.and_then(|(code, _)| StatusCode::from_u16(*code).ok())
            .unwrap_or_else(|| self.reason.code())
    }

    /// The `metav1.Status` that says so.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": format!("{:?}", self.reason),
            "code": self.code().as_u16(),
        });
        match &self.details.said {
            Some((_, reason)) if reason.is_empty() => {
                status.as_object_mut().map(|status| status.remove("reason"));
            }
            Some((_, reason)) => status["reason"] = json!(reason),
            None => {}
        }
        let about = &self.details;
        if let Some(next) = &about.next {
            status["metadata"] = json!({ "continue": next });
        }
        let mut details = serde_json::Map::new();
        for (key, text) in [
            ("name", &about.name),
            ("group", &about.group),
            ("kind", &about.kind),
        ] {
            if !text.is_empty() {
                details.insert(key.to_owned(), json!(text));
            }
        }
        if !about.causes.is_empty() {
            let causes = about.causes.iter().map(|cause| {
                let mut value = json!({"message": cause.message});
                if !cause.reason.is_empty() {
                    value["reason"] = json!(cause.reason);
                }
                if !cause.field.is_empty() {
                    value["field"] = json!(cause.field);
                }
                value
            });
            details.insert("causes".to_owned(), causes.collect());
        }
        if let Some(seconds) = about.retry_after {
            details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        if !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = crate::reply::json(self.code(), self.status().to_string());
        if let Some(seconds) = self.details.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        failure.into_response()
    }
}
