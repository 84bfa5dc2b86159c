//! The program as a child process, and what the kernel says of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// `USER_HZ`: what Linux counts processor time in, for programs, on every common machine.
const CLOCK_TICKS: f64 = 100.0;

/// A running cluster of simulated nodes; ends with this.
pub(crate) struct Program {
    child: Child,
    data: PathBuf,
}

/// How to reach its API: what a client needs, and nothing that would cost it time.
pub(crate) struct Access {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authority: Vec<u8>,
    pub(crate) token: String,
}

/// The program, free of the user's environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatrial"));
    command
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("SEATRIAL_NAME")
        .env_remove("SEATRIAL_DATA_DIR")
        .stdin(Stdio::null());
    command
}

impl Program {
    /// Starts it; returns when it says that it is ready.
    pub(crate) fn start(data: &Path, count: u16) -> Result<Self> {
        let nodes = count.to_string();
        // A few nodes have to take all the pods that are measured.
        let pods = if count < 100 { "10000" } else { "110" };
        let mut child = command(&["up", "--runtime", "simulated", "--nodes", &nodes])
            .args(["--pods-per-node", pods])
            .args(["--no-kubeconfig", "--output", "json", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let program = Self {
            child,
            data: data.to_owned(),
        };
        let _ready: Value = serde_json::from_str(&line).context("the program did not start")?;
        Ok(program)
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// Processor time used so far.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Duration::from_secs_f64(
            (ticks(14)? + ticks(15)?) as f64 / CLOCK_TICKS,
        ))
    }

    /// From its kubeconfig.
    pub(crate) fn access(&self) -> Result<Access> {
        use base64::Engine as _;
        let text = std::fs::read_to_string(self.data.join("kubeconfig"))?;
        let config: Value = serde_saphyr::from_str(&text)?;
        let cluster = &config["clusters"][0]["cluster"];
        let field = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("an odd kubeconfig")
        };
        let server: http::Uri = field(&cluster["server"])?.parse()?;
        let authority = field(&cluster["certificate-authority-data"])?;
        Ok(Access {
            host: server.host().context("no host")?.to_owned(),
            port: server.port_u16().context("no port")?,
            authority: base64::engine::general_purpose::STANDARD.decode(authority)?,
            token: field(&config["users"][0]["user"]["token"])?,
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
