//! One directory of a control group file system, of either version.

use std::fs;
use std::io;
use std::path::PathBuf;

const PERIOD_MICROS: u64 = 100_000;

/// A directory in which we may make groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    pub(super) base: PathBuf,
}

/// Of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Hierarchy {
    /// Makes a group within, in which this controller can be limited.
    pub(super) fn make(&self, name: &str, controller: &str) -> io::Result<Self> {
        if self.version == Version::Two {
            // Already enabled, or it shows below that it could not be.
            let _ = fs::write(
                self.base.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
        }
        let made = Self {
            version: self.version,
            base: self.base.join(name),
        };
        fs::create_dir_all(&made.base)?;
        let needed = match (self.version, controller) {
            (Version::One, "cpu") => "cpu.cfs_quota_us",
            (Version::One, _) => "memory.limit_in_bytes",
            (Version::Two, "cpu") => "cpu.max",
            (Version::Two, _) => "memory.max",
        };
        // Opened, not only looked for: in a container the directory may be ours and the file not.
        let opened = fs::OpenOptions::new()
            .write(true)
            .open(made.base.join(needed));
        opened
            .map(|_| made.clone())
            .inspect_err(|_| drop(fs::remove_dir(&made.base)))
    }

    pub(super) fn limit_cpu(&self, millis: u64) -> io::Result<()> {
        // The kernel refuses less than a hundredth of the period.
        let quota = (millis * PERIOD_MICROS / 1000).max(PERIOD_MICROS / 100);
        match self.version {
            Version::One => {
                fs::write(
                    self.base.join("cpu.cfs_period_us"),
                    PERIOD_MICROS.to_string(),
                )?;
                fs::write(self.base.join("cpu.cfs_quota_us"), quota.to_string())
            }
            Version::Two => fs::write(
                self.base.join("cpu.max"),
                format!("{quota} {PERIOD_MICROS}"),
            ),
        }
    }

    pub(super) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        match self.version {
            Version::One => fs::write(self.base.join("memory.limit_in_bytes"), bytes.to_string()),
            Version::Two => {
                // Kernels without swap accounting lack the file.
                let _ = fs::write(self.base.join("memory.swap.max"), "0");
                fs::write(self.base.join("memory.max"), bytes.to_string())
            }
        }
    }
}
