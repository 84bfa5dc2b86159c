//! Whether anything is left running.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::harness::{Captured, INIT, Machine, shell};

/// Stops a sandbox, and kills a node, while stubborn processes run in it.
pub(crate) async fn check(machine: &Machine, runtime: &str) {
    let marker = format!("{}", 100_000 + std::process::id());
    let sandbox = machine.sandbox("stubborn").await;
    let output = Captured::default();
    let mut spec = shell(machine, "stubborn", &script(&marker));
    spec.output = output.handle();
    let process = sandbox.start(spec).await.unwrap();
    output.wait_for("up").await;
    assert!(running(&marker) >= 3, "{}", running(&marker));
    sandbox.stop().await.unwrap();
    assert_eq!(running(&marker), 0);
    assert_eq!(process.wait().await.exit_code(), 137);

    let marker = format!("{}", 500_000 + std::process::id());
    let mut node = tokio::process::Command::new(INIT)
        .args(["doomed-node", runtime])
        .arg(machine.directory.path())
        .arg(script(&marker))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("up"));
    assert!(running(&marker) >= 3);
    node.kill().await.unwrap();
    // The next node waits for what the dead one has left.
    machine
        .runtime
        .remove_leftovers(machine.directory.path())
        .await
        .unwrap();
    assert_eq!(running(&marker), 0);
}

fn script(marker: &str) -> String {
    format!(
        "trap '' TERM; sleep {marker} & setsid sleep {marker} & (setsid sh -c 'sleep {marker} & sleep {marker}' &) ; sleep 0.1; echo up; wait; sleep {marker}"
    )
}

/// How many processes of this machine sleep for that long.
fn running(marker: &str) -> usize {
    let sleeps = |pid: &str| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command == format!("sleep\0{marker}\0").into_bytes()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(sleeps))
        .count()
}
