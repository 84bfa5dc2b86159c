//! What a watch costs that has nothing to read; alone in its process, since that is what is measured.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use axum::Extension;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use serde_json::json;
use support::{Api, MAPS, config_map, resident};
use tower::ServiceExt as _;

#[tokio::test]
async fn an_idle_watch_costs_a_few_kilobytes() {
    let api = Api::start().await;
    let router = api.server.router().layer(Extension(Identity::admin()));
    let path = format!(
        "{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion={}",
        api.server.state().store.revision()
    );
    let mut watches = tokio::task::JoinSet::new();
    let before = resident();
    let count = 10_000;
    for _ in 0..count {
        let request = Request::builder().uri(&path).body(Body::empty()).unwrap();
        let mut body = router.clone().oneshot(request).await.unwrap().into_body();
        watches.spawn(async move {
            let frame = body.frame().await.unwrap().unwrap();
            (frame.into_data().unwrap().len(), body)
        });
    }
    tokio::task::yield_now().await;
    let each = resident().saturating_sub(before) / count;
    println!("{each} bytes for a watch");
    assert!(each < 6 << 10, "{each} bytes for a watch");
    api.post(MAPS, json!(config_map("news"))).await.expect(201);
    let mut told = 0;
    while let Some(seen) = watches.join_next().await {
        let (length, _body) = seen.unwrap();
        told += usize::from(length > 100);
    }
    assert_eq!(told, count);
}
