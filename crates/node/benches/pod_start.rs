//! What a pod's start costs beyond its process's own.
//!
//! Prints, for each runtime that works here, the medians of: making a sandbox, starting `true` in a
//! container on `seatrial/host` until it has ended, and stopping the sandbox; and of starting `true`
//! with nothing around it, for comparison.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seatrial_node::runtime::process::ProcessRuntime;
use seatrial_node::runtime::{
    Console, Discard, Error, HostBase, Limits, Names, Network, ProcessSpec, Processes, Root,
    Runtime, SandboxSpec, Security,
};

const ROUNDS: usize = 40;
const INIT: &str = env!("CARGO_BIN_EXE_seatrial-sandbox-init");

#[tokio::main]
async fn main() {
    let directory =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let bare: Vec<Duration> = (0..ROUNDS).map(|_| bare()).collect();
    println!("bare process                  {:>8.2} ms", median(bare));
    #[cfg(target_os = "linux")]
    {
        use seatrial_node::runtime::container::ContainerRuntime;
        let runtime = ContainerRuntime::with_executable(&directory.path().join("c"), INIT.into());
        report(
            Arc::new(runtime.expect("a directory for it")),
            directory.path(),
        )
        .await;
    }
    let runtime = ProcessRuntime::with_executable(&directory.path().join("p"), INIT.into());
    report(
        Arc::new(runtime.expect("a directory for it")),
        directory.path(),
    )
    .await;
}

fn bare() -> Duration {
    let started = now();
    let _ = std::process::Command::new("/bin/true").status();
    started.elapsed()
}

async fn report(runtime: Arc<dyn Runtime>, directory: &Path) {
    let (mut made, mut ran, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        match start(
            &*runtime,
            directory.join(format!("{}-{round}", runtime.name())),
        )
        .await
        {
            Ok([make, run, stop]) => {
                made.push(make);
                ran.push(run);
                stopped.push(stop);
            }
            Err(error) => {
                println!("{:<10} skipped: {error}", runtime.name());
                return;
            }
        }
    }
    let name = runtime.name();
    let (made, ran, stopped) = (median(made), median(ran), median(stopped));
    println!("{name:<10} make the sandbox   {made:>8.2} ms");
    println!("{name:<10} run a process      {ran:>8.2} ms");
    println!("{name:<10} stop the sandbox   {stopped:>8.2} ms");
}

async fn start(runtime: &dyn Runtime, directory: PathBuf) -> Result<[Duration; 3], Error> {
    std::fs::create_dir_all(&directory).expect("a directory");
    let sandbox = SandboxSpec {
        id: directory
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        hostname: "bench".into(),
        address: [127, 0, 0, 2].into(),
        network: Network::Own,
        hosts: Vec::new(),
        names: Names::default(),
        outgoing: None,
        forwards: Vec::new(),
        settings: Vec::new(),
        memory: Vec::new(),
        limits: Limits::default(),
        directory: directory.clone(),
        notes: Arc::new(|_| {}),
    };
    let process = ProcessSpec {
        name: "true".into(),
        root: Root {
            layers: Vec::new(),
            host_base: HostBase::Present,
            writable: directory.join("writable"),
        },
        mounts: Vec::new(),
        args: vec!["/bin/true".into()],
        env: BTreeMap::new(),
        cwd: "/".into(),
        user: String::new(),
        output: Arc::new(Discard),
        limits: Limits::default(),
        console: Console::default(),
        security: Security::default(),
        processes: Processes::default(),
    };
    let begun = now();
    let sandbox = runtime.create_sandbox(sandbox).await?;
    let made = now();
    sandbox.start(process).await?.wait().await;
    let ran = now();
    sandbox.stop().await?;
    Ok([
        made.duration_since(begun),
        ran.duration_since(made),
        ran.elapsed(),
    ])
}

#[allow(clippy::disallowed_methods)] // Measuring is what this is for.
fn now() -> Instant {
    Instant::now()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
