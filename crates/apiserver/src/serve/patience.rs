//! How long a connection is waited for.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may take to say anything after the handshake (upstream's `ReadHeaderTimeout`).
const SILENCE: Duration = Duration::from_secs(32);

/// How long a client may leave what it was sent unread. People who pause the output of a command are
/// waited for; whoever never reads a watch is not held for ever.
const STALL: Duration = Duration::from_hours(1);

/// A stream that fails where its other end never speaks, or reads nothing for a long time.
pub(super) struct Patient<S> {
    stream: S,
    /// Until the first byte has come.
    silent: Option<Pin<Box<Sleep>>>,
    /// While nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            silent: Some(Box::pin(sleep(SILENCE))),
            stalled: None,
        }
    }
}

fn given_up(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(done) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            this.silent = None;
            return Poll::Ready(done);
        }
        let Some(silent) = &mut this.silent else {
            return Poll::Pending;
        };
        ready!(silent.as_mut().poll(context));
        Poll::Ready(Err(given_up("the client has said nothing")))
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    /// Passes on what a write came to, and gives up where it could not go on for too long.
    fn judge<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(given_up("the client does not read")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_given_up_and_one_that_did_is_not() {
        let (_client, server) = duplex(64);
        let begun = Instant::now();
        let failure = Patient::new(server).read_u8().await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 32);
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server);
        client.write_u8(1).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), 1);
        let quiet = timeout(Duration::from_hours(10), server.read_u8()).await;
        assert!(quiet.is_err(), "an idle connection stays");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_given_up_and_a_slow_one_is_not() {
        let (mut client, server) = duplex(8);
        let mut server = Patient::new(server);
        let slow = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(STALL / 2).await;
                client.read_u64().await.unwrap();
            }
            client
        });
        server.write_all(&[0; 80]).await.unwrap();
        let _client = slow.await.unwrap();
        let begun = Instant::now();
        let failure = server.write_all(&[0; 80]).await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 3600);
    }
}
