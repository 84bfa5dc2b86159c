//! The processes that an init has started.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};

use super::serve::Role;
use super::spawn::{self, Spawned};
#[cfg(doc)]
use crate::runtime::sandbox::protocol::Report;
use crate::runtime::sandbox::protocol::{Answer, Failure, Phase, Start, Status};

/// The processes that an init has started and not yet reaped.
pub(super) struct Children {
    role: Role,
    running: BTreeMap<u64, Child>,
    #[cfg(target_os = "linux")]
    home: crate::runtime::container::inside::Home,
}

pub(super) struct Child {
    pub(super) pid: Pid,
    /// Names the process without a race; holds its namespaces reachable.
    #[cfg(target_os = "linux")]
    pub(super) handle: Option<OwnedFd>,
    /// See [`Report::mounts`].
    mounts: Option<u64>,
}

impl Children {
    pub(super) fn new(role: Role) -> io::Result<Self> {
        Ok(Self {
            role,
            running: BTreeMap::new(),
            #[cfg(target_os = "linux")]
            home: crate::runtime::container::inside::Home::open()?,
        })
    }

    /// Starts a process; where the kernel has pid descriptors the answer carries one, and the end of a
    /// terminal that was made comes last.
    pub(super) fn start(
        &mut self,
        start: Start,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(Answer, Vec<OwnedFd>), Failure> {
        let name = start.process;
        let Spawned {
            pid,
            report,
            terminal,
        } = self.spawn(start, descriptors)?;
        let mounts = report.mounts;
        let answer = Answer::Started {
            pid: pid.as_raw_pid(),
            report,
        };
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{PidfdFlags, pidfd_open};
            // It has not been reaped yet, so the number is still its own.
            let handle = pidfd_open(pid, PidfdFlags::empty()).ok();
            let passed = handle.as_ref().and_then(|handle| handle.try_clone().ok());
            let child = Child {
                pid,
                handle,
                mounts,
            };
            self.running.insert(name, child);
            Ok((answer, passed.into_iter().chain(terminal).collect()))
        }
        #[cfg(not(target_os = "linux"))]
        {
            self.running.insert(name, Child { pid, mounts });
            Ok((answer, terminal.into_iter().collect()))
        }
    }

    #[cfg(target_os = "linux")]
    fn spawn(&self, start: Start, descriptors: Vec<OwnedFd>) -> Result<Spawned, Failure> {
        use crate::runtime::sandbox::protocol::{Pids, Place};
        match &start.place {
            Place::Container(container) => {
                let _away = match container.pids {
                    Pids::Own => Some(self.home.enter_new_pids()?),
                    Pids::Sandbox => None,
                    Pids::Of(process) => Some(self.home.enter_pids_of(self.find(process)?)?),
                };
                spawn::spawn(start, descriptors, None)
            }
            Place::Beside { process, .. } => {
                let handle = self.find(*process)?;
                let _away = self.home.enter_pids_of(handle)?;
                spawn::spawn(start, descriptors, Some(handle))
            }
            Place::Machine => spawn::spawn(start, descriptors, None),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self)] // As on Linux.
    fn spawn(&self, start: Start, descriptors: Vec<OwnedFd>) -> Result<Spawned, Failure> {
        spawn::spawn(start, descriptors)
    }

    /// The descriptor of a container's first process, by which its namespaces are reached.
    #[cfg(target_os = "linux")]
    fn find(&self, process: u64) -> Result<&OwnedFd, Failure> {
        let step = "enter the container, whose first process has ended";
        let failed = |errno: Errno| Failure::at(Phase::Root, step)(errno);
        let child = self
            .running
            .get(&process)
            .ok_or_else(|| failed(Errno::SRCH))?;
        child.handle.as_ref().ok_or_else(|| failed(Errno::NOSYS))
    }

    /// Sends a signal to a process, and SIGKILL to its descendants too. One that has ended gets
    /// nothing.
    pub(super) fn signal(&self, process: u64, number: i32) -> Result<(), Failure> {
        let Some(child) = self.running.get(&process) else {
            return Ok(());
        };
        let failed = || Failure::at(Phase::Signal, number.to_string());
        let Some(signal) = Signal::from_named_raw(number) else {
            return Err(failed()(io::Error::from(Errno::INVAL)));
        };
        if signal == Signal::KILL {
            self.kill_family(child);
        }
        match rustix::process::kill_process(child.pid, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(failed()(io::Error::from(errno))),
        }
    }

    /// Ends a process's group and, where no PID namespace does it, its session and descendants, or all
    /// that shares its mounts.
    fn kill_family(&self, child: &Child) {
        let _ = rustix::process::kill_process_group(child.pid, Signal::KILL);
        if self.role == Role::Plain {
            super::family::kill_session(child.pid);
        }
        #[cfg(target_os = "linux")]
        if let Some(mounts) = child.mounts {
            super::family::kill_by_mounts(mounts);
        }
    }

    /// Collects what has ended, adopted orphans included.
    pub(super) fn reap(&mut self) -> Vec<(u64, Status)> {
        let mut ended = Vec::new();
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let name = self
                .running
                .iter()
                .find(|(_, child)| child.pid == pid)
                .map(|(name, _)| *name);
            let Some(name) = name else { continue };
            let Some(child) = self.running.remove(&name) else {
                continue;
            };
            // A container ends with its first process, whatever that has left behind; its outputs
            // would never end otherwise. In a PID namespace of its own the kernel sees to it.
            if self.role == Role::Plain || child.mounts.is_some() {
                self.kill_family(&child);
            }
            let status = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Status::Code(code),
                (None, Some(signal)) => Status::Signal(signal),
                (None, None) => Status::Code(0),
            };
            ended.push((name, status));
        }
        ended
    }

    /// Ends everything. Where the init is PID 1 the kernel does it when the init exits.
    pub(super) fn end_all(&mut self) {
        if self.role != Role::Plain {
            return;
        }
        for child in self.running.values() {
            self.kill_family(child);
            let _ = rustix::process::kill_process(child.pid, Signal::KILL);
        }
        super::family::kill_descendants();
    }
}
