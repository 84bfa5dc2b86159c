//! A runtime in memory: processes that do what their arguments say.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use seatrial_node::images::{self, Image, ImageConfig, Images, PullPolicy};
use seatrial_node::runtime::{
    Connection, Error, ExecSpec, Exit, Process, ProcessSpec, Runtime, Sandbox, SandboxSpec, Signal,
    Stream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

/// What the processes of a test see and do.
#[derive(Default)]
pub(crate) struct World {
    /// What happened, in order: `sandbox`, `start app`, `signal app 15`, `stop`.
    pub(crate) story: Mutex<Vec<String>>,
    /// The status that every server answers with; none listens where absent.
    pub(crate) http: Mutex<Option<u16>>,
    /// What commands exit with, one after the other; then 0.
    pub(crate) commands: Mutex<VecDeque<i32>>,
    /// The last spec by container.
    pub(crate) specs: Mutex<BTreeMap<String, ProcessSpec>>,
}

impl World {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.story.lock().unwrap().push(line.into());
    }

    pub(crate) fn told(&self) -> String {
        self.story.lock().unwrap().join(", ")
    }
}

pub(crate) struct FakeRuntime(pub Arc<World>);

#[async_trait]
impl Runtime for FakeRuntime {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn create_sandbox(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, Error> {
        assert!(spec.directory.is_dir());
        self.0.note("sandbox");
        let processes = Mutex::default();
        Ok(Arc::new(FakeSandbox {
            world: self.0.clone(),
            address: spec.address,
            processes,
        }))
    }

    async fn remove_leftovers(&self, _: &Path) -> Result<(), Error> {
        self.0.note("leftovers");
        Ok(())
    }
}

struct FakeSandbox {
    world: Arc<World>,
    address: IpAddr,
    processes: Mutex<Vec<FakeProcess>>,
}

#[async_trait]
impl Sandbox for FakeSandbox {
    fn address(&self) -> IpAddr {
        self.address
    }

    async fn start(&self, spec: ProcessSpec) -> Result<Arc<dyn Process>, Error> {
        self.world.note(format!("start {}", spec.name));
        let args: Vec<&str> = spec.args.iter().map(String::as_str).collect();
        let process = FakeProcess {
            name: spec.name.clone(),
            world: self.world.clone(),
            exit: Arc::new(watch::Sender::new(None)),
            deaf: args == ["stubborn"],
        };
        spec.output.write(
            Stream::Stdout,
            format!("hello from {}\n", spec.name).as_bytes(),
        );
        match args.as_slice() {
            ["missing"] => {
                let source = io::Error::from(io::ErrorKind::NotFound);
                return Err(Error::Execute {
                    program: "missing".into(),
                    source,
                });
            }
            ["exit", code] => process.end(Exit::code(code.parse().unwrap())),
            ["exit-after", seconds, code] => {
                let (process, code) = (process.clone(), code.parse().unwrap());
                let wait = Duration::from_secs(seconds.parse().unwrap());
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    process.end(Exit::code(code));
                });
            }
            _ => {}
        }
        self.world
            .specs
            .lock()
            .unwrap()
            .insert(spec.name.clone(), spec);
        self.processes.lock().unwrap().push(process.clone());
        Ok(Arc::new(process))
    }

    async fn connect(&self, _: u16) -> io::Result<Box<dyn Connection>> {
        let status = *self.world.http.lock().unwrap();
        let Some(status) = status else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let (ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut request = [0; 4096];
            let _ = theirs.read(&mut request).await;
            let answer = format!("HTTP/1.1 {status} It\r\ncontent-length: 0\r\n\r\n");
            let _ = theirs.write_all(answer.as_bytes()).await;
        });
        Ok(Box::new(ours))
    }

    async fn stop(&self) -> Result<(), Error> {
        self.world.note("stop");
        for process in self.processes.lock().unwrap().iter() {
            process.end(Exit::signal(9));
        }
        Ok(())
    }
}

#[derive(Clone)]
struct FakeProcess {
    name: String,
    world: Arc<World>,
    exit: Arc<watch::Sender<Option<Exit>>>,
    deaf: bool,
}

impl FakeProcess {
    fn end(&self, exit: Exit) {
        self.exit.send_if_modified(|state| {
            let alive = state.is_none();
            state.get_or_insert(exit);
            alive
        });
    }
}

#[async_trait]
impl Process for FakeProcess {
    fn pid(&self) -> Option<u32> {
        None
    }

    async fn wait(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        let ended = exit.wait_for(Option::is_some).await.unwrap();
        ended.unwrap()
    }

    async fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.world
            .note(format!("signal {} {}", self.name, signal.0));
        if !self.deaf || signal == Signal::KILL {
            self.end(Exit::signal(signal.0));
        }
        Ok(())
    }

    async fn exec(&self, spec: ExecSpec) -> Result<Arc<dyn Process>, Error> {
        let name = spec.args.join(" ");
        self.world.note(format!("exec {name}"));
        let code = self.world.commands.lock().unwrap().pop_front().unwrap_or(0);
        if code != 0 {
            spec.output.write(Stream::Stderr, b"it is not well\n");
        }
        let exit = Arc::new(watch::Sender::new(Some(Exit::code(code))));
        Ok(Arc::new(FakeProcess {
            name,
            world: self.world.clone(),
            exit,
            deaf: false,
        }))
    }
}

pub(crate) struct FakeImages;

#[async_trait]
impl Images for FakeImages {
    async fn resolve(&self, reference: &str, _: PullPolicy) -> Result<Image, images::Error> {
        if reference.starts_with("slow") {
            std::future::pending::<()>().await;
        }
        if reference.starts_with("bad") {
            let reason = "manifest unknown".to_owned();
            return Err(images::Error::Pull {
                reference: reference.to_owned(),
                reason,
            });
        }
        Ok(Image {
            id: format!("{reference}@sha256:0"),
            reference: reference.to_owned(),
            config: ImageConfig {
                command: vec!["run".into()],
                ..ImageConfig::default()
            },
            ..Image::default()
        })
    }
}
