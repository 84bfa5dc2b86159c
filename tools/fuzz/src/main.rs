//! Runs fuzz targets: `cargo run -p seatrial-fuzz -- run`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use seatrial_fuzz::campaign::{Campaign, Verdict};
use seatrial_fuzz::worker::{self, Work};
use seatrial_fuzz::{Target, find, targets};

/// Feeds decoders with bytes that nobody should send.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the targets
    List,
    /// Search for inputs that break targets
    Run {
        /// The targets; all of them if none is named
        targets: Vec<String>,
        /// Seconds for all targets together
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The same seed gives the same inputs
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Milliseconds that one input may take
        #[arg(long, default_value_t = 10_000)]
        limit: u64,
        /// Targets run at the same time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Where inputs that broke something go
        #[arg(long, default_value = "target/fuzz")]
        folder: PathBuf,
    },
    /// Run one input
    Reproduce {
        /// The target
        target: String,
        /// The file with the input
        input: PathBuf,
    },
    /// Write the samples of a target into a folder, for other fuzzers
    Samples {
        /// The target
        target: String,
        /// The folder
        folder: PathBuf,
    },
    #[command(hide = true)]
    Worker {
        target: String,
        #[arg(long)]
        limit: u64,
        #[arg(long)]
        input: Option<PathBuf>,
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[arg(long, default_value_t = 0)]
        milliseconds: u64,
        #[arg(long, default_value = "")]
        note: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::List => {
            for target in targets::ALL {
                println!("{}", target.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run {
            targets,
            seconds,
            seed,
            limit,
            jobs,
            folder,
        } => {
            let chosen = choose(&targets)?;
            let jobs = jobs.clamp(1, chosen.len());
            let each = Duration::from_secs(seconds) * jobs as u32 / chosen.len() as u32;
            let campaign = Campaign {
                seed,
                time: each,
                limit: Duration::from_millis(limit),
                folder,
            };
            Ok(run(&campaign, &chosen, jobs))
        }
        Command::Reproduce { target, input } => {
            let input =
                std::fs::read(&input).with_context(|| format!("reading {}", input.display()))?;
            worker::run(named(&target)?, Work::Once(input), Duration::from_mins(1))
        }
        Command::Samples { target, folder } => {
            std::fs::create_dir_all(&folder)?;
            for (index, sample) in (named(&target)?.samples)().iter().enumerate() {
                std::fs::write(folder.join(format!("{index:03}")), sample)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Worker {
            target,
            limit,
            input,
            seed,
            milliseconds,
            note,
        } => {
            let work = match input {
                Some(path) => Work::Once(std::fs::read(path)?),
                None => Work::Search {
                    seed,
                    time: Duration::from_millis(milliseconds),
                    note,
                },
            };
            worker::run(named(&target)?, work, Duration::from_millis(limit))
        }
    }
}

fn named(name: &str) -> Result<&'static Target> {
    find(name).with_context(|| format!("there is no target {name:?}; see `list`"))
}

fn choose(names: &[String]) -> Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(targets::ALL.iter().collect());
    }
    names.iter().map(|name| named(name)).collect()
}

/// Runs the targets, some at a time, and tells what came of each.
fn run(campaign: &Campaign, chosen: &[&'static Target], jobs: usize) -> ExitCode {
    let next = AtomicUsize::new(0);
    let broken = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(target) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !tell(campaign, target) {
                        broken.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if broken.into_inner() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs one target; whether it is fine.
fn tell(campaign: &Campaign, target: &Target) -> bool {
    let name = target.name;
    match campaign.run(target) {
        Ok(Verdict::Fine(count)) => {
            println!("{name:<14} {count:>9} inputs, nothing wrong");
            true
        }
        Ok(Verdict::Broken { file, message }) => {
            let file = file.display();
            println!(
                "{name:<14} BROKEN\n{message}\n  again: cargo run -p seatrial-fuzz -- reproduce \
                 {name} {file}\n  keep it: cp {file} tools/fuzz/regressions/{name}/"
            );
            false
        }
        Err(error) => {
            println!("{name:<14} did not run: {error:#}");
            false
        }
    }
}
