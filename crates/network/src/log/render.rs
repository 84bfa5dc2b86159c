//! The log as Prometheus reads it.

use std::fmt::Write as _;

use super::connection::ConnectionKey;
use super::record::Unsent;
use super::state::{BUCKETS, CountKey, DurationKey, Histogram, State};

/// Label names and values, in the order they are written.
type Pairs<'a> = Vec<(&'static str, &'a str)>;

pub(super) fn render(state: &State) -> String {
    let mut page = Page(String::new());
    page.head(
        "http_requests_total",
        "counter",
        "Requests carried by the gateway, by outcome.",
    );
    for (key, count) in &state.counts {
        let status = key.status.to_string();
        page.sample(
            "http_requests_total",
            &count_labels(key, &status),
            count.value,
        );
    }
    let duration = "http_request_duration_seconds";
    page.head(
        duration,
        "histogram",
        "Time from a request's head to the end of its response.",
    );
    for (key, histogram) in &state.durations {
        page.histogram(duration, &duration_labels(key), histogram);
    }
    page.head(
        "http_requests_in_flight",
        "gauge",
        "Requests now under way.",
    );
    for ((namespace, service), count) in &state.in_flight {
        let labels = vec![("service", &**service), ("namespace", &**namespace)];
        page.sample("http_requests_in_flight", &labels, count);
    }
    let unsent = "gateway_unsent_attempts_total";
    page.head(
        unsent,
        "counter",
        "Attempts that were repeated because the request had not taken effect.",
    );
    for ((namespace, service, pod, why), count) in &state.unsent {
        let labels = vec![
            ("service", &**service),
            ("namespace", &**namespace),
            ("pod", &**pod),
            ("reason", unsent_label(*why)),
        ];
        page.sample(unsent, &labels, count.value);
    }
    connections(&mut page, state);
    page.0
}

fn connections(page: &mut Page, state: &State) {
    let total = "network_connections_total";
    page.head(
        total,
        "counter",
        "Connections of pods, and to Services on the machine's loopback, by outcome.",
    );
    for (key, count) in &state.connections {
        page.sample(total, &connection_labels(key), count.value);
    }
    let bytes = "network_connection_bytes_total";
    page.head(bytes, "counter", "Bytes that such connections carried.");
    for ((key, way), count) in &state.bytes {
        let mut labels = connection_labels(key);
        labels.push(("direction", way.label()));
        page.sample(bytes, &labels, count.value);
    }
}

fn connection_labels(key: &ConnectionKey) -> Pairs<'_> {
    vec![
        ("service", &key.service),
        ("namespace", &key.namespace),
        ("pod", &key.pod),
        ("source", &key.source),
        ("source_namespace", &key.source_namespace),
        ("protocol", key.protocol.label()),
        ("outcome", key.outcome.label()),
    ]
}

fn count_labels<'a>(key: &'a CountKey, status: &'a str) -> Pairs<'a> {
    vec![
        ("service", &key.service),
        ("namespace", &key.namespace),
        ("destination", &key.destination),
        ("version", &key.version),
        ("status", status),
        ("method", key.method),
        ("pod", &key.pod),
        ("route", &key.route),
        ("host", &key.host),
    ]
}

fn duration_labels(key: &DurationKey) -> Pairs<'_> {
    vec![
        ("service", &key.service),
        ("namespace", &key.namespace),
        ("destination", &key.destination),
        ("version", &key.version),
    ]
}

fn unsent_label(why: Unsent) -> &'static str {
    match why {
        Unsent::Connect => "connect",
        Unsent::StaleConnection => "stale_connection",
        Unsent::RepeatedSafely => "repeated_safely",
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &Pairs<'_>, value: impl std::fmt::Display) {
        self.0.push_str(name);
        let mut separator = '{';
        for (label, text) in labels.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(self.0, "{separator}{label}=\"{}\"", escape(text));
            separator = ',';
        }
        if separator == ',' {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn histogram(&mut self, name: &str, labels: &Pairs<'_>, histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        let mut cumulative = 0;
        for (index, count) in histogram.buckets.iter().enumerate() {
            cumulative += count;
            let bound = BUCKETS
                .get(index)
                .map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let mut labels = labels.clone();
            labels.push(("le", &bound));
            self.sample(&bucket, &labels, cumulative);
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum_seconds);
        self.sample(&format!("{name}_count"), labels, histogram.count);
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
