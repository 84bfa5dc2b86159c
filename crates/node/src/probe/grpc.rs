//! The gRPC health protocol (`grpc.health.v1.Health/Check`), as far as a probe needs it: one call, one
//! field in the question, one in the answer.

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::runtime::Connection;

/// An answer is a few bytes; more is no answer.
const LARGEST: usize = 4096;

/// What a server says of itself (`HealthCheckResponse.ServingStatus`).
const SERVING: u64 = 1;

/// Why a server is not well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("speak HTTP/2")]
    Speak(#[source] hyper::Error),
    #[error("build the request")]
    Build(#[source] http::Error),
    #[error("read the answer")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    #[error("this server does not implement the grpc health protocol (grpc.health.v1.Health)")]
    Unimplemented,
    #[error("rpc error: code = {0} desc = {1}")]
    Rpc(String, String),
    #[error("service unhealthy (responded with {0:?})")]
    Unhealthy(&'static str),
    #[error("the answer is no HealthCheckResponse")]
    Nonsense,
}

/// Asks for the health of a service; empty is the server as a whole.
pub(super) async fn check(
    stream: Box<dyn Connection>,
    authority: &str,
    service: &str,
) -> Result<(), Error> {
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
        .await
        .map_err(Error::Speak)?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let request = Request::post(format!("http://{authority}/grpc.health.v1.Health/Check"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "kube-probe/1.34")
            .body(Full::new(question(service)))
            .map_err(Error::Build)?;
        let response = sender.send_request(request).await.map_err(Error::Speak)?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = Limited::new(response.into_body(), LARGEST);
        let body = body.collect().await.map_err(Error::Read)?;
        if !status.is_success() {
            return Err(Error::Status(status.as_u16()));
        }
        let trailers = body.trailers().cloned().unwrap_or_default();
        let text = |name: &str| {
            // An answer without a body has its trailers in front.
            let value = trailers.get(name).or_else(|| headers.get(name));
            value.and_then(|value| value.to_str().ok()).unwrap_or("")
        };
        match text("grpc-status") {
            "" | "0" => read(&body.to_bytes()),
            "12" => Err(Error::Unimplemented),
            code => Err(Error::Rpc(code.to_owned(), text("grpc-message").to_owned())),
        }
    };
    let answer = answer.await;
    connection.abort();
    answer
}

/// `HealthCheckRequest { service: 1 }` behind the five bytes that every message has in front.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        let mut length = service.len();
        while length > 0x7f {
            message.put_u8(length as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(&message);
    framed.freeze()
}

/// Reads `HealthCheckResponse { status: 1 }`.
fn read(body: &[u8]) -> Result<(), Error> {
    let message = body.get(5..).ok_or(Error::Nonsense)?;
    let status = match message {
        // A field of its default value is left out.
        [] => 0,
        [0x08, status, ..] => u64::from(*status),
        _ => return Err(Error::Nonsense),
    };
    match status {
        SERVING => Ok(()),
        0 => Err(Error::Unhealthy("UNKNOWN")),
        2 => Err(Error::Unhealthy("NOT_SERVING")),
        3 => Err(Error::Unhealthy("SERVICE_UNKNOWN")),
        _ => Err(Error::Nonsense),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        assert_eq!(question(""), Bytes::from_static(b"\0\0\0\0\0"));
        assert_eq!(
            question("db"),
            Bytes::from_static(b"\0\0\0\0\x04\x0a\x02db")
        );
        let long = "x".repeat(300);
        assert_eq!(&question(&long)[5..8], [0x0a, 0xac, 0x02]);
        assert!(read(b"\0\0\0\0\x02\x08\x01").is_ok());
        let text = |body: &[u8]| read(body).unwrap_err().to_string();
        assert_eq!(
            text(b"\0\0\0\0\x02\x08\x02"),
            "service unhealthy (responded with \"NOT_SERVING\")"
        );
        assert_eq!(
            text(b"\0\0\0\0\0"),
            "service unhealthy (responded with \"UNKNOWN\")"
        );
        assert_eq!(text(b"\0"), "the answer is no HealthCheckResponse");
        assert_eq!(
            text(b"\0\0\0\0\x02\xff\x01"),
            "the answer is no HealthCheckResponse"
        );
    }
}
