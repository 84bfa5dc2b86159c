//! A connection on which messages come and go.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf};
use tokio::sync::mpsc;

use super::frame::{Decoder, Event, Kind, encode};

/// Frames that may wait to be sent.
const WAITING: usize = 16;

/// Receives messages, and answers what the protocol wants answered.
pub(in super::super) struct Receiver<S> {
    stream: ReadHalf<S>,
    decoder: Decoder,
    sender: Sender,
    buffer: BytesMut,
}

/// Sends messages. Clones share the connection, which ends when all are gone.
#[derive(Clone)]
pub(in super::super) struct Sender(mpsc::Sender<Bytes>);

/// Takes over a connection after its handshake.
pub(in super::super) fn open<S>(stream: S) -> (Receiver<S>, Sender)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, mut writer) = tokio::io::split(stream);
    let (frames, mut waiting) = mpsc::channel::<Bytes>(WAITING);
    tokio::spawn(async move {
        while let Some(frame) = waiting.recv().await {
            // The reader notices when the client is gone.
            if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    let sender = Sender(frames);
    let receiver = Receiver {
        stream: reader,
        decoder: Decoder::default(),
        sender: sender.clone(),
        buffer: BytesMut::with_capacity(32 << 10),
    };
    (receiver, sender)
}

impl<S: AsyncRead + AsyncWrite> Receiver<S> {
    /// The next message; none when the client has ended, by the rules or not.
    pub(in super::super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.decoder.next() {
                Ok(Some(Event::Message(message))) => return Some(message),
                Ok(Some(Event::Ping(bytes))) => {
                    self.sender
                        .frame(encode(Kind::Pong, &[&bytes]))
                        .await
                        .ok()?;
                }
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(_))) => {
                    self.sender.close(1000).await;
                    return None;
                }
                Ok(None) => {
                    self.buffer.clear();
                    match self.stream.read_buf(&mut self.buffer).await {
                        Ok(1..) => self.decoder.push(&self.buffer),
                        Ok(0) | Err(_) => return None,
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a client broke the WebSocket protocol");
                    self.sender.close(1002).await;
                    return None;
                }
            }
        }
    }
}

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Gone;

impl Sender {
    /// Sends a message of these parts.
    pub(in super::super) async fn send(&self, parts: &[&[u8]]) -> Result<(), Gone> {
        self.frame(encode(Kind::Binary, parts)).await
    }

    /// Sends a message of text.
    pub(in super::super) async fn send_text(&self, text: &str) -> Result<(), Gone> {
        self.frame(encode(Kind::Text, &[text.as_bytes()])).await
    }

    /// Says that no more comes.
    pub(in super::super) async fn close(&self, code: u16) {
        // Where the client has gone first there is nobody to tell.
        let _ = self
            .frame(encode(Kind::Close, &[&code.to_be_bytes()]))
            .await;
    }

    async fn frame(&self, frame: Bytes) -> Result<(), Gone> {
        self.0.send(frame).await.map_err(|_| Gone)
    }
}
