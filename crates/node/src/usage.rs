//! What processes use: real figures from `/proc`, and a model for those that are only simulated.
//!
//! A container is its first process with all that descend from it. Processor time is the difference of
//! two readings, so the first question waits for a moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use tokio::time::Instant;

use crate::quantity;

/// Between two readings at least; processor time is counted in hundredths of a second.
const SHORTEST: Duration = Duration::from_millis(500);

/// A reading older than this says little of the present.
const LONGEST: Duration = Duration::from_mins(1);

/// What simulated containers use that request nothing.
const LITTLE: Amount = Amount {
    cpu_nanos: 1_000_000,
    memory_bytes: 8 << 20,
};

/// What something uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Billionths of a processor, on average over the time between two readings.
    pub cpu_nanos: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

impl Amount {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu_nanos: self.cpu_nanos.saturating_add(other.cpu_nanos),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
        }
    }

    /// What is left without the other.
    pub fn minus(self, other: Self) -> Self {
        Self {
            cpu_nanos: self.cpu_nanos.saturating_sub(other.cpu_nanos),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
        }
    }

    /// An equal share of it.
    pub fn share(self, of: u64) -> Self {
        Self {
            cpu_nanos: self.cpu_nanos / of.max(1),
            memory_bytes: self.memory_bytes / of.max(1),
        }
    }
}

/// What a simulated container is said to use: what it requests.
pub fn modelled(cpu: &str, memory: &str) -> Amount {
    let read = |text: &str, how: fn(&Quantity) -> Option<u64>| {
        Some(text)
            .filter(|text| !text.is_empty())
            .and_then(|text| how(&Quantity(text.to_owned())))
    };
    Amount {
        cpu_nanos: read(cpu, quantity::millis).map_or(LITTLE.cpu_nanos, |it| it * 1_000_000),
        memory_bytes: read(memory, quantity::units).unwrap_or(LITTLE.memory_bytes),
    }
}

/// The annotations by which a simulated pod says what each of its containers uses.
pub const CPU_USAGE: &str = "simulated.seatrial.dev/cpu-usage";
/// As [`CPU_USAGE`], for memory.
pub const MEMORY_USAGE: &str = "simulated.seatrial.dev/memory-usage";

/// What each container of a simulated pod is said to use: what its annotations say, or else what it
/// requests.
pub fn played(annotations: &BTreeMap<String, String>, cpu: &str, memory: &str) -> Amount {
    let said = |name: &str| annotations.get(name).map(String::as_str);
    modelled(
        said(CPU_USAGE).unwrap_or(cpu),
        said(MEMORY_USAGE).unwrap_or(memory),
    )
}

/// What the machine's processes use, from reading to reading.
#[derive(Default)]
pub struct Meter(Mutex<Option<Reading>>);

/// What was found between two readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// By the process that was asked for.
    pub processes: BTreeMap<u32, Amount>,
    /// The machine as a whole.
    pub machine: Amount,
    /// Between the readings.
    pub window: Duration,
}

/// A reading: processor time since the beginning, memory now.
#[derive(Clone)]
struct Reading {
    at: Instant,
    table: BTreeMap<u32, Entry>,
    machine: Total,
}

/// A line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    parent: u32,
    total: Total,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    /// Hundredths of a second.
    ticks: u64,
    memory: u64,
}

impl Meter {
    /// Measures these processes with their descendants, and the machine. Waits for a moment where
    /// there is no fresh earlier reading. Nothing is found where there is no `/proc`.
    pub async fn measure(&self, processes: &[u32]) -> Option<Found> {
        let earlier = self.last();
        let fresh = earlier.filter(|reading| reading.at.elapsed() < LONGEST);
        let before = match fresh {
            Some(reading) => reading,
            None => read().await?,
        };
        let age = before.at.elapsed();
        if age < SHORTEST {
            tokio::time::sleep(SHORTEST.saturating_sub(age)).await;
        }
        let now = read().await?;
        let found = compare(&before, &now, processes);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Some(found)
    }

