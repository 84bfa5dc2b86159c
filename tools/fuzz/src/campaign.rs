//! Runs targets in worker processes, and says what they found.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Target;
use crate::shrink::shrink;
use crate::worker::noted;

/// How a campaign is run.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The seed of all targets.
    pub seed: u64,
    /// How long each target runs.
    pub time: Duration,
    /// How long one input may take.
    pub limit: Duration,
    /// Where inputs that broke something go.
    pub folder: PathBuf,
}

/// What a target did.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing was wrong with so many inputs.
    Fine(u64),
    /// An input broke something.
    Broken {
        /// The shrunk input.
        file: PathBuf,
        /// What the worker said last.
        message: String,
    },
}

impl Campaign {
    /// Searches with one target.
    ///
    /// # Errors
    /// Where the worker cannot be started or its input is lost.
    pub fn run(&self, target: &Target) -> Result<Verdict> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("creating {}", self.folder.display()))?;
        let note = self.folder.join(format!("{}.running", target.name));
        let output = self
            .worker(target)?
            .args(["--seed", &self.seed.to_string()])
            .args(["--milliseconds", &self.time.as_millis().to_string()])
            .arg("--note")
            .arg(&note)
            .output()
            .context("starting a worker")?;
        if output.status.success() {
            let count = String::from_utf8_lossy(&output.stdout).trim().parse();
            return Ok(Verdict::Fine(count.unwrap_or_default()));
        }
        let input = noted(&note)
            .with_context(|| format!("the worker has left no input: {}", complaint(&output)))?;
        self.report(target, input, &output)
    }

    fn report(&self, target: &Target, input: Vec<u8>, output: &Output) -> Result<Verdict> {
        let candidate = self.folder.join(format!("{}.candidate", target.name));
        let code = output.status.code();
        let (small, last) = shrink(input, |bytes| {
            std::fs::write(&candidate, bytes).ok()?;
            let output = self.once(target, &candidate).ok()?;
            let same = !output.status.success() && output.status.code() == code;
            same.then(|| complaint(&output))
        });
        let file = self
            .folder
            .join(format!("{}-{:016x}", target.name, digest(&small)));
        std::fs::write(&file, &small).with_context(|| format!("writing {}", file.display()))?;
        Ok(Verdict::Broken {
            file,
            message: last.unwrap_or_else(|| complaint(output)),
        })
    }

    /// Runs one input in a worker.
    fn once(&self, target: &Target, input: &Path) -> Result<Output> {
        let mut worker = self.worker(target)?;
        worker.arg("--input").arg(input);
        worker.output().context("starting a worker")
    }

    fn worker(&self, target: &Target) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command
            .args(["worker", target.name])
            .args(["--limit", &self.limit.as_millis().to_string()])
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null());
        Ok(command)
    }
}

/// The end of what a worker said, and how it ended.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("note: "))
        .collect();
    let start = lines.len().saturating_sub(8);
    format!("{}\n({})", lines[start..].join("\n"), output.status)
}

/// A short name for bytes (FNV-1a).
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
