//! A client with one kept connection.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use seatrial_network::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Client {
    pub async fn connect(gateway: &Gateway) -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let _ = gateway
                .serve_stream(Box::new(far), "127.0.0.1:5000".parse().unwrap())
                .await;
        });
        let (sender, connection) = handshake(TokioIo::new(near)).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Self { sender, connection }
    }

    pub async fn send(
        &mut self,
        method: Method,
        host: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status,
            parts.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    /// Changes the protocol, sends `bytes` and returns what comes back.
    pub async fn upgrade(&mut self, host: &str, bytes: &[u8]) -> Vec<u8> {
        let request = Request::get("/")
            .header("host", host)
            .header("connection", "Upgrade")
            .header("upgrade", "echo")
            .body(Full::default())
            .unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        stream.write_all(bytes).await.unwrap();
        let mut echoed = vec![0; bytes.len()];
        stream.read_exact(&mut echoed).await.unwrap();
        echoed
    }
}
