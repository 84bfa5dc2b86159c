//! A server on a port, and connections to it that a test has in its hands.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::Config;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use seatrial_apiserver::{BearerTokens, Identity, Server, serve, tls};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// A server on a port, and how to reach it.
pub struct Served {
    pub server: Server,
    pub address: std::net::SocketAddr,
    pub configuration: Config,
    pub authority: tls::Pair,
    pub shutdown: CancellationToken,
    pub ended: tokio::task::JoinHandle<()>,
}

/// Serves a server of its own; who has the token `right` is the administrator.
pub async fn served() -> Served {
    serve_it(super::Api::start().await.server).await
}

pub async fn serve_it(server: Server) -> Served {
    let authority = tls::authority().unwrap();
    let pair = tls::issue(&authority, &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = BearerTokens::new([("right".to_owned(), Identity::admin())]);
    let shutdown = CancellationToken::new();
    let door = tls::configuration_with_clients(&pair, &authority.certificate).unwrap();
    let stop = shutdown.clone();
    let serving = server.clone();
    let ended = tokio::spawn(async move {
        serve(&serving, listener, door, tokens, stop).await;
    });
    let mut configuration = Config::new(format!("https://{address}").parse().unwrap());
    let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap();
    configuration.root_cert = Some(vec![root.to_vec()]);
    configuration.auth_info.token = Some("right".to_owned().into());
    Served {
        server,
        address,
        configuration,
        authority,
        shutdown,
        ended,
    }
}

impl Served {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended.await.unwrap();
    }

    /// A TLS connection that speaks `protocol`, and shows `certificate` where there is one.
    pub async fn connect(
        &self,
        protocol: &str,
        certificate: Option<&tls::Pair>,
    ) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.certificate.as_bytes()).unwrap();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut settings = match certificate {
            Some(pair) => {
                let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![chain], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        settings.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let socket = TcpSocket::new_v4().unwrap();
        // Little room, so that who does not read is noticed early.
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let name = ServerName::from(self.address.ip());
        let connector = TlsConnector::from(Arc::new(settings));
        connector.connect(name, stream).await.unwrap()
    }

    /// A connection that carries many requests at a time.
    pub async fn open(&self, certificate: Option<&tls::Pair>) -> Caller {
        let stream = self.connect("h2", certificate).await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let driven = tokio::spawn(async move {
            let _ = connection.await;
        });
        Caller {
            sender,
            _driven: driven,
            address: self.address,
        }
    }
}

/// One HTTP/2 connection.
pub struct Caller {
    sender: http2::SendRequest<Full<Bytes>>,
    _driven: tokio::task::JoinHandle<()>,
    address: std::net::SocketAddr,
}

impl Caller {
    /// Sends a request with an `Authorization` header, unless it is empty.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        authorization: &str,
        body: Option<&Value>,
    ) -> Response<Incoming> {
        let uri = format!("https://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        self.sender.ready().await.unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    /// The code and the body of an answer.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        authorization: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let response = self.send(method, path, authorization, body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
