//! A watch or a log over WebSocket: each event is one message, of text for JSON and of bytes for protobuf; a log comes in bytes.

use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::header;
use hyper_util::rt::TokioIo;

use super::{upgrade, websocket};
use crate::accept::Encoding;
use crate::call::Call;
use crate::failure::Failure;

/// The one named protocol; clients that name none get the same.
const PROTOCOL: &str = "binary.k8s.io";

/// How the pieces become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// Events, as the client wants objects encoded.
    Events(Encoding),
    /// Bytes as they come.
    Bytes,
}

/// Whether the client wants to change to WebSocket.
pub(crate) fn wanted(call: &Call) -> bool {
    let upgrade = call
        .headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Sends the pieces until there are no more, or the client goes.
///
/// # Errors
/// Bad request, where the connection cannot change its protocol.
pub(crate) fn carry(
    call: &Call,
    pieces: Pieces,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Result<Response, Failure> {
    let protocol = upgrade::wanted(&call.headers)?;
    let turning = call.streaming.take();
    let turning = turning.ok_or_else(|| Failure::bad_request("Upgrade request required"))?;
    tokio::spawn(async move {
        let _underway = turning.underway;
        let stream = match turning.upgrade.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return tracing::debug!(%error, "a client did not change its protocol"),
        };
        let (mut receiver, sender) = websocket::open(stream);
        let mut events = std::pin::pin!(events);
        loop {
            tokio::select! {
                biased;
                event = events.next() => {
                    let Some(event) = event else { break };
                    if send(&sender, pieces, &event).await.is_err() {
                        return;
                    }
                }
                // A watcher has nothing to say; that it goes is all there is to hear.
                message = receiver.next() => if message.is_none() {
                    return;
                }
            }
        }
        sender.close(1000).await;
    });
    let name = upgrade::offers(&call.headers, PROTOCOL).then_some(PROTOCOL);
    Ok(upgrade::switch(&protocol, name.unwrap_or_default()))
}

async fn send(
    sender: &websocket::Sender,
    pieces: Pieces,
    event: &Bytes,
) -> Result<(), websocket::Gone> {
    match pieces {
        Pieces::Bytes => sender.send(&[event]).await,
        Pieces::Events(Encoding::Json) => {
            let line = String::from_utf8_lossy(event);
            sender.send_text(line.trim_end()).await
        }
        // The four bytes of length are for streams without messages.
        Pieces::Events(Encoding::Protobuf) => {
            sender.send(&[event.get(4..).unwrap_or_default()]).await
        }
    }
}
