//! `pipeline logs`: the log file of a run, as it grows.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use seatrial_pipelines::logs::{Error, Follower};
use seatrial_pipelines::port::{Entry, Kind};
use seatrial_resources::seatrial_dev::{PipelineRun, RunPhase};

use super::{Runs, phase};
use crate::client::connect::{failed, is_missing};
use crate::client::style::{Paint, Tone};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// After so many looks without a line the run itself is looked at.
const PATIENCE: u32 = 10;

/// What to print.
pub(super) struct Options {
    pub(super) directory: PathBuf,
    pub(super) follow: bool,
    pub(super) job: Option<String>,
    pub(super) timestamps: bool,
}

/// Prints the log; waits for its end where asked to.
pub(super) async fn print(
    runs: &Runs<'_>,
    run: &PipelineRun,
    options: &Options,
) -> anyhow::Result<ExitCode> {
    let name = run.metadata.name.clone().unwrap_or_default();
    if !options.follow {
        let mut follower = Follower::open(&options.directory, &name)?;
        show(runs, options, &follower.read()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut follower = None;
    let mut quiet = 0;
    let mut ended = None;
    loop {
        let entries = match &mut follower {
            Some(open) => Follower::read(open)?,
            None => match Follower::open(&options.directory, &name) {
                Ok(open) => {
                    follower = Some(open);
                    continue;
                }
                // It has not started yet.
                Err(Error::Missing { .. }) if ended.is_none() => Vec::new(),
                Err(error) => return Err(error.into()),
            },
        };
        show(runs, options, &entries);
        if entries.is_empty() {
            // Once the run had ended before this look, nothing can be missing.
            if let Some(phase) = ended {
                return Ok(finish(runs, &name, phase));
            }
            quiet += 1;
        } else {
            quiet = 0;
        }
        if quiet % PATIENCE == 1 {
            ended = end_of(runs, run, &name).await?;
        }
        if ended.is_none() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// How the run ended, if it has.
async fn end_of(
    runs: &Runs<'_>,
    run: &PipelineRun,
    name: &str,
) -> anyhow::Result<Option<RunPhase>> {
    match runs.beside(run).get(name).await {
        Ok(run) => Ok(Some(phase(&run)).filter(|phase| phase.is_final())),
        Err(error) if is_missing(&error) => Ok(Some(RunPhase::Cancelled)),
        Err(error) => Err(failed(error, &format!("reading pipeline run {name}"))),
    }
}

fn finish(runs: &Runs<'_>, name: &str, phase: RunPhase) -> ExitCode {
    let screen = &runs.session.screen;
    let word = screen.paint().word(&format!("{phase:?}"));
    screen.line(format!("pipeline run {name}: {word}"));
    if phase == RunPhase::Succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show(runs: &Runs<'_>, options: &Options, entries: &[Entry]) {
    let screen = &runs.session.screen;
    let wanted = |entry: &&Entry| options.job.as_deref().is_none_or(|job| entry.job == job);
    let text: String = entries
        .iter()
        .filter(wanted)
        .map(|entry| line(entry, options, screen.paint()))
        .collect();
    if !text.is_empty() {
        screen.print(&text);
    }
}

fn line(entry: &Entry, options: &Options, paint: Paint) -> String {
    let tone = match entry.kind {
        Kind::Error => Some(Tone::Bad),
        Kind::Warning | Kind::Notice => Some(Tone::Busy),
        Kind::Command => Some(Tone::Strong),
        Kind::Debug => Some(Tone::Faint),
        Kind::Output | Kind::Group | Kind::EndGroup | Kind::End => None,
    };
    let text = entry.line();
    let text = tone.map_or_else(|| text.clone(), |tone| paint.tint(tone, &text));
    if options.timestamps {
        format!("{} {text}\n", entry.at)
    } else {
        format!("{text}\n")
    }
}
