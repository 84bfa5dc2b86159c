//! A request under the eyes of the audit log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::Active;
use super::event::Event;
use super::policy::{Level, Stage};
use crate::access::{Asked, Grant};
use crate::admission::Annotations;
use crate::call::BODY_LIMIT;
use crate::gate::Original;
use crate::identity::Identity;
use crate::state::State;

const ID: HeaderName = HeaderName::from_static("audit-id");

/// Answers a request by `answer`, and writes down what the policy asks for. `grant` says why it is
/// allowed; without one it is refused.
pub(crate) async fn watched<F: Future<Output = Response>>(
    state: &Arc<State>,
    mut request: Request,
    grant: Option<&Grant>,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let Some(active) = state.audit.active() else {
        return answer(request).await;
    };
    let id = match request.headers().get(&ID) {
        Some(id) => String::from_utf8_lossy(id.as_bytes()).into_owned(),
        None => state.random.uuid(),
    };
    let Some(mut event) = begin(state, &active, &request, id.clone()) else {
        return answer(request).await;
    };
    if event.wants(Level::Request) {
        request = take_body(&mut event, request).await;
    }
    say(&active, &event, Stage::RequestReceived, state);
    let annotations = Annotations::default();
    request.extensions_mut().insert(annotations.clone());
    let long = is_long(&request);
    let mut response = answer(request).await;
    let mut notes = annotations.get();
    let decision = if grant.is_some() { "allow" } else { "forbid" };
    notes.insert(
        "authorization.k8s.io/decision".to_owned(),
        decision.to_owned(),
    );
    let reason = grant.map(Grant::to_string).unwrap_or_default();
    notes.insert("authorization.k8s.io/reason".to_owned(), reason);
    event.set("annotations", json!(notes));
    let code = response.status().as_u16();
    event.set("responseStatus", json!({ "metadata": {}, "code": code }));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(ID, id);
    }
    if long && response.status().is_success() {
        say(&active, &event, Stage::ResponseStarted, state);
        return follow(active, event, Arc::clone(state), response);
    }
    if event.wants(Level::RequestResponse) || !response.status().is_success() {
        response = take_reply(&mut event, response).await;
    }
    say(&active, &event, Stage::ResponseComplete, state);
    response
}

fn begin(state: &State, active: &Active, request: &Request, id: String) -> Option<Event> {
    let uri = request.uri();
    let asked = Asked::of(request.method(), uri.path(), uri.query());
    let extensions = request.extensions();
    // The policy is about who asks in fact.
    let original = extensions.get::<Original>().map(|original| &original.0);
    let identity = original.or_else(|| extensions.get::<Identity>())?;
    let verdict = active.policy.verdict(identity, &asked);
    (verdict.level > Level::None).then(|| Event::of(request, &asked, verdict, &id, state.now()))
}

fn say(active: &Active, event: &Event, stage: Stage, state: &State) {
    if let Some(line) = event.line(stage, state.now()) {
        active.sink.take(line);
    }
}

/// Whether the reply may take long: a watch, or a log that is followed.
fn is_long(request: &Request) -> bool {
    let asked = Asked::of(
        request.method(),
        request.uri().path(),
        request.uri().query(),
    );
    let Asked::Object(asked) = asked else {
        return false;
    };
    asked.verb == "watch"
        || matches!(
            &*asked.subresource,
            "log" | "exec" | "attach" | "portforward" | "proxy"
        )
}

async fn take_body(event: &mut Event, request: Request) -> Request {
    let (parts, body) = request.into_parts();
    let limited = http_body_util::Limited::new(body, BODY_LIMIT + 1);
    let Ok(bytes) = limited
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        // Too large, or broken off: whoever answers says so.
        let nothing = Body::from(vec![b' '; BODY_LIMIT + 1]);
        return Request::from_parts(parts, nothing);
    };
    if let Some(value) = event.body(&bytes) {
        event.set("requestObject", value);
    }
    Request::from_parts(parts, Body::from(bytes))
}

async fn take_reply(event: &mut Event, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = match body.collect().await {
        Ok(bytes) => bytes.to_bytes(),
        Err(error) => {
            tracing::debug!(%error, "a reply broke off");
            return Response::from_parts(parts, Body::empty());
        }
    };
    if let Some(value) = event.body(&bytes) {
        if value.get("kind").and_then(Value::as_str) == Some("Status") {
            event.set("responseStatus", value.clone());
        }
        if event.wants(Level::RequestResponse) {
            event.set("responseObject", value);
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Says that a long reply is complete when its last byte is sent, or the client is gone.
fn follow(active: Arc<Active>, event: Event, state: Arc<State>, response: Response) -> Response {
    struct End(Arc<Active>, Event, Arc<State>);
    impl Drop for End {
        fn drop(&mut self) {
            say(&self.0, &self.1, Stage::ResponseComplete, &self.2);
        }
    }
    let end = End(active, event, state);
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &end;
            frame
        }))
    })
}
