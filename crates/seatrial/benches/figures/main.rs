//! The figures of the README: the program from outside, as its users have it.
//!
//! ```text
//! make bench          # or: cargo bench -p seatrial --bench figures
//! ```
//!
//! Each line is a measured value beside the most (or least) that we allow ourselves; the exit code
//! says whether all of them hold. What cannot be measured here is said, with the reason.

#![allow(clippy::print_stdout)] // What it is for.
#![allow(clippy::disallowed_methods)] // It measures the machine's time.

mod day;
mod disk;
#[path = "../../tests/virtual_time/hour.rs"]
#[allow(clippy::unwrap_used, dead_code)]
mod hour;
#[path = "../../tests/virtual_time/journal.rs"]
#[allow(clippy::unwrap_used)]
mod journal;
mod large;
mod load;
#[path = "../../tests/virtual_time/production.rs"]
#[allow(clippy::unwrap_used)]
mod production;
mod program;
#[path = "../../tests/virtual_time/traffic.rs"]
#[allow(clippy::unwrap_used, dead_code)]
mod traffic;
mod watchers;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use program::Program;
use serde_json::Value;

/// As in the program, since a day's memory is measured in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that make objects side by side.
const CLIENTS: usize = 64;
/// Pods of the large Deployment.
const PODS: usize = 5_000;
/// Nodes that they need, at 110 pods each.
const NODES: u16 = 50;

/// Creates one by one, and syncs beside them: so many times so many, in turn.
const ROUNDS: usize = 5;
const EACH: usize = 400;

/// What a figure must be.
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

struct Figures {
    missed: usize,
}

impl Figures {
    fn add(&mut self, what: &str, value: f64, unit: &str, goal: &Goal) {
        let (held, bound) = match *goal {
            Goal::AtMost(most) => (value <= most, format!("at most {most}")),
            Goal::AtLeast(least) => (value >= least, format!("at least {least}")),
        };
        self.missed += usize::from(!held);
        let verdict = if held { "" } else { "   MISSED" };
        let value = if value < 10.0 {
            format!("{value:.2}")
        } else {
            format!("{value:.0}")
        };
        println!("{what:<58} {value:>8} {unit:<4} ({bound}){verdict}");
    }

    fn skip(what: &str, why: &str) {
        println!("{what:<58}  skipped: {why}");
    }
}

fn main() -> ExitCode {
    // `cargo test` starts benches too, to see that they start.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(measure()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("{missed} figures were missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<usize> {
    let mut figures = Figures { missed: 0 };
    start(&mut figures)?;
    let empty = idle(&mut figures).await?;
    creates(&mut figures).await?;
    pods(&mut figures).await?;
    watchers::fan_out(&mut figures).await?;
    large::ten_thousand(&mut figures, empty).await?;
    large::hundred_thousand(&mut figures).await?;
    tokio::task::spawn_blocking(virtual_hour)
        .await?
        .report(&mut figures);
    tokio::task::spawn_blocking(day::live)
        .await??
        .report(&mut figures);
    tokio::task::spawn_blocking(demo)
        .await??
        .report(&mut figures)?;
    Ok(figures.missed)
}

fn start(figures: &mut Figures) -> Result<()> {
    let mut took = Vec::new();
    for _ in 0..7 {
        let folder = tempfile::tempdir()?;
        let begun = Instant::now();
        let program = Program::start(&folder.path().join("cluster"), 3)?;
        took.push(begun.elapsed());
        program.stop()?;
    }
    took.sort();
    let median = took[took.len() / 2];
    figures.add(
        "process start to ready, 3 nodes Ready (median of 7)",
        millis(median),
        "ms",
        &Goal::AtMost(100.0),
    );
    Ok(())
}

