//! Later.
use std::process::ExitCode;
/// Later.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct PipelineCommand {}
impl PipelineCommand {
    pub(crate) async fn run(self, _: super::State) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
