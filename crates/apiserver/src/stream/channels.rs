//! Sessions over WebSocket: each message begins with the number of a channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::session::{Job, Report};
use super::websocket::{Receiver, Sender};
use super::wires::{Outlet, parse_size};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// Its message names a channel on which the client sends no more.
const CLOSE: u8 = 255;

/// How long a client may take to leave after the end.
const LEAVE: std::time::Duration = std::time::Duration::from_secs(5);

/// The dialects of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// With a channel that closes others.
    V5,
    /// The end is told as a status.
    V4,
    /// The same in base64, with channels as digits.
    V4Base64,
    /// The end is told as a sentence; there is no window size.
    V1,
    /// The same in base64, with channels as digits.
    V1Base64,
}

impl Dialect {
    fn is_text(self) -> bool {
        matches!(self, Self::V4Base64 | Self::V1Base64)
    }

    fn report(self) -> Report {
        match self {
            Self::V5 | Self::V4 | Self::V4Base64 => Report::Status,
            Self::V1 | Self::V1Base64 => Report::Text,
        }
    }

    /// The channel and the bytes of a message; none for a message that has no channel.
    pub(super) fn read(self, message: &Bytes) -> Option<(u8, Bytes)> {
        let channel = *message.first()?;
        let rest = message.slice(1..);
        if !self.is_text() {
            return Some((channel, rest));
        }
        let channel = channel.checked_sub(b'0')?;
        Some((channel, STANDARD.decode(&rest).ok()?.into()))
    }

    /// Sends bytes on a channel; false when the client has gone.
    pub(super) async fn send(self, sender: &Sender, channel: u8, bytes: &[u8]) -> bool {
        let sent = if self.is_text() {
            let text = format!("{channel}{}", STANDARD.encode(bytes));
            sender.send_text(&text).await
        } else {
            sender.send(&[&[channel], bytes]).await
        };
        sent.is_ok()
    }
}

fn channel(outlet: Outlet) -> u8 {
    match outlet {
        Outlet::Stdout => STDOUT,
        Outlet::Stderr => STDERR,
    }
}

/// Runs a job over WebSocket.
pub(super) async fn run<S>(job: Job, dialect: Dialect, mut receiver: Receiver<S>, sender: Sender)
where
    S: AsyncRead + AsyncWrite,
{
    let (wires, mut ends) = job.wires();
    // An empty message tells the client that the session has begun, as upstream does.
    let first = [
        (job.wanted.stdout, STDOUT),
        (job.wanted.stderr, STDERR),
        (true, ERROR),
    ];
    let begun = first.iter().find(|(wanted, _)| *wanted);
    dialect
        .send(&sender, begun.map_or(ERROR, |it| it.1), b"")
        .await;
    let wanted = job.wanted;
    let print = async {
        while let Some((outlet, bytes)) = ends.output.recv().await {
            if wanted.has(outlet) && !dialect.send(&sender, channel(outlet), &bytes).await {
                return;
            }
        }
    };
    let run = async {
        let (ended, ()) = tokio::join!(job.run(wires), print);
        if let Some(text) = dialect.report().text(&ended) {
            dialect.send(&sender, ERROR, text.as_bytes()).await;
        }
        sender.close(1000).await;
    };
    let mut stdin = ends.stdin.take();
    let listen = async {
        while let Some(message) = receiver.next().await {
            match dialect.read(&message) {
                Some((STDIN, bytes)) => give(&mut stdin, bytes).await,
                Some((RESIZE, text)) => {
                    if let Some(size) = parse_size(&text) {
                        ends.size.send_replace(Some(size));
                    }
                }
                Some((CLOSE, closed)) if dialect == Dialect::V5 => {
                    if closed.first() == Some(&STDIN) {
                        stdin = None;
                    }
                }
                Some(_) | None => {}
            }
        }
    };
    tokio::pin!(listen);
    let ended = tokio::select! {
        biased;
        () = run => true,
        // The client has gone.
        () = &mut listen => false,
    };
    if ended {
        // Until it leaves, or it could miss the last messages.
        let _ = tokio::time::timeout(LEAVE, listen).await;
    }
}

async fn give(stdin: &mut Option<mpsc::Sender<Bytes>>, bytes: Bytes) {
    if let Some(typed) = stdin
        && !bytes.is_empty()
        && typed.send(bytes).await.is_err()
    {
        *stdin = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_their_channel() {
        let read = |dialect: Dialect, text: &'static [u8]| dialect.read(&Bytes::from_static(text));
        let some = |channel, text: &'static [u8]| Some((channel, Bytes::from_static(text)));
        assert_eq!(read(Dialect::V5, b"\x00ls\n"), some(0, b"ls\n"));
        assert_eq!(read(Dialect::V5, b"\xff\x00"), some(255, b"\x00"));
        assert_eq!(read(Dialect::V4Base64, b"0bHMK"), some(0, b"ls\n"));
        assert_eq!(read(Dialect::V4Base64, b"0?"), None);
        assert_eq!(read(Dialect::V4Base64, b"\x00bHMK"), None);
        assert_eq!(read(Dialect::V4, b""), None);
    }
}
