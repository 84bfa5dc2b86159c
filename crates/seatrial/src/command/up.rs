//! `seatrial up`.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use seatrial_node::agent::HostPaths;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::arguments::{Output, Up};
use crate::cluster::{self, Auditing, Cluster, Configuration, Data, Ports, State};

/// How long a detached cluster may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_FOR_NODE: Duration = Duration::from_millis(30);

pub(crate) async fn run(up: Up) -> Result<ExitCode> {
    let data = super::data(&up.which)?;
    if let Some(state) = data.state() {
        bail!(
            "the cluster {:?} runs already (process {}): use it, or stop it with `seatrial down{}`",
            state.name,
            state.pid,
            named(&up)
        );
    }
    if up.detach {
        detached(&up, &data).await
    } else {
        foreground(up, data).await
    }
}

/// How long the start may take: many nodes register one after another.
fn patience(up: &Up) -> Duration {
    PATIENCE + u32::from(up.nodes) * PATIENCE_FOR_NODE
}

fn named(up: &Up) -> String {
    match (up.which.name.as_str(), &up.which.data_dir) {
        ("default", None) => String::new(),
        (name, None) => format!(" --name {name}"),
        (_, Some(folder)) => format!(" --data-dir {}", folder.display()),
    }
}

async fn foreground(up: Up, data: Data) -> Result<ExitCode> {
    let begun = Instant::now();
    let configuration = Configuration {
        name: up.which.name.clone(),
        runtime: up.runtime,
        nodes: usize::from(up.nodes),
        pods_per_node: up.pods_per_node,
        ports: Ports {
            api: up.api_port,
            gateway: up.gateway_port,
            any: false,
        },
        host_paths: if up.allow_host_path {
            HostPaths::Allowed
        } else {
            HostPaths::Refused
        },
        advisories: up.advisories.clone(),
        admission: up.admission_control_config_file.clone(),
        audit: Auditing {
            log: up.audit_log.clone(),
            policy: up.audit_policy.clone(),
            megabytes: up.audit_log_maxsize,
            kept: up.audit_log_maxbackup,
        },
    };
    let cluster = Cluster::start(configuration, data).await?;
    cluster
        .nodes_ready(usize::from(up.nodes), patience(&up))
        .await?;
    let took = begun.elapsed();
    let state = State {
        name: up.which.name.clone(),
        pid: std::process::id(),
        runtime: cluster.runtime.clone(),
        endpoints: cluster.endpoints.clone(),
    };
    let users = if up.no_kubeconfig {
        None
    } else {
        cluster::users_kubeconfig()
    };
    cluster::write(
        cluster.data(),
        &up.which.name,
        &state.endpoints.api,
        users.as_deref(),
    )?;
    cluster.data().note_state(&state)?;
    // Before anybody hears that it is ready, and may end it.
    let terminate = signal(SignalKind::terminate())?;
    print(&up, &state, Some(took), cluster.data())?;
    // Starting takes more memory than running.
    crate::memory::give_back();
    stopped(terminate).await?;
    if up.which.output == Output::Text {
        println!(
            "stopping; everything stays in {}",
            cluster.data().root().display()
        );
    }
    cluster.stop().await?.keep();
    Ok(ExitCode::SUCCESS)
}

fn print(up: &Up, state: &State, took: Option<Duration>, data: &Data) -> Result<()> {
    if up.which.output == Output::Json {
        let value = json!({
            "state": state,
            "nodes": up.nodes,
            "context": cluster::context_name(&state.name),
            "readyMillis": took.map(|took| took.as_millis() as u64),
        });
        println!("{}", serde_json::to_string(&value)?);
        return Ok(());
    }
    let context = cluster::context_name(&state.name);
    let nodes = if up.nodes == 1 {
        "1 node"
    } else {
        &format!("{} nodes", up.nodes)
    };
    match took {
        Some(took) => println!(
            "cluster {} is ready: {nodes} in {} ms",
            state.name,
            took.as_millis()
        ),
        None => println!("cluster {} is ready: {nodes}", state.name),
    }
    println!("  {}", state.runtime);
    let ends = &state.endpoints;
    for (name, value) in [
        ("Kubernetes API", ends.api.as_str()),
        ("gateway", &ends.gateway),
        ("git", &ends.git),
        ("registry", &ends.registry),
        ("metrics", &ends.metrics),
        ("data", &data.root().display().to_string()),
    ] {
        println!("  {name:<15} {value}");
    }
    let kubectl = if up.no_kubeconfig {
        format!(
            "kubectl --kubeconfig {} get nodes",
            data.root().join("kubeconfig").display()
        )
    } else {
        format!("kubectl --context {context} get nodes")
    };
    println!("next: {kubectl}");
    Ok(())
}

/// Waits for Ctrl-C or for `seatrial down`.
async fn stopped(mut terminate: Signal) -> Result<()> {
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    Ok(())
}

/// Takes back the directory of a cluster that never began, unless somebody else has it by now.
fn give_up(data: &Data) {
    if let Ok(_lock) = data.lock()
        && data.is_blank()
        && data.is_made_here()
        && let Err(error) = data.take_back()
    {
        tracing::warn!("what the start has begun is still there: {error:#}");
    }
}

/// Starts this program again in the background, and waits until it is ready.
async fn detached(up: &Up, data: &Data) -> Result<ExitCode> {
    let log_path = data.root().join("seatrial.log");
    let log =
        File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    let arguments = std::env::args_os().skip(1);
    command.args(arguments.filter(|word| word != "--detach" && word != "-d"));
    command.process_group(0);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start in the background")?;
    let patience = patience(up);
    let deadline = Instant::now() + patience;
    loop {
        if let Some(state) = data.state().filter(|state| state.pid == child.id()) {
            print(up, &state, None, data)?;
            return Ok(ExitCode::SUCCESS);
        }
        if child.try_wait()?.is_some() {
            let said = std::fs::read_to_string(&log_path).unwrap_or_default();
            give_up(data);
            bail!("the cluster did not start:\n{}", said.trim());
        }
        if Instant::now() > deadline {
            bail!(
                "the cluster is not ready after {patience:?}; see {}",
                log_path.display()
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
