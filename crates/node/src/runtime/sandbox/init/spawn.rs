//! From a request to a running program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::Pid;

use crate::runtime::sandbox::channel;
use crate::runtime::sandbox::protocol::{Control, Failure, Input, Phase, Place, Report, Start};

/// A program that runs.
pub(super) struct Spawned {
    pub(super) pid: Pid,
    pub(super) report: Report,
    /// The node's end of the terminal that was made for it.
    pub(super) terminal: Option<OwnedFd>,
}

/// The descriptors that come with a request, by their meaning.
struct Descriptors {
    input: Stdio,
    output: OwnedFd,
    error: OwnedFd,
    cgroups: Vec<File>,
}

impl Descriptors {
    fn sort(start: &Start, descriptors: Vec<OwnedFd>) -> Option<Self> {
        let mut rest = descriptors.into_iter();
        let input = match start.input {
            Input::Null => Stdio::null(),
            Input::Descriptor => rest.next()?.into(),
        };
        let (output, error) = match start.control {
            // The child puts its terminal there. Not the null device: what is there is given to its user.
            Control::Made { .. } => {
                let (_, writer) = io::pipe().ok()?;
                (writer.try_clone().ok()?.into(), writer.into())
            }
            Control::None | Control::Given => (rest.next()?, rest.next()?),
        };
        let cgroups: Vec<File> = rest.map(File::from).collect();
        (cgroups.len() == start.cgroups).then_some(Self {
            input,
            output,
            error,
            cgroups,
        })
    }
}

/// Starts the program and returns once its `exec` has succeeded.
pub(super) fn spawn(
    start: Start,
    descriptors: Vec<OwnedFd>,
    #[cfg(target_os = "linux")] beside: Option<&OwnedFd>,
) -> Result<Spawned, Failure> {
    let broken = || Failure::at(Phase::Sandbox, "read the request to start a process");
    let Some(descriptors) = Descriptors::sort(&start, descriptors) else {
        return Err(broken()(io::Error::from(rustix::io::Errno::BADMSG)));
    };
    let Some((program, arguments)) = start.args.split_first() else {
        return Err(Failure::at(Phase::Execute, "")(io::Error::from(
            rustix::io::Errno::NOENT,
        )));
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&start.env);
    command
        .stdin(descriptors.input)
        .stdout(descriptors.output)
        .stderr(descriptors.error);
    let program = program.clone();

    #[cfg(target_os = "linux")]
    let beside = beside
        .map(OwnedFd::try_clone)
        .transpose()
        .map_err(broken())?;
    let (reports, mut reporter) = io::pipe().map_err(broken())?;
    let mut cgroups = descriptors.cgroups;
    let (ours, theirs) = UnixStream::pair().map_err(broken())?;
    let in_child = move || {
        #[cfg(target_os = "linux")]
        let outcome = enter(&start, &mut cgroups, beside.as_ref());
        #[cfg(not(target_os = "linux"))]
        let outcome = enter(&start, &mut cgroups);
        let outcome = outcome.and_then(|report| {
            take_terminal(start.control, &theirs)
                .map_err(Failure::at(Phase::Sandbox, "make a terminal"))?;
            Ok(report)
        });
        // The init reads this once the program runs or the child has ended; it fits into the pipe.
        serde_json::to_writer(&reporter, &outcome)?;
        reporter.flush()?;
        outcome
            .map(drop)
            .map_err(|failure| io::Error::from_raw_os_error(failure.errno))
    };
    #[allow(unsafe_code)]
    // SAFETY: what runs between `fork` and `exec` must not depend on state that another thread of
    // the parent could have held, such as the allocator's locks. The parent is the init, which has
    // one thread only (it runs a current-thread runtime and starts no blocking task).
    unsafe {
        command.pre_exec(in_child)
    };
    let spawned = command.spawn();
    // With the closure goes the last writing end in this process.
    drop(command);
    let report = read_report(reports)?;
    let child = spawned.map_err(Failure::at(Phase::Execute, program))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let pid = pid.ok_or_else(|| broken()(io::Error::from(rustix::io::Errno::CHILD)))?;
    // All other ends of it are closed by now, so this does not wait.
    let terminal = channel::take(ours.as_fd()).map_err(broken())?;
    Ok(Spawned {
        pid,
        report,
        terminal,
    })
}

/// In the child, as the container's user: makes its terminal and passes the other end on.
fn take_terminal(control: Control, passes: &UnixStream) -> io::Result<()> {
    match control {
        #[cfg(target_os = "linux")]
        Control::Made { size } => {
            let other = crate::runtime::sandbox::terminal::make_own(size)?;
            channel::pass(passes.as_fd(), other.as_fd())
        }
        #[cfg(not(target_os = "linux"))]
        Control::Made { .. } => {
            let _ = passes;
            Err(io::ErrorKind::Unsupported.into())
        }
        Control::None | Control::Given => Ok(()),
    }
}

/// What the child said before its `exec`; nothing if it never came to run.
fn read_report(mut reports: io::PipeReader) -> Result<Report, Failure> {
    let mut text = Vec::new();
    let read = reports.read_to_end(&mut text);
    read.map_err(Failure::at(Phase::Sandbox, "read what a child reports"))?;
    serde_json::from_slice(&text).unwrap_or_else(|_| Ok(Report::default()))
}

/// In the child: goes where the program is to run.
fn enter(
    start: &Start,
    cgroups: &mut [File],
    #[cfg(target_os = "linux")] beside: Option<&OwnedFd>,
) -> Result<Report, Failure> {
    for cgroup in cgroups {
        cgroup
            .write_all(b"0")
            .map_err(Failure::at(Phase::Sandbox, "enter the cgroup"))?;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::setsid().map_err(Failure::at(Phase::Sandbox, "start a session"))?;
    if start.control == Control::Given {
        rustix::process::ioctl_tiocsctty(io::stdin())
            .map_err(Failure::at(Phase::Sandbox, "take the terminal"))?;
    }
    match &start.place {
        #[cfg(target_os = "linux")]
        Place::Container(container) => {
            crate::runtime::container::inside::enter_container(container, &start.cwd)
        }
        #[cfg(target_os = "linux")]
        Place::Beside {
            user,
            users,
            security,
            ..
        } => {
            let who = (user.as_str(), *users, security);
            crate::runtime::container::inside::enter_beside(beside, &start.cwd, who)
        }
        #[cfg(not(target_os = "linux"))]
        Place::Container(_) | Place::Beside { .. } => {
            Err(Failure::at(Phase::Sandbox, "make namespaces")(
                io::Error::from(io::ErrorKind::Unsupported),
            ))
        }
        Place::Machine => {
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(Failure::at(Phase::Sandbox, "ask to end with the sandbox"))?;
            rustix::process::chdir(&start.cwd).map_err(Failure::at(
                Phase::Root,
                format!("change to {}", start.cwd.display()),
            ))?;
            Ok(Report::default())
        }
    }
}
