#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Snapshots are written so.

use expect_test::expect;
use k8s_openapi::api::core::v1::Pod;
use seatrial_clock::Clock;
use serde_json::json;

use super::*;
use crate::Value;
use crate::store::Limits;

/// A clock over paused time.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + self.0.elapsed().as_millis() as i64).unwrap()
    }
}

struct Text(Result<&'static str, &'static str>, Duration);

#[async_trait]
impl Source for Text {
    async fn page(&self) -> Result<String, FetchError> {
        tokio::time::sleep(self.1).await;
        self.0.map(str::to_owned).map_err(Into::into)
    }
}

fn target(instance: &str, page: Result<&'static str, &'static str>) -> Target {
    Target {
        labels: Labels::new([("job", "test"), ("instance", instance)]),
        conflicts: Conflicts::TargetHolds,
        source: Arc::new(Text(page, Duration::ZERO)),
    }
}

fn scraper() -> Scraper {
    let clock = Arc::new(TestClock(Instant::now()));
    Scraper::new(Telemetry::new(clock, Limits::default()), Rhythm::default())
}

fn query(scraper: &Scraper, expr: &str) -> String {
    let telemetry = &scraper.telemetry;
    match telemetry.query(expr, telemetry.now()).unwrap() {
        Value::Vector(samples) => samples.iter().fold(String::new(), |text, sample| {
            text + &format!(
                "{} {}
",
                sample.labels, sample.value
            )
        }),
        other => format!("{other:?}\n"),
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_stored_with_the_targets_labels() {
    let mut scraper = scraper();
    let ok = target("a:1", Ok("x{job=\"own\",y=\"1\"} 5\n"));
    let honest = Target {
        conflicts: Conflicts::PageHolds,
        ..target("b:1", Ok("x{job=\"own\"} 6\n"))
    };
    let broken = target("c:1", Ok("x{ 5\n"));
    let down = target("d:1", Err("connection refused"));
    scraper.round(vec![down, broken, honest, ok]).await;
    expect![[r#"
        scrape_samples_scraped{instance="a:1", job="test"} 1
        scrape_samples_scraped{instance="b:1", job="test"} 1
        scrape_samples_scraped{instance="c:1", job="test"} 0
        scrape_samples_scraped{instance="d:1", job="test"} 0
        up{instance="a:1", job="test"} 1
        up{instance="b:1", job="test"} 1
        up{instance="c:1", job="test"} 0
        up{instance="d:1", job="test"} 0
        x{exported_job="own", instance="a:1", job="test", y="1"} 5
        x{instance="b:1", job="own"} 6
    "#]]
    .assert_eq(&query(
        &scraper,
        "{__name__=~\"x|up|scrape_samples_scraped\"}",
    ));
    let errors: Vec<String> = scraper
        .telemetry
        .targets()
        .into_iter()
        .filter_map(|status| status.result.err())
        .collect();
    expect![[r#"
        [
            "line 1: a label lacks its value or '}' is missing: \"x{ 5\"",
            "connection refused",
        ]
    "#]]
    .assert_debug_eq(&errors);
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_is_given_up() {
    let mut scraper = scraper();
    let source = Arc::new(Text(Ok("x 1\n"), Duration::from_mins(1)));
    scraper
        .round(vec![Target {
            source,
            ..target("a:1", Ok(""))
        }])
        .await;
    assert_eq!(
        query(&scraper, "up"),
        "up{instance=\"a:1\", job=\"test\"} 0\n"
    );
}

#[tokio::test(start_paused = true)]
async fn series_that_end_are_gone_at_once() {
    let mut scraper = scraper();
    scraper
        .round(vec![
            target("a:1", Ok("x 1\ny 1\n")),
            target("b:1", Ok("x 2\n")),
        ])
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    scraper.round(vec![target("a:1", Ok("x 1\n"))]).await;
    assert_eq!(query(&scraper, "y"), "");
    assert_eq!(
        query(&scraper, "x"),
        "x{instance=\"a:1\", job=\"test\"} 1\n"
    );
    assert_eq!(
        query(&scraper, "up"),
        "up{instance=\"a:1\", job=\"test\"} 1\n"
    );
}

#[test]
fn annotated_pods_are_targets() {
    let pod = |annotations: serde_json::Value| {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "web-1", "uid": "u1", "annotations": annotations, "labels": {"app.kubernetes.io/name": "web", "job": "mine"}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1"},
        }))
        .unwrap();
        Arc::new(pod)
    };
    let pods = [
        pod(json!({"prometheus.io/scrape": "true"})),
        pod(
            json!({"prometheus.io/scrape": "true", "prometheus.io/port": "9000", "prometheus.io/path": "/m"}),
        ),
        pod(json!({"prometheus.io/scrape": "false"})),
        pod(json!({"prometheus.io/scrape": "true", "prometheus.io/port": "none"})),
    ];
    let found: Vec<String> = pods
        .iter()
        .filter_map(|pod| pod_target(pod))
        .map(|target| {
            format!(
                "{} {}:{}{}",
                target.labels, target.ip, target.port, target.path
            )
        })
        .collect();
    expect![[r#"
        [
            "{app_kubernetes_io_name=\"web\", instance=\"10.0.0.1:8080\", job=\"kubernetes-pods\", namespace=\"shop\", node=\"node-1\", pod=\"web-1\"} 10.0.0.1:8080/metrics",
            "{app_kubernetes_io_name=\"web\", instance=\"10.0.0.1:9000\", job=\"kubernetes-pods\", namespace=\"shop\", node=\"node-1\", pod=\"web-1\"} 10.0.0.1:9000/m",
        ]
    "#]].assert_debug_eq(&found);
}

#[tokio::test(start_paused = true)]
async fn a_broken_page_ends_every_series_of_the_target() {
    let mut scraper = scraper();
    scraper.round(vec![target("a:1", Ok("x 1\n"))]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    scraper.round(vec![target("a:1", Ok("x 2\ny {\n"))]).await;
    assert_eq!(query(&scraper, "x"), "");
    assert_eq!(
        query(&scraper, "up"),
        "up{instance=\"a:1\", job=\"test\"} 0\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_series_written_in_another_way_goes_on() {
    let mut scraper = scraper();
    scraper
        .round(vec![target("a:1", Ok("x{a=\"1\",b=\"2\"} 1\n"))])
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    scraper
        .round(vec![target("a:1", Ok("x{b=\"2\",a=\"1\",} 2\n"))])
        .await;
    assert_eq!(
        query(&scraper, "x"),
        "x{a=\"1\", b=\"2\", instance=\"a:1\", job=\"test\"} 2\n"
    );
}
