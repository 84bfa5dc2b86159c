//! `RUN`: the port through which commands are executed, and what is asked of it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::dockerfile::{Command, Heredoc};
use crate::store::HostBase;

/// Executes the commands of `RUN`. The binary adapts the node's runtime to it.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Runs one command to its end.
    ///
    /// # Errors
    /// [`Unavailable`] where it could not be started.
    async fn run(&self, step: RunStep) -> Result<Outcome, Unavailable>;
}

/// One command in one root file system.
#[derive(Clone)]
pub struct RunStep {
    /// A name for messages, such as `build 3/7`.
    pub name: String,
    /// Unpacked layers, the lowest first; never to be written to. Deletions are marked as in an archive (`.wh.`).
    pub layers: Vec<PathBuf>,
    /// Whether the machine's own `/usr` lies below them.
    pub base: HostBase,
    /// An existing, empty directory for what the command writes: changed files must lie in `upper` below it at the end,
    /// deletions marked as overlayfs does.
    pub writable: PathBuf,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// An absolute directory; made where it is missing.
    pub cwd: String,
    /// In the form of `USER`; empty is root.
    pub user: String,
    /// Hears what the command prints. Must not block.
    pub output: Output,
}

/// Hears what a command prints, in chunks as they come.
pub type Output = Arc<dyn Fn(Stream, &[u8]) + Send + Sync>;

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// 0 is success; 128 and more are signals, as in a shell.
    pub code: i32,
}

/// A command could not be started.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    /// Why, and what to do.
    pub reason: String,
}

/// Program and arguments of a command, by the shell where it is in the shell form.
pub(super) fn arguments(command: &Command, heredocs: &[Heredoc], shell: &[String]) -> Vec<String> {
    let text = match command {
        Command::Exec(list) => return list.clone(),
        Command::Shell(text) => text,
    };
    let script = match heredocs {
        [only] if text.trim_start().starts_with("<<") && text.split_whitespace().count() == 1 => {
            document(only)
        }
        _ => heredocs.iter().fold(text.clone(), |text, heredoc| {
            format!("{text}\n{}{}", heredoc.body, heredoc.name)
        }),
    };
    shell.iter().cloned().chain([script]).collect()
}

/// `RUN <<EOF`: the body is the script. With `#!` in its first line it is written to a file and that is run.
fn document(heredoc: &Heredoc) -> String {
    if !heredoc.body.starts_with("#!") {
        return heredoc.body.clone();
    }
    let Heredoc { name, body, .. } = heredoc;
    format!(
        "file=$(mktemp) && cat > \"$file\" <<'{name}'\n{body}{name}\nchmod 0700 \"$file\" && \"$file\"; code=$?; rm -f \"$file\"; exit $code"
    )
}
