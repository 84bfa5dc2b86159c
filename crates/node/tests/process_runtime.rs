//! The process runtime, which needs nothing of the machine but a shell.

#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // For tests, and each uses a part of it.
mod support;

use std::fs;
use std::time::Duration;

use seatrial_node::runtime::{
    Access, Console, Error, ExecSpec, Exit, HostBase, Input, Mount, Signal,
};
use support::harness::{Captured, Machine, chain, run, shell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: &str = r#"
import os, socket
server = socket.create_server((os.environ["POD_IP"], 8080))
print("ready", flush=True)
while True:
    client, _ = server.accept()
    client.recv(100)
    client.sendall(b"hello"); client.close()
"#;

#[tokio::test]
async fn a_server_on_the_pods_address_is_reached() {
    let machine = Machine::processes();
    let sandbox = machine.sandbox("web").await;
    let mut spec = shell(&machine, "web", "");
    spec.args = vec!["python3".into(), "/app/server.py".into()];
    spec.root.layers = vec![machine.layer(&[("app/server.py", SERVER)])];
    spec.env
        .insert("POD_IP".into(), sandbox.address().to_string());
    spec.cwd = "/app".into();
    let output = Captured::default();
    spec.output = output.handle();
    let process = match sandbox.start(spec).await {
        Err(Error::Execute { .. }) => return seatrial_testkit::skipped("there is no python3 here"),
        other => other.unwrap(),
    };
    output.wait_for("ready").await;
    let mut stream = sandbox.connect(8080).await.unwrap();
    stream.write_all(b"?").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "hello");
    process.signal(Signal::TERM).await.unwrap();
    assert_eq!(process.wait().await, Exit::signal(15));
    assert_eq!(
        sandbox.connect(8080).await.err().unwrap().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    tokio::time::timeout(Duration::from_secs(5), sandbox.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn paths_of_the_image_and_of_volumes_are_found() {
    let machine = Machine::processes();
    let sandbox = machine.sandbox("paths").await;
    let volume = machine.fresh("volume");
    fs::write(volume.join("settings"), "blue\n").unwrap();
    let mut spec = shell(
        &machine,
        "paths",
        "cat /app/text $CONFIG; pwd; echo new > /app/out; cat $SEATRIAL_ROOT/app/out",
    );
    spec.root.layers = vec![machine.layer(&[("app/text", "text\n")])];
    spec.mounts = vec![Mount {
        source: volume,
        target: "/etc/app".into(),
        access: Access::ReadOnly,
    }];
    spec.env.insert("CONFIG".into(), "/etc/app/settings".into());
    spec.cwd = "/app".into();
    let writable = spec.root.writable.canonicalize().unwrap();
    let (exit, text) = run(&*sandbox, spec).await;
    let expected = format!("text\nblue\n{}/root/app\nnew\n", writable.display());
    assert_eq!((exit, text), (Exit::code(0), expected));
    assert_eq!(
        fs::read_to_string(writable.join("upper/app/out")).unwrap(),
        "new\n"
    );
    assert!(!writable.join("upper/app/text").exists());
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_not_isolated_is_said() {
    let machine = Machine::processes();
    let mut spec = machine.sandbox_spec("notes");
    spec.hosts = vec![([10, 0, 0, 1].into(), vec!["shop".into()])];
    let sandbox = machine.runtime.create_sandbox(spec).await.unwrap();
    let mut spec = shell(&machine, "notes", "exit 0");
    spec.user = "1000".into();
    run(&*sandbox, spec).await;
    let notes = machine.notes.lock().unwrap().join("\n");
    for expected in [
        "the process runtime isolates nothing",
        "10.0.0.1 is not found under shop",
        "user 1000 is not enforced",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn other_images_are_refused_by_name() {
    let machine = Machine::processes();
    let sandbox = machine.sandbox("scratch").await;
    let mut spec = shell(&machine, "scratch", "true");
    spec.root.host_base = HostBase::Absent;
    let error = sandbox.start(spec).await.err().unwrap();
    assert!(error.to_string().starts_with("the image of scratch, which does not build on seatrial/host, is not possible with the process runtime: "), "{error}");
    let mut spec = shell(&machine, "wrong", "");
    spec.args = vec!["/app/nothing".into()];
    let error = sandbox.start(spec).await.err().unwrap();
    assert!(
        chain(&error).contains("nothing\": No such file or directory"),
        "{}",
        chain(&error)
    );
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn exits_output_and_neighbours_are_told() {
    let machine = Machine::processes();
    let sandbox = machine.sandbox("exits").await;
    let script = "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo last >&2; sleep 1000 & exit 9";
    let (exit, text) = run(&*sandbox, shell(&machine, "exits", script)).await;
    assert_eq!((exit, text.lines().count()), (Exit::code(9), 5001));

    let output = Captured::default();
    let mut spec = shell(&machine, "main", "echo up; sleep 1000");
    spec.root.layers = vec![machine.layer(&[("app/name", "mine\n")])];
    spec.env.insert("COLOUR".into(), "blue".into());
    spec.output = output.handle();
    let main = sandbox.start(spec).await.unwrap();
    output.wait_for("up").await;
    let beside = Captured::default();
    let exec = ExecSpec {
        args: ["sh", "-c", "cat /app/name; echo $COLOUR; cat; exit 4"]
            .map(String::from)
            .to_vec(),
        console: Console {
            input: Some(Input::new(Box::new(&b"typed\n"[..]))),
            terminal: None,
        },
        output: beside.handle(),
    };
    let process = main.exec(exec).await.unwrap();
    assert_eq!(process.wait().await, Exit::code(4));
    assert_eq!(beside.text(), "mine\nblue\ntyped\n");
    main.signal(Signal::KILL).await.unwrap();
    assert_eq!(main.wait().await, Exit::signal(9));
    sandbox.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn stopping_and_killing_the_node_leave_no_process() {
    support::orphans::check(&Machine::processes(), "process").await;
}
