//! Where output goes: the terminal, a pipe, or a test.

use std::io::{ErrorKind, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use console::Term;

use super::style::Paint;

/// Output of one command.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    sink: Sink,
    paint: Paint,
}

#[derive(Debug, Clone)]
enum Sink {
    Standard,
    #[cfg_attr(not(test), allow(dead_code))]
    Captured(Arc<Mutex<String>>),
}

impl Screen {
    /// The standard output; in colour on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn standard() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        let paint = if wanted && Term::stdout().is_term() {
            Paint::Colours
        } else {
            Paint::Plain
        };
        Self {
            sink: Sink::Standard,
            paint,
        }
    }

    /// Keeps what is printed.
    #[cfg(test)]
    pub(crate) fn captured() -> Self {
        Self {
            sink: Sink::Captured(Arc::default()),
            paint: Paint::Plain,
        }
    }

    /// What was printed so far.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        match &self.sink {
            Sink::Standard => String::new(),
            Sink::Captured(text) => text.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Whether to colour.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Whether lines may be drawn over.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.sink, Sink::Standard) && Term::stdout().is_term()
    }

    /// Rows and columns.
    pub(crate) fn size() -> (usize, usize) {
        let (rows, columns) = Term::stdout().size();
        (usize::from(rows), usize::from(columns))
    }

    /// Prints text as it is.
    pub(crate) fn print(&self, text: &str) {
        match &self.sink {
            Sink::Standard => write_out(text),
            Sink::Captured(captured) => {
                captured
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(text);
            }
        }
    }

    /// Prints a line about something that went wrong, beside the output.
    pub(crate) fn error(&self, text: impl AsRef<str>) {
        match &self.sink {
            Sink::Standard => {
                // Who closed the stream does not want to hear of it.
                let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
            }
            Sink::Captured(_) => self.line(text),
        }
    }

    /// Prints a line.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.print(&format!("{}\n", text.as_ref()));
    }
}

fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        // `| head` has seen enough; whoever closed the pipe does not want an error.
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        tracing::error!(%error, "cannot write to the standard output");
    }
}
