//! Finding the relatives of a process where no PID namespace keeps them together.

use rustix::process::{Pid, Signal};

/// Ends every process of the session that `leader` started.
#[cfg(target_os = "linux")]
pub(super) fn kill_session(leader: Pid) {
    let leader = leader.as_raw_pid();
    kill_all(|process| process.session == leader || process.group == leader);
}

/// Ends every descendant of this process, until there is none: one that forks while it is looked
/// for leaves an orphan, which this process has adopted by the next round.
#[cfg(target_os = "linux")]
pub(super) fn kill_descendants() {
    let own = rustix::process::getpid().as_raw_pid();
    for _ in 0..100 {
        let descendants = descendants_of(own, &processes());
        if descendants.is_empty() {
            return;
        }
        for pid in descendants {
            kill(pid);
        }
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_session(leader: Pid) {
    let _ = rustix::process::kill_process_group(leader, Signal::KILL);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_descendants() {}

/// Ends every process that has this mount namespace, until there is none. Whoever leaves it needs a right
/// that containers do not have.
#[cfg(target_os = "linux")]
pub(super) fn kill_by_mounts(namespace: u64) {
    let link = format!("mnt:[{namespace}]");
    // The process table may be that of a PID namespace around this one; a process has a number in each.
    let Some(depth) = numbers("self").len().checked_sub(1) else {
        return;
    };
    for _ in 0..100 {
        let mut found = false;
        for process in processes() {
            let name = process.pid.to_string();
            let own = std::fs::read_link(format!("/proc/{name}/ns/mnt"));
            if own.is_ok_and(|own| own.to_str() == Some(&link))
                && let Some(number) = numbers(&name).get(depth)
            {
                found = true;
                kill(*number);
            }
        }
        if !found {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// The numbers of a process in the PID namespaces around it, the outermost first.
#[cfg(target_os = "linux")]
fn numbers(process: &str) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers = line.unwrap_or_default().split_ascii_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// A line of the machine's process table.
#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
}

#[cfg(target_os = "linux")]
fn kill_all(chosen: impl Fn(&Process) -> bool) {
    for process in processes() {
        if chosen(&process) {
            kill(process.pid);
        }
    }
}

#[cfg(target_os = "linux")]
fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            parse_stat(
                pid,
                &std::fs::read_to_string(entry.path().join("stat")).ok()?,
            )
        })
        .collect()
}

/// Reads `/proc/PID/stat`. The name, in parentheses, may itself contain anything; zombies are left
/// out, since a signal does nothing to them.
#[cfg(target_os = "linux")]
fn parse_stat(pid: i32, text: &str) -> Option<Process> {
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Process {
        pid,
        parent: number()?,
        group: number()?,
        session: number()?,
    })
}

#[cfg(target_os = "linux")]
fn descendants_of(ancestor: i32, processes: &[Process]) -> Vec<i32> {
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            processes
                .iter()
                .filter(|process| process.parent == parent)
                .map(|child| child.pid),
        );
        next += 1;
    }
    found.split_off(1)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let process = parse_stat(7, "7 (a) b (c)) S 3 5 6 0 -1 4194560").unwrap();
        assert_eq!(
            process,
            Process {
                pid: 7,
                parent: 3,
                group: 5,
                session: 6
            }
        );
        assert_eq!(parse_stat(7, "7 (gone) Z 3 5 6 0"), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let process = |pid, parent| Process {
            pid,
            parent,
            group: 0,
            session: 0,
        };
        let table = [
            process(2, 1),
            process(5, 3),
            process(3, 2),
            process(4, 1),
            process(9, 8),
        ];
        assert_eq!(descendants_of(2, &table), [3, 5]);
    }
}
