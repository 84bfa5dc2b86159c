//! What connects a client with a process, free of the protocol that carries it.

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

/// Chunks that may be on their way between the two.
const CHUNKS: usize = 16;

/// The process's side of a session.
pub struct Wires {
    /// What the client types; ends when it has no more. Absent where it gives nothing.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// Where its output goes; to be dropped when it has ended.
    pub output: mpsc::Sender<(Outlet, Bytes)>,
    /// The size of the client's window; absent where the process is to have no terminal.
    pub terminal: Option<watch::Receiver<Option<Size>>>,
}

/// The client's side of a session.
pub(super) struct Ends {
    /// Absent where the client gives nothing, or no more.
    pub(super) stdin: Option<mpsc::Sender<Bytes>>,
    pub(super) output: mpsc::Receiver<(Outlet, Bytes)>,
    pub(super) size: watch::Sender<Option<Size>>,
}

/// Which of a process's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlet {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Size {
    /// How many in a line.
    #[serde(rename = "Width")]
    pub columns: u16,
    /// How many lines.
    #[serde(rename = "Height")]
    pub rows: u16,
}

/// What the client asked for.
#[expect(clippy::struct_excessive_bools, reason = "as the request has them")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

impl Wanted {
    pub(super) fn has(self, outlet: Outlet) -> bool {
        match outlet {
            Outlet::Stdout => self.stdout,
            Outlet::Stderr => self.stderr,
        }
    }
}

/// Both sides of a session.
pub(super) fn wires(wanted: Wanted) -> (Wires, Ends) {
    let (typed, stdin) = mpsc::channel(CHUNKS);
    let (printed, output) = mpsc::channel(CHUNKS);
    let (size, sizes) = watch::channel(None);
    let process = Wires {
        stdin: wanted.stdin.then_some(stdin),
        output: printed,
        terminal: wanted.tty.then_some(sizes),
    };
    let client = Ends {
        stdin: wanted.stdin.then_some(typed),
        output,
        size,
    };
    (process, client)
}

/// Reads a message such as `{"Width":80,"Height":24}`; what is none is ignored, as upstream does.
pub(super) fn parse_size(text: &[u8]) -> Option<Size> {
    serde_json::from_slice(text).ok()
}
