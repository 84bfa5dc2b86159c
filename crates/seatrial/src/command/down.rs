//! `seatrial down`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::arguments::{Down, Output};
use crate::cluster;

/// How long a cluster may take to end its pods.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(down: Down) -> Result<ExitCode> {
    let data = super::data(&down.which)?;
    let state = data.state();
    let name = state
        .as_ref()
        .map_or(down.which.name.clone(), |state| state.name.clone());
    if let Some(state) = &state {
        let pid = i32::try_from(state.pid).ok().and_then(Pid::from_raw);
        let pid = pid.context("the state file names no process")?;
        kill_process(pid, Signal::TERM)
            .with_context(|| format!("cannot stop process {}", state.pid))?;
        let deadline = Instant::now() + PATIENCE;
        // The note goes first; the claim, with everything that is open, when the process has ended.
        while data.state().is_some() || data.lock().is_err() {
            if Instant::now() > deadline {
                bail!(
                    "process {} does not stop; end it with `kill -9 {}`",
                    state.pid,
                    state.pid
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    if let Some(users) = cluster::users_kubeconfig() {
        cluster::remove(&users, &name)?;
    }
    if down.delete {
        data.delete()?;
    }
    if down.which.output == Output::Json {
        println!(
            "{}",
            serde_json::json!({ "stopped": state.is_some(), "deleted": down.delete })
        );
    } else {
        let what = match (state.is_some(), down.delete) {
            (true, true) => "stopped and deleted".to_owned(),
            (true, false) => format!(
                "stopped; `seatrial up` continues from {}",
                data.root().display()
            ),
            (false, true) => "was not running; deleted".to_owned(),
            (false, false) => "was not running".to_owned(),
        };
        println!("cluster {name} {what}");
    }
    Ok(ExitCode::SUCCESS)
}
