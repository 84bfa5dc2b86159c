//! `run` steps: a script, the files it may write, and how it ended.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::JobScope;
use super::environment::Environment;
use super::session::Session;
use super::{command, shell};
use crate::port::{Command, Exit, Kind, chain};

/// A script, ready to run.
pub(crate) struct Script {
    /// The text.
    pub(crate) text: String,
    /// `shell`.
    pub(crate) shell: Option<String>,
    /// `working-directory`, as written.
    pub(crate) directory: String,
    /// The environment, but for the files of this step.
    pub(crate) environment: Environment,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Asks to stop.
    pub(crate) cancel: CancellationToken,
}

/// How a step's work ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Well.
    Well,
    /// Badly: exit code, where there is one, and why in a sentence.
    Badly(Option<i32>, String),
    /// Its time was over.
    TimedOut,
    /// Someone asked to stop.
    Cancelled,
}

impl Ended {
    /// A failure without an exit code.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Badly(None, message.into())
    }
}

/// The files a step writes to set things, by variable.
const FILES: [&str; 5] = [
    "GITHUB_OUTPUT",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_STATE",
];

/// Variables that a step may not set for later ones (GitHub refuses the same).
const RESERVED: [&str; 2] = ["GITHUB_", "RUNNER_"];

/// Runs a script; `number` keeps the files of a job's steps apart.
pub(crate) async fn run(
    scope: &JobScope,
    session: &mut Session,
    number: usize,
    script: Script,
) -> Ended {
    match attempt(scope, session, number, script).await {
        Ok(ended) => ended,
        Err(message) => Ended::failed(message),
    }
}

async fn attempt(
    scope: &JobScope,
    session: &mut Session,
    number: usize,
    script: Script,
) -> Result<Ended, String> {
    let (extension, arguments) = shell::command(script.shell.as_deref())?;
    let name = format!("step-{number}.{extension}");
    write(scope, &name, &script.text)?;
    let inside = scope.directories.inside(&format!("temp/{name}"));
    let mut environment = script.environment;
    for variable in FILES {
        let file = file_name(variable, number);
        write(scope, &file, "")?;
        let place = scope.directories.inside(&format!("temp/{file}"));
        environment.insert(variable.to_owned(), place);
    }
    session.write(Kind::Command, script.text.trim_end());
    let command = Command {
        arguments: arguments
            .iter()
            .map(|part| part.replace("{0}", &inside))
            .collect(),
        environment,
        directory: scope.directories.working_directory(&script.directory),
        timeout: script.timeout,
        cancel: script.cancel,
    };
    let exit = scope
        .sandbox
        .run(command, &mut |line| session.line(line))
        .await
        .map_err(|error| chain(&error))?;
    let collected = collect(scope, session, number);
    Ok(match (exit, collected) {
        (Exit::Code(0), Ok(())) => Ended::Well,
        (Exit::Code(0), Err(message)) => Ended::failed(message),
        (Exit::Code(code), _) => Ended::Badly(Some(code), format!("exit code {code}")),
        (Exit::TimedOut, _) => Ended::TimedOut,
        (Exit::Cancelled, _) => Ended::Cancelled,
    })
}

fn file_name(variable: &str, number: usize) -> String {
    format!("{}-{number}", variable.to_lowercase())
}

fn path(scope: &JobScope, name: &str) -> PathBuf {
    scope.directories.temp().join(name)
}

fn write(scope: &JobScope, name: &str, text: &str) -> Result<(), String> {
    let path = path(scope, name);
    std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Reads what the step wrote to its files.
fn collect(scope: &JobScope, session: &mut Session, number: usize) -> Result<(), String> {
    let read = |variable: &str| {
        std::fs::read(path(scope, &file_name(variable, number)))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    };
    session.outputs.extend(command::assignments(
        "GITHUB_OUTPUT",
        &read("GITHUB_OUTPUT"),
    )?);
    for (name, value) in command::assignments("GITHUB_ENV", &read("GITHUB_ENV"))? {
        if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
            session.warn(&format!(
                "`{name}` in $GITHUB_ENV is not set: the name is reserved"
            ));
        } else {
            session.exports.push((name, value));
        }
    }
    let paths = read("GITHUB_PATH");
    session.paths.extend(
        paths
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned),
    );
    let summary = read("GITHUB_STEP_SUMMARY");
    if !summary.trim().is_empty() {
        session.write(Kind::Group, "Summary");
        session.write(Kind::Output, summary.trim_end());
        session.write(Kind::EndGroup, "");
    }
    Ok(())
}
