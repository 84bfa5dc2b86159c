//! The embedded registry: the OCI distribution API 1.1 over the image store.
//!
//! Content is shared by all repositories: whoever may read one may read any blob whose digest they know, and a
//! mount from another repository always works where the content is here.

mod access;
mod answer;
mod blob;
mod manifest;
mod upload;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use seatrial_clock::Random;

pub use access::Access;
pub(crate) use answer::{Code, Failure};

use crate::ImageStore;
use crate::reference::check_repository;
use upload::Upload;

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct Registry {
    pub(crate) store: ImageStore,
    access: Access,
    random: Random,
    uploads: Arc<Mutex<BTreeMap<String, Upload>>>,
}

impl Registry {
    /// A registry over `store`. `random` names upload sessions.
    pub fn new(store: ImageStore, access: Access, random: Random) -> Self {
        Self {
            store,
            access,
            random,
            uploads: Arc::default(),
        }
    }
}

/// The routes under `/v2`. Binds nothing; to be mounted at the root, where clients expect it.
pub fn router(registry: Registry) -> Router {
    // Names have slashes in them, so the path is read by us and not by the router.
    Router::new()
        .route("/v2", axum::routing::any(dispatch))
        .route("/v2/{*rest}", axum::routing::any(dispatch))
        .route("/v2/", axum::routing::any(dispatch))
        .with_state(registry)
}

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    Root,
    Catalog,
    Tags { name: &'a str },
    Manifest { name: &'a str, selector: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Uploads { name: &'a str },
    Upload { name: &'a str, id: &'a str },
    Referrers { name: &'a str, digest: &'a str },
}

impl<'a> Endpoint<'a> {
    /// Reads the path behind `/v2`. The name is everything before the last known part.
    fn parse(path: &'a str) -> Option<Self> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Some(Self::Root);
        }
        if path == "_catalog" {
            return Some(Self::Catalog);
        }
        if let Some(name) = path
            .strip_suffix("/blobs/uploads/")
            .or_else(|| path.strip_suffix("/blobs/uploads"))
        {
            return Some(Self::Uploads { name });
        }
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Some(Self::Tags { name });
        }
        let (rest, last) = path.rsplit_once('/')?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload { name, id: last });
        }
        let (name, kind) = rest.rsplit_once('/')?;
        match kind {
            "manifests" => Some(Self::Manifest {
                name,
                selector: last,
            }),
            "blobs" => Some(Self::Blob { name, digest: last }),
            "referrers" => Some(Self::Referrers { name, digest: last }),
            _ => None,
        }
    }

    fn name(&self) -> Option<&'a str> {
        match self {
            Self::Root | Self::Catalog => None,
            Self::Tags { name }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Referrers { name, .. } => Some(name),
        }
    }
}

async fn dispatch(State(registry): State<Registry>, request: Request) -> Response {
    let mut response = match answer(&registry, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    };
    let version = HeaderName::from_static("docker-distribution-api-version");
    response
        .headers_mut()
        .insert(version, HeaderValue::from_static("registry/2.0"));
    response
}

async fn answer(registry: &Registry, request: Request) -> Result<Response, Failure> {
    let method = request.method().clone();
    registry.access.check(&method, request.headers())?;
    let uri = request.uri().clone();
    let endpoint = Endpoint::parse(uri.path().strip_prefix("/v2").unwrap_or_default())
        .ok_or_else(|| Failure::new(Code::NotFound, "no such endpoint"))?;
    if let Some(name) = endpoint.name() {
        check_repository(name).map_err(|reason| Failure::new(Code::NameInvalid, reason))?;
    }
    let query = Parameters::parse(uri.query().unwrap_or_default());
    match endpoint {
        Endpoint::Root => Ok(axum::Json(serde_json::json!({})).into_response()),
        Endpoint::Catalog => Ok(manifest::catalog(registry, &query)),
        Endpoint::Tags { name } => manifest::tags(registry, name, &query),
        Endpoint::Referrers { name, digest } => manifest::referrers(registry, name, digest, &query),
        Endpoint::Manifest { name, selector } => match method {
            Method::GET | Method::HEAD => manifest::get(registry, name, selector, &query),
            Method::PUT => manifest::put(registry, name, selector, request).await,
            Method::DELETE => manifest::delete(registry, name, selector),
            _ => Err(Failure::method()),
        },
        Endpoint::Blob { digest, .. } => match method {
            Method::GET | Method::HEAD => {
                blob::get(registry, digest, &method, request.headers()).await
            }
            Method::DELETE => blob::delete(registry, digest),
            _ => Err(Failure::method()),
        },
        Endpoint::Uploads { name } => match method {
            Method::POST => upload::start(registry, name, &query, request.into_body()).await,
            _ => Err(Failure::method()),
        },
        Endpoint::Upload { name, id } => match method {
            Method::GET | Method::HEAD => upload::progress(registry, name, id),
            Method::PATCH => upload::patch(registry, name, id, request).await,
            Method::PUT => upload::finish(registry, name, id, &query, request.into_body()).await,
            Method::DELETE => upload::cancel(registry, id),
            _ => Err(Failure::method()),
        },
    }
}

/// The query of a request, decoded.
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(key, value)| (key.to_owned(), decode(value)))
                .collect(),
        )
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn respond(status: StatusCode, headers: &[(&'static str, String)]) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests;