    fn last(&self) -> Option<Reading> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn compare(before: &Reading, now: &Reading, processes: &[u32]) -> Found {
    let window = now.at.duration_since(before.at);
    let amount = |old: Total, new: Total| Amount {
        cpu_nanos: rate(new.ticks.saturating_sub(old.ticks), window),
        memory_bytes: new.memory,
    };
    let processes = processes.iter().map(|process| {
        let family = |reading: &Reading| sum(&reading.table, *process);
        (*process, amount(family(before), family(now)))
    });
    Found {
        processes: processes.collect(),
        machine: amount(before.machine, now.machine),
        window,
    }
}

fn rate(ticks: u64, window: Duration) -> u64 {
    let nanos = u128::from(ticks) * 10_000_000 * 1_000_000_000 / window.as_nanos().max(1);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// A process with its descendants.
fn sum(table: &BTreeMap<u32, Entry>, first: u32) -> Total {
    let mut family = vec![first];
    let mut total = Total::default();
    let mut next = 0;
    while let Some(member) = family.get(next).copied() {
        next += 1;
        if let Some(entry) = table.get(&member) {
            total.ticks += entry.total.ticks;
            total.memory += entry.total.memory;
        }
        let children = table.iter().filter(|(_, entry)| entry.parent == member);
        family.extend(children.map(|(process, _)| *process));
    }
    total
}

async fn read() -> Option<Reading> {
    let read = tokio::task::spawn_blocking(|| {
        let machine = parse_machine(
            &std::fs::read_to_string("/proc/stat").ok()?,
            &std::fs::read_to_string("/proc/meminfo").ok()?,
        )?;
        let page = rustix::param::page_size() as u64;
        let mut table = BTreeMap::new();
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            // It may end while it is looked at.
            if let Ok(text) = std::fs::read_to_string(entry.path().join("stat"))
                && let Some(entry) = parse(&text, page)
            {
                table.insert(process, entry);
            }
        }
        let at = Instant::now();
        Some(Reading { at, table, machine })
    });
    read.await.ok().flatten()
}

/// Reads `/proc/PID/stat`: the parent, the processor time with that of children that have ended, and
/// the resident pages. The name, in parentheses, may contain anything.
fn parse(text: &str, page: u64) -> Option<Entry> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Entry {
        parent: number(1)?.try_into().ok()?,
        total: Total {
            ticks,
            memory: number(21)? * page,
        },
    })
}

/// Reads `/proc/stat` and `/proc/meminfo`: all that is not idle, and all that is not available.
fn parse_machine(stat: &str, memory: &str) -> Option<Total> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<u64> = line
        .split_ascii_whitespace()
        .filter_map(|it| it.parse().ok())
        .collect();
    // User, nice, system; then idle and waiting for disks; then interrupts. Guests count as users.
    let busy = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|index| times.get(*index));
    let kilobytes = |name: &str| -> Option<u64> {
        let line = memory.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    let used = kilobytes("MemTotal:")?.saturating_sub(kilobytes("MemAvailable:")?);
    Some(Total {
        ticks: busy.sum(),
        memory: used << 10,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(parent: u32, ticks: u64, pages: u64) -> Entry {
        let text = format!(
            "9 (a) b) S {parent} 9 9 0 -1 4194560 1 2 3 4 {ticks} 1 1 1 20 0 1 0 5 999 {pages} 18446744073709551615 1"
        );
        parse(&text, 4096).unwrap()
    }

    #[test]
    fn a_container_is_its_first_process_with_its_descendants() {
        let reading = |at, ticks| Reading {
            at,
            table: [
                (10, stat(1, ticks, 2)),
                (11, stat(10, ticks, 3)),
                (12, stat(11, 7, 1)),
                (20, stat(1, 99, 9)),
            ]
            .into(),
            machine: Total {
                ticks: ticks * 3,
                memory: 5,
            },
        };
        let start = Instant::now();
        let (before, now) = (
            reading(start, 100),
            reading(start + Duration::from_secs(2), 150),
        );
        let found = compare(&before, &now, &[10, 404]);
        let used = found.processes[&10];
        // Half a second and half a second within two.
        assert_eq!(used.cpu_nanos, 500_000_000);
        assert_eq!(used.memory_bytes, 6 * 4096);
        assert_eq!(found.processes[&404], Amount::default());
        assert_eq!(found.machine.cpu_nanos, 750_000_000);
    }

    #[test]
    fn the_machine_is_what_is_not_idle() {
        let stat = "cpu  10 1 20 1000 50 2 3 4 0 0\ncpu0 1 1 1 1\n";
        let memory = "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n";
        let total = parse_machine(stat, memory).unwrap();
        assert_eq!(
            total,
            Total {
                ticks: 40,
                memory: 600 << 10
            }
        );
        assert_eq!(parse_machine("", ""), None);
    }

    #[test]
    fn simulated_containers_use_what_they_request() {
        let amount = modelled("250m", "64Mi");
        assert_eq!(
            (amount.cpu_nanos, amount.memory_bytes),
            (250_000_000, 64 << 20)
        );
        assert_eq!(modelled("", ""), LITTLE);
        let busy = BTreeMap::from([(CPU_USAGE.to_owned(), "2".to_owned())]);
        let amount = played(&busy, "250m", "64Mi");
        assert_eq!(
            (amount.cpu_nanos, amount.memory_bytes),
            (2_000_000_000, 64 << 20)
        );
    }
}
