//! A start that fails leaves nothing behind but what was there.

use std::net::TcpListener;
use std::path::Path;

use crate::process::{Up, seatrial};

/// Starts a cluster that cannot start, and returns what it says.
fn fails(data: &Path, arguments: &[&str]) -> String {
    let output = seatrial(&["up", "--runtime", "simulated", "--no-kubeconfig"])
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_no_directory_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = folder.path().join("cluster");
    for more in [&[][..], &["--detach"]] {
        let said = fails(&data, &[&["--api-port", &port][..], more].concat());
        assert!(said.contains(&format!("port {port} is in use")), "{said}");
        assert!(
            names(folder.path()).is_empty(),
            "{:?}",
            names(folder.path())
        );
    }
    // Later: keys and store are there already when this is noticed.
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, "kind: Nonsense\n").unwrap();
    let policy = policy.to_str().unwrap();
    let log = folder.path().join("audit.log");
    let said = fails(
        &data,
        &[
            "--audit-policy",
            policy,
            "--audit-log",
            log.to_str().unwrap(),
        ],
    );
    assert!(said.contains("policy"), "{said}");
    let left = names(folder.path());
    assert!(
        !left.iter().any(|name| name.starts_with("cluster")),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // An empty directory is somebody's, who made it.
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    fails(&own, &["--api-port", &port]);
    assert_eq!(names(&own), ["lock"]);
    // What is no cluster's is nobody's to delete.
    std::fs::write(own.join("notes.txt"), "mine").unwrap();
    fails(&own, &["--api-port", &port]);
    assert_eq!(
        std::fs::read_to_string(own.join("notes.txt")).unwrap(),
        "mine"
    );
    // Nor is a cluster.
    let data = folder.path().join("cluster");
    Up::start(&data, 1).stop();
    let before = names(&data);
    fails(&data, &["--api-port", &port]);
    assert_eq!(names(&data).len(), before.len());
    Up::start(&data, 1).stop();
}
