//! What a webhook says, and what becomes of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::failure::{Cause, Failure};

/// Why a webhook did not simply say yes.
pub(super) enum Problem {
    /// It said no, or asking it makes no sense: the failure policy does not matter.
    Refusal(Failure),
    /// It gave no usable answer, in upstream's words.
    Failed(String),
}

impl Problem {
    /// There is no answer, or none that can be read.
    pub(super) fn call(error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("failed to call webhook: {error}"))
    }

    /// The answer does not fit the question.
    fn answer(text: impl std::fmt::Display) -> Self {
        Self::Failed(format!("received invalid webhook response: {text}"))
    }
}

/// A usable answer.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The `status` of a no; null where it gives no reasons.
    pub(super) refusal: Option<Value>,
    /// A JSON patch.
    pub(super) patch: Option<Value>,
    pub(super) warnings: Vec<String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// Reads the reply to the review `uid`.
pub(super) fn read(reply: &[u8], uid: &str) -> Result<Verdict, Problem> {
    let unreadable =
        |error: String| Problem::call(format!("couldn't decode the response: {error}"));
    let review: Value =
        serde_json::from_slice(reply).map_err(|error| unreadable(error.to_string()))?;
    let text = |path: &str| {
        review
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (version, kind) = (text("/apiVersion"), text("/kind"));
    if (version, kind) != ("admission.k8s.io/v1", "AdmissionReview") {
        let slash = if version.contains('/') { "" } else { "/" };
        return Err(Problem::answer(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {slash}{version}, Kind={kind}"
        )));
    }
    let Some(response) = review
        .get("response")
        .filter(|response| response.is_object())
    else {
        return Err(Problem::answer("webhook response was absent"));
    };
    if text("/response/uid") != uid {
        return Err(Problem::answer(format!(
            "expected response.uid={uid:?}, got {:?}",
            text("/response/uid")
        )));
    }
    let allowed = match response.get("allowed") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(allowed)) => *allowed,
        Some(_) => return Err(unreadable("response.allowed is no boolean".to_owned())),
    };
    let warnings = response.get("warnings").and_then(Value::as_array);
    let annotations = response.get("auditAnnotations").and_then(Value::as_object);
    Ok(Verdict {
        refusal: (!allowed).then(|| response.get("status").cloned().unwrap_or(Value::Null)),
        patch: if allowed { patch(response)? } else { None },
        warnings: warnings
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        annotations: annotations
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    })
}

fn patch(response: &Value) -> Result<Option<Value>, Problem> {
    let text = |field: &str| {
        response
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (patch, kind) = (text("patch"), text("patchType"));
    match (patch, kind) {
        ("", "") => return Ok(None),
        ("", _) => {
            return Err(Problem::answer(
                "webhook returned response.patchType but not response.patch",
            ));
        }
        (_, "") => {
            return Err(Problem::answer(
                "webhook returned response.patch but not response.patchType",
            ));
        }
        (_, "JSONPatch") => {}
        (_, other) => {
            return Err(Problem::answer(format!(
                "webhook returned invalid response.patchType of {other:?}, expected \"JSONPatch\""
            )));
        }
    }
    let bytes = STANDARD
        .decode(patch)
        .map_err(|error| Problem::call(format!("response.patch is not base64: {error}")))?;
    // As upstream: the failure policy is for answers, not for what a good one asks to be done.
    let operations: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::Refusal(Failure::internal(format!("error decoding patch: {error}")))
    })?;
    Ok(operations
        .as_array()
        .is_none_or(|list| !list.is_empty())
        .then_some(operations))
}

/// A no in upstream's words, with the code and reason that the webhook gives.
pub(super) fn refusal(name: &str, result: &Value) -> Failure {
    let text = |field: &str| {
        result
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let denied = format!("admission webhook {name:?} denied the request");
    let message = match (text("message"), text("reason")) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    let code = result
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    let code = code.filter(|code| (400..600).contains(code)).unwrap_or(400);
    let mut failure = Failure::new(super::reason_of(code), message);
    failure.details.said = Some((code, text("reason").to_owned()));
    let causes = result.pointer("/details/causes").and_then(Value::as_array);
    let cause = |cause: &Value| {
        let text = |field: &str| cause.get(field).and_then(Value::as_str).unwrap_or_default();
        Cause::new(text("reason"), text("field"), text("message"))
    };
    failure.with_causes(causes.into_iter().flatten().map(cause).collect())
}
