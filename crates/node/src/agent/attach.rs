//! Joining in with a container that runs: what it prints is copied to whoever listens, and what they
//! type is given to it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Container;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Mutex, broadcast, watch};

use crate::runtime::{Console, Input, Output, Size, Stream, Terminal};

/// Chunks that a listener may lag behind.
const LAG: usize = 256;

/// Bytes typed ahead of a container that does not read.
const AHEAD: usize = 64 << 10;

/// A container that can be joined. Clones share it.
#[derive(Clone)]
pub struct Attachment {
    printed: broadcast::Sender<(Stream, Bytes)>,
    typed: Option<Arc<Mutex<Option<DuplexStream>>>>,
    once: Once,
    size: Option<Arc<watch::Sender<Option<Size>>>>,
}

/// Whether a container's input ends with the first who gave it any (`stdinOnce`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    Yes,
    No,
}

impl Attachment {
    /// The attachment of a container, what its process reads, and an output that copies.
    pub(super) fn new(
        container: &Container,
        log: Arc<dyn Output>,
    ) -> (Self, Console, Arc<dyn Output>) {
        let (printed, _) = broadcast::channel(LAG);
        let (typed, input) = match container.stdin {
            Some(true) => {
                let (writer, reader) = duplex(AHEAD);
                let typed = Arc::new(Mutex::new(Some(writer)));
                (Some(typed), Some(Input::new(Box::new(reader))))
            }
            _ => (None, None),
        };
        let (size, terminal) = match container.tty {
            Some(true) => {
                let (sender, size) = watch::channel(None);
                (Some(Arc::new(sender)), Some(Terminal { size }))
            }
            _ => (None, None),
        };
        let once = match container.stdin_once {
            Some(true) => Once::Yes,
            _ => Once::No,
        };
        let output = Arc::new(Copied {
            log,
            printed: printed.clone(),
        });
        let attachment = Self {
            printed,
            typed,
            once,
            size,
        };
        (attachment, Console { input, terminal }, output)
    }

    /// What the container prints from now on. Each stream ends with an empty chunk.
    pub fn listen(&self) -> broadcast::Receiver<(Stream, Bytes)> {
        self.printed.subscribe()
    }

    /// Gives bytes to the container; waits while it does not read.
    ///
    /// # Errors
    /// Where it takes no input, or none any more.
    pub async fn give(&self, bytes: &[u8]) -> io::Result<()> {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let typed = self.typed.as_ref().ok_or_else(closed)?;
        let mut typed = typed.lock().await;
        typed.as_mut().ok_or_else(closed)?.write_all(bytes).await
    }

    /// Says that somebody will give no more: with `stdinOnce`, the container's input ends.
    pub async fn end_input(&self) {
        if let (Some(typed), Once::Yes) = (&self.typed, self.once) {
            *typed.lock().await = None;
        }
    }

    /// Sets the size of the container's terminal, if it has one.
    pub fn resize(&self, size: Size) {
        if let Some(sizes) = &self.size {
            sizes.send_replace(Some(size));
        }
    }
}

/// Copies what is logged to whoever listens.
struct Copied {
    log: Arc<dyn Output>,
    printed: broadcast::Sender<(Stream, Bytes)>,
}

impl Output for Copied {
    fn write(&self, stream: Stream, chunk: &[u8]) {
        self.log.write(stream, chunk);
        if self.printed.receiver_count() > 0 {
            // They may have left meanwhile.
            let _ = self.printed.send((stream, Bytes::copy_from_slice(chunk)));
        }
    }
}
