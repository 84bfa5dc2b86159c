//! What programs show of themselves, and what is asked about it.

use std::str::from_utf8;
use std::sync::LazyLock;

use seatrial_telemetry::promql::{self, Options};
use seatrial_telemetry::store::{Limits, Store};
use seatrial_telemetry::{Labels, exposition};

/// Ten series with a sample each quarter of a minute, for half an hour.
static STORE: LazyLock<Store> = LazyLock::new(|| {
    let store = Store::new(Limits::default());
    for series in 0..10 {
        let name = ["http_requests_total", "latency_seconds_bucket"][series % 2];
        let labels = Labels::new([
            ("__name__", name.to_owned()),
            ("job", format!("job-{}", series % 3)),
            ("instance", series.to_string()),
            ("le", ["0.1", "1", "+Inf"][series % 3].to_owned()),
        ]);
        for step in 0..120_i64 {
            let value = step as f64 * (series + 1) as f64;
            store.append(&labels, step * 15_000, value).unwrap();
        }
    }
    store
});

/// Queries, for one time and over ranges, each within a limit of work.
pub fn promql(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Err(error) = promql::parse(text) {
        let _ = error.to_string();
        return;
    }
    let options = Options {
        most_work: 2_000_000,
        ..Options::default()
    };
    for time in [0, 1_800_000, i64::MIN, i64::MAX] {
        let _ = promql::instant(&STORE, &options, text, time).map_err(|error| error.to_string());
    }
    for (range, step) in [
        ((0, 1_800_000), 60_000),
        ((i64::MIN, i64::MAX), 1),
        ((i64::MAX - 10, i64::MAX), 7),
    ] {
        let _ = promql::range(&STORE, &options, text, range, step);
    }
}

/// Pages of metrics.
pub fn exposition(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    match exposition::parse(text) {
        Ok(page) => {
            let store = Store::new(Limits {
                series: 100,
                ..Limits::default()
            });
            for sample in page.samples {
                let time = sample.timestamp.unwrap_or(1);
                let _ = store.append(&sample.labels, time, sample.value);
            }
            store.expire(i64::MAX / 2);
        }
        Err(error) => drop(error.to_string()),
    }
}