/// Returns the resident memory in bytes, where the kernel tells it.
async fn idle(figures: &mut Figures) -> Result<Option<u64>> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(&folder.path().join("cluster"), 3)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let names = (
        "idle memory, 3 nodes (resident)",
        "idle CPU, 3 nodes, over 20 s",
    );
    let (Some(memory), Some(before)) = (program.resident(), program.cpu()) else {
        Figures::skip(names.0, "this machine has no /proc");
        Figures::skip(names.1, "this machine has no /proc");
        program.stop()?;
        return Ok(None);
    };
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let used = program
        .cpu()
        .context("the program ended")?
        .saturating_sub(before);
    let share = 100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64();
    figures.add(names.0, memory as f64 / 1e6, "MB", &Goal::AtMost(60.0));
    figures.add(names.1, share, "%", &Goal::AtMost(1.0));
    program.stop()?;
    Ok(Some(memory))
}

async fn creates(figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(&folder.path().join("cluster"), 1)?;
    let access = program.access()?;
    let rate = load::creates(&access, CLIENTS, 20_000).await?;
    figures.add(
        "durable creates of 1 KB at 64 clients, over TLS",
        rate,
        "/s",
        &Goal::AtLeast(10_000.0),
    );
    let (mut creates, mut syncs) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        syncs += disk::syncs(folder.path(), EACH)?;
        creates += load::one_by_one(&access, round * EACH, EACH).await?;
    }
    let per_second = |took: Duration| (ROUNDS * EACH) as f64 / took.as_secs_f64();
    let what = format!(
        "creates one by one over TLS ({:.0}/s) beside fdatasync ({:.0}/s)",
        per_second(creates),
        per_second(syncs)
    );
    let share = 100.0 * syncs.as_secs_f64() / creates.as_secs_f64();
    figures.add(&what, share, "%", &Goal::AtLeast(70.0));
    program.stop()
}

async fn pods(figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(&folder.path().join("cluster"), NODES)?;
    let access = program.access()?;
    let took = load::deployment(&access, PODS).await?;
    figures.add(
        "5,000 simulated pods of one Deployment, scheduled, Ready",
        took.as_secs_f64(),
        "s",
        &Goal::AtMost(10.0),
    );
    let (took, bytes) = load::list(&access, "/api/v1/pods?limit=5000", load::PLAIN).await?;
    let what = format!(
        "list of these 5,000 pods over TLS ({} MB)",
        bytes / 1_000_000
    );
    figures.add(&what, millis(took), "ms", &Goal::AtMost(80.0));
    program.stop()
}

struct Hour(Duration);

fn virtual_hour() -> Hour {
    let _warm = hour::live(7);
    let begun = Instant::now();
    let _hour = hour::live(8);
    Hour(begun.elapsed())
}

impl Hour {
    fn report(&self, figures: &mut Figures) {
        figures.add(
            "an hour of the whole cluster in virtual time",
            self.0.as_secs_f64(),
            "s",
            &Goal::AtMost(1.0),
        );
    }
}

struct Demo(Value, Duration);

fn demo() -> Result<Demo> {
    let begun = Instant::now();
    let output = program::command(&["demo", "--output", "json"]).output()?;
    let report = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the demo: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Demo(report, begun.elapsed()))
}

impl Demo {
    fn report(&self, figures: &mut Figures) -> Result<()> {
        let Self(report, took) = self;
        anyhow::ensure!(
            report["asPromised"] == true,
            "the demo did not hold: {report}"
        );
        let releases = report["releases"].as_array().context("no releases")?;
        let slowest = releases
            .iter()
            .filter_map(|release| release["secondsToPipelineStart"].as_f64())
            .fold(0.0, f64::max);
        let first = releases
            .first()
            .and_then(|first| first["secondsToFirstRequest"].as_f64());
        figures.add(
            "git push to pipeline start (slowest of 3)",
            slowest * 1000.0,
            "ms",
            &Goal::AtMost(200.0),
        );
        figures.add(
            "git push to first request served in production",
            first.context("no first request")?,
            "s",
            &Goal::AtMost(60.0),
        );
        figures.add(
            "the whole demo: three releases, the last rolled back",
            took.as_secs_f64(),
            "s",
            &Goal::AtMost(120.0),
        );
        Ok(())
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
