//! Clients that cost little themselves: HTTP/1.1 over TLS, one connection each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::program::Access;

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Client {
    pub(crate) async fn connect(access: &Access) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&access.authority)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect((access.host.as_str(), access.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(access.host.clone())?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            token: format!("Bearer {}", access.token),
        })
    }

    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes)> {
        let request = self.request(method, path, "application/json");
        let response = self.send(request.body(body.into())?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Makes an object.
    pub(crate) async fn create(&mut self, path: &str, object: &Value) -> Result<()> {
        let (status, said) = self.call(Method::POST, path, object.to_string()).await?;
        let said = String::from_utf8_lossy(&said);
        ensure!(status == StatusCode::CREATED, "{said}");
        Ok(())
    }

    /// Begins to read something in a form.
    pub(crate) async fn read(&mut self, path: &str, form: &str) -> Result<Response<Incoming>> {
        let request = self.request(Method::GET, path, form);
        let response = self.send(request.body(Full::default())?).await?;
        ensure!(response.status() == StatusCode::OK, "{path}: {response:?}");
        Ok(response)
    }

    fn request(&self, method: Method, path: &str, form: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &self.token)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, form)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        // The end of the last reply may not have been noted yet.
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

/// Makes ConfigMaps of about one kilobyte; returns how many a second were acknowledged.
pub(crate) async fn creates(access: &Access, clients: usize, total: usize) -> Result<f64> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Client::connect(access).await?);
    }
    let filler = "x".repeat(900);
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (first, mut client) in connections.into_iter().enumerate() {
        let filler = filler.clone();
        tasks.spawn(async move {
            for number in (first..total).step_by(clients) {
                let object = json!({
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": { "name": format!("c-{number}") },
                    "data": { "filler": filler },
                });
                let path = "/api/v1/namespaces/default/configmaps";
                client.create(path, &object).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

/// Makes ConfigMaps of about one kilobyte one after the other, from a number on; returns how long that took.
pub(crate) async fn one_by_one(access: &Access, first: usize, count: usize) -> Result<Duration> {
    let mut client = Client::connect(access).await?;
    let filler = "x".repeat(900);
    let begun = Instant::now();
    for number in first..first + count {
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": format!("one-{number}") },
            "data": { "filler": filler },
        });
        let path = "/api/v1/namespaces/default/configmaps";
        client.create(path, &object).await?;
    }
    Ok(begun.elapsed())
}

/// Makes a Deployment; returns how long it took until all of its pods were ready.
pub(crate) async fn deployment(access: &Access, replicas: usize) -> Result<Duration> {
    let mut client = Client::connect(access).await?;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let begun = Instant::now();
    client.create(path, &deployment_of("web", replicas)).await?;
    let limit = Duration::from_mins(2);
    loop {
        let (_, said) = client
            .call(Method::GET, &format!("{path}/web"), String::new())
            .await?;
        let found: Value = serde_json::from_slice(&said)?;
        if found["status"]["readyReplicas"] == replicas {
            return Ok(begun.elapsed());
        }
        ensure!(
            begun.elapsed() < limit,
            "not in {limit:?}: {}",
            found["status"]
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A Deployment of small pods.
pub(crate) fn deployment_of(name: &str, replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": "web:1",
                    "resources": { "requests": { "cpu": "1m", "memory": "1Mi" } } }] },
            },
        },
    })
}

/// A list as it is stored.
pub(crate) const PLAIN: &str = "application/json";
/// A list as kubectl shows it.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// The fastest of five reads, and its size.
pub(crate) async fn list(access: &Access, path: &str, form: &str) -> Result<(Duration, usize)> {
    let mut client = Client::connect(access).await?;
    let mut best: Option<(Duration, usize)> = None;
    for _ in 0..5 {
        let begun = Instant::now();
        let reply = client.read(path, form).await?;
        let said = reply.into_body().collect().await?.to_bytes();
        let took = begun.elapsed();
        if best.is_none_or(|(least, _)| took < least) {
            best = Some((took, said.len()));
        }
    }
    best.context("nothing was read")
}
