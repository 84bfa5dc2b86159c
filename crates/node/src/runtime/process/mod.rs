//! Pods as plain processes, where namespaces are forbidden.
use std::path::PathBuf;
/// x
pub struct ProcessRuntime;
impl ProcessRuntime {
    /// x
    pub fn with_executable(_d: PathBuf, _e: PathBuf) -> std::io::Result<Self> {
        Ok(Self)
    }
}
#[async_trait::async_trait]
impl super::Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }
    async fn create_sandbox(
        &self,
        _spec: super::SandboxSpec,
    ) -> Result<std::sync::Arc<dyn super::Sandbox>, super::Error> {
        Err(super::Error::SandboxGone)
    }
    async fn remove_leftovers(&self, _s: &std::path::Path) -> Result<(), super::Error> {
        Ok(())
    }
}
