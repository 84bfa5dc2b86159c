//! What a process reads, and whether it has a terminal.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncRead;
use tokio::sync::watch;

/// A source of bytes for a process.
pub type Source = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// What a process reads, and whether it has a terminal. By default: nothing, and none.
#[derive(Debug, Clone, Default)]
pub struct Console {
    /// Its standard input; absent is the null device.
    pub input: Option<Input>,
    /// The terminal that its input, output and error are; absent, they are pipes.
    pub terminal: Option<Terminal>,
}

/// A standard input. Only one process can take it, whoever holds a clone.
#[derive(Clone)]
pub struct Input(Arc<Mutex<Option<Source>>>);

impl Input {
    /// An input with these bytes.
    pub fn new(source: Source) -> Self {
        Self(Arc::new(Mutex::new(Some(source))))
    }

    /// The bytes, for the first who asks.
    pub fn take(&self) -> Option<Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Input")
    }
}

/// A terminal whose size follows that of somebody's window. Its output comes as standard output.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// The size, as soon as it is known.
    pub size: watch::Receiver<Option<Size>>,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// How many in a line.
    pub columns: u16,
    /// How many lines.
    pub rows: u16,
}
