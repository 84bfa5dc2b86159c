//! Pulling from registries elsewhere (OCI distribution specification, Docker's token authentication).

mod challenge;

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::image::{Descriptor, Manifest, media};
use crate::store::{choose, read_index};
use crate::{Blobs, Digest, Reference};
use challenge::Challenge;

/// How long a registry may take to begin its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long it may pause within one.
const PAUSE_LIMIT: Duration = Duration::from_secs(30);
/// How long a manifest or token may be.
const SMALL_LIMIT: usize = 8 << 20;
/// How often a registry may send us elsewhere.
const REDIRECT_LIMIT: usize = 5;

/// Why a pull did not work, to be read after "image X is not in the local registry, and ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "{host} cannot be reached ({reason}); build or push the image locally, or start FROM seatrial/host"
    )]
    Unreachable { host: String, reason: String },
    #[error("{host} does not have it, or wants a login ({status})")]
    Absent { host: String, status: StatusCode },
    #[error("{host} answered {status}")]
    Status { host: String, status: StatusCode },
    #[error("{host} sent {what} that cannot be used: {reason}")]
    Answer {
        host: String,
        what: &'static str,
        reason: String,
    },
    #[error("it cannot be kept: {0}")]
    Keep(#[from] crate::Error),
    #[error("HTTPS cannot be used: {0}")]
    Certificates(String),
}

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A client for registries elsewhere, made on first use.
#[derive(Default)]
pub(crate) struct Remote {
    http: OnceLock<Result<Http, String>>,
}

impl Remote {
    /// Fetches an image with everything it needs on this machine.
    pub(crate) async fn pull(&self, reference: &Reference, blobs: &Blobs) -> Result<Digest, Error> {
        let mut session = Session::new(self.http()?, reference);
        let (bytes, media_type) = session.manifest(reference.selector()).await?;
        let digest = session.check(&bytes, reference.digest.as_ref())?;
        let name = reference.name();
        let tags: Vec<&str> = reference.tag.as_deref().into_iter().collect();
        let manifest = match read_index(&bytes) {
            None => bytes.clone(),
            Some(index) => {
                let chosen = choose(&index, &reference.to_string())?;
                let (bytes, media_type) = session.manifest(chosen.digest.as_str()).await?;
                session.check(&bytes, Some(&chosen.digest))?;
                blobs.add_manifest(&name, &media_type, &bytes, &[])?;
                bytes
            }
        };
        let manifest: Manifest = serde_json::from_slice(&manifest)
            .map_err(|error| session.unusable("a manifest", error.to_string()))?;
        for descriptor in std::iter::once(&manifest.config).chain(&manifest.layers) {
            session.blob(descriptor, blobs).await?;
        }
        // The name comes last: whoever finds it finds everything.
        blobs.add_manifest(&name, &media_type, &bytes, &tags)?;
        blobs.mark_pulled(&name, reference.selector())?;
        Ok(digest)
    }

    fn http(&self) -> Result<Http, Error> {
        let made = self.http.get_or_init(|| {
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(|error| error.to_string())?
                .https_or_http()
                .enable_http1()
                .build();
            Ok(Client::builder(TokioExecutor::new()).build(connector))
        });
        made.clone().map_err(Error::Certificates)
    }
}

/// One pull: a registry, a repository, and the token it gave.
struct Session {
    http: Http,
    host: String,
    base: String,
    repository: String,
    token: Option<String>,
}

impl Session {
    fn new(http: Http, reference: &Reference) -> Self {
        let host = match reference.registry.as_str() {
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_local = name == "localhost" || name.starts_with("127.") || name == "[::1]";
        let scheme = if is_local { "http" } else { "https" };
        Self {
            http,
            host: host.to_owned(),
            base: format!("{scheme}://{host}/v2/{}", reference.repository),
            repository: reference.repository.clone(),
            token: None,
        }
    }

    fn unusable(&self, what: &'static str, reason: impl Into<String>) -> Error {
        Error::Answer {
            host: self.host.clone(),
            what,
            reason: reason.into(),
        }
    }

    fn check(&self, bytes: &[u8], wanted: Option<&Digest>) -> Result<Digest, Error> {
        let actual = Digest::of(bytes);
        match wanted {
            Some(wanted) if *wanted != actual => Err(self.unusable(
                "a manifest",
                format!("its digest is {actual}, not {wanted}"),
            )),
            _ => Ok(actual),
        }
    }

    async fn manifest(&mut self, selector: &str) -> Result<(Bytes, String), Error> {
        let accept = [
            media::INDEX,
            media::MANIFEST,
            media::DOCKER_LIST,
            media::DOCKER_MANIFEST,
        ]
        .join(", ");
        let response = self
            .get(&format!("{}/manifests/{selector}", self.base), &accept)
            .await?;
        let media_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or(media::MANIFEST).to_owned();
        let body = http_body_util::Limited::new(response.into_body(), SMALL_LIMIT);
        let bytes = body
            .collect()
            .await
            .map_err(|error| self.unusable("a manifest", error.to_string()))?;
        Ok((bytes.to_bytes(), media_type))
    }

    async fn blob(&mut self, wanted: &Descriptor, blobs: &Blobs) -> Result<(), Error> {
        if blobs.size(&wanted.digest) == Some(wanted.size) {
            return Ok(());
        }
        let response = self
            .get(&format!("{}/blobs/{}", self.base, wanted.digest), "*/*")
            .await?;
        let mut body = response.into_body();
        let mut draft = blobs.draft()?;
        loop {
            let frame = tokio::time::timeout(PAUSE_LIMIT, body.frame());
            let frame = frame
                .await
                .map_err(|_| self.unusable("a layer", "it stopped in the middle"))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| self.unusable("a layer", error.to_string()))?;
            if let Some(bytes) = frame.data_ref() {
                draft
                    .write_all(bytes)
                    .map_err(crate::Error::file("write", blobs.path(&wanted.digest)))?;
            }
        }
        let actual = Digest::from_hasher(draft.hasher.clone());
        if actual != wanted.digest {
            return Err(self.unusable(
                "a layer",
                format!("its digest is {actual}, not {}", wanted.digest),
            ));
        }
        blobs.keep(draft)?;
        Ok(())
    }

