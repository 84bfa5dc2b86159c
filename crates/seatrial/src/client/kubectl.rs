//! Later.
use std::process::ExitCode;
/// Later.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct KubectlApplet {}
impl KubectlApplet {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
