//! What others hand in: admission steps and the logs of pods.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use seatrial_apiserver::admission::Change;
use seatrial_apiserver::{Admission, Failure, LogError, LogOptions, Object, PodLogs, Reason};
use serde_json::{Value, json};
use support::{Api, MAPS, PODS, config_map, pod};

struct Labels;

#[async_trait]
impl Admission for Labels {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.is_about("configmaps")
    }

    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        object
            .metadata()
            .insert("labels".to_owned(), json!({ "team": "sea" }));
        change.notes.warn("a team was set");
        Ok(())
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        if object.at(&["data", "key"]) == Some(&json!("forbidden")) {
            let detail = format!("{:?} by {}", change.operation, change.identity.user);
            return Err(Failure::new(Reason::Forbidden, detail));
        }
        Ok(())
    }
}

#[tokio::test]
async fn admission_changes_and_refuses() {
    let api = Api::start().await;
    api.server.state().admit_with(Arc::new(Labels));
    let made = api.post(MAPS, config_map("a")).await;
    assert_eq!(made.headers["warning"], r#"299 - "a team was set""#);
    assert_eq!(made.expect(201)["metadata"]["labels"]["team"], "sea");
    let patch = json!({ "data": { "key": "forbidden" } });
    let refused = api.patch(&format!("{MAPS}/a"), "merge", patch).await;
    assert_eq!(
        (refused.code, refused.message()),
        (403, "Update by seatrial-admin")
    );
    assert_eq!(
        api.get(&format!("{MAPS}/a")).await.expect(200)["data"]["key"],
        "value"
    );
}

#[derive(Default)]
struct Logs(Mutex<Option<LogOptions>>);

#[async_trait]
impl PodLogs for Logs {
    async fn read(&self, options: LogOptions) -> Result<BoxStream<'static, Bytes>, LogError> {
        if options.previous {
            return Err(LogError::NotYet("it ran only once".to_owned()));
        }
        *self.0.lock().unwrap() = Some(options);
        Ok(stream::iter([Bytes::from("one\n"), Bytes::from("two\n")]).boxed())
    }
}

#[tokio::test]
async fn logs_are_read_from_whoever_has_them() {
    let api = Api::start().await;
    let logs = Arc::new(Logs::default());
    api.post(PODS, pod("a")).await.expect(201);
    let path = format!("{PODS}/a/log");
    let waiting = api.get(&path).await;
    assert!(
        waiting.message().contains("is waiting to start"),
        "{}",
        waiting.body
    );
    let binding = json!({ "target": { "name": "n" } });
    api.post(&format!("{PODS}/a/binding"), binding)
        .await
        .expect(201);
    api.get(&path).await.expect(503);
    api.server
        .state()
        .read_logs_from(Arc::clone(&logs) as Arc<dyn PodLogs>);
    let reply = api
        .get(&format!("{path}?tailLines=5&sinceSeconds=60&follow=true"))
        .await;
    assert_eq!(reply.headers["content-type"], "text/plain");
    assert_eq!(reply.expect(200), Value::from("one\ntwo\n"));
    let asked = logs.0.lock().unwrap().clone().unwrap();
    assert_eq!(
        (asked.node.as_str(), asked.container.as_str()),
        ("n", "main")
    );
    assert_eq!((asked.tail, asked.follow), (Some(5), true));
    assert_eq!(asked.since.unwrap().to_string(), "2025-12-31T23:59:00Z");
    let previous = api.get(&format!("{path}?previous=true")).await;
    assert_eq!(
        (previous.code, previous.message()),
        (400, "it ran only once")
    );
    let other = api.get(&format!("{path}?container=none")).await;
    assert_eq!(
        (other.code, other.message()),
        (400, "container none is not valid for pod a")
    );
}

#[tokio::test]
async fn logs_come_over_websocket_too() {
    let api = Api::start().await;
    api.post(PODS, pod("a")).await.expect(201);
    let binding = json!({ "target": { "name": "n" } });
    api.post(&format!("{PODS}/a/binding"), binding)
        .await
        .expect(201);
    let logs = Arc::new(Logs::default());
    api.server
        .state()
        .read_logs_from(Arc::clone(&logs) as Arc<dyn PodLogs>);
    let request = format!(
        "GET {PODS}/a/log HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: binary.k8s.io\r\n\r\n"
    );
    // A masked closing frame of the client's follows, so that the connection ends when the log has.
    let mut bytes = request.into_bytes();
    bytes.extend([0x88, 0x80, 0, 0, 0, 0]);
    let answer = api.dialogue(&bytes).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    assert!(
        text.contains("sec-websocket-protocol: binary.k8s.io"),
        "{text}"
    );
    let frames = b"\x82\x04one\n\x82\x04two\n\x88";
    assert!(
        answer.windows(frames.len()).any(|window| window == frames),
        "{text}"
    );
}
