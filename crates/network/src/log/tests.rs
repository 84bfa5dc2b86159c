#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Snapshots are written so.

use expect_test::expect;

use std::time::Duration;

use super::state::MOST_SERIES;
use super::*;

fn record(version: &str, status: u16, milliseconds: u64) -> RequestRecord {
    RequestRecord {
        namespace: "production".into(),
        service: "shop".into(),
        destination: "shop-canary".into(),
        version: version.into(),
        pod: "shop-1".into(),
        route: "primary".into(),
        host: "".into(),
        method: "GET",
        status,
        duration: Duration::from_millis(milliseconds),
    }
}

#[test]
fn requests_are_rendered_for_prometheus() {
    let log = RequestLog::new();
    log.record(&record("1\"x", 200, 5));
    log.record(&record("1\"x", 200, 6));
    log.record(&record("1\"x", 503, 20_000));
    let _under_way = log.in_flight(&"production".into(), &"shop".into());
    log.unsent(&record("1", 0, 0), &"shop-1".into(), Unsent::Connect);
    expect![[r##"
        # HELP http_requests_total Requests carried by the gateway, by outcome.
        # TYPE http_requests_total counter
        http_requests_total{service="shop",namespace="production",destination="shop-canary",version="1\"x",status="200",method="GET",pod="shop-1",route="primary"} 2
        http_requests_total{service="shop",namespace="production",destination="shop-canary",version="1\"x",status="503",method="GET",pod="shop-1",route="primary"} 1
        # HELP http_request_duration_seconds Time from a request's head to the end of its response.
        # TYPE http_request_duration_seconds histogram
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.005"} 1
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.01"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.025"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.05"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.1"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.25"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="0.5"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="1"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="2.5"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="5"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="10"} 2
        http_request_duration_seconds_bucket{service="shop",namespace="production",destination="shop-canary",version="1\"x",le="+Inf"} 3
        http_request_duration_seconds_sum{service="shop",namespace="production",destination="shop-canary",version="1\"x"} 20.011
        http_request_duration_seconds_count{service="shop",namespace="production",destination="shop-canary",version="1\"x"} 3
        # HELP http_requests_in_flight Requests now under way.
        # TYPE http_requests_in_flight gauge
        http_requests_in_flight{service="shop",namespace="production"} 1
        # HELP gateway_unsent_attempts_total Attempts that were repeated because the request had not taken effect.
        # TYPE gateway_unsent_attempts_total counter
        gateway_unsent_attempts_total{service="shop",namespace="production",pod="shop-1",reason="connect"} 1
        # HELP network_connections_total Connections of pods, and to Services on the machine's loopback, by outcome.
        # TYPE network_connections_total counter
        # HELP network_connection_bytes_total Bytes that such connections carried.
        # TYPE network_connection_bytes_total counter
    "##]].assert_eq(&log.render());
}

#[test]
fn totals_are_per_version_and_class() {
    let log = RequestLog::new();
    for (version, status) in [("1", 200), ("1", 204), ("2", 500), ("2", 503), ("2", 200)] {
        log.record(&record(version, status, 1));
    }
    let lines: Vec<String> = log
        .totals()
        .iter()
        .map(|total| {
            format!(
                "{}/{} {} {:?} {}",
                total.namespace, total.service, total.version, total.class, total.count
            )
        })
        .collect();
    expect![[r#"
        [
            "production/shop 1 Success 2",
            "production/shop 2 Success 1",
            "production/shop 2 ServerError 2",
        ]
    "#]]
    .assert_debug_eq(&lines);
}

#[test]
fn made_up_methods_share_one_label() {
    assert_eq!(method_label(&http::Method::PATCH), "PATCH");
    assert_eq!(
        method_label(&http::Method::from_bytes(b"BREW").unwrap()),
        "OTHER"
    );
}

#[test]
fn series_of_pods_long_gone_make_room_and_totals_stay() {
    let log = RequestLog::new();
    let pods = MOST_SERIES as u64 + 100;
    for pod in 0..pods {
        let record = RequestRecord {
            pod: format!("pod-{pod}").into(),
            ..record("1", 200, 1)
        };
        log.record(&record);
    }
    let text = log.render();
    assert!(!text.contains("pod=\"pod-0\"") && text.contains(&format!("pod=\"pod-{}\"", pods - 1)));
    assert_eq!(log.totals()[0].count, pods);
}

#[test]
fn connections_are_counted_by_their_ends_and_outcome() {
    let log = RequestLog::new();
    let mut record = ConnectionRecord::new(Carrier::Tcp, "shop", "client");
    record.asked("shop", "db");
    record.pod = "db-0".into();
    (record.sent, record.received) = (5, 7);
    for _ in 0..2 {
        drop(Noted::new(&log, record.clone()));
    }
    let mut refused = ConnectionRecord::new(Carrier::Udp, "", "");
    refused.outcome = Outcome::Denied;
    log.connection(&refused);
    let text = log.render();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("network_"))
        .collect();
    expect![[r#"
        [
            "network_connections_total{protocol=\"UDP\",outcome=\"denied\"} 1",
            "network_connections_total{service=\"db\",namespace=\"shop\",pod=\"db-0\",source=\"client\",source_namespace=\"shop\",protocol=\"TCP\",outcome=\"carried\"} 2",
            "network_connection_bytes_total{service=\"db\",namespace=\"shop\",pod=\"db-0\",source=\"client\",source_namespace=\"shop\",protocol=\"TCP\",outcome=\"carried\",direction=\"sent\"} 10",
            "network_connection_bytes_total{service=\"db\",namespace=\"shop\",pod=\"db-0\",source=\"client\",source_namespace=\"shop\",protocol=\"TCP\",outcome=\"carried\",direction=\"received\"} 14",
        ]
    "#]]
    .assert_debug_eq(&lines);
}
