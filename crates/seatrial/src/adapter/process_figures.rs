//! Figures of this process for `/metrics`, from the machine's process table, under the names that every
//! Prometheus client uses.

use std::fs;

use seatrial_apiserver::metrics::{Family, Page, Source};

/// This process. What the machine does not tell is left out.
pub(crate) struct ProcessFigures;

impl Source for ProcessFigures {
    fn write(&self, page: &mut Page) {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let ticks = rustix::param::clock_ticks_per_second();
        if let Some(usage) = usage(&read("/proc/self/stat"), &read("/proc/stat"), ticks) {
            write_usage(&usage, page);
        }
        if let Some(limit) = most_files(&read("/proc/self/limits")) {
            let help = "How many files the process may have open.";
            page.family(Family::Gauge, "process_max_fds", help);
            page.sample(&[], limit);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let help = "How many files the process has open.";
            page.family(Family::Gauge, "process_open_fds", help);
            page.sample(&[], open.count());
        }
    }
}

#[derive(Debug, PartialEq)]
struct Usage {
    processor_seconds: f64,
    began: f64,
    virtual_bytes: u64,
    resident_bytes: u64,
}

#[allow(clippy::cast_precision_loss)] // Seconds since 1970 are far below 2^53.
fn usage(own: &str, machine: &str, ticks: u64) -> Option<Usage> {
    // The name of the process stands in brackets and may contain anything.
    let (_, fields) = own.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let seconds = |count: u64| count as f64 / ticks as f64;
    let boot = machine.lines().find_map(|line| line.strip_prefix("btime "));
    let boot: u64 = boot?.trim().parse().ok()?;
    Some(Usage {
        processor_seconds: seconds(number(11)? + number(12)?),
        began: boot as f64 + seconds(number(19)?),
        virtual_bytes: number(20)?,
        resident_bytes: number(21)? * rustix::param::page_size() as u64,
    })
}

fn write_usage(usage: &Usage, page: &mut Page) {
    let help = "Time of processors that the process used.";
    page.family(Family::Counter, "process_cpu_seconds_total", help);
    page.sample(&[], usage.processor_seconds);
    let help = "When the process began, in seconds since 1970.";
    page.family(Family::Gauge, "process_start_time_seconds", help);
    page.sample(&[], usage.began);
    let help = "Addresses that the process reserved.";
    page.family(Family::Gauge, "process_virtual_memory_bytes", help);
    page.sample(&[], usage.virtual_bytes);
    let help = "Memory of the machine that the process holds.";
    page.family(Family::Gauge, "process_resident_memory_bytes", help);
    page.sample(&[], usage.resident_bytes);
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_table_of_processes() {
        let own = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 1200 8192 5 18446744073709551615";
        let machine = "cpu 1 2\nbtime 1000\nprocesses 4\n";
        let expected = Usage {
            processor_seconds: 3.0,
            began: 1012.0,
            virtual_bytes: 8192,
            resident_bytes: 5 * rustix::param::page_size() as u64,
        };
        assert_eq!(usage(own, machine, 100), Some(expected));
        assert_eq!(usage("broken", machine, 100), None);
        let limits = "Limit  Soft  Hard\nMax open files            1024                 4096                 files\n";
        assert_eq!(most_files(limits), Some(1024));
    }
}
