//! What `/metrics` says about the requests that were made.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::sync::{Arc, Mutex};

use axum::Extension;
use axum::body::Body;
use expect_test::{Expect, expect};
use http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use seatrial_apiserver::metrics::{Family, Page, Source};
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Clock, Random};
use seatrial_store::Store;
use serde_json::json;
use support::{Api, MAPS, PODS, config_map};
use tower::ServiceExt as _;

const METRICS: &str = "/metrics";

async fn page(api: &Api) -> String {
    let reply = api.get(METRICS).await;
    assert_eq!(reply.code, 200);
    assert_eq!(
        reply.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    reply.body.as_str().unwrap().to_owned()
}

/// Compares the lines that contain all of `words`.
fn check(page: &str, words: &[&str], expected: &Expect) {
    let lines = page
        .lines()
        .filter(|line| words.iter().all(|word| line.contains(word)));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_kind_and_code() {
    let api = Api::start().await;
    api.post(MAPS, config_map("a")).await.expect(201);
    api.post(MAPS, config_map("a")).await.expect(409);
    api.get(MAPS).await.expect(200);
    api.get(&format!("{MAPS}/b")).await.expect(404);
    api.post(&format!("{MAPS}?dryRun=All"), config_map("b"))
        .await
        .expect(201);
    for name in ["x", "y", "z"] {
        api.get(&format!("/apis/{name}.example/v1/{name}"))
            .await
            .expect(404);
    }
    let page = page(&api).await;
    check(
        &page,
        &["apiserver_request_total{"],
        &expect![[r#"
        apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="",scope="",subresource="",verb="LIST",version=""} 3
        apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"} 1
        apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 1
        apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1
        apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1
        apiserver_request_total{code="201",component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1
    "#]],
    );
    check(
        &page,
        &["apiserver_request_duration_seconds_count", "configmaps"],
        &expect![[r#"
            apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"} 1
            apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 1
            apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 2
            apiserver_request_duration_seconds_count{component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1
        "#]],
    );
    check(
        &page,
        &["inflight"],
        &expect![[r##"
        # HELP apiserver_current_inflight_requests Requests that are being answered and will not take long, by whether they may change something.
        # TYPE apiserver_current_inflight_requests gauge
        apiserver_current_inflight_requests{request_kind="mutating"} 0
        apiserver_current_inflight_requests{request_kind="readOnly"} 1
    "##]],
    );
    check(
        &page,
        &["apiserver_storage_objects", "configmaps"],
        &expect![[r#"
            apiserver_storage_objects{resource="configmaps"} 1
        "#]],
    );
    check(
        &page,
        &["apiserver_storage_objects", "deployments"],
        &expect![[r#"
            apiserver_storage_objects{resource="deployments.apps"} 0
        "#]],
    );
    check(
        &page,
        &["kubernetes_build_info{"],
        &expect![[r#"
        kubernetes_build_info{git_version="v1.34.0+seatrial.0.1.0",major="1",minor="34"} 1
    "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_counted_while_it_lasts_and_when_it_ends() {
    let api = Api::start().await;
    let request = Request::builder().uri(format!("{PODS}?watch=1&timeoutSeconds=7"));
    let router = api.server.router().layer(Extension(Identity::admin()));
    let response = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let open = page(&api).await;
    check(
        &open,
        &["WATCH"],
        &expect![[r#"
        apiserver_longrunning_requests{component="apiserver",group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1"} 1
    "#]],
    );
    let body = response.into_body().collect().await.unwrap();
    assert!(body.to_bytes().is_empty());
    let closed = page(&api).await;
    check(
        &closed,
        &["WATCH", "total"],
        &expect![[r#"
        apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1"} 1
    "#]],
    );
    check(&closed, &["apiserver_longrunning_requests{"], &expect![""]);
}

/// Each look at it takes a tenth of a second.
struct Slow(Mutex<Timestamp>);

impl Clock for Slow {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock().unwrap();
        *now += jiff::SignedDuration::from_millis(100);
        *now
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_what_the_clock_says_and_others_add_their_figures() {
    struct Mine;
    impl Source for Mine {
        fn write(&self, page: &mut Page) {
            page.family(Family::Gauge, "seatrial_example", "An example.");
            page.sample(&[("a", "b")], 0.5);
        }
    }
    let clock = Arc::new(Slow(Mutex::new(Timestamp::UNIX_EPOCH)));
    let state = State::new(Store::memory(), clock, Random::seeded(7));
    let server = Server::start(state).await.unwrap();
    server.state().metrics.gather_from(Arc::new(Mine));
    let router = server.router().layer(Extension(Identity::admin()));
    let get = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    get("/healthz").await;
    let page = get(METRICS).await;
    check(
        &page,
        &["duration_seconds", "healthz"],
        &expect![[r#"
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.005"} 0
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.025"} 0
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.05"} 0
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.1"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.2"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.4"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.6"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="0.8"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="1"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="1.25"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="1.5"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="2"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="3"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="4"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="5"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="6"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="8"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="10"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="15"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="20"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="30"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="45"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="60"} 1
        apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="",le="+Inf"} 1
        apiserver_request_duration_seconds_sum{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version=""} 0.1
        apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version=""} 1
    "#]],
    );
    check(
        &page,
        &["seatrial_example"],
        &expect![[r##"
        # HELP seatrial_example An example.
        # TYPE seatrial_example gauge
        seatrial_example{a="b"} 0.5
    "##]],
    );
}

#[tokio::test(start_paused = true)]
async fn only_those_with_the_right_may_look() {
    let api = Api::start().await;
    let look = async |identity: Identity| {
        let router = api.server.router().layer(Extension(identity));
        let request = Request::builder().uri(METRICS).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or(json!({}));
        (
            code,
            body["message"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let refused = "forbidden: User \"jo\" cannot get path \"/metrics\"";
    let jo = look(Identity::user("jo", &["system:authenticated"])).await;
    assert_eq!(jo, (403, refused.to_owned()));
    let watcher = Identity::user("jo", &["system:authenticated", "system:monitoring"]);
    assert_eq!(look(watcher).await, (200, String::new()));
}
