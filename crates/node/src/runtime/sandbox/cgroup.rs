//! Limits by control groups, of either version, where the machine lets us make some.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::own;
use crate::runtime::{Limits, Memory, Notes};

const PERIOD_MICROS: u64 = 100_000;

/// Where control groups can be made.
#[derive(Debug)]
pub(crate) struct Cgroups {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
    /// Why one is missing.
    problem: String,
}

/// A directory in which we may make groups.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    base: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The groups of a sandbox or a process: none where nothing is limited.
#[derive(Debug, Default)]
pub(crate) struct Group {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
    /// Those of the two that are not the enclosing group's.
    made: Vec<PathBuf>,
    /// How many processes of it had been killed for want of memory when it was made.
    killed_before: u64,
}

impl Cgroups {
    /// Looks for a writable place, below this process's own groups first.
    pub(crate) fn find() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let name = own::name();
        let mut problem = "no cgroup file system is mounted".to_owned();
        let mut find = |controller: &str| {
            for candidate in candidates(&mounts, &own, controller) {
                match candidate.make(&name, controller) {
                    Ok(made) => return Some(made),
                    Err(error) => {
                        let place = candidate.base.display();
                        problem = format!("no cgroup can be made in {place}: {error}");
                    }
                }
            }
            None
        };
        let (cpu, memory) = (find("cpu"), find("memory"));
        Self {
            cpu,
            memory,
            problem,
        }
    }

    /// What `doctor` says: which limits are enforced, or why not.
    pub(crate) fn describe(&self) -> Result<String, String> {
        match (&self.cpu, &self.memory) {
            (Some(cpu), Some(memory)) => Ok(format!(
                "cpu in {}, memory in {}",
                cpu.base.display(),
                memory.base.display()
            )),
            _ => Err(self.problem.clone()),
        }
    }

    /// Makes a group with limits, within another. What cannot be enforced is noted.
    pub(crate) fn make(
        &self,
        within: Option<&Group>,
        name: &str,
        limits: Limits,
        notes: &Notes,
    ) -> Group {
        let mut group = Group::default();
        if let Some(millis) = limits.cpu_millis {
            let base = within
                .and_then(|group| group.cpu.as_ref())
                .or(self.cpu.as_ref());
            match self.limit(base, name, "cpu", |group| group.limit_cpu(millis)) {
                Ok(made) => {
                    group.made.push(made.base.clone());
                    group.cpu = Some(made);
                }
                Err(reason) => notes(format!("cpu limit of {millis}m is not enforced: {reason}")),
            }
        }
        if let Some(bytes) = limits.memory_bytes {
            let base = within
                .and_then(|group| group.memory.as_ref())
                .or(self.memory.as_ref());
            match self.limit(base, name, "memory", |group| group.limit_memory(bytes)) {
                Ok(made) => {
                    group.made.push(made.base.clone());
                    group.memory = Some(made);
                }
                Err(reason) => notes(format!(
                    "memory limit of {} is not enforced: {reason}",
                    quantity(bytes)
                )),
            }
        }
        // Without a limit of its own it still belongs to the group around it.
        if let Some(within) = within {
            group.cpu = group.cpu.or_else(|| within.cpu.clone());
            group.memory = group.memory.or_else(|| within.memory.clone());
        }
        group.killed_before = group.killed();
        group
    }

    fn limit(
        &self,
        base: Option<&Hierarchy>,
        name: &str,
        controller: &str,
        set: impl Fn(&Hierarchy) -> io::Result<()>,
    ) -> Result<Hierarchy, String> {
        let base = base.ok_or_else(|| self.problem.clone())?;
        let made = base
            .make(name, controller)
            .map_err(|error| format!("no cgroup can be made: {error}"))?;
        set(&made).map_err(|error| {
            let _ = fs::remove_dir(&made.base);
            format!("the kernel refuses it: {error}")
        })?;
        Ok(made)
    }

    /// Removes the empty groups of earlier processes of ours.
    pub(crate) fn remove_leftovers(&self) {
        for hierarchy in self.cpu.iter().chain(&self.memory) {
            let Some(parent) = hierarchy.base.parent() else {
                continue;
            };
            for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
                if entry.file_name().to_str().is_some_and(own::is_abandoned) {
                    remove_groups(&entry.path());
                }
            }
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for hierarchy in self.cpu.iter().chain(&self.memory) {
            remove_groups(&hierarchy.base);
        }
    }
}

