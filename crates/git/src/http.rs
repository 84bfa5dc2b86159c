//! Smart HTTP (`gitprotocol-http`): what `git clone`, `git fetch` and `git push` speak.

mod body;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use seatrial_clock::SharedClock;
use serde::Deserialize;

use crate::{Access, Caller, Error, Journal, Name, Repositories};
pub(crate) use service::Service;

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct Server {
    pub(crate) repositories: Repositories,
    pub(crate) access: Access,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: SharedClock,
}

impl Server {
    /// A server over `repositories` that lets in whom `access` knows and tells `journal` of pushes.
    pub fn new(
        repositories: Repositories,
        access: Access,
        journal: Arc<dyn Journal>,
        clock: SharedClock,
    ) -> Self {
        Self {
            repositories,
            access,
            journal,
            clock,
        }
    }
}

/// The routes, to be nested wherever [`crate::Configuration::base_url`] says.
pub fn router(server: Server) -> Router {
    Router::new()
        .route("/{name}", get(describe))
        .route("/{name}/info/refs", get(advertise))
        .route("/{name}/git-upload-pack", post(upload_pack))
        .route("/{name}/git-receive-pack", post(receive_pack))
        .fallback(|| async {
            refusal(
                StatusCode::NOT_FOUND,
                "no such page; clone with `git clone <this server>/<repository>.git`",
            )
        })
        .with_state(server)
}

#[derive(Deserialize)]
struct Advertisement {
    service: Option<String>,
}

async fn advertise(
    State(server): State<Server>,
    Path(name): Path<String>,
    Query(query): Query<Advertisement>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let service = match query.service.as_deref() {
        Some(service) => Service::parse(service).ok_or(Refusal::UnknownService)?,
        None => return Err(Refusal::DumbClient),
    };
    let name = Name::parse(&name)?;
    let caller = server.admit(service, &headers)?;
    if service == Service::Receive && !server.repositories.exists(&name) {
        server.push_to_create(&name, &caller).await?;
    }
    let bytes = service
        .advertisement(&server.repositories, &name, protocol(&headers))
        .await?;
    Ok((no_cache(service.advertisement_type()), bytes).into_response())
}

async fn upload_pack(
    state: State<Server>,
    name: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    exchange(state, name, &headers, body, Service::Upload)
}

async fn receive_pack(
    state: State<Server>,
    name: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    exchange(state, name, &headers, body, Service::Receive)
}

fn exchange(
    State(server): State<Server>,
    Path(name): Path<String>,
    headers: &HeaderMap,
    body: Body,
    service: Service,
) -> Result<Response, Refusal> {
    let name = Name::parse(&name)?;
    let caller = server.admit(service, headers)?;
    if header_text(headers, &header::CONTENT_TYPE) != Some(service.request_type()) {
        return Err(Refusal::ContentType(service.request_type()));
    }
    let request = body::Decoded::new(body, header_text(headers, &header::CONTENT_ENCODING))
        .map_err(Refusal::Encoding)?;
    let answer = service::run(&server, service, &name, caller, protocol(headers), request)?;
    Ok((no_cache(service.result_type()), answer).into_response())
}

async fn describe(
    State(server): State<Server>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<String, Refusal> {
    let name = Name::parse(&name)?;
    server.admit(Service::Upload, &headers)?;
    let repository = server.repositories.local(&name)?;
    let refs = repository.refs().await?;
    let lines = refs
        .iter()
        .map(|reference| format!("{}  {}\n", reference.commit, reference.name));
    Ok(format!(
        "git clone {}\n\n{}",
        server.repositories.url(&name),
        lines.collect::<String>()
    ))
}

impl Server {
    fn admit(&self, service: Service, headers: &HeaderMap) -> Result<Caller, Refusal> {
        match service {
            Service::Upload => self.access.reader(headers),
            Service::Receive => self.access.user(headers),
        }
        .ok_or(Refusal::Unauthorised)
    }

    /// A push with a token to a repository nobody declared makes it, with its object.
    async fn push_to_create(&self, name: &Name, caller: &Caller) -> Result<(), Error> {
        tracing::info!(repository = %name, user = caller.name(), "repository created by push");
        self.repositories.create(name, "main").await?;
        self.journal.declare(name).await
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The `Git-Protocol` header, where it is one that may be handed to a program.
fn protocol(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("git-protocol")?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"=:-_.".contains(&b);
    (value.len() <= 100 && value.bytes().all(plain)).then(|| value.to_owned())
}

fn no_cache(content_type: &'static str) -> [(HeaderName, &'static str); 2] {
    [
        (header::CONTENT_TYPE, content_type),
        (
            header::CACHE_CONTROL,
            "no-cache, max-age=0, must-revalidate",
        ),
    ]
}

/// Why a request gets no service. `git` shows plain text to its user.
enum Refusal {
    Unauthorised,
    UnknownService,
    DumbClient,
    ContentType(&'static str),
    Encoding(String),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorised => {
                let text = "a valid token is needed: give it as the password (any user name) or as `Authorization: Bearer`";
                let challenge = [(
                    header::WWW_AUTHENTICATE,
                    r#"Basic realm="seatrial", charset="UTF-8""#,
                )];
                (challenge, refusal(StatusCode::UNAUTHORIZED, text)).into_response()
            }
            Self::UnknownService => refusal(
                StatusCode::FORBIDDEN,
                "unknown service; this server has git-upload-pack and git-receive-pack",
            ),
            Self::DumbClient => refusal(
                StatusCode::FORBIDDEN,
                "the dumb HTTP protocol is not served; use Git 1.6.6 or newer",
            ),
            Self::ContentType(wanted) => refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("the request's Content-Type must be {wanted}"),
            ),
            Self::Encoding(encoding) => refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("Content-Encoding {encoding:?} is not understood; use gzip or none"),
            ),
            Self::Failed(error) => failed(&error),
        }
    }
}

fn failed(error: &Error) -> Response {
    let status = match error {
        Error::Name { .. } => StatusCode::BAD_REQUEST,
        Error::UnknownRepository { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "git request failed"
        );
    }
    refusal(status, &error.to_string())
}

fn refusal(status: StatusCode, text: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{text}\n"),
    )
        .into_response()
}
