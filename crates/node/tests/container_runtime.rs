//! The container runtime, with real namespaces where the machine has them.

#![cfg(target_os = "linux")]

#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // For tests, and each uses a part of it.
mod support;

use std::io::Write as _;
use std::time::Duration;

use seatrial_node::runtime::sandbox::run::{Ended, lines, run_to_end};
use seatrial_node::runtime::{
    Access, Console, Error, ExecSpec, Exit, ExitStatus, Forward, Input, Limits, Memory, Mount,
    Network, Signal, Stream,
};
use support::harness::{Captured, Machine, chain, run, shell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: &str = r#"
import http.server, os, socket
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("hello from " + socket.gethostname()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.HTTPServer((os.environ["POD_IP"], 8080), Page)
print("ready", flush=True)
server.serve_forever()
"#;

#[tokio::test]
async fn a_server_on_the_pods_address_is_reached() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("web").await;
    let mut spec = shell(&machine, "web", "exec python3 /app/server.py");
    spec.root.layers = vec![machine.layer(&[("app/server.py", SERVER)])];
    spec.env
        .insert("POD_IP".into(), sandbox.address().to_string());
    let output = Captured::default();
    spec.output = output.handle();
    let process = sandbox.start(spec).await.unwrap();
    output.wait_for("ready").await;
    let mut stream = sandbox.connect(8080).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello from web"), "{answer}");
    process.signal(Signal::KILL).await.unwrap();
    assert_eq!(process.wait().await, Exit::signal(9));
    tokio::time::timeout(Duration::from_secs(5), sandbox.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_refused_connection_is_an_error_and_a_stopped_sandbox_another() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("quiet").await;
    let error = sandbox.connect(81).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    sandbox.stop().await.unwrap();
    sandbox.stop().await.unwrap();
    let gone = sandbox
        .start(shell(&machine, "late", "true"))
        .await
        .err()
        .unwrap();
    assert!(matches!(gone, Error::SandboxGone), "{gone}");
}

#[tokio::test]
async fn exits_and_signals_are_told() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("exits").await;
    let (exit, _) = run(&*sandbox, shell(&machine, "code", "exit 7")).await;
    assert_eq!(exit, Exit::code(7));
    // Its first process ignores what it has no handler for, as in every container.
    let output = Captured::default();
    let mut spec = shell(
        &machine,
        "term",
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done",
    );
    spec.output = output.handle();
    let process = sandbox.start(spec).await.unwrap();
    output.wait_for("up").await;
    process.signal(Signal::TERM).await.unwrap();
    assert_eq!(process.wait().await, Exit::code(3));
    assert_eq!(output.text(), "up\nbye\n");
    // To one that has ended: nothing.
    process.signal(Signal::TERM).await.unwrap();
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_first_process_ends_the_others_and_no_line_is_lost() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("logs").await;
    let script = "sleep 1000 & setsid sleep 1000 & i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo last >&2";
    let (exit, text) = run(&*sandbox, shell(&machine, "logs", script)).await;
    assert_eq!(exit, Exit::code(0));
    assert_eq!(text.lines().count(), 20_001);
    assert!(text.contains("line 19999\n") && text.contains("last\n"));
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_executed_is_named() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("wrong").await;
    let mut spec = shell(&machine, "wrong", "");
    spec.args = vec!["/app/nothing".into()];
    let error = sandbox.start(spec).await.err().unwrap();
    assert_eq!(
        chain(&error),
        "cannot execute \"/app/nothing\": No such file or directory (os error 2)"
    );
    let mut spec = shell(&machine, "user", "id");
    spec.user = "nosuchuser".into();
    let error = sandbox.start(spec).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "user \"nosuchuser\" is not in the image's /etc/passwd or /etc/group"
    );
    let mut spec = shell(&machine, "mount", "id");
    spec.mounts = vec![Mount {
        source: "/no/such/file".into(),
        target: "/x".into(),
        access: Access::ReadOnly,
    }];
    let error = sandbox.start(spec).await.err().unwrap();
    assert!(
        chain(&error).starts_with(
            "cannot prepare the root file system: mount /no/such/file at /x: No such file"
        ),
        "{}",
        chain(&error)
    );
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_is_executed_beside_another() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("exec").await;
    let output = Captured::default();
    let mut spec = shell(&machine, "main", "echo mine > /file; echo up; sleep 1000");
    spec.output = output.handle();
    spec.env.insert("COLOUR".into(), "blue".into());
    spec.cwd = "/srv/made".into();
    let main = sandbox.start(spec).await.unwrap();
    output.wait_for("up").await;
    let beside = Captured::default();
    let exec = ExecSpec {
        args: [
            "sh",
            "-c",
            "cat /file; pwd; echo $COLOUR; cat /proc/1/comm; cat; exit 4",
        ]
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
    assert_eq!(beside.text(), "mine\n/srv/made\nblue\nsh\ntyped\n");
    let missing = ExecSpec {
        args: vec!["nothing".into()],
        console: Console::default(),
        output: beside.handle(),
    };
    assert!(matches!(
        main.exec(missing).await,
        Err(Error::Execute { .. })
    ));
    main.signal(Signal::KILL).await.unwrap();
    main.wait().await;
    let late = ExecSpec {
        args: vec!["true".into()],
        console: Console::default(),
        output: beside.handle(),
    };
    assert!(main.exec(late).await.is_err());
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_forward_reaches_a_server_outside() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = server.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        stream.write_all(b"from outside").unwrap();
    });
    let mut spec = machine.sandbox_spec("forward");
    spec.forwards = vec![Forward {
        inside: "127.0.0.1:80".parse().unwrap(),
        outside,
    }];
    let sandbox = machine.runtime.create_sandbox(spec).await.unwrap();
    let script = "import socket; s = socket.create_connection(('localhost', 80)); print(s.recv(100).decode())";
    let mut process = shell(&machine, "client", "");
    process.args = vec!["python3".into(), "-c".into(), script.into()];
    let (exit, text) = run(&*sandbox, process).await;
    assert_eq!((exit, text.as_str()), (Exit::code(0), "from outside\n"));
    serving.join().unwrap();
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn users_and_privileges_are_limited() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("users").await;
    let mut spec = shell(
        &machine,
        "users",
        "id -u; grep -E 'NoNewPrivs|CapBnd' /proc/self/status; mount -t tmpfs x /mnt",
    );
    spec.user = "nobody".into();
    let (_, text) = run(&*sandbox, spec).await;
    assert!(
        text.contains("NoNewPrivs:\t1") && text.contains("CapBnd:\t00000000a80425fb"),
        "{text}"
    );
    // The same number for root's node and for another's, by different means.
    let notes = machine.notes.lock().unwrap().clone();
    assert!(text.starts_with("65534\n") || !notes.is_empty(), "{text}");

    let output = Captured::default();
    let mut spec = shell(&machine, "app", "echo up; sleep 1000");
    spec.user = "1000:1001".into();
    spec.output = output.handle();
    let main = sandbox.start(spec).await.unwrap();
    output.wait_for("up").await;
    let beside = Captured::default();
    let exec = ExecSpec {
        args: [
            "sh",
            "-c",
            "id -u; id -g > /dev/stdout; grep CapEff /proc/self/status",
        ]
        .map(String::from)
        .to_vec(),
        console: Console::default(),
        output: beside.handle(),
    };
    assert_eq!(main.exec(exec).await.unwrap().wait().await, Exit::code(0));
    if notes.is_empty() {
        assert_eq!(beside.text(), "1000\n1001\nCapEff:\t0000000000000000\n");
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_memory_limit_kills_or_is_noted() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("memory").await;
    let mut spec = shell(
        &machine,
        "memory",
        "exec python3 -c 'x = bytearray(200 << 20)'",
    );
    spec.limits = Limits {
        memory_bytes: Some(64 << 20),
        cpu_millis: Some(500),
    };
    let (exit, _) = run(&*sandbox, spec).await;
    let notes = machine.notes.lock().unwrap().clone();
    if notes
        .iter()
        .any(|note| note.starts_with("memory limit of 64Mi is not enforced: "))
    {
        assert_eq!(exit, Exit::code(0));
    } else {
        assert_eq!(
            exit,
            Exit {
                status: ExitStatus::Signal(9),
                memory: Memory::Exceeded
            }
        );
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_and_killing_the_node_leave_no_process() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    support::orphans::check(&machine, "container").await;
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed_with_its_children() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = machine.sandbox("slow").await;
    let mut spec = shell(&machine, "slow", "echo begun; sleep 1000 & sleep 1000");
    let (output, mut lines) = lines();
    spec.output = output;
    let ended = run_to_end(&*sandbox, spec, Some(Duration::from_millis(300))).await;
    assert_eq!(ended.unwrap(), Ended::TimedOut);
    assert_eq!(
        lines.recv().await,
        Some((Stream::Stdout, "begun".to_owned()))
    );
    assert_eq!(lines.recv().await, None);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn the_machines_network_is_there_only_where_it_is_asked_for() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let script = format!("import socket; socket.create_connection(('127.0.0.1', {port}))");
    for (network, expected) in [(Network::Host, 0), (Network::Own, 1)] {
        let mut spec = machine.sandbox_spec("network");
        spec.network = network;
        let sandbox = machine.runtime.create_sandbox(spec).await.unwrap();
        let mut process = shell(&machine, "client", "");
        process.args = vec!["python3".into(), "-c".into(), script.clone()];
        let (exit, text) = run(&*sandbox, process).await;
        assert_eq!(exit, Exit::code(expected), "{text}");
        sandbox.stop().await.unwrap();
    }
}

#[tokio::test]
async fn names_are_found_as_the_pod_says() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let mut spec = machine.sandbox_spec("names");
    spec.hosts = vec![(
        [10, 0, 0, 7].into(),
        vec!["shop".into(), "shop.default".into()],
    )];
    let address = spec.address;
    let sandbox = machine.runtime.create_sandbox(spec).await.unwrap();
    let script = "cat /etc/hosts; hostname; cat /etc/hostname";
    let (_, text) = run(&*sandbox, shell(&machine, "names", script)).await;
    let expected = format!(
        "{address}\tnames\n\n# Entries added by HostAliases.\n10.0.0.7\tshop\tshop.default\nnames\nnames\n"
    );
    assert!(text.ends_with(&expected), "{text}");
    sandbox.stop().await.unwrap();
}
