use super::*;

fn labels(name: &str, job: &str) -> Labels {
    Labels::new([("__name__", name), ("job", job)])
}

fn metric(name: &str) -> Vec<Matcher> {
    vec![Matcher::equal("__name__", name)]
}

#[test]
fn samples_come_back_as_they_went_in() {
    let store = Store::default();
    let values = [
        0.0,
        1.0,
        1.0,
        -3.75,
        f64::INFINITY,
        1e300,
        f64::from_bits(STALE_BITS),
        0.1,
    ];
    let mut time = 1_700_000_000_000;
    let mut expected = Vec::new();
    for round in 0..100 {
        for value in values {
            store.append(&labels("m", "a"), time, value).unwrap();
            expected.push((time, value.to_bits()));
            time += 1000 + (round % 7) * 13;
        }
    }
    let series = store.select(&metric("m"), 0, i64::MAX);
    let found: Vec<(i64, u64)> = series[0]
        .points
        .iter()
        .map(|point| (point.time, point.value.to_bits()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_regular_counter_costs_few_bytes() {
    let store = Store::default();
    for second in 0..7200 {
        store
            .append(&labels("m", "a"), second * 1000, (second * 37) as f64)
            .unwrap();
    }
    let sizes = store.sizes();
    let each = sizes.bytes as f64 / sizes.samples as f64;
    assert!(each < 6.0, "{each} bytes per sample");
}

#[test]
fn old_samples_are_refused_and_repeated_ones_ignored() {
    let store = Store::default();
    store.append(&labels("m", "a"), 10, 1.0).unwrap();
    store.append(&labels("m", "a"), 10, 1.0).unwrap();
    assert!(matches!(
        store.append(&labels("m", "a"), 10, 2.0),
        Err(Error::Duplicate { .. })
    ));
    assert!(matches!(
        store.append(&labels("m", "a"), 9, 1.0),
        Err(Error::OutOfOrder { .. })
    ));
    assert_eq!(store.sizes().samples, 1);
}

#[test]
fn what_is_older_than_the_window_goes() {
    let store = Store::new(Limits {
        window: Duration::from_mins(10),
        ..Limits::default()
    });
    for second in 0..3600 {
        store.append(&labels("m", "a"), second * 1000, 1.0).unwrap();
    }
    store.append(&labels("gone", "a"), 0, 1.0).unwrap();
    store.expire(3_600_000);
    assert_eq!(store.sizes().series, 1);
    let samples = store.sizes().samples;
    assert!(
        (600..=720).contains(&samples),
        "{samples}: whole chunks of 120 go"
    );
}

#[test]
fn the_bound_on_samples_shortens_the_window() {
    let store = Store::new(Limits {
        samples: 1000,
        ..Limits::default()
    });
    for second in 0..7200 {
        store.append(&labels("m", "a"), second * 1000, 1.0).unwrap();
    }
    store.expire(7_200_000);
    assert!(store.sizes().samples <= 1000);
    assert!(store.sizes().samples > 300);
}

#[test]
fn too_many_series_are_refused_by_name() {
    let store = Store::new(Limits {
        series: 1,
        ..Limits::default()
    });
    store.append(&labels("m", "a"), 1, 1.0).unwrap();
    store.append(&labels("m", "a"), 2, 1.0).unwrap();
    let error = store.append(&labels("m", "b"), 1, 1.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "series m{job=\"b\"} is not taken: 1 series are kept already"
    );
}

#[test]
fn selection_is_by_label_and_time() {
    let store = Store::default();
    for (name, job) in [("m", "a"), ("m", "b"), ("n", "a")] {
        store.append(&labels(name, job), 1000, 1.0).unwrap();
    }
    assert_eq!(
        store.select(&[Matcher::equal("job", "a")], 0, 2000).len(),
        2
    );
    assert_eq!(store.select(&metric("m"), 0, 2000).len(), 2);
    assert_eq!(store.select(&metric("m"), 0, 999).len(), 0);
    assert_eq!(
        store
            .values("job", &metric("m"), 0, 2000)
            .into_iter()
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
}
