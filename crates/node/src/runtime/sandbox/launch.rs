//! Starting a process through a sandbox's init, and following it to its end.

use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::link::{Link, borrow_all};
use super::protocol::{Answer, Command, Input, Place, Report, Start, Status};
use crate::runtime::{Error, Exit, ExitStatus, Memory, Output, Stream};

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
    pub(crate) input: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
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
    followers: [JoinHandle<()>; 2],
    /// How long its output may last after its end.
    patience: Option<Duration>,
    output: Arc<dyn Output>,
    report: Report,
}

/// The pipes to a process.
struct Pipes {
    output: PipeReader,
    error: PipeReader,
    input: Option<PipeWriter>,
    /// For the process.
    theirs: Vec<OwnedFd>,
}

impl Pipes {
    fn open(input: Input) -> Result<Self, Error> {
        let failed = |source| Error::CreateSandbox {
            step: "make pipes".to_owned(),
            source,
        };
        let mut theirs: Vec<OwnedFd> = Vec::new();
        let input = match input {
            Input::Null => None,
            Input::Descriptor => {
                let (reader, writer) = io::pipe().map_err(failed)?;
                theirs.push(reader.into());
                Some(writer)
            }
        };
        let (output, writer) = io::pipe().map_err(failed)?;
        theirs.push(writer.into());
        let (error, writer) = io::pipe().map_err(failed)?;
        theirs.push(writer.into());
        Ok(Self {
            output,
            error,
            input,
            theirs,
        })
    }
}

async fn begin(link: &Arc<Link>, launch: Launch) -> Result<(Launched, Begun), Error> {
    let input = if launch.input.is_some() {
        Input::Descriptor
    } else {
        Input::Null
    };
    let mut pipes = Pipes::open(input)?;
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
        cgroups,
    };
    let descriptors = std::mem::take(&mut pipes.theirs);
    let (pid, report) = request(link, start, descriptors).await?;
    if let (Some(writer), Some(reader)) = (pipes.input, launch.input) {
        tokio::spawn(feed(writer.into(), reader));
    }
    let failed = |source| Error::CreateSandbox {
        step: "read from a pipe".to_owned(),
        source,
    };
    let followers = [
        follow(pipes.output, Stream::Stdout, &launch.output).map_err(failed)?,
        follow(pipes.error, Stream::Stderr, &launch.output).map_err(failed)?,
    ];
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

/// Has the init start it. The descriptors are closed here when it has: a copy that is left would
/// keep the outputs from ending.
async fn request(
    link: &Link,
    start: Start,
    descriptors: Vec<OwnedFd>,
) -> Result<(Option<u32>, Report), Error> {
    let name = start.process;
    let command = Command::Start(Box::new(start));
    match link.call(command, &borrow_all(&descriptors)).await {
        Ok((Answer::Started { pid, report }, handles)) => Ok((machine_pid(pid, &handles), report)),
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
async fn feed(pipe: OwnedFd, mut input: Box<dyn AsyncRead + Send + Sync + Unpin>) {
    if let Ok(mut pipe) = pipe::Sender::from_owned_fd(pipe) {
        // A process that does not read its input to the end is nothing unusual.
        let _ = tokio::io::copy(&mut input, &mut pipe).await;
    }
}

fn follow(
    pipe: PipeReader,
    stream: Stream,
    output: &Arc<dyn Output>,
) -> io::Result<JoinHandle<()>> {
    let mut pipe = pipe::Receiver::from_owned_fd(pipe.into())?;
    let output = Arc::clone(output);
    Ok(tokio::spawn(async move {
        let mut chunk = vec![0; 64 << 10];
        // An error of a pipe's reading end says no more than its end does.
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
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
    for (mut follower, stream) in begun
        .followers
        .into_iter()
        .zip([Stream::Stdout, Stream::Stderr])
    {
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
