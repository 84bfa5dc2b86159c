//! Watches that are never read, and a great many that have nothing to read.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use seatrial_store::{Change, Draft, Expect, Key, Metadata, Store, Write};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::door::{Served, served};
use crate::support::{MAPS, config_map, resident};

const ADMIN: &str = "Bearer right";
const SIZE: usize = 64 << 10;
const CHANGES: usize = 2500;

/// Held by whoever measures the memory of this process.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Changes one ConfigMap as the API would, but as fast as the store can.
async fn churn(store: &Store, round: usize) {
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"large","namespace":"default","uid":"u","resourceVersion":""}},"data":{{"round":"{round}","x":"{}"}}}}"#,
        "x".repeat(SIZE)
    );
    let hole = text.find(r#"resourceVersion":""#).unwrap() + r#"resourceVersion":""#.len();
    let expect = if round == 0 {
        Expect::Absent
    } else {
        Expect::Present
    };
    let write = Write {
        key: Key::new("configmaps", "default", "large"),
        expect,
        change: Change::Put {
            draft: Draft::new(text.into_bytes(), hole),
            metadata: Metadata {
                uid: "u".into(),
                ..Metadata::default()
            },
        },
    };
    store.commit(vec![write]).await.unwrap();
}

/// Reads a watch to its end, and counts its events.
async fn follow(mut body: Incoming, seen: watch::Sender<usize>) {
    let mut last = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap_or_default();
        for line in data.split_inclusive(|&byte| byte == b'\n') {
            last.extend_from_slice(&line[..line.len().min(64)]);
            if line.ends_with(b"\n") {
                assert!(!last.starts_with(br#"{"type":"ERROR""#), "it fell behind");
                last.clear();
                seen.send_modify(|seen| *seen += 1);
            }
        }
    }
}

/// A watch over HTTP/1.1 whose answer has begun.
async fn unread(served: &Served) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut stream = served.connect("http/1.1", None).await;
    let request = format!(
        "GET {MAPS}?watch=true&resourceVersion=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {ADMIN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_a_watch_costs_little_stops_nobody_and_is_told_to_begin_anew() {
    let _alone = ALONE.lock().await;
    let served = served().await;
    let store = served.server.state().store.clone();
    let mut caller = served.open(None).await;
    let path = format!("{MAPS}?watch=true&resourceVersion={}", store.revision());
    // One of them shares its connection with a watch that is read.
    let stuck = caller.send("GET", &path, ADMIN, None).await;
    let good = caller.send("GET", &path, ADMIN, None).await;
    assert_eq!(
        (stuck.status(), good.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let mut unread_ones = Vec::new();
    for _ in 0..8 {
        unread_ones.push(unread(&served).await);
    }
    let (sender, mut seen) = watch::channel(0);
    let following = tokio::spawn(follow(good.into_body(), sender));
    let before = resident();
    let mut written = 0;
    for round in 0..CHANGES {
        churn(&store, round).await;
        written += 1;
        if round % 100 == 0 {
            // Others write and read, and see what happens, as if nobody hung.
            let name = format!("small-{round}");
            let made = caller
                .ask("POST", MAPS, ADMIN, Some(&config_map(&name)))
                .await;
            assert_eq!(made.0, 201, "{}", made.1);
            written += 1;
            let caught_up = seen.wait_for(|&seen| seen >= written);
            tokio::time::timeout(Duration::from_mins(1), caught_up)
                .await
                .unwrap()
                .unwrap();
        }
    }
    let grown = resident().saturating_sub(before);
    // 160 MB went by; the window of the log is 32 MB.
    assert!(grown < 90 << 20, "{} MB more", grown >> 20);
    // Going on, each sees a little of what was, then that it has to begin anew, and the end.
    for mut stream in unread_ones {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            let read = tokio::time::timeout(Duration::from_mins(1), stream.read_buf(&mut bytes));
            assert!(read.await.unwrap().unwrap() > 0, "it was cut off");
        }
        assert!(
            bytes.len() < 8 << 20,
            "{} bytes were kept for it",
            bytes.len()
        );
        let tail = String::from_utf8_lossy(&bytes[bytes.len() - 400..]).into_owned();
        assert!(tail.contains(r#""reason":"Expired""#), "{tail}");
    }
    let late = stuck.into_body().collect().await.unwrap().to_bytes();
    assert!(
        late.len() < 16 << 20,
        "{} bytes were kept for it",
        late.len()
    );
    let tail = String::from_utf8_lossy(&late[late.len() - 400..]).into_owned();
    assert!(tail.contains(r#""reason":"Expired""#), "{tail}");
    assert!(!following.is_finished(), "who reads is not ended");
    served.shutdown.cancel();
    following.await.unwrap();
    served.ended.await.unwrap();
}

/// Begins `count` watches over a few connections, and counts those that are told of one new object.
async fn idle(count: usize) {
    let _alone = ALONE.lock().await;
    let served = served().await;
    let path = format!(
        "{MAPS}?watch=true&resourceVersion={}",
        served.server.state().store.revision()
    );
    let mut watches = tokio::task::JoinSet::new();
    let mut callers = Vec::new();
    for _ in 0..count.div_ceil(1000) {
        callers.push(served.open(None).await);
    }
    for index in 0..count {
        let mut body = callers[index / 1000]
            .send("GET", &path, ADMIN, None)
            .await
            .into_body();
        watches.spawn(async move {
            let frame = body.frame().await.unwrap().unwrap();
            frame
                .into_data()
                .unwrap()
                .starts_with(br#"{"type":"ADDED""#)
        });
    }
    let mut caller = served.open(None).await;
    let begun = Instant::now();
    assert_eq!(
        caller
            .ask("POST", MAPS, ADMIN, Some(&config_map("news")))
            .await
            .0,
        201
    );
    let told = async {
        let mut told = 0;
        while let Some(seen) = watches.join_next().await {
            told += usize::from(seen.unwrap());
        }
        told
    };
    let told = tokio::time::timeout(Duration::from_mins(1), told).await;
    assert_eq!(told, Ok(count));
    println!(
        "{count} watches over {} connections told in {:?}",
        callers.len(),
        begun.elapsed()
    );
    drop(callers);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_watches_are_all_told() {
    idle(1000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a while: cargo test -p seatrial-apiserver --test door -- --ignored ten_thousand"]
async fn ten_thousand_idle_watches_are_all_told() {
    idle(10_000).await;
}
