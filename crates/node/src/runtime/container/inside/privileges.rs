//! What a container may not do, though it be root inside.

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::runtime::Capabilities;
use crate::runtime::sandbox::protocol::{Failure, Phase, Report};

/// What other container runtimes leave to root by default.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// The names of all capabilities, by their number (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The capabilities that a container keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights(CapabilitySet);

impl Rights {
    /// The usual ones, without those dropped, with those added. A name that is none is noted.
    pub(super) fn of(wanted: &Capabilities, report: &mut Report) -> Self {
        let mut kept = KEPT;
        for name in &wanted.drop {
            match find(name) {
                Some(found) => kept = kept.difference(found),
                None => report.notes.push(unknown("drop", name)),
            }
        }
        for name in &wanted.add {
            match find(name) {
                Some(found) => kept = kept.union(found),
                None => report.notes.push(unknown("add", name)),
            }
        }
        Self(kept)
    }

    /// Gives up all other capabilities for good.
    pub(super) fn limit(self) -> Result<(), Failure> {
        self.bound()?;
        self.hold()
    }

    /// Lets no program have any other from now on. What the process itself holds it keeps: it needs it to become its user.
    pub(super) fn bound(self) -> Result<(), Failure> {
        let failed = || Failure::at(Phase::Sandbox, "drop capabilities");
        for number in 0..64 {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            if self.0.contains(capability) {
                continue;
            }
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // The first number that this kernel does not know.
                Err(rustix::io::Errno::INVAL) => break,
                // Given up already, with the right to give up more: nothing is left to take.
                Err(rustix::io::Errno::PERM) if !self.0.contains(CapabilitySet::SETPCAP) => break,
                Err(errno) => return Err(failed()(errno)),
            }
        }
        Ok(())
    }

    /// Gives up all others that the process holds.
    pub(super) fn hold(self) -> Result<(), Failure> {
        let failed = || Failure::at(Phase::Sandbox, "drop capabilities");
        let held = rustix::thread::capabilities(None).map_err(failed())?;
        let sets = CapabilitySets {
            effective: held.effective & self.0,
            permitted: held.permitted & self.0,
            inheritable: CapabilitySet::empty(),
        };
        rustix::thread::set_capabilities(None, sets).map_err(failed())
    }
}

/// The capability of this name, or all; `CAP_` in front is allowed, as in other runtimes.
fn find(name: &str) -> Option<CapabilitySet> {
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if plain == "ALL" {
        let all = (1_u64 << NAMES.len()) - 1;
        return Some(CapabilitySet::from_bits_retain(all));
    }
    let number = NAMES.iter().position(|known| *known == plain)?;
    Some(CapabilitySet::from_bits_retain(1 << number))
}

fn unknown(change: &str, name: &str) -> String {
    format!("securityContext.capabilities.{change}: there is no capability {name:?}")
}

/// No program gives its caller more than it has, set-uid or not.
pub(super) fn refuse_new() -> Result<(), Failure> {
    rustix::thread::set_no_new_privs(true)
        .map_err(Failure::at(Phase::Sandbox, "refuse new privileges"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(drop: &[&str], add: &[&str]) -> (CapabilitySet, usize) {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Capabilities {
            add: list(add),
            drop: list(drop),
        };
        let mut report = Report::default();
        let rights = Rights::of(&wanted, &mut report);
        (rights.0, report.notes.len())
    }

    #[test]
    fn what_is_added_outlives_what_is_dropped() {
        assert_eq!(rights(&[], &[]), (KEPT, 0));
        assert_eq!(
            rights(&["ALL"], &["NET_BIND_SERVICE"]),
            (CapabilitySet::NET_BIND_SERVICE, 0)
        );
        let (set, notes) = rights(&["CAP_CHOWN", "nothing"], &["net_admin"]);
        assert!(!set.contains(CapabilitySet::CHOWN) && set.contains(CapabilitySet::NET_ADMIN));
        assert_eq!(notes, 1);
        assert_eq!(
            find("checkpoint_restore"),
            Some(CapabilitySet::CHECKPOINT_RESTORE)
        );
        assert_eq!(find("SYS_ADMIN"), Some(CapabilitySet::SYS_ADMIN));
    }
}
