//! The gateway end to end, in memory: clients and pods are at the ends of in-process streams.

#![allow(clippy::needless_raw_string_hashes, clippy::unwrap_used)] // Snapshots are written so.

mod bench;

use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, Pod, shop};
use expect_test::expect;
use http::{Method, StatusCode};
use seatrial_network::{Drained, REASON_HEADER};

#[tokio::test(start_paused = true)]
async fn requests_reach_ready_pods_in_turn_and_are_counted() {
    let bench = Bench::new();
    bench.pods.serve("a", Pod::Answers("from a"));
    bench.pods.serve("b", Pod::Answers("from b"));
    bench.publish(&shop(&[("a", "True"), ("b", "True")]));
    let mut client = bench.client().await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (status, _, body) = client.send(Method::GET, "shop.production", "/", "").await;
        assert_eq!(status, StatusCode::OK);
        seen.push(body);
    }
    assert_eq!(seen, ["from a", "from b", "from a", "from b"]);
    assert_eq!(bench.pods.connections(), 2, "connections are kept");
    expect![[r#"
        production/shop 1.0 Success 4
    "#]]
    .assert_eq(&bench.totals());
}

#[tokio::test(start_paused = true)]
async fn no_ready_pod_is_explained() {
    let bench = Bench::new();
    bench.publish(&shop(&[("a", "False"), ("b", "False")]));
    let mut client = bench.client().await;
    let (status, headers, body) = client.send(Method::GET, "shop.production", "/", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers[REASON_HEADER], "NoReadyEndpoint");
    expect![[r#"
        no ready endpoint for service production/shop: 0 of 2 pods ready
          pod a: its readiness probe has not succeeded
          pod b: its readiness probe has not succeeded
    "#]]
    .assert_eq(&body);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_be_connected_is_passed_over() {
    let bench = Bench::new();
    bench.pods.serve("b", Pod::Answers("from b"));
    bench.publish(&shop(&[("a", "True"), ("b", "True")]));
    let mut client = bench.client().await;
    for _ in 0..4 {
        let (status, _, body) = client
            .send(Method::POST, "shop.production", "/", "order")
            .await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "from b"));
    }
    assert!(
        bench.log.render().contains("reason=\"connect\"} 4"),
        "{}",
        bench.log.render()
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_to_connect_to_is_a_bad_gateway() {
    let bench = Bench::new();
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    let (status, headers, body) = client.send(Method::GET, "shop.production", "/", "").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(headers[REASON_HEADER], "ConnectFailed");
    expect![[r#"
        no connection to a pod of service production/shop; the request was not sent:
          pod production/a port 8080: connection refused
    "#]]
    .assert_eq(&body);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_breaks_off_gets_no_second_post() {
    let bench = Bench::new();
    bench.pods.serve("a", Pod::BreaksOff);
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    let (status, headers, _) = client
        .send(Method::POST, "shop.production", "/", "order")
        .await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(headers[REASON_HEADER], "UpstreamClosed");
    assert_eq!(bench.pods.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_get_on_a_kept_connection_that_closes_is_sent_once_more() {
    let bench = Bench::new();
    bench.pods.serve("a", Pod::AnswersOnce("from a"));
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    for _ in 0..3 {
        let (status, _, body) = client.send(Method::GET, "shop.production", "/", "").await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "from a"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_routes_timeout_answers_for_a_slow_pod() {
    let bench = Bench::new();
    bench
        .pods
        .serve("a", Pod::Sleeps(Duration::from_mins(1), "late"));
    let mut snapshot = shop(&[("a", "True")]);
    snapshot.virtual_services = vec![bench::virtual_service(&serde_json::json!({
        "hosts": ["shop"],
        "http": [{"route": [{"destination": {"host": "shop"}}], "timeout": "500ms"}],
    }))];
    bench.publish(&snapshot);
    let mut client = bench.client().await;
    let (status, headers, _) = client.send(Method::GET, "shop.production", "/", "").await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(headers[REASON_HEADER], "UpstreamTimeout");
}

#[tokio::test(start_paused = true)]
async fn bodies_and_headers_pass_through() {
    let bench = Bench::new();
    bench.pods.serve("a", Pod::Echoes);
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    let long = "x".repeat(300_000);
    let (status, headers, body) = client
        .send(Method::POST, "shop.production", "/orders?id=1", &long)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body.len(), long.len());
    assert_eq!(headers["seen-path"], "/orders?id=1");
    assert_eq!(headers["seen-host"], "shop.production");
    assert_eq!(headers["seen-forwarded-for"], "127.0.0.1");
    assert!(!headers.contains_key("keep-alive"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_recorded_as_499() {
    let bench = Bench::new();
    bench
        .pods
        .serve("a", Pod::Sleeps(Duration::from_mins(1), "late"));
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    let sending = client.send(Method::GET, "shop.production", "/", "");
    assert!(
        tokio::time::timeout(Duration::from_secs(1), sending)
            .await
            .is_err()
    );
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    expect![[r#"
        production/shop 1.0 ClientError 1
    "#]]
    .assert_eq(&bench.totals());
}

#[tokio::test(start_paused = true)]
async fn a_protocol_change_connects_both_sides() {
    let bench = Bench::new();
    bench.pods.serve("a", Pod::Upgrades);
    bench.publish(&shop(&[("a", "True")]));
    let mut client = bench.client().await;
    let echoed = client.upgrade("shop.production", b"ping").await;
    assert_eq!(echoed, b"ping");
}

/// A hundred steady clients while every pod is replaced: no request fails.
#[tokio::test(start_paused = true)]
async fn a_rolling_update_loses_no_request() {
    let bench = Arc::new(Bench::new());
    let mut running = vec!["old-1", "old-2"];
    for name in ["old-1", "old-2", "new-1", "new-2"] {
        bench
            .pods
            .serve(name, Pod::Sleeps(Duration::from_millis(30), "ok"));
    }
    let publish = |pods: &[&str]| {
        let pods: Vec<(&str, &str)> = pods.iter().map(|name| (*name, "True")).collect();
        bench.publish(&shop(&pods));
    };
    publish(&running);
    let clients: Vec<_> = (0..100)
        .map(|number| {
            let bench = bench.clone();
            tokio::spawn(async move {
                let mut client = bench.client().await;
                for _ in 0..50 {
                    let method = if number % 2 == 0 {
                        Method::GET
                    } else {
                        Method::POST
                    };
                    let (status, _, body) = client.send(method, "shop.production", "/", "").await;
                    assert_eq!(status, StatusCode::OK, "{body}");
                    tokio::time::sleep(Duration::from_millis(7 + number % 5)).await;
                }
            })
        })
        .collect();
    for (old, new) in [("old-1", "new-1"), ("old-2", "new-2")] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // The node agent drains before the gateway's table has heard of either change.
        let agent = {
            let bench = bench.clone();
            tokio::spawn(async move {
                let drained = bench.drain(old, Duration::from_secs(10)).await;
                bench.pods.kill(old);
                drained
            })
        };
        tokio::time::sleep(Duration::from_millis(40)).await;
        running.push(new);
        publish(&running);
        running.retain(|name| *name != old);
        publish(&running);
        assert_eq!(agent.await.unwrap(), Drained::Empty);
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(bench.totals(), "production/shop 1.0 Success 5000\n");
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_is_cut() {
    let bench = Arc::new(Bench::new());
    bench
        .pods
        .serve("a", Pod::Sleeps(Duration::from_mins(1), "late"));
    bench.publish(&shop(&[("a", "True")]));
    let request = {
        let bench = bench.clone();
        tokio::spawn(async move {
            bench
                .client()
                .await
                .send(Method::GET, "shop.production", "/", "")
                .await
                .0
        })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.publish(&shop(&[]));
    let drained = bench.drain("a", Duration::from_secs(5)).await;
    assert_eq!(drained, Drained::Cut { in_flight: 1 });
    assert_eq!(
        request.await.unwrap(),
        StatusCode::OK,
        "the request may still finish"
    );
}
