//! A connection with its streams.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::frame::{self, Decoder, Frame};

/// Frames that may wait to be sent.
const WAITING: usize = 16;

/// Chunks of a stream that may wait to be read.
const CHUNKS: usize = 16;

/// Streams that a client may have open at a time.
const STREAMS: usize = 2000;

/// Why a stream is refused (`REFUSED_STREAM`, `PROTOCOL_ERROR`).
const REFUSED: u32 = 3;
const PROTOCOL: u32 = 1;

/// A stream that a client has begun.
pub(in super::super) struct Incoming {
    /// What it is for; names are in lower case.
    pub(in super::super) headers: BTreeMap<String, String>,
    pub(in super::super) stream: Stream,
}

/// Both directions of a stream.
pub(in super::super) struct Stream {
    /// What the client sends; ends when it has ended, given up, or gone.
    pub(in super::super) input: mpsc::Receiver<Bytes>,
    pub(in super::super) output: Output,
}

/// The direction to the client.
#[derive(Clone)]
pub(in super::super) struct Output {
    id: u32,
    frames: mpsc::Sender<[Bytes; 2]>,
}

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Gone;

impl Output {
    /// Sends bytes.
    pub(in super::super) async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        let header = frame::data(self.id, bytes.len(), false);
        self.frame([Bytes::copy_from_slice(&header), bytes]).await
    }

    /// Says that no more comes on this stream.
    pub(in super::super) async fn finish(self) {
        let header = frame::data(self.id, 0, true);
        // Where the client has gone there is nobody to tell.
        let _ = self
            .frame([Bytes::copy_from_slice(&header), Bytes::new()])
            .await;
    }

    async fn frame(&self, frame: [Bytes; 2]) -> Result<(), Gone> {
        self.frames.send(frame).await.map_err(|_| Gone)
    }
}

/// Serves a connection in tasks of its own. Streams come out of the receiver, which ends with the
/// connection; the connection ends when the client closes it, or when the receiver and all outputs
/// have been dropped.
pub(in super::super) fn serve<S>(stream: S) -> mpsc::Receiver<Incoming>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(stream);
    let (frames, waiting) = mpsc::channel(WAITING);
    let (incoming, streams) = mpsc::channel(1);
    tokio::spawn(write(writer, waiting));
    let connection = Connection {
        decoder: Decoder::default(),
        streams: BTreeMap::new(),
        newest: 0,
        frames: frames.downgrade(),
        incoming,
    };
    tokio::spawn(connection.run(reader, frames));
    streams
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut waiting: mpsc::Receiver<[Bytes; 2]>) {
    while let Some(parts) = waiting.recv().await {
        for part in parts {
            if writer.write_all(&part).await.is_err() {
                return;
            }
        }
        if waiting.is_empty() && writer.flush().await.is_err() {
            return;
        }
    }
    let _ = writer.write_all(&frame::go_away(0)).await;
    let _ = writer.shutdown().await;
}

struct Connection {
    decoder: Decoder,
    /// Those on which the client may still send.
    streams: BTreeMap<u32, mpsc::Sender<Bytes>>,
    newest: u32,
    /// Weak, so that the connection ends when nobody sends on it any more.
    frames: mpsc::WeakSender<[Bytes; 2]>,
    incoming: mpsc::Sender<Incoming>,
}

impl Connection {
    async fn run<R: AsyncRead + Unpin>(mut self, mut reader: R, frames: mpsc::Sender<[Bytes; 2]>) {
        // Held until nobody wants streams any more.
        let mut held = Some(frames);
        let mut buffer = BytesMut::with_capacity(32 << 10);
        loop {
            buffer.clear();
            let incoming = self.incoming.clone();
            let read = tokio::select! {
                biased;
                () = incoming.closed(), if held.is_some() => {
                    held = None;
                    continue;
                }
                read = reader.read_buf(&mut buffer) => read,
            };
            match read {
                Ok(1..) => self.decoder.push(&buffer),
                Ok(0) | Err(_) => return,
            }
            if self.take_all().await.is_err() {
                return;
            }
        }
    }

    async fn take_all(&mut self) -> Result<(), Gone> {
        loop {
            match self.decoder.next() {
                Ok(Some(frame)) => self.take(frame).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::debug!(%error, "a client broke the SPDY protocol");
                    return Err(Gone);
                }
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Gone> {
        match frame {
            Frame::SynStream { id, headers, last } => self.begin(id, headers, last).await,
            Frame::Data { id, bytes, last } => {
                // One that is not known was given up meanwhile.
                if let Some(stream) = self.streams.get(&id)
                    && !bytes.is_empty()
                {
                    // A reader that has left does not concern the others.
                    let _ = stream.send(bytes).await;
                }
                if last {
                    self.streams.remove(&id);
                }
                Ok(())
            }
            Frame::Headers { id, last } => {
                if last {
                    self.streams.remove(&id);
                }
                Ok(())
            }
            Frame::Reset { id } => {
                self.streams.remove(&id);
                Ok(())
            }
            // Clients count odd numbers; even ones would be answers to questions of ours.
            Frame::Ping(number) if number % 2 == 1 => self.answer(frame::ping(number)).await,
            Frame::Ping(_) | Frame::GoAway => Ok(()),
        }
    }

    async fn begin(
        &mut self,
        id: u32,
        headers: BTreeMap<String, String>,
        last: bool,
    ) -> Result<(), Gone> {
        self.streams.retain(|_, stream| !stream.is_closed());
        if id.is_multiple_of(2) || id <= self.newest {
            return self.answer(frame::reset(id, PROTOCOL)).await;
        }
        if self.streams.len() >= STREAMS {
            return self.answer(frame::reset(id, REFUSED)).await;
        }
        let Some(frames) = self.frames.upgrade() else {
            return Err(Gone);
        };
        let first = self.newest == 0;
        self.newest = id;
        self.answer(frame::reply(id, first)).await?;
        let (sender, input) = mpsc::channel(CHUNKS);
        if !last {
            self.streams.insert(id, sender);
        }
        let output = Output { id, frames };
        let stream = Stream { input, output };
        // Where nobody wants streams any more, the stream ends with the connection.
        let _ = self.incoming.send(Incoming { headers, stream }).await;
        Ok(())
    }

    async fn answer(&self, frame: Bytes) -> Result<(), Gone> {
        let frames = self.frames.upgrade().ok_or(Gone)?;
        frames.send([frame, Bytes::new()]).await.map_err(|_| Gone)
    }
}
