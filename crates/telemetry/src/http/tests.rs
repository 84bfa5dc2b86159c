#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Snapshots are written so.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use expect_test::{Expect, expect};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use seatrial_clock::Clock;
use tower::ServiceExt as _;

use super::*;
use crate::{Labels, Limits};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1120).unwrap()
    }
}

fn telemetry() -> Telemetry {
    let telemetry = Telemetry::new(Arc::new(Fixed), Limits::default());
    for step in 0..=12 {
        let at = Timestamp::from_second(1000 + step * 10).unwrap();
        for (job, factor) in [("a", 1), ("b", 2)] {
            let labels = Labels::new([("__name__", "requests_total"), ("job", job)]);
            telemetry
                .append(&labels, at, (step * 10 * factor) as f64)
                .unwrap();
        }
    }
    telemetry
}

async fn check(method: Method, path: &str, form: &str, expected: Expect) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    let response = router(telemetry()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    expected.assert_eq(&format!("{status} {}\n", String::from_utf8_lossy(&body)));
}

async fn get(path: &str, expected: Expect) {
    check(Method::GET, path, "", expected).await;
}

#[tokio::test]
async fn instant_queries_answer_each_kind_of_value() {
    get(
        "/api/v1/query?query=requests_total&time=1100.5",
        expect![[r#"
            200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"requests_total","job":"a"},"value":[1100.5,"100"]},{"metric":{"__name__":"requests_total","job":"b"},"value":[1100.5,"200"]}]}}
        "#]],
    )
    .await;
    get(
        "/api/v1/query?query=rate(requests_total%5B1m%5D)",
        expect![[r#"
            200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1120,"1"]},{"metric":{"job":"b"},"value":[1120,"2"]}]}}
        "#]],
    )
    .await;
    get(
        "/api/v1/query?query=1%2F0",
        expect![[r#"
        200 {"status":"success","data":{"resultType":"scalar","result":[1120,"+Inf"]}}
    "#]],
    )
    .await;
    get(
        "/api/v1/query?query=%22text%22&time=1970-01-01T00:18:00Z",
        expect![[r#"
            200 {"status":"success","data":{"resultType":"string","result":[1080,"text"]}}
        "#]],
    )
    .await;
    get(
        "/api/v1/query?query=requests_total%7Bjob%3D%22a%22%7D%5B15s%5D",
        expect![[r#"
            200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","job":"a"},"values":[[1110,"110"],[1120,"120"]]}]}}
        "#]],
    )
    .await;
    get(
        "/api/v1/query?query=nothing",
        expect![[r#"
        200 {"status":"success","data":{"resultType":"vector","result":[]}}
    "#]],
    )
    .await;
}

#[tokio::test]
async fn forms_are_read_as_well() {
    let form = "query=sum(requests_total)&start=1100&end=1120&step=10s";
    check(Method::POST, "/api/v1/query_range", form, expect![[r#"
        200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1100,"300"],[1110,"330"],[1120,"360"]]}]}}
    "#]]).await;
}

#[tokio::test]
async fn wrong_requests_say_what_is_wrong_and_where() {
    get("/api/v1/query?query=sum(rate(x%5B5m%5D)", expect![[r#"
        400 {"error":"invalid parameter \"query\": 1:4: parse error: unclosed left parenthesis","errorType":"bad_data","status":"error"}
    "#]]).await;
    get("/api/v1/query", expect![[r#"
        400 {"error":"invalid parameter \"query\": it is missing","errorType":"bad_data","status":"error"}
    "#]]).await;
    get("/api/v1/query?query=x&time=noon", expect![[r#"
        400 {"error":"invalid parameter \"time\": cannot parse \"noon\" to a valid timestamp","errorType":"bad_data","status":"error"}
    "#]]).await;
    get(
        "/api/v1/query_range?query=x&start=0&end=1&step=soon",
        expect![[r#"
            400 {"error":"invalid parameter \"step\": cannot parse \"soon\" to a valid duration","errorType":"bad_data","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/query_range?query=x&start=0&end=1&step=0",
        expect![[r#"
            400 {"error":"invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer","errorType":"bad_data","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/query_range?query=x&start=2&end=1&step=1",
        expect![[r#"
            400 {"error":"invalid parameter \"end\": end timestamp must not be before start time","errorType":"bad_data","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/query_range?query=x&start=0&end=100000&step=1",
        expect![[r#"
            400 {"error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)","errorType":"bad_data","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/query_range?query=x%5B1m%5D&start=0&end=1&step=1",
        expect![[r#"
            400 {"error":"invalid expression type Matrix for range query, must be Scalar or instant Vector","errorType":"bad_data","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/query?query=requests_total%2Bon()requests_total",
        expect![[r#"
            422 {"error":"found duplicate series for the match group {} on the right hand-side of the operation: [requests_total{job=\"b\"}, requests_total{job=\"a\"}];many-to-many matching not allowed: matching labels must be unique on one side","errorType":"execution","status":"error"}
        "#]],
    )
    .await;
    get(
        "/api/v1/series",
        expect![[r#"
        400 {"error":"no match[] parameter provided","errorType":"bad_data","status":"error"}
    "#]],
    )
    .await;
    get("/api/v1/series?match%5B%5D=x%7B", expect![[r#"
        400 {"error":"invalid parameter \"match[]\": 1:2: parse error: unclosed left brace","errorType":"bad_data","status":"error"}
    "#]]).await;
    get(
        "/api/v1/label/a-b/values",
        expect![[r#"
        400 {"error":"invalid label name: \"a-b\"","errorType":"bad_data","status":"error"}
    "#]],
    )
    .await;
    get("/api/v1/rules", expect![[r#"
        404 {"error":"there is no page \"/api/v1/rules\"; queries go to /api/v1/query","errorType":"not_found","status":"error"}
    "#]]).await;
}

#[tokio::test]
async fn series_and_labels_are_listed() {
    get("/api/v1/series?match%5B%5D=requests_total", expect![[r#"
        200 {"status":"success","data":[{"__name__":"requests_total","job":"a"},{"__name__":"requests_total","job":"b"}]}
    "#]]).await;
    get(
        "/api/v1/labels",
        expect![[r#"
        200 {"status":"success","data":["__name__","job"]}
    "#]],
    )
    .await;
    get(
        "/api/v1/label/job/values?match%5B%5D=requests_total&limit=1",
        expect![[r#"
            200 {"status":"success","data":["a"]}
        "#]],
    )
    .await;
    get(
        "/api/v1/label/job/values?start=2000",
        expect![[r#"
        200 {"status":"success","data":[]}
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_server_describes_itself() {
    get(
        "/-/healthy",
        expect![[r#"
        200 Seatrial's metrics are healthy.

    "#]],
    )
    .await;
    get(
        "/api/v1/targets",
        expect![[r#"
        200 {"status":"success","data":{"activeTargets":[],"droppedTargets":[]}}
    "#]],
    )
    .await;
    get("/api/v1/status/buildinfo", expect![[r#"
        200 {"status":"success","data":{"branch":"","buildDate":"","buildUser":"","goVersion":"","revision":"seatrial-0.1.0","version":"3.0.0"}}
    "#]]).await;
}

#[tokio::test]
async fn the_servers_own_page_can_be_scraped() {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = router(telemetry()).oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let page = crate::exposition::parse(std::str::from_utf8(&body).unwrap()).unwrap();
    let samples = page
        .samples
        .iter()
        .find(|sample| sample.labels.metric() == "seatrial_telemetry_samples");
    assert!((samples.unwrap().value - 26.0).abs() < f64::EPSILON);
}
