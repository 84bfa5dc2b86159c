//! A node that starts a sandbox with stubborn processes, says so, and waits to be killed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use seatrial_node::runtime::{
    Console, HostBase, Limits, Names, Network, Output, ProcessSpec, Processes, Root, Runtime,
    SandboxSpec, Security, Stream,
};

/// Prints what the process prints.
struct Echo;

impl Output for Echo {
    fn write(&self, _stream: Stream, chunk: &[u8]) {
        let _ = std::io::stdout().write_all(chunk);
        let _ = std::io::stdout().flush();
    }
}

#[tokio::main]
pub(crate) async fn run() -> ExitCode {
    let mut arguments = std::env::args().skip(2);
    let mut next = || arguments.next().unwrap_or_default();
    let (kind, directory, script) = (next(), PathBuf::from(next()), next());
    let executable = std::env::current_exe().unwrap_or_default();
    let runtime: Arc<dyn Runtime> = match kind.as_str() {
        #[cfg(target_os = "linux")]
        "container" => {
            use seatrial_node::runtime::container::ContainerRuntime;
            Arc::new(
                ContainerRuntime::with_executable(&directory.join("doomed"), executable).unwrap(),
            )
        }
        _ => {
            use seatrial_node::runtime::process::ProcessRuntime;
            Arc::new(
                ProcessRuntime::with_executable(&directory.join("doomed"), executable).unwrap(),
            )
        }
    };
    let own = directory.join("doomed-sandbox");
    std::fs::create_dir_all(&own).unwrap();
    let sandbox = SandboxSpec {
        id: "doomed".into(),
        hostname: "doomed".into(),
        address: [127, 0, 0, 1].into(),
        network: Network::Own,
        hosts: Vec::new(),
        names: Names::default(),
        outgoing: None,
        forwards: Vec::new(),
        settings: Vec::new(),
        memory: Vec::new(),
        limits: Limits::default(),
        directory: own.clone(),
        notes: Arc::new(|_| {}),
    };
    let process = ProcessSpec {
        name: "doomed".into(),
        root: Root {
            layers: Vec::new(),
            host_base: HostBase::Present,
            writable: own.join("writable"),
        },
        mounts: Vec::new(),
        args: vec!["/bin/sh".into(), "-c".into(), script],
        env: BTreeMap::new(),
        cwd: "/".into(),
        user: String::new(),
        output: Arc::new(Echo),
        limits: Limits::default(),
        console: Console::default(),
        security: Security::default(),
        processes: Processes::default(),
    };
    let sandbox = runtime.create_sandbox(sandbox).await.unwrap();
    let process = sandbox.start(process).await.unwrap();
    process.wait().await;
    ExitCode::SUCCESS
}
