//! The system call filter of `seccompProfile: RuntimeDefault`.
//!
//! It refuses the calls that serve to get hold of the machine or to change the kernel, as the default
//! profiles of other runtimes do; unlike those it names what is refused rather than what is allowed,
//! so that it needs no change for calls to come.

use crate::runtime::sandbox::protocol::{Failure, Phase, Report};

/// Refused with `EPERM`.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: u32 = 0;

/// The calls of x86-64 with pointers of 32 bits have numbers from here on.
const OTHER_FORM: u32 = 0x4000_0000;

/// Flags of `clone` that make namespaces: mount, cgroup, UTS, IPC, user, PID and network.
const NAMESPACES: u32 = 0x7e02_0000;

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;

/// The filter: what the kernel runs on each call. Offsets are those of `struct seccomp_data`.
fn program() -> Vec<libc::sock_filter> {
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let refuse = || step(RETURN, ERROR | libc::EPERM as u32, 0, 0);
    let mut program = vec![
        step(LOAD, 4, 0, 0),
        // A program of another architecture would have other numbers.
        step(EQUAL, ARCHITECTURE, 1, 0),
        refuse(),
        step(LOAD, 0, 0, 0),
        step(AT_LEAST, OTHER_FORM, 0, 1),
        refuse(),
        // Its flags lie in memory, where a filter cannot look; without it, libraries take `clone`.
        step(EQUAL, libc::SYS_clone3 as u32, 0, 1),
        step(RETURN, ERROR | libc::ENOSYS as u32, 0, 0),
    ];
    for call in REFUSED {
        program.push(step(EQUAL, *call as u32, 0, 1));
        program.push(refuse());
    }
    program.extend([
        step(EQUAL, libc::SYS_clone as u32, 0, 3),
        step(LOAD, 16, 0, 0),
        step(ANY_BIT, NAMESPACES, 0, 1),
        refuse(),
        step(RETURN, ALLOW, 0, 0),
    ]);
    program
}

/// Limits this process and all that it starts. Needs [`super::privileges::refuse_new`] before.
pub(super) fn limit(report: &mut Report) -> Result<(), Failure> {
    if ARCHITECTURE == 0 {
        let note = "seccompProfile is not enforced: there is no filter for this architecture";
        report.notes.push(note.to_owned());
        return Ok(());
    }
    let mut steps = program();
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    #[allow(unsafe_code)]
    // SAFETY: the kernel reads `len` steps from `filter` during the call and keeps a copy; both live
    // in this function, and the length is that of the vector.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            std::ptr::from_ref(&program),
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    match error.raw_os_error() {
        // A kernel without filters.
        Some(libc::EINVAL) => {
            let note = "seccompProfile is not enforced: this kernel has no system call filters";
            report.notes.push(note.to_owned());
            Ok(())
        }
        _ => Err(Failure::at(Phase::Sandbox, "limit system calls")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter on a call as the kernel would.
    fn verdict(architecture: u32, call: u32, first: u32) -> u32 {
        let program = program();
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
            match step.code {
                LOAD => {
                    value = match step.k {
                        0 => call,
                        4 => architecture,
                        16 => first,
                        other => panic!("loads from {other}"),
                    }
                }
                EQUAL => at += jump(value == step.k),
                AT_LEAST => at += jump(value >= step.k),
                ANY_BIT => at += jump(value & step.k != 0),
                RETURN => return step.k,
                other => panic!("step {other:x}"),
            }
        }
    }

    #[test]
    fn the_filter_refuses_what_it_lists_and_no_more() {
        let own = |call: libc::c_long, first| verdict(ARCHITECTURE, call as u32, first);
        let refused = ERROR | libc::EPERM as u32;
        for call in REFUSED {
            assert_eq!(own(*call, 0), refused);
        }
        for call in [
            libc::SYS_read,
            libc::SYS_openat,
            libc::SYS_execve,
            libc::SYS_futex,
        ] {
            assert_eq!(own(call, 0), ALLOW);
        }
        assert_eq!(own(libc::SYS_clone, 0x0100_0011), ALLOW);
        assert_eq!(own(libc::SYS_clone, 0x1000_0011), refused);
        assert_eq!(own(libc::SYS_clone3, 0), ERROR | libc::ENOSYS as u32);
        assert_eq!(verdict(3, 1, 0), refused);
        assert_eq!(own(libc::c_long::from(OTHER_FORM), 0), refused);
    }
}
