//! Limits by control groups, of either version, where the machine lets us make some.

mod hierarchy;
mod places;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use self::hierarchy::{Hierarchy, Version};
use super::own;
use crate::runtime::{Limits, Memory, Notes};

/// Where control groups can be made.
#[derive(Debug)]
pub(crate) struct Cgroups {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
    /// Why one is missing.
    problem: String,
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
            for candidate in places::candidates(&mounts, &own, controller) {
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
        let found = Self {
            cpu,
            memory,
            problem,
        };
        found.remove_leftovers();
        found
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
    fn remove_leftovers(&self) {
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_is_not_enforced_is_noted_as_it_was_written() {
        let none = Cgroups {
            cpu: None,
            memory: None,
            problem: "no cgroup is writable".to_owned(),
        };
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes: Notes = {
            let heard = Arc::clone(&heard);
            Arc::new(move |note| heard.lock().unwrap().push(note))
        };
        let limits = Limits {
            cpu_millis: Some(250),
            memory_bytes: Some(64 << 20),
        };
        let group = none.make(None, "pod", limits, &notes);
        assert!(group.entrances().is_empty());
        assert_eq!(
            *heard.lock().unwrap(),
            [
                "cpu limit of 250m is not enforced: no cgroup is writable",
                "memory limit of 64Mi is not enforced: no cgroup is writable"
            ]
        );
    }

    #[test]
    fn kills_are_counted_and_quantities_exact() {
        assert_eq!(killed("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(killed("low 0\noom 3\noom_kill 1\n"), 1);
        assert_eq!(killed(""), 0);
        assert_eq!(quantity(1 << 30), "1Gi");
        assert_eq!(quantity(1_000_000), "1000000");
    }
}
