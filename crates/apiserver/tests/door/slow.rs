//! Clients that speak slowly, too much, or not at all, over TLS. Time is tokio's own and stands still while
//! anything happens.

use std::time::Duration;

use expect_test::expect;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::door::{Served, served};

const HEAD: &str = "Host: localhost\r\nAuthorization: Bearer right\r\n";

/// Whether a well-behaved client is answered at once.
async fn answers(served: &Served) -> bool {
    let mut caller = served.open(None).await;
    let asked = caller.ask("GET", "/api/v1/namespaces/default", "Bearer right", None);
    matches!(timeout(Duration::from_secs(5), asked).await, Ok((200, _)))
}

/// What comes until the server closes the connection, and after how many seconds it does.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin), begun: Instant) -> (String, u64) {
    let mut bytes = Vec::new();
    // A connection that is reset has been closed as well.
    let closed = timeout(Duration::from_hours(2), stream.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "it is still open");
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        begun.elapsed().as_secs(),
    )
}

#[tokio::test(start_paused = true)]
async fn connections_that_say_nothing_are_closed_and_stop_nobody() {
    let served = served().await;
    let begun = Instant::now();
    let mut silent = Vec::new();
    for index in 0..150 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        if index % 3 == 1 {
            stream.write_all(&[22, 3, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    assert!(answers(&served).await);
    for stream in &mut silent {
        let (_, seconds) = rest(stream, begun).await;
        assert!((9..=12).contains(&seconds), "closed after {seconds} s");
    }
    // No TLS at all is answered with an alert, at once.
    let begun = Instant::now();
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(rest(&mut plain, begun).await.1, 0);
    // A handshake, and then nothing.
    for protocol in ["http/1.1", "h2"] {
        let begun = Instant::now();
        let mut stream = served.connect(protocol, None).await;
        let (_, seconds) = rest(&mut stream, begun).await;
        assert!(
            (30..=35).contains(&seconds),
            "{protocol}: closed after {seconds} s"
        );
    }
    assert!(answers(&served).await);
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_or_a_head_that_comes_drop_by_drop_is_given_up() {
    let served = served().await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for byte in [22, 3, 1, 2, 0, 1] {
        // The last ones may find it closed.
        let _ = stream.write_all(&[byte]).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let (_, seconds) = rest(&mut stream, begun).await;
    assert!(seconds <= 18, "closed after {seconds} s");
    let begun = Instant::now();
    let mut stream = served.connect("http/1.1", None).await;
    let head = format!("GET /api/v1/namespaces/default HTTP/1.1\r\n{HEAD}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let dripping = tokio::spawn(async move {
        for index in 0.. {
            let line = format!("x-{index}: y\r\n");
            if writing.write_all(line.as_bytes()).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let (_, seconds) = rest(&mut reading, begun).await;
    assert!((29..=33).contains(&seconds), "closed after {seconds} s");
    dripping.abort();
    // The same in frames: a head that does not end, nor anything else.
    let begun = Instant::now();
    let mut stream = served.connect("h2", None).await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    // SETTINGS, then HEADERS of stream 1 without END_HEADERS: `:method: GET` and no more.
    stream
        .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    stream
        .write_all(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82])
        .await
        .unwrap();
    let (_, seconds) = rest(&mut stream, begun).await;
    assert!(seconds <= 60, "closed after {seconds} s");
    assert!(answers(&served).await);
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_drop_by_drop_is_given_up_with_a_status() {
    let served = served().await;
    let begun = Instant::now();
    let stream = served.connect("http/1.1", None).await;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let head = format!(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\n{HEAD}\
         Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{"
    );
    writing.write_all(head.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let (text, seconds) = rest(&mut reading, begun).await;
    assert!(text.starts_with("HTTP/1.1 504 "), "{text}");
    assert!(text.contains(r#""reason":"Timeout""#), "{text}");
    assert!(seconds <= 70, "closed after {seconds} s");
    dripping.abort();
    assert!(answers(&served).await);
    served.stop().await;
}

#[tokio::test]
async fn heads_and_bodies_that_are_too_large_are_refused_before_they_are_read() {
    let served = served().await;
    let many: String = (0..200).map(|index| format!("x-{index}: y\r\n")).collect();
    let long = "x".repeat(1 << 20);
    let json = "Content-Type: application/json\r\n";
    let maps = "/api/v1/namespaces/default/configmaps";
    let table = [
        ("a long path", format!("GET /{long} HTTP/1.1\r\n{HEAD}\r\n")),
        (
            "a path of 70,000",
            format!("GET /{} HTTP/1.1\r\n{HEAD}\r\n", &long[..70_000]),
        ),
        (
            "a path of 60,000",
            format!("GET /{} HTTP/1.1\r\n{HEAD}\r\n", &long[..60_000]),
        ),
        (
            "a long query",
            format!("GET /api?{long} HTTP/1.1\r\n{HEAD}\r\n"),
        ),
        (
            "many headers",
            format!("GET /api HTTP/1.1\r\n{HEAD}{many}\r\n"),
        ),
        (
            "a long header",
            format!("GET /api HTTP/1.1\r\n{HEAD}x: {long}\r\n\r\n"),
        ),
        (
            "a long body, announced",
            format!("POST {maps} HTTP/1.1\r\n{HEAD}{json}Content-Length: 99999999999\r\n\r\n"),
        ),
        (
            "a body of no length",
            format!("POST {maps} HTTP/1.1\r\n{HEAD}{json}Content-Length: -1\r\n\r\n"),
        ),
        (
            "two lengths",
            format!(
                "POST {maps} HTTP/1.1\r\n{HEAD}{json}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"
            ),
        ),
        (
            "a bad chunk",
            format!(
                "POST {maps} HTTP/1.1\r\n{HEAD}{json}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n"
            ),
        ),
        (
            "another version",
            format!("GET /api HTTP/3.0\r\n{HEAD}\r\n"),
        ),
        ("no request", "\0\0\0\0\r\n\r\n".to_owned()),
        (
            "a path of bytes",
            format!("GET /\u{e9}\u{1} HTTP/1.1\r\n{HEAD}\r\n"),
        ),
        (
            "no host",
            "GET /version HTTP/1.1\r\nAuthorization: Bearer right\r\nConnection: close\r\n\r\n"
                .to_owned(),
        ),
    ];
    let mut found = String::new();
    for (what, request) in table {
        let stream = served.connect("http/1.1", None).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        // What is too long may be refused before all of it is sent.
        let sending = tokio::spawn(async move {
            let _ = writing.write_all(request.as_bytes()).await;
            writing
        });
        let mut answer = vec![0; 64];
        let read = timeout(Duration::from_secs(20), reading.read(&mut answer)).await;
        let length = read.unwrap_or(Ok(0)).unwrap_or(0);
        let text = String::from_utf8_lossy(&answer[..length]);
        let code = text.split(' ').nth(1).unwrap_or("closed");
        found += &format!("{what:<24}{code}\n");
        sending.abort();
    }
    expect![[r#"
        a long path             431
        a path of 70,000        414
        a path of 60,000        404
        a long query            431
        many headers            431
        a long header           431
        a long body, announced  413
        a body of no length     400
        two lengths             400
        a bad chunk             400
        another version         400
        no request              400
        a path of bytes         400
        no host                 200
    "#]]
    .assert_eq(&found);
    assert!(answers(&served).await);
    served.stop().await;
}
