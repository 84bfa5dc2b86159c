//! Running the machine's `git` in an environment of our own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::Error;

/// How long a local command may take. Reading a large repository takes seconds; a minute means it hangs.
const LOCAL_LIMIT: Duration = Duration::from_mins(1);

/// Settings every command gets. They come by environment, which children of `git` inherit, and
/// which ranks above a repository's own configuration.
const SETTINGS: &[(&str, &str)] = &[
    // The data directory may belong to another user than the server's.
    ("safe.directory", "*"),
    ("core.hooksPath", "/dev/null"),
    // Shallow and partial clones, and pipelines that fetch one commit by its digest.
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowFilter", "true"),
    // No background process may outlive the server.
    ("gc.auto", "0"),
    ("receive.autogc", "false"),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    ("advice.detachedHead", "false"),
    ("core.quotePath", "false"),
    ("core.autocrlf", "false"),
    ("credential.helper", ""),
];

/// The machine's `git`, found once. Clones share it.
#[derive(Debug, Clone)]
pub struct Git(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    search_path: OsString,
    home: PathBuf,
}

impl Git {
    /// Looks for `git` in `search_path` (the value of `PATH`) and gives it `home`, a directory of
    /// our own, in place of the user's.
    ///
    /// # Errors
    /// [`Error::GitMissing`] where no directory holds it; [`Error::Directory`] where `home` cannot be made.
    pub fn locate(search_path: Option<&OsStr>, home: &Path) -> Result<Self, Error> {
        let search_path = search_path.unwrap_or_default();
        let program = std::env::split_paths(search_path)
            .map(|directory| directory.join("git"))
            .find(|candidate| candidate.is_file())
            .ok_or(Error::GitMissing)?;
        std::fs::create_dir_all(home).map_err(Error::directory("create", home))?;
        Ok(Self(Arc::new(Inner {
            program,
            search_path: search_path.to_owned(),
            home: home.to_owned(),
        })))
    }

    /// A command with the clean environment, not yet started; dropped, it kills its process.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0.program);
        command
            .env_clear()
            .env("PATH", &self.0.search_path)
            .env("HOME", &self.0.home)
            .env("XDG_CONFIG_HOME", &self.0.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (index, (key, value)) in SETTINGS.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }

    /// Runs to the end inside `directory` and gives standard output.
    pub(crate) async fn run<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: &[A],
    ) -> Result<Vec<u8>, Error> {
        let mut command = self.command();
        command.args(arguments).current_dir(directory);
        finish(command, LOCAL_LIMIT).await
    }

    /// Like [`Git::run`], as text.
    pub(crate) async fn text<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: &[A],
    ) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.run(directory, arguments).await?).into_owned())
    }

    /// Runs a command that reaches over the network, with a limit of its own.
    pub(crate) async fn fetch<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: &[A],
        limit: Duration,
    ) -> Result<(), Error> {
        let mut command = self.command();
        command
            .args(arguments)
            .current_dir(directory)
            .env("GIT_ALLOW_PROTOCOL", "http:https")
            // A connection that carries less than a kilobyte a second for 20 s is dead.
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1000")
            .env("GIT_HTTP_LOW_SPEED_TIME", "20");
        finish(command, limit).await.map(drop)
    }
}

async fn finish(mut command: Command, limit: Duration) -> Result<Vec<u8>, Error> {
    let name = || subcommand(&command);
    let label = name();
    let child = command.spawn().map_err(|source| Error::Start {
        command: label.clone(),
        source,
    })?;
    let output = match tokio::time::timeout(limit, child.wait_with_output()).await {
        Err(_) => {
            return Err(Error::TimedOut {
                command: label,
                limit,
            });
        }
        Ok(Err(source)) => {
            return Err(Error::Start {
                command: label,
                source,
            });
        }
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Git {
        command: label,
        message: reason(&output.stderr, output.status.code()),
    })
}

fn subcommand(command: &Command) -> String {
    let mut arguments = command.as_std().get_args().map(OsStr::to_string_lossy);
    arguments
        .next()
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}

/// The part of standard error that says why: the `fatal:` and `error:` lines, else the last one.
pub(crate) fn reason(stderr: &[u8], code: Option<i32>) -> String {
    let text = String::from_utf8_lossy(stderr);
    let marked = text.lines().filter_map(|line| {
        line.strip_prefix("fatal: ")
            .or_else(|| line.strip_prefix("error: "))
            .or_else(|| line.strip_prefix("remote: "))
    });
    let marked: Vec<&str> = marked.take(4).collect();
    if !marked.is_empty() {
        return marked.join("; ").chars().take(600).collect();
    }
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => line.trim().chars().take(600).collect(),
        None => code.map_or_else(
            || "it was killed".to_owned(),
            |code| format!("exit code {code}"),
        ),
    }
}
