//! A runtime in a temporary directory, and what tests start in it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seatrial_node::runtime::{
    Console, Exit, HostBase, Limits, Names, Network, Output, ProcessSpec, Processes, Root, Runtime,
    Sandbox, SandboxSpec, Security, Stream,
};

pub(crate) const INIT: &str = env!("CARGO_BIN_EXE_seatrial-sandbox-init");

/// A runtime with a directory of its own.
pub(crate) struct Machine {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) notes: Arc<Mutex<Vec<String>>>,
    count: AtomicUsize,
}

impl Machine {
    /// With the container runtime, if this machine can have it; else says why not.
    #[cfg(target_os = "linux")]
    pub(crate) async fn containers() -> Option<Self> {
        use seatrial_node::runtime::container::ContainerRuntime;
        let directory = directory();
        let runtime = ContainerRuntime::with_executable(&shared(&directory), INIT.into());
        let machine = Self::with(Arc::new(runtime.unwrap()), directory);
        match machine.try_out().await {
            Ok(()) => Some(machine),
            Err(reason) => {
                seatrial_testkit::skipped(format!("containers are not possible here: {reason}"));
                None
            }
        }
    }

    /// With the process runtime, which works everywhere.
    pub(crate) fn processes() -> Self {
        use seatrial_node::runtime::process::ProcessRuntime;
        let directory = directory();
        let runtime =
            ProcessRuntime::with_executable(&directory.path().join("runtime"), INIT.into());
        Self::with(Arc::new(runtime.unwrap()), directory)
    }

    fn with(runtime: Arc<dyn Runtime>, directory: tempfile::TempDir) -> Self {
        Self {
            runtime,
            directory,
            notes: Arc::default(),
            count: AtomicUsize::new(0),
        }
    }

    async fn try_out(&self) -> Result<(), String> {
        let sandbox = self
            .runtime
            .create_sandbox(self.sandbox_spec("probe"))
            .await;
        let sandbox = sandbox.map_err(|error| chain(&error))?;
        let started = sandbox.start(shell(self, "probe", "true")).await;
        let outcome = match started {
            Ok(process) => {
                process.wait().await;
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        };
        sandbox.stop().await.map_err(|error| chain(&error))?;
        outcome
    }

    pub(crate) fn sandbox_spec(&self, name: &str) -> SandboxSpec {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let directory = self
            .directory
            .path()
            .join("sandboxes")
            .join(format!("{name}-{number}"));
        fs::create_dir_all(&directory).unwrap();
        let notes = Arc::clone(&self.notes);
        SandboxSpec {
            id: format!("{name}-{number}"),
            hostname: name.to_owned(),
            address: self.address(number),
            network: Network::Own,
            hosts: Vec::new(),
            names: Names::default(),
            outgoing: None,
            forwards: Vec::new(),
            settings: Vec::new(),
            memory: Vec::new(),
            limits: Limits::default(),
            directory,
            notes: Arc::new(move |note| notes.lock().unwrap().push(note)),
        }
    }

    fn address(&self, number: usize) -> IpAddr {
        let last = 10 + u8::try_from(number).unwrap();
        match self.runtime.name() {
            "container" => Ipv4Addr::new(10, 244, 0, last).into(),
            _ => Ipv4Addr::new(127, 77, (std::process::id() % 250) as u8, last).into(),
        }
    }

    pub(crate) async fn sandbox(&self, name: &str) -> Arc<dyn Sandbox> {
        self.runtime
            .create_sandbox(self.sandbox_spec(name))
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// A new directory.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let directory = self
            .directory
            .path()
            .join("files")
            .join(format!("{name}-{number}"));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    /// An image layer with these files.
    pub(crate) fn layer(&self, files: &[(&str, &str)]) -> PathBuf {
        let layer = self.fresh("layer");
        for (name, text) in files {
            write(&layer.join(name), text);
        }
        layer
    }
}

/// The runtimes of all tests keep what they make of the machine's files in one place, since making it
/// takes a while.
fn shared(directory: &tempfile::TempDir) -> PathBuf {
    let parent = directory.path().parent().unwrap();
    let user = fs::metadata(directory.path()).unwrap().uid();
    parent.join(format!("seatrial-runtime-{user}"))
}

/// Not in /tmp where that is no disk: some kernels' tmpfs cannot carry an overlay.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A shell script on the machine's own files.
pub(crate) fn shell(machine: &Machine, name: &str, script: &str) -> ProcessSpec {
    ProcessSpec {
        name: name.to_owned(),
        root: Root {
            layers: Vec::new(),
            host_base: HostBase::Present,
            writable: machine.fresh("writable"),
        },
        mounts: Vec::new(),
        args: ["/bin/sh", "-c", script].map(String::from).to_vec(),
        env: BTreeMap::new(),
        cwd: PathBuf::from("/"),
        user: String::new(),
        output: Captured::default().handle(),
        limits: Limits::default(),
        console: Console::default(),
        security: Security::default(),
        processes: Processes::default(),
    }
}

/// Runs a process to its end.
pub(crate) async fn run(sandbox: &dyn Sandbox, mut spec: ProcessSpec) -> (Exit, String) {
    let output = Captured::default();
    spec.output = output.handle();
    let started = sandbox.start(spec).await;
    let process = started.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let exit = tokio::time::timeout(Duration::from_secs(30), process.wait()).await;
    (
        exit.unwrap_or_else(|_| panic!("it did not end, but printed: {}", output.text())),
        output.text(),
    )
}

/// Output that was captured.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn handle(&self) -> Arc<dyn Output> {
        Arc::new(self.clone())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits for a text to be printed; panics with what was printed instead.
    pub(crate) async fn wait_for(&self, text: &str) {
        for _ in 0..3000 {
            if self.text().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text:?} was not printed, but: {}", self.text());
    }
}

impl Output for Captured {
    fn write(&self, _stream: Stream, chunk: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(chunk);
    }
}

/// An error with its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += ": ";
        text += &error.to_string();
        source = error.source();
    }
    text
}
