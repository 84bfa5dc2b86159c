//! Whole requests to the API server, as its administrator.

use std::cell::OnceCell;
use std::str::from_utf8;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Clock, Random};
use seatrial_store::Store;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::parts;

/// An apply that cannot be typed is the server's failure upstream, too.
const AS_UPSTREAM: &str = "failed to create typed patch object";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::constant(1_767_225_600, 0)
    }
}

/// A server of the fuzzer's own, on a memory store.
pub(super) struct Api {
    runtime: Runtime,
    server: Server,
    router: Router,
}

thread_local! {
    static API: OnceCell<Api> = const { OnceCell::new() };
}

impl Api {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let server = runtime.block_on(async {
            let state = State::new(Store::memory(), Arc::new(Still), Random::seeded(7));
            Server::start(state).await.unwrap()
        });
        let router = server.router().layer(Extension(Identity::admin()));
        Self {
            runtime,
            server,
            router,
        }
    }

    pub(super) fn state(&self) -> &Arc<State> {
        self.server.state()
    }

    pub(super) fn post(&self, path: &str, body: &serde_json::Value) -> (u16, Vec<u8>) {
        let request = Request::builder().method("POST").uri(path);
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
    }

    fn send(&self, request: Request<Body>) -> (u16, Vec<u8>) {
        let router = self.router.clone();
        self.runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap();
            let code = response.status().as_u16();
            let mut body = response.into_body();
            let mut bytes = Vec::new();
            // A watch may go on for ever; what it says first is enough.
            let read = async {
                while let Some(Ok(frame)) = body.frame().await {
                    bytes.extend(frame.into_data().unwrap_or_default());
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
            (code, bytes)
        })
    }
}

/// One request: a line of method, path and query; lines of headers; the body. Whatever it is, the
/// answer is no failure of the server, and if it is a refusal, it is a `Status` that says why.
pub fn request(data: &[u8]) {
    let mut parts = parts(data);
    let head = parts.next().and_then(|head| from_utf8(head).ok());
    let body = parts.next().unwrap_or_default();
    let Some(request) = head.and_then(|head| build(head, body)) else {
        return;
    };
    API.with(|api| {
        let api = api.get_or_init(Api::start);
        let line = format!("{} {}", request.method(), request.uri());
        let (code, answer) = api.send(request);
        let text = String::from_utf8_lossy(&answer);
        assert!(
            code < 500 || matches!(code, 501 | 503 | 504) || text.contains(AS_UPSTREAM),
            "{line}: {code} {text}"
        );
        if code >= 400 && !line.starts_with("HEAD") {
            let status: serde_json::Value =
                serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("{line}: {code} {text}"));
            assert_eq!(status["kind"], "Status", "{line}: {code} {text}");
        }
    });
}

fn build(head: &str, body: &[u8]) -> Option<Request<Body>> {
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut builder = Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let name = HeaderName::try_from(name).ok()?;
        // A changed answer would have to be unpacked or read as protobuf first.
        if name == http::header::ACCEPT_ENCODING || name == http::header::ACCEPT {
            continue;
        }
        builder = builder.header(name, HeaderValue::try_from(value).ok()?);
    }
    let path = builder.uri_ref()?.path().to_owned();
    let request = builder.body(Body::from(body.to_vec())).ok()?;
    path.starts_with('/').then_some(request)
}
