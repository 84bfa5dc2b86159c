//! Running one program to its end: a `RUN` instruction, a pipeline's step.
//!
//! What it changed lies in `upper` below [`Root::writable`](crate::runtime::Root::writable) when it
//! has ended, as overlayfs writes it: a character device 0:0 (or, where the kernel refuses those to
//! the process runtime, an OCI `.wh.NAME`) stands for a deletion, the attribute
//! `user.overlay.opaque` for a directory that was deleted and made anew. Nothing else is in it: no
//! mount points, no files of the runtime's.
//!
//! Programs that are to continue where another one stopped are started one after another with the
//! same `writable`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::runtime::{Error, Exit, Output, ProcessSpec, Sandbox, Signal, Stream};

/// How a program that may have been given a time ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// In time.
    Exited(Exit),
    /// It was killed with all its children when its time was over.
    TimedOut,
}

/// Runs a program until it ends or its time is over, whichever comes first. Its output is complete
/// when this returns.
///
/// A caller that gives up (drops the future) leaves the program running: it should stop the sandbox.
pub async fn run_to_end(
    sandbox: &dyn Sandbox,
    spec: ProcessSpec,
    time: Option<Duration>,
) -> Result<Ended, Error> {
    let process = sandbox.start(spec).await?;
    let Some(time) = time else {
        return Ok(Ended::Exited(process.wait().await));
    };
    if let Ok(exit) = tokio::time::timeout(time, process.wait()).await {
        return Ok(Ended::Exited(exit));
    }
    process.signal(Signal::KILL).await?;
    process.wait().await;
    Ok(Ended::TimedOut)
}

/// An [`Output`] that hands on whole lines, without their ends; the last one even if it has none.
/// The receiver ends when both streams have.
pub fn lines() -> (Arc<dyn Output>, UnboundedReceiver<(Stream, String)>) {
    let (sender, receiver) = unbounded_channel();
    let state = State {
        sender: Some(sender),
        open: 2,
        rest: [Vec::new(), Vec::new()],
    };
    (Arc::new(Lines(Mutex::new(state))), receiver)
}

struct Lines(Mutex<State>);

struct State {
    sender: Option<UnboundedSender<(Stream, String)>>,
    open: usize,
    rest: [Vec<u8>; 2],
}

impl Output for Lines {
    fn write(&self, stream: Stream, chunk: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chunk.is_empty() {
            state.end(stream);
        } else {
            state.add(stream, chunk);
        }
    }
}

impl State {
    fn rest(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.rest[0],
            Stream::Stderr => &mut self.rest[1],
        }
    }

    fn add(&mut self, stream: Stream, chunk: &[u8]) {
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        // There is always a last one: what follows the last line's end.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            let mut line = std::mem::take(self.rest(stream));
            line.extend_from_slice(piece);
            self.send(stream, &line);
        }
        self.rest(stream).extend_from_slice(last);
    }

    fn end(&mut self, stream: Stream) {
        let rest = std::mem::take(self.rest(stream));
        if !rest.is_empty() {
            self.send(stream, &rest);
        }
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.sender = None;
        }
    }

    fn send(&self, stream: Stream, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(sender) = &self.sender {
            // Nobody may be listening any more.
            let _ = sender.send((stream, String::from_utf8_lossy(line).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_per_stream() {
        let (output, mut lines) = lines();
        for (stream, chunk) in [
            (Stream::Stdout, "on"),
            (Stream::Stderr, "other\r\n"),
            (Stream::Stdout, "e\n\ntwo"),
            (Stream::Stdout, ""),
            (Stream::Stderr, ""),
        ] {
            output.write(stream, chunk.as_bytes());
        }
        let mut found = Vec::new();
        while let Ok((_, line)) = lines.try_recv() {
            found.push(line);
        }
        assert_eq!(found, ["other", "one", "", "two"]);
        assert!(lines.is_closed());
    }
}
