//! What a container sees of files and where its own go, with real overlays where the machine has them.

#![cfg(target_os = "linux")]

#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // For tests, and each uses a part of it.
mod support;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::PathBuf;

use seatrial_node::runtime::{Access, Error, Exit, HostBase, Mount};
use support::harness::{Machine, run, shell, write};

#[tokio::test]
async fn writes_stay_in_the_containers_own_directory() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("writes").await;
    let layer = machine.layer(&[
        ("app/kept", "from the image"),
        ("app/gone", "x"),
        ("app/sub/file", "x"),
    ]);
    let script = "echo changed > /app/kept; rm /app/gone; rm -r /app/sub; mkdir /app/sub; \
        echo new > /usr/local/bin/new; echo x > /tmp/x; ls /app; ls /app/sub | wc -l";
    let mut spec = shell(&machine, "writes", script);
    spec.root.layers = vec![layer.clone()];
    let upper = spec.root.writable.join("upper");
    let again = spec.root.clone();
    let (exit, text) = run(&*sandbox, spec).await;
    assert_eq!((exit, text.as_str()), (Exit::code(0), "kept\nsub\n0\n"));
    assert_eq!(
        fs::read_to_string(layer.join("app/kept")).unwrap(),
        "from the image"
    );
    assert_eq!(
        fs::read_to_string(upper.join("app/kept")).unwrap(),
        "changed\n"
    );
    assert_eq!(
        fs::read_to_string(upper.join("usr/local/bin/new")).unwrap(),
        "new\n"
    );
    assert!(!PathBuf::from("/usr/local/bin/new").exists());
    assert!(
        fs::symlink_metadata(upper.join("app/gone"))
            .unwrap()
            .file_type()
            .is_char_device()
    );
    let mut left: Vec<_> = fs::read_dir(&upper)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["app", "tmp", "usr"], "mount points are no changes");
    // A second process continues on the first one's files.
    let mut spec = shell(&machine, "again", "cat /app/kept /usr/local/bin/new");
    spec.root = again;
    let (exit, text) = run(&*sandbox, spec).await;
    assert_eq!((exit, text.as_str()), (Exit::code(0), "changed\nnew\n"));
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn deletions_of_upper_layers_are_seen() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("layers").await;
    let lower = machine.layer(&[
        ("app/a", "a"),
        ("app/b", "b"),
        ("data/x", "x"),
        ("usr/local/lib/mine/f", "f"),
    ]);
    let upper = machine.layer(&[
        ("app/.wh.a", ""),
        ("data/.wh..wh..opq", ""),
        ("data/y", "y"),
        ("usr/local/lib/.wh.mine", ""),
    ]);
    let mut spec = shell(
        &machine,
        "layers",
        "ls /app /data; ls -d /usr/local/lib/mine",
    );
    spec.root.layers = vec![lower, upper];
    let (_, text) = run(&*sandbox, spec).await;
    assert!(text.starts_with("/app:\nb\n\n/data:\ny\n"), "{text}");
    assert!(text.contains("No such file"), "{text}");
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn the_machines_files_are_read_only_and_its_secrets_absent() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("host").await;
    let (_, text) = run(&*sandbox, shell(&machine, "host", "exec 2>&1; cat /etc/shadow; ls /home; cat /etc/hostname; cat /proc/1/comm; python3 -c 'import sqlite3, ssl; print(6*7)'; git --version")).await;
    assert!(text.contains("/etc/shadow: No such file"), "{text}");
    assert!(text.contains("host\nsh\n42\ngit version"), "{text}");
    // What is written to /usr is written to the container's own.
    let (_, _) = run(
        &*sandbox,
        shell(&machine, "rm", "rm -f /usr/bin/env /usr/lib/os-release"),
    )
    .await;
    assert!(PathBuf::from("/usr/bin/env").exists());
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn mounts_are_seen_and_read_only_ones_refuse() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("mounts").await;
    let (shared, config) = (machine.fresh("shared"), machine.fresh("config"));
    write(&config.join("settings"), "blue");
    let mut spec = shell(
        &machine,
        "mounts",
        "exec 2>&1; cat /etc/app/settings; echo kept > /work/deep/file; echo no > /etc/app/settings; cat /single",
    );
    spec.mounts = vec![
        Mount {
            source: shared.clone(),
            target: "/work/deep".into(),
            access: Access::ReadWrite,
        },
        Mount {
            source: config.clone(),
            target: "/etc/app".into(),
            access: Access::ReadOnly,
        },
        Mount {
            source: config.join("settings"),
            target: "/single".into(),
            access: Access::ReadOnly,
        },
    ];
    let upper = spec.root.writable.join("upper");
    let (_, text) = run(&*sandbox, spec).await;
    assert!(
        text.starts_with("blue")
            && text.ends_with("blue")
            && text.contains("Read-only file system"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(shared.join("file")).unwrap(), "kept\n");
    assert_eq!(fs::read_to_string(config.join("settings")).unwrap(), "blue");
    assert_eq!(fs::read_dir(&upper).unwrap().count(), 0);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_link_in_an_image_does_not_lead_out_of_it() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("links").await;
    let (layer, outside, volume) = (
        machine.layer(&[]),
        machine.fresh("outside"),
        machine.fresh("volume"),
    );
    std::os::unix::fs::symlink(&outside, layer.join("data")).unwrap();
    let mut spec = shell(&machine, "links", "echo x > /data/in/file");
    spec.root.layers = vec![layer];
    spec.mounts = vec![Mount {
        source: volume.clone(),
        target: "/data/in".into(),
        access: Access::ReadWrite,
    }];
    // The link's target does not exist inside, so there is no place for the mount.
    let outcome = sandbox.start(spec).await;
    assert!(matches!(outcome.err().unwrap(), Error::PrepareRoot { .. }));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn an_image_without_the_machines_files_is_all_there_is() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let Some(static_shell) = ["/bin/busybox", "/usr/bin/busybox"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
    else {
        seatrial_testkit::skipped("there is no statically linked busybox here");
        return;
    };
    let sandbox = machine.sandbox("scratch").await;
    let layer = machine.layer(&[]);
    fs::copy(static_shell, layer.join("busybox")).unwrap();
    fs::set_permissions(layer.join("busybox"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = shell(&machine, "scratch", "");
    spec.root.layers = vec![layer];
    spec.root.host_base = HostBase::Absent;
    spec.args = ["/busybox", "ls", "/"].map(String::from).to_vec();
    let (_, text) = run(&*sandbox, spec).await;
    assert_eq!(text, "busybox\ndev\netc\nproc\nsys\n");
    sandbox.stop().await.unwrap();
}
