//! What the machine has, for those who hand it to a node.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use super::{Capacity, SystemInfo};

/// The pods that one node takes unless told otherwise, upstream's default.
pub const PODS: u32 = 110;

/// The machine's size and description. `directory` lies on the disk that pods will write to.
///
/// What cannot be found out is left empty or guessed low; only the disk's size is an error.
pub fn machine(directory: &Path) -> io::Result<(Capacity, SystemInfo)> {
    let disk = rustix::fs::statvfs(directory)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let capacity = Capacity {
        cpu_millis: cores as u64 * 1_000,
        memory_bytes: memory().unwrap_or(1 << 30),
        storage_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        pods: PODS,
    };
    let kernel = rustix::system::uname();
    let text = |path: &str| {
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let info = SystemInfo {
        architecture: architecture(kernel.machine().to_str().unwrap_or_default()).to_owned(),
        operating_system: std::env::consts::OS.replace("macos", "darwin"),
        kernel_version: kernel.release().to_string_lossy().into_owned(),
        os_image: os_image().unwrap_or_else(|| kernel.sysname().to_string_lossy().into_owned()),
        boot_id: text("/proc/sys/kernel/random/boot_id"),
        machine_id: text("/etc/machine-id"),
    };
    Ok((capacity, info))
}

/// As Go names architectures, which is what nodes are labelled with.
fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

fn os_image() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_memory_and_a_disk() {
        let (capacity, info) = machine(Path::new("/")).unwrap();
        assert!(capacity.cpu_millis >= 1_000, "{capacity:?}");
        assert!(capacity.memory_bytes > 1 << 20, "{capacity:?}");
        assert!(!info.kernel_version.is_empty(), "{info:?}");
    }
}
