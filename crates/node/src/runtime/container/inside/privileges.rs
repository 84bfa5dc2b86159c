//! What a container may not do, though it be root inside.

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::runtime::sandbox::protocol::{Failure, Phase};

/// What other container runtimes leave to root by default. There is no system call filter yet.
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

/// Gives up all other capabilities for good.
pub(super) fn limit_capabilities() -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Sandbox, "drop capabilities");
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if KEPT.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The first number that this kernel does not know.
            Err(rustix::io::Errno::INVAL) => break,
            Err(errno) => return Err(failed()(errno)),
        }
    }
    let held = rustix::thread::capabilities(None).map_err(failed())?;
    let sets = CapabilitySets {
        effective: held.effective & KEPT,
        permitted: held.permitted & KEPT,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).map_err(failed())
}

/// No program gives its caller more than it has, set-uid or not.
pub(super) fn refuse_new() -> Result<(), Failure> {
    rustix::thread::set_no_new_privs(true)
        .map_err(Failure::at(Phase::Sandbox, "refuse new privileges"))
}
