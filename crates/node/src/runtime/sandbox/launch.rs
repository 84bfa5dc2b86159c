//! Starting a process through a sandbox's init, and following it to its end.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::link::{Link, borrow_all};
use super::protocol::{Answer, Command, Control, Input, Place, Report, Start, Status};
use super::terminal;
use crate::runtime::{Console, Error, Exit, ExitStatus, Memory, Output, Source, Stream, Terminal};

/// How long the output of a process is awaited after its end, while a descendant of it holds the
/// pipes open. A container's first process takes its descendants with it, so that one is awaited
/// without limit.
const DRAIN: Duration = Duration::from_secs(2);

/// What to start.
pub(crate) struct Launch {
    pub(crate) place: Place,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    pub(crate) console: Console,
    pub(crate) output: Arc<dyn Output>,
    /// `cgroup.procs` files to enter.
    pub(crate) cgroups: Vec<OwnedFd>,
    /// Runs after the end (or the failure to start), before anybody hears of it.
    pub(crate) at_end: AtEnd,
}

/// Clears up after a process, given what its child reported; tells whether memory was exceeded.
pub(crate) type AtEnd = Box<dyn FnOnce(&Report) -> Memory + Send>;

/// What was started.
pub(crate) struct Launched {
    pub(crate) name: u64,
    /// On the machine.
    pub(crate) pid: Option<u32>,
    pub(crate) notes: Vec<String>,
    pub(crate) exit: watch::Receiver<Option<Exit>>,
}

/// Starts a process. Returns once its program runs.
pub(crate) async fn launch(link: &Arc<Link>, mut launch: Launch) -> Result<Launched, Error> {
    let at_end = std::mem::replace(&mut launch.at_end, Box::new(|_| Memory::Within));
    match begin(link, launch).await {
        Ok((mut launched, begun)) => {
            let (sender, exit) = watch::channel(None);
            launched.exit = exit;
            link.spawn(finish(begun, at_end, sender));
            Ok(launched)
        }
        Err(error) => {
            at_end(&Report::default());
            Err(error)
        }
    }
}

/// A running process whose end is not followed yet.
struct Begun {
    status: watch::Receiver<Option<Status>>,
    followers: Vec<JoinHandle<()>>,
    /// How long its output may last after its end.
    patience: Option<Duration>,
    output: Arc<dyn Output>,
    report: Report,
}

/// Our ends of a process's input and outputs.
struct Pipes {
    outputs: Vec<(Stream, OwnedFd)>,
    input: Option<OwnedFd>,
    /// What changes the size of its terminal.
    terminal: Option<(OwnedFd, Terminal)>,
    /// For the process.
    theirs: Vec<OwnedFd>,
}

impl Pipes {
    fn open(control: Control, input: Input, terminal: Option<&Terminal>) -> io::Result<Self> {
        match (control, terminal) {
            (Control::Given, Some(wanted)) => {
                let terminal::Ends { ours, theirs } = terminal::open(wanted)?;
                let theirs = vec![theirs.try_clone()?, theirs.try_clone()?, theirs];
                Self::of_terminal(ours, wanted, theirs)
            }
            (Control::Made { .. }, _) => Ok(Self {
                outputs: Vec::new(),
                input: None,
                terminal: None,
                theirs: Vec::new(),
            }),
            _ => Self::plain(input),
        }
    }

    /// One terminal is all three.
    fn of_terminal(ours: OwnedFd, wanted: &Terminal, theirs: Vec<OwnedFd>) -> io::Result<Self> {
        let ours = nonblocking(ours)?;
        Ok(Self {
            outputs: vec![(Stream::Stdout, ours.try_clone()?)],
            input: Some(ours.try_clone()?),
            terminal: Some((ours, wanted.clone())),
            theirs,
        })
    }

    fn plain(input: Input) -> io::Result<Self> {
        let mut theirs: Vec<OwnedFd> = Vec::new();
        let input = match input {
            Input::Null => None,
            Input::Descriptor => {
                let (reader, writer) = io::pipe()?;
                theirs.push(reader.into());
                Some(nonblocking(writer.into())?)
            }
        };
        let mut outputs = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let (reader, writer) = io::pipe()?;
            theirs.push(writer.into());
            outputs.push((stream, nonblocking(reader.into())?));
        }
        Ok(Self {
            outputs,
            input,
            terminal: None,
            theirs,
        })
    }
}

fn nonblocking(pipe: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&pipe, true)?;
    Ok(pipe)
}

