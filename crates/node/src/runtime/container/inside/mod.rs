//! What happens on the inner side of the namespaces, in the init and in its children.

mod calls;
pub(super) mod netlink;
mod network;
mod privileges;
mod redirect;
mod root;
mod stage;
mod target;
mod user;

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};

pub(super) use redirect::{QUEUE_SUBSYSTEM, REFUSED_MARK};
pub(crate) use redirect::{catch, datagrams};
pub(crate) use stage::isolate;

use crate::runtime::sandbox::protocol::{Container, Failure, Phase, Pids, Report, Users};
use crate::runtime::{Calls, Escalation, MemoryDirectory, Security};

/// Leaves the namespaces in `flags` for new ones.
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[allow(unsafe_code)]
    // SAFETY: the call is unsafe only with `FILES`, which could take descriptors from other
    // threads. No caller passes it, and there is one thread.
    let unshared = unsafe { rustix::thread::unshare_unsafe(flags) };
    Ok(unshared?)
}

/// In the init: finishes the sandbox.
pub(crate) fn set_up(hostname: &str, address: Option<IpAddr>) -> Result<(), Failure> {
    rustix::system::sethostname(hostname.as_bytes()).map_err(Failure::at(
        Phase::Sandbox,
        format!("set the host name {hostname:?}"),
    ))?;
    if let Some(address) = address {
        network::bring_up(address)?;
    }
    Ok(())
}

/// In the init: makes what the pod wants of its own besides. Returns what cannot be had.
pub(crate) fn furnish(
    settings: &[(String, String)],
    memory: &[MemoryDirectory],
) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    for (name, value) in settings {
        let swapped = name.chars().map(|letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        });
        let path = format!("/proc/sys/{}", swapped.collect::<String>());
        if let Err(error) = std::fs::write(path, value) {
            notes.push(format!("sysctl {name}={value} is not enforced: {error}"));
        }
    }
    for directory in memory {
        root::mount_memory(directory)?;
    }
    Ok(notes)
}

/// The init's own PID namespace, to come back to.
pub(crate) struct Home(OwnedFd);

/// While this lives, children of the init are born in another PID namespace.
pub(crate) struct Away<'home>(&'home Home);

impl Home {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(std::fs::File::open("/proc/self/ns/pid")?.into()))
    }

    /// The next child is the first process of a new PID namespace.
    pub(crate) fn enter_new_pids(&self) -> Result<Away<'_>, Failure> {
        unshare(UnshareFlags::NEWPID).map_err(Failure::at(
            Phase::Sandbox,
            "make the container's PID namespace",
        ))?;
        Ok(Away(self))
    }

    /// The next child is born beside that process.
    pub(crate) fn enter_pids_of(&self, process: &OwnedFd) -> Result<Away<'_>, Failure> {
        rustix::thread::move_into_thread_name_spaces(
            process.as_fd(),
            ThreadNameSpaceType::PROCESS_ID,
        )
        .map_err(Failure::at(
            Phase::Root,
            "enter the container's PID namespace",
        ))?;
        Ok(Away(self))
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        // Entering the namespace that one is a member of is always allowed.
        let _ = rustix::thread::move_into_link_name_space(
            self.0.0.as_fd(),
            Some(LinkNameSpaceType::ProcessID),
        );
    }
}

/// In a child: makes the container's root and becomes its user.
pub(crate) fn enter_container(container: &Container, cwd: &Path) -> Result<Report, Failure> {
    unshare(UnshareFlags::NEWNS).map_err(Failure::at(Phase::Root, "make the mount namespace"))?;
    // Only so that `/proc/self/cgroup` does not tell the machine's paths; some kernels lack it.
    let _ = unshare(UnshareFlags::NEWCGROUP);
    let mut report = Report::default();
    if container.pids != Pids::Own {
        let own = rustix::fs::stat("/proc/self/ns/mnt");
        let own = own.map_err(Failure::at(Phase::Root, "name the mount namespace"))?;
        report.mounts = Some(own.st_ino);
    }
    root::enter(container, &mut report)?;
    let who = (
        container.user.as_str(),
        container.users,
        &container.security,
    );
    settle(cwd, who, None, &mut report)?;
    Ok(report)
}

/// In a child that was born in a container's PID namespace: enters the rest of it.
pub(crate) fn enter_beside(
    process: Option<&OwnedFd>,
    cwd: &Path,
    who: (&str, Users, &Security),
) -> Result<Report, Failure> {
    let entered = match process {
        Some(process) => rustix::thread::move_into_thread_name_spaces(
            process.as_fd(),
            ThreadNameSpaceType::MOUNT,
        ),
        None => Err(rustix::io::Errno::SRCH),
    };
    entered.map_err(Failure::at(
        Phase::Root,
        "enter the container's mount namespace",
    ))?;
    let mut report = Report::default();
    settle(cwd, who, process, &mut report)?;
    Ok(report)
}

fn settle(
    cwd: &Path,
    (user, users, security): (&str, Users, &Security),
    beside: Option<&OwnedFd>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut user = user::look_up(user)?;
    user.join(&security.groups);
    let rights = privileges::Rights::of(&security.capabilities, report);
    rights.bound()?;
    let step = format!("change to {}", cwd.display());
    std::fs::create_dir_all(cwd).map_err(Failure::at(Phase::Root, step.clone()))?;
    user::become_user(&user, users, (beside, rights), report)?;
    rights.hold()?;
    if security.escalation == Escalation::Refused || security.calls == Calls::Usual {
        privileges::refuse_new()?;
    }
    rustix::process::chdir(cwd).map_err(Failure::at(Phase::Root, step))?;
    if security.calls == Calls::Usual {
        calls::limit(report)?;
    }
    Ok(())
}
