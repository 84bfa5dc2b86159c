//! What is written down about requests: the flags of `seatrial up`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use seatrial_apiserver::audit::{File, Policy};

/// The audit log that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auditing {
    /// The file; none for no log.
    pub(crate) log: Option<PathBuf>,
    /// A policy; none for who did what and when, without bodies.
    pub(crate) policy: Option<PathBuf>,
    /// At which size the file makes way for a new one, in megabytes; 0 for never.
    pub(crate) megabytes: u64,
    /// How many older files stay.
    pub(crate) kept: usize,
}

impl Auditing {
    /// Reads the policy and opens the file.
    pub(crate) fn open(&self) -> Result<Option<(Policy, File)>> {
        let Some(path) = &self.log else {
            return Ok(None);
        };
        let policy = match &self.policy {
            None => Policy::metadata(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Policy::read(&text).with_context(|| file.display().to_string())?
            }
        };
        let log = File::open(path, self.megabytes << 20, self.kept)
            .with_context(|| format!("cannot write the audit log {}", path.display()))?;
        Ok(Some((policy, log)))
    }
}