async fn begin(link: &Arc<Link>, launch: Launch) -> Result<(Launched, Begun), Error> {
    let failed = |step: &'static str| {
        move |source| Error::CreateSandbox {
            step: step.to_owned(),
            source,
        }
    };
    let source = launch
        .console
        .input
        .as_ref()
        .and_then(crate::runtime::console::Input::take);
    let terminal = launch.console.terminal.as_ref();
    let control = control(&launch.place, terminal);
    let input = match (&source, control) {
        (None, Control::None) | (_, Control::Made { .. }) => Input::Null,
        _ => Input::Descriptor,
    };
    let mut pipes = Pipes::open(control, input, terminal).map_err(failed("make pipes"))?;
    let cgroups = launch.cgroups.len();
    pipes.theirs.extend(launch.cgroups);
    let patience = (!matches!(launch.place, Place::Container(_))).then_some(DRAIN);
    let (name, status) = link.expect_process();
    let start = Start {
        process: name,
        place: launch.place,
        args: launch.args,
        env: launch.env,
        cwd: launch.cwd,
        input,
        control,
        cgroups,
    };
    let descriptors = std::mem::take(&mut pipes.theirs);
    let (pid, report, made) = request(link, start, descriptors).await?;
    if let (Some(ours), Some(wanted)) = (made, terminal) {
        let made = Pipes::of_terminal(ours, wanted, Vec::new());
        pipes = made.map_err(failed("read from its terminal"))?;
    }
    if let (Some(writer), Some(source)) = (pipes.input, source) {
        tokio::spawn(feed(writer, source));
    }
    if let Some((ours, terminal)) = pipes.terminal {
        tokio::spawn(terminal::follow_size(ours, terminal));
    }
    let mut followers = Vec::new();
    for (stream, pipe) in pipes.outputs {
        let follower = follow(pipe, stream, &launch.output).map_err(failed("read from a pipe"))?;
        followers.push(follower);
    }
    let (_, exit) = watch::channel(None);
    let launched = Launched {
        name,
        pid,
        notes: report.notes.clone(),
        exit,
    };
    let output = launch.output;
    Ok((
        launched,
        Begun {
            status,
            followers,
            patience,
            output,
            report,
        },
    ))
}

/// A container's terminal is one of its own; on the machine it is one of the machine's.
fn control(place: &Place, terminal: Option<&Terminal>) -> Control {
    match (place, terminal) {
        (_, None) => Control::None,
        (Place::Machine, Some(_)) => Control::Given,
        (Place::Container(_) | Place::Beside { .. }, Some(terminal)) => {
            let size = *terminal.size.borrow();
            Control::Made {
                size: size.map(|size| (size.columns, size.rows)),
            }
        }
    }
}

/// Has the init start it; the last of what it returns is the node's end of a terminal that was made. The descriptors are closed here when it has: a copy that is left would
/// keep the outputs from ending.
async fn request(
    link: &Link,
    start: Start,
    descriptors: Vec<OwnedFd>,
) -> Result<(Option<u32>, Report, Option<OwnedFd>), Error> {
    let (name, control) = (start.process, start.control);
    let command = Command::Start(Box::new(start));
    match link.call(command, &borrow_all(&descriptors)).await {
        Ok((Answer::Started { pid, report }, mut handles)) => {
            let terminal = match control {
                Control::Made { .. } => handles.pop(),
                Control::None | Control::Given => None,
            };
            Ok((machine_pid(pid, &handles), report, terminal))
        }
        Ok(_) => {
            link.forget_process(name);
            Err(Error::CreateSandbox {
                step: "understand its init".to_owned(),
                source: io::ErrorKind::InvalidData.into(),
            })
        }
        Err(error) => {
            link.forget_process(name);
            Err(error)
        }
    }
}

/// Copies a process's input to it until either ends.
async fn feed(pipe: OwnedFd, mut input: Source) {
    // Unchecked, since it may be a terminal rather than a pipe.
    if let Ok(mut pipe) = pipe::Sender::from_owned_fd_unchecked(pipe) {
        // A process that does not read its input to the end is nothing unusual.
        let _ = tokio::io::copy(&mut input, &mut pipe).await;
    }
}

fn follow(pipe: OwnedFd, stream: Stream, output: &Arc<dyn Output>) -> io::Result<JoinHandle<()>> {
    let mut pipe = pipe::Receiver::from_owned_fd_unchecked(pipe)?;
    let output = Arc::clone(output);
    Ok(tokio::spawn(async move {
        let mut chunk = vec![0; 64 << 10];
        // An error of a pipe's reading end says no more than its end does; a terminal's end is one.
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            output.ready(stream).await;
            output.write(stream, &chunk[..length]);
        }
    }))
}

/// Publishes the exit once the output is complete.
async fn finish(mut begun: Begun, at_end: AtEnd, exit: watch::Sender<Option<Exit>>) {
    let status = match begun
        .status
        .wait_for(Option::is_some)
        .await
        .map(|status| *status)
    {
        Ok(Some(status)) => ExitStatus::from(status),
        // The link is gone with all that it told of.
        Ok(None) | Err(_) => ExitStatus::Signal(9),
    };
    let deadline = begun
        .patience
        .map(|patience| tokio::time::Instant::now() + patience);
    for mut follower in begun.followers {
        match deadline {
            None => drop(follower.await),
            Some(deadline) => {
                if tokio::time::timeout_at(deadline, &mut follower)
                    .await
                    .is_err()
                {
                    follower.abort();
                }
            }
        }
    }
    for stream in [Stream::Stdout, Stream::Stderr] {
        begun.output.write(stream, &[]);
    }
    // It may delete many files.
    let cleared = tokio::task::spawn_blocking(move || at_end(&begun.report)).await;
    let memory = cleared.unwrap_or(Memory::Within);
    exit.send_replace(Some(Exit { status, memory }));
}

/// The init knows the number in its own PID namespace; a pid descriptor tells ours. Without one
/// there is no such namespace.
fn machine_pid(inside: i32, handles: &[OwnedFd]) -> Option<u32> {
    use std::os::fd::AsRawFd;
    let Some(handle) = handles.first() else {
        return inside.try_into().ok();
    };
    let path = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let text = std::fs::read_to_string(path).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("Pid:"))?
        .trim()
        .parse()
        .ok()
}
