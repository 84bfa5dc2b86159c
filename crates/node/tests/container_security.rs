//! What a container may do, and the terminals of its processes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses a part of the support.

mod support;

use std::sync::Arc;

use seatrial_node::runtime::{
    Calls, Capabilities, Console, Escalation, ExecSpec, Input, ProcessSpec, RootAccess, Signal,
    Size, Terminal,
};
use support::harness::{Captured, Machine, run, shell};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

async fn printed(machine: &Machine, name: &str, change: impl FnOnce(&mut ProcessSpec)) -> String {
    let sandbox = machine.sandbox(name).await;
    let mut spec = shell(machine, name, "");
    change(&mut spec);
    let (_, text) = run(&*sandbox, spec).await;
    sandbox.stop().await.unwrap();
    text
}

fn script(spec: &mut ProcessSpec, text: &str) {
    spec.args = ["/bin/sh", "-c", text].map(String::from).to_vec();
}

#[tokio::test]
async fn a_read_only_root_leaves_volumes_writable() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let volume = machine.fresh("volume");
    let text = printed(&machine, "closed", |spec| {
        script(
            spec,
            "for f in /file /usr/file /etc/hosts /data/file /dev/shm/file; do
               (echo x >> $f) 2>/dev/null && echo $f is written
             done",
        );
        spec.security.root = RootAccess::ReadOnly;
        spec.mounts = vec![seatrial_node::runtime::Mount {
            source: volume,
            target: "/data".into(),
            access: seatrial_node::runtime::Access::ReadWrite,
        }];
    })
    .await;
    assert_eq!(text, "/data/file is written\n/dev/shm/file is written\n");
}

#[tokio::test]
async fn capabilities_are_dropped_and_added() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let show = "grep -E 'CapEff|NoNewPrivs' /proc/self/status";
    let none = printed(&machine, "none", |spec| {
        script(spec, show);
        spec.security.capabilities = Capabilities {
            add: list(&["NET_ADMIN"]),
            drop: list(&["ALL"]),
        };
    })
    .await;
    assert_eq!(none, "CapEff:\t0000000000001000\nNoNewPrivs:\t1\n");
    let more = printed(&machine, "more", |spec| {
        script(spec, show);
        spec.security.escalation = Escalation::Allowed;
        spec.security.capabilities.drop = list(&["CHOWN"]);
    })
    .await;
    assert_eq!(more, "CapEff:\t00000000a80425fa\nNoNewPrivs:\t0\n");
}

/// As the `restricted` level of Pod Security asks for.
#[tokio::test]
async fn a_user_without_any_capability_runs() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let text = printed(&machine, "restricted", |spec| {
        script(spec, "id -u; grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status");
        spec.user = "1000:1000".to_owned();
        spec.security.calls = Calls::Usual;
        spec.security.capabilities.drop = vec!["ALL".to_owned()];
    })
    .await;
    let none = "0000000000000000";
    assert_eq!(
        text,
        format!("1000\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\n")
    );
}

#[tokio::test]
async fn the_usual_profile_filters_system_calls() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let text = printed(&machine, "filtered", |spec| {
        script(
            spec,
            "grep Seccomp: /proc/self/status; unshare -r true 2>&1 | grep -o 'not permitted'; ls / >/dev/null && echo works",
        );
        spec.security.calls = Calls::Usual;
    })
    .await;
    assert_eq!(text, "Seccomp:\t2\nnot permitted\nworks\n");
}

#[tokio::test]
async fn further_groups_are_given_where_the_node_can() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let text = printed(&machine, "groups", |spec| {
        script(spec, "id -G");
        spec.user = "1000:1000".to_owned();
        spec.security.groups = vec![2000, 3000];
    })
    .await;
    let given = text.trim() == "1000 2000 3000";
    let noted = machine
        .notes
        .lock()
        .unwrap()
        .iter()
        .any(|note| note.contains("groups"));
    assert!(given || noted, "{text}");
}

#[tokio::test]
async fn a_terminal_has_a_size_that_changes_and_takes_what_is_typed() {
    for machine in [Machine::containers().await, Some(Machine::processes())] {
        let Some(machine) = machine else { continue };
        let sandbox = machine.sandbox("terminal").await;
        let main = sandbox.start(shell(&machine, "main", "sleep 1000")).await;
        let main = main.unwrap();
        let output = Captured::default();
        let (mut typed, input) = tokio::io::duplex(64);
        let size = |columns, rows| Some(Size { columns, rows });
        let (sizes, follows) = watch::channel(size(80, 24));
        let spec = ExecSpec {
            args: ["sh", "-c", "test -t 0 && test -t 1 && stty size; trap 'stty size; exit 3' WINCH; read line; echo got $line; while :; do sleep 0.05; done"]
                .map(String::from)
                .to_vec(),
            console: Console {
                input: Some(Input::new(Box::new(input))),
                terminal: Some(Terminal { size: follows }),
            },
            output: Arc::new(output.clone()),
        };
        let process = main.exec(spec).await.unwrap();
        output.wait_for("24 80").await;
        typed.write_all(b"hello\n").await.unwrap();
        output.wait_for("got hello").await;
        sizes.send_replace(size(132, 43));
        assert_eq!(process.wait().await.exit_code(), 3);
        output.wait_for("43 132").await;
        main.signal(Signal::KILL).await.unwrap();
        main.wait().await;
        sandbox.stop().await.unwrap();
    }
}
