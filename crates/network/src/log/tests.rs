use expect_test::expect;

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
    expect![[]].assert_eq(&log.render());
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
    expect![[]].assert_debug_eq(&lines);
}

#[test]
fn made_up_methods_share_one_label() {
    assert_eq!(method_label(&http::Method::PATCH), "PATCH");
    assert_eq!(
        method_label(&http::Method::from_bytes(b"BREW").unwrap()),
        "OTHER"
    );
}
