//! `seatrial demo`.

use std::process::ExitCode;

use anyhow::Result;

use crate::arguments::Demo;

pub(crate) async fn run(demo: Demo) -> Result<ExitCode> {
    let _ = demo;
    anyhow::bail!("being written")
}