    /// Gets a page, with a token once the registry has asked for one, through redirects.
    async fn get(&mut self, url: &str, accept: &str) -> Result<Response<Incoming>, Error> {
        let response = self.follow(url, accept).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.accept(response);
        }
        let challenge =
            Challenge::parse(response.headers()).ok_or_else(|| self.absent(response.status()))?;
        self.token = Some(self.fetch_token(&challenge).await?);
        let response = self.follow(url, accept).await?;
        self.accept(response)
    }

    fn absent(&self, status: StatusCode) -> Error {
        Error::Absent {
            host: self.host.clone(),
            status,
        }
    }

    fn accept(&self, response: Response<Incoming>) -> Result<Response<Incoming>, Error> {
        match response.status() {
            StatusCode::OK => Ok(response),
            status @ (StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(self.absent(status))
            }
            status => Err(Error::Status {
                host: self.host.clone(),
                status,
            }),
        }
    }

    async fn fetch_token(&self, challenge: &Challenge) -> Result<String, Error> {
        let url = challenge.token_url(&self.repository);
        let response = self.send(&url, "application/json", None).await?;
        if response.status() != StatusCode::OK {
            return Err(self.absent(response.status()));
        }
        let body = http_body_util::Limited::new(response.into_body(), SMALL_LIMIT);
        let bytes = body
            .collect()
            .await
            .map_err(|error| self.unusable("a token", error.to_string()))?
            .to_bytes();
        challenge::token(&bytes).ok_or_else(|| self.unusable("a token", "it has no field `token`"))
    }

    async fn follow(&self, url: &str, accept: &str) -> Result<Response<Incoming>, Error> {
        let mut url = url.to_owned();
        let origin: String = authority(&url);
        for _ in 0..REDIRECT_LIMIT {
            // The token is for the registry, not for the storage it sends us to.
            let token = self.token.as_deref().filter(|_| authority(&url) == origin);
            let response = self.send(&url, accept, token).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = location(&url, response.headers())
                .ok_or_else(|| self.unusable("a redirect", "it leads nowhere"))?;
        }
        Err(self.unusable("a redirect", "it leads in a circle"))
    }

    async fn send(
        &self,
        url: &str,
        accept: &str,
        token: Option<&str>,
    ) -> Result<Response<Incoming>, Error> {
        let unreachable = |reason: String| Error::Unreachable {
            host: authority(url),
            reason,
        };
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(url)
            .header(header::ACCEPT, accept);
        request = request.header(header::USER_AGENT, "seatrial");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| unreachable(error.to_string()))?;
        match tokio::time::timeout(ANSWER_LIMIT, self.http.request(request)).await {
            Err(_) => Err(unreachable(format!("no answer within {ANSWER_LIMIT:?}"))),
            Ok(Err(error)) => Err(unreachable(innermost(&error))),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

fn authority(url: &str) -> String {
    url.parse::<Uri>()
        .ok()
        .and_then(|uri| uri.authority().map(ToString::to_string))
        .unwrap_or_default()
}

fn location(from: &str, headers: &HeaderMap) -> Option<String> {
    let target = headers.get(header::LOCATION)?.to_str().ok()?;
    if target.starts_with("https://") || target.starts_with("http://") {
        return Some(target.to_owned());
    }
    let from: Uri = from.parse().ok()?;
    target.starts_with('/').then(|| {
        format!(
            "{}://{}{target}",
            from.scheme_str().unwrap_or("https"),
            authority(&from.to_string())
        )
    })
}

/// The last link of an error's chain says what happened: "Connection refused", "failed to lookup address".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