impl Group {
    /// The files by which a process enters.
    pub(crate) fn entrances(&self) -> Vec<OwnedFd> {
        let mut directories: Vec<_> = self
            .cpu
            .iter()
            .chain(&self.memory)
            .map(|group| &group.base)
            .collect();
        directories.dedup();
        let open = |directory: &PathBuf| {
            fs::OpenOptions::new()
                .write(true)
                .open(directory.join("cgroup.procs"))
        };
        directories
            .into_iter()
            .filter_map(|directory| open(directory).ok())
            .map(OwnedFd::from)
            .collect()
    }

    /// Whether the kernel has killed a process in it for want of memory.
    pub(crate) fn memory(&self) -> Memory {
        if self.killed() > self.killed_before {
            Memory::Exceeded
        } else {
            Memory::Within
        }
    }

    fn killed(&self) -> u64 {
        let Some(group) = &self.memory else { return 0 };
        let file = match group.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(group.base.join(file)).unwrap_or_default();
        killed(&text)
    }

    /// Removes what was made for it, once nothing is in it.
    pub(crate) fn remove(&self) {
        for directory in &self.made {
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Hierarchy {
    fn make(&self, name: &str, controller: &str) -> io::Result<Self> {
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
        match fs::create_dir(&made.base) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
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

    fn limit_cpu(&self, millis: u64) -> io::Result<()> {
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

    fn limit_memory(&self, bytes: u64) -> io::Result<()> {
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

/// Where groups might be made: this process's own group, the one around it (the only possible one in
/// version 2, where a group with processes has no groups with controllers), the topmost.
fn candidates(mounts: &str, own: &str, controller: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for (version, root, mountpoint) in mounts
        .lines()
        .filter_map(|line| parse_mount(line, controller))
    {
        let path = own
            .lines()
            .find_map(|line| parse_own(line, version, controller))
            .unwrap_or("/");
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let place = Path::new(mountpoint).join(below);
        let around = place
            .parent()
            .filter(|around| around.starts_with(mountpoint));
        let top = Path::new(mountpoint);
        for base in [Some(place.as_path()), around, Some(top)]
            .into_iter()
            .flatten()
        {
            let hierarchy = Hierarchy {
                version,
                base: base.to_path_buf(),
            };
            if !found.contains(&hierarchy) {
                found.push(hierarchy);
            }
        }
    }
    found
}

/// The version, root and mount point of a line of mountinfo about this controller.
fn parse_mount<'line>(
    line: &'line str,
    controller: &str,
) -> Option<(Version, &'line str, &'line str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, mountpoint) = (fields.next()?, fields.next()?);
    let mut fields = after.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    match kind {
        "cgroup2" => Some((Version::Two, root, mountpoint)),
        "cgroup" if options.split(',').any(|option| option == controller) => {
            Some((Version::One, root, mountpoint))
        }
        _ => None,
    }
}

fn parse_own<'line>(line: &'line str, version: Version, controller: &str) -> Option<&'line str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let meant = match version {
        Version::One => controllers.split(',').any(|known| known == controller),
        Version::Two => controllers.is_empty(),
    };
    meant.then_some(path)
}

fn killed(events: &str) -> u64 {
    let line = events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

fn remove_groups(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    let _ = fs::remove_dir(directory);
}

/// As Kubernetes writes it, where that is exact.
fn quantity(bytes: u64) -> String {
    for (unit, size) in [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    bytes.to_string()
}
