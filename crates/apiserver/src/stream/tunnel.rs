//! A byte stream within WebSocket messages: how newer clients carry SPDY through proxies that know
//! only WebSocket.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};

use super::websocket::{Receiver, Sender};

/// Bytes that may be on their way in one direction.
const BUFFER: usize = 64 << 10;

/// The stream within.
pub(super) fn open<S>(mut receiver: Receiver<S>, sender: Sender) -> DuplexStream
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (inner, outer) = tokio::io::duplex(BUFFER);
    let (mut reader, mut writer) = tokio::io::split(outer);
    tokio::spawn(async move {
        while let Some(message) = receiver.next().await {
            if writer.write_all(&message).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = BytesMut::with_capacity(BUFFER);
        while let Ok(1..) = reader.read_buf(&mut buffer).await {
            if sender.send(&[&buffer]).await.is_err() {
                return;
            }
            buffer.clear();
        }
        sender.close(1000).await;
    });
    inner
}
