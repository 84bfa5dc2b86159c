//! What leaves a container pod's network, and what comes into it from other pods.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)] // A test may fail loudly.

#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // For tests, and each uses a part of it.
mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_node::runtime::{Outgoing, Passage, ProcessSpec, Refused, Sandbox, Uplink};
use support::harness::{Captured, Machine, chain, run, shell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// Tells each client where it wanted to go, once it has said everything it has to say.
struct Echo;

#[async_trait]
impl Uplink for Echo {
    async fn open(&self, to: SocketAddr) -> Result<Box<dyn Passage>, Refused> {
        match to.port() {
            1 => Err(Refused::Reset),
            2 => Err(Refused::Silence),
            _ => Ok(Box::new(Told(to))),
        }
    }

    async fn open_datagrams(&self, to: SocketAddr) -> Result<UdpSocket, Refused> {
        if to.port() == 54 {
            return Err(Refused::Reset);
        }
        // Says everything back, in the name of whoever was meant.
        let echo = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(echo.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            while let Ok((length, from)) = echo.recv_from(&mut buffer).await {
                let text = [&buffer[..length], format!(" to {to}").as_bytes()].concat();
                echo.send_to(&text, from).await.unwrap();
            }
        });
        Ok(socket)
    }

    async fn answer(&self, question: Vec<u8>) -> Option<Vec<u8>> {
        Some([b"answer to ", question.as_slice()].concat())
    }
}

struct Told(SocketAddr);

#[async_trait]
impl Passage for Told {
    async fn carry(self: Box<Self>, mut stream: TcpStream) {
        let to = self.0;
        let from = stream.peer_addr().unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        let text = format!("{said} from {} to {to}", from.ip());
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

async fn sandbox(machine: &Machine, name: &str) -> Arc<dyn Sandbox> {
    let mut spec = machine.sandbox_spec(name);
    spec.outgoing = Some(Outgoing {
        uplink: Arc::new(Echo),
        resolver: RESOLVER,
        balancers: Some([127, 40]),
        essential: vec!["10.96.0.1:443".parse().unwrap()],
    });
    let made = machine.runtime.create_sandbox(spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn python(machine: &Machine, name: &str, script: &str) -> ProcessSpec {
    let mut spec = shell(machine, name, "exec python3 /app/script.py");
    spec.root.layers = vec![machine.layer(&[("app/script.py", script)])];
    spec
}

const CLIENT: &str = r#"
import socket
def ask(address):
    connection = socket.create_connection(address, timeout=10)
    connection.sendall(b"hello")
    connection.shutdown(socket.SHUT_WR)
    text = b""
    while chunk := connection.recv(100):
        text += chunk
    print(text.decode())
def fails(address, timeout):
    try:
        socket.create_connection(address, timeout=timeout)
        print("connected")
    except OSError as error:
        print(type(error).__name__)
ask(("10.96.0.7", 80))
fails(("10.96.0.7", 1), 10)
fails(("10.96.0.7", 2), 1.5)
ask(("93.184.216.34", 65535))
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.settimeout(10)
names.connect(("10.96.0.10", 53))
names.send(b"who")
print(names.recv(100).decode())
# Whoever listens on a port itself reaches that port of others all the same.
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(("", 8125))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.settimeout(3)
try:
    for number in (b"1", b"2"):
        for place in (("10.96.0.9", 8125), ("8.8.8.8", 53)):
            datagrams.sendto(number, place)
            text, sender = datagrams.recvfrom(100)
            print(text.decode(), sender == place)
except OSError:
    print("lost")
datagrams.settimeout(0.3)
try:
    datagrams.sendto(b"3", ("10.96.0.9", 54))
    datagrams.recv(100)
except TimeoutError:
    print("silence")
ask(("127.40.0.1", 80))
try:
    socket.create_connection(("127.0.0.1", 80), timeout=10)
except ConnectionRefusedError:
    print("refused")
"#;

/// Whether this kernel redirects, which a note says where it does not.
fn redirects(machine: &Machine) -> bool {
    let notes = machine.notes.lock().unwrap();
    let note = notes.iter().find(|note| note.contains("nftables"));
    if let Some(note) = note {
        seatrial_testkit::skipped(note);
    }
    note.is_none()
}

#[tokio::test]
async fn connections_and_questions_leave_through_the_uplink() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = sandbox(&machine, "client").await;
    if !redirects(&machine) {
        return;
    }
    let (exit, text) = run(&*sandbox, python(&machine, "client", CLIENT)).await;
    let own = sandbox.address();
    assert_eq!(
        text,
        format!(
            "hello from {own} to 10.96.0.7:80\nConnectionRefusedError\nTimeoutError\nhello from {own} to 93.184.216.34:65535\n\
             answer to who\n1 to 10.96.0.9:8125 True\n1 to 8.8.8.8:53 True\n2 to 10.96.0.9:8125 True\n2 to 8.8.8.8:53 True\nsilence\n\
             hello from 127.0.0.1 to 127.40.0.1:80\nrefused\n"
        )
    );
    assert_eq!(exit.exit_code(), 0);
    sandbox.stop().await.unwrap();
}

const SERVER: &str = r#"
import socket
server = socket.create_server(("0.0.0.0", 8080))
local = socket.create_server(("127.0.0.1", 8081))
print("ready", flush=True)
connection, client = server.accept()
connection.sendall(("hello " + client[0]).encode())
connection.close()
# Its own address is not redirected.
itself = socket.create_connection((socket.gethostbyname(socket.gethostname()), 8080))
print(server.accept()[1][0] == itself.getsockname()[0])
"#;

#[tokio::test]
async fn a_server_sees_the_address_of_the_pod_that_connects() {
    let Some(machine) = Machine::containers().await else {
        return;
    };
    let sandbox = sandbox(&machine, "server").await;
    let mut spec = python(&machine, "server", SERVER);
    let output = Captured::default();
    spec.output = output.handle();
    let process = sandbox.start(spec).await.unwrap();
    output.wait_for("ready").await;
    let client: IpAddr = "10.244.3.9".parse().unwrap();
    let refused = sandbox.connect_from(client, 8081).await;
    let refused = refused.err().map(|error| error.kind());
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
    let mut stream = sandbox.connect_from(client, 8080).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello 10.244.3.9");
    process.wait().await;
    assert_eq!(output.text(), "ready\nTrue\n");
    sandbox.stop().await.unwrap();
}
