//! All paths of the server, as one router that binds nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use http::Method;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tracing::Level;

use crate::accept::{Cut, Form, Shapes};
use crate::call::{BODY_LIMIT, Call, Target};
use crate::discovery;
use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::metrics::Underway;
use crate::registry::Verbs;
use crate::state::{State, query};
use crate::stream::Streaming;
use crate::verb;

/// How long a client may take to send the body of a request (upstream's `--request-timeout`).
const BODY_TIME: Duration = Duration::from_mins(1);

/// The router over `state`. Requests must carry an [`Identity`] as an extension.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/version", get(discovery::version))
        .route("/healthz", get(discovery::health))
        .route("/livez", get(discovery::health))
        .route("/readyz", get(discovery::health))
        .route("/metrics", get(crate::metrics::show))
        .route("/healthz/ping", get(discovery::health))
        .route("/livez/ping", get(discovery::health))
        .route("/readyz/ping", get(discovery::health))
        .route("/api", get(discovery::core))
        .route("/api/", get(discovery::core))
        .route("/apis", get(discovery::groups))
        .route("/apis/", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/apis/{group}/", get(discovery::group))
        .route("/api/{version}", get(discovery::core_resources))
        .route("/api/{version}/", get(discovery::core_resources))
        .route("/apis/{group}/{version}", get(discovery::resources))
        .route("/apis/{group}/{version}/", get(discovery::resources))
        .route("/version/", get(discovery::version))
        .route(
            "/.well-known/openid-configuration",
            get(crate::token::discovery::configuration),
        )
        .route("/openid/v1/jwks", get(crate::token::discovery::keys))
        .route("/openapi/v2", get(discovery::openapi_version2))
        .route("/openapi/v3", get(discovery::openapi_index))
        .route("/openapi/v3/{*path}", get(discovery::openapi))
        .route("/api/{version}/{*path}", any(resource))
        .route("/apis/{group}/{version}/{*path}", any(resource))
        .fallback(async || Failure::unknown_path())
        .method_not_allowed_fallback(async || Failure::method_not_allowed())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            crate::aggregation::route,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            crate::proxy::route,
        ))
        .layer(middleware::from_fn(crate::compress::compress))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            crate::gate::pass,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            crate::metrics::count,
        ))
        .layer(middleware::from_fn(log))
        .with_state(state)
}

/// Marks the requests of clients in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InProcess;

/// Everything about objects.
async fn resource(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    match take_apart(state, request).await {
        Ok(call) => verb::dispatch(call)
            .await
            .unwrap_or_else(Failure::into_response),
        Err(failure) => failure.into_response(),
    }
}

async fn take_apart(state: Arc<State>, request: Request) -> Result<Call, Failure> {
    let (mut parts, body) = request.into_parts();
    let upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let underway = parts.extensions.remove::<Arc<Underway>>();
    let streaming = Streaming::new(upgrade, parts.uri.query(), underway);
    let identity = parts
        .extensions
        .get::<Identity>()
        .cloned()
        .ok_or_else(|| Failure::new(Reason::Unauthorized, "Unauthorized"))?;
    let annotations = parts.extensions.get().cloned().unwrap_or_default();
    let target = Target::parse(&state.registry(), parts.uri.path())?;
    let query = query(parts.uri.query());
    // Their replies are neither objects nor tables.
    let raw = matches!(
        target.subresource.as_str(),
        "log" | "exec" | "attach" | "portforward"
    );
    let mut form = if raw {
        Form::plain()
    } else {
        Form::negotiate(
            &parts.headers,
            query.get("includeObject").map(String::as_str),
            &target
                .kind
                .api_version(&target.kind.versions[target.version]),
            &target.kind.kind,
            match target.kind.verbs {
                Verbs::Ask => Shapes::OnlyPlain,
                _ => Shapes::All,
            },
        )?
    };
    if parts.extensions.get::<InProcess>().is_some() {
        form.cut = Cut::ByObject;
    }
    let body = if parts.method == Method::GET {
        Bytes::new()
    } else {
        read(body).await?
    };
    Ok(Call {
        state,
        target,
        method: parts.method,
        headers: parts.headers,
        query,
        identity,
        form,
        body,
        annotations,
        streaming,
    })
}

async fn read(body: axum::body::Body) -> Result<Bytes, Failure> {
    // Where it is announced, nothing of it has to be read.
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(Failure::too_large(BODY_LIMIT));
    }
    let collected = http_body_util::Limited::new(body, BODY_LIMIT).collect();
    let Ok(collected) = tokio::time::timeout(BODY_TIME, collected).await else {
        let message = "Timeout: request did not complete within the allotted timeout";
        return Err(Failure::new(Reason::Timeout, message));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Failure::too_large(BODY_LIMIT))
        }
        Err(error) => Err(Failure::bad_request(format!(
            "the body of the request cannot be read: {error}"
        ))),
    }
}

/// The one place that logs requests.
async fn log(request: Request, next: Next) -> Response {
    if !tracing::enabled!(Level::DEBUG) {
        return next.run(request).await;
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let user = request
        .extensions()
        .get::<Identity>()
        .map(|identity| identity.user.clone());
    let response = next.run(request).await;
    tracing::debug!(%method, %uri, user, code = response.status().as_u16(), "request");
    response
}
