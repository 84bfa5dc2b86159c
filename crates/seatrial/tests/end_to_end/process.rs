//! `seatrial up` as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

/// A cluster that runs until this is dropped.
pub(crate) struct Up {
    child: Child,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

/// The program, with nothing of the user's environment that could change what it does.
pub(crate) fn seatrial(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatrial"));
    command
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("SEATRIAL_NAME")
        .env_remove("SEATRIAL_DATA_DIR")
        .stdin(Stdio::null());
    command
}

impl Up {
    /// Starts a cluster of simulated nodes in a directory and waits until it says that it is ready.
    pub(crate) fn start(data: &Path, nodes: u16) -> Self {
        let nodes = nodes.to_string();
        Self::start_as(data, &["--runtime", "simulated", "--nodes", &nodes])
    }

    /// Starts a cluster with these arguments in a directory and waits until it says that it is ready.
    pub(crate) fn start_as(data: &Path, arguments: &[&str]) -> Self {
        let mut child = seatrial(&["up"])
            .args(arguments)
            .args(["--no-kubeconfig", "--output", "json", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("no ready line but {line:?}: {error}"));
        Self { child, ready }
    }

    /// SIGKILL: no chance to write anything more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and wait for the end.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a clean stop ended with {status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client with the cluster's own kubeconfig: over TLS, with its CA and token.
pub(crate) async fn client(data: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(data.join("kubeconfig")).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    assert_eq!(config.cluster_url.scheme_str(), Some("https"));
    Client::try_from(config).unwrap()
}
