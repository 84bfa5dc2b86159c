#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Snapshots are written so.

use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: Expect) {
    let shown = match parse(text) {
        Ok(page) => format!("{page:#?}\n"),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_page_is_read_with_types_labels_and_timestamps() {
    let text = "# HELP up Is it\\nup.\n# TYPE up gauge\n# a comment\nup 1\n\nrequests_total{path=\"/a\\\"b\\\\\", code=\"200\",} 12.5 1700000000123\nlatency_bucket{le=\"+Inf\"} +Inf # {trace=\"x\"} 1\n# EOF\n";
    check(
        text,
        expect![[r#"
        Page {
            samples: [
                PageSample {
                    labels: up,
                    value: 1.0,
                    timestamp: None,
                },
                PageSample {
                    labels: requests_total{code="200", path="/a\"b\\"},
                    value: 12.5,
                    timestamp: Some(
                        1700000000123,
                    ),
                },
                PageSample {
                    labels: latency_bucket{le="+Inf"},
                    value: inf,
                    timestamp: None,
                },
            ],
            metadata: {
                "up": Metadata {
                    kind: "gauge",
                    help: "Is it\nup.",
                    unit: "",
                },
            },
        }
    "#]],
    );
}

#[test]
fn errors_name_the_line() {
    check(
        "up 1\nup{a=\"b} 1",
        expect![[r#"
        line 2: the value of label a does not end: "up{a=\"b} 1"
    "#]],
    );
    check(
        "up",
        expect![[r#"
        line 1: the value is missing: "up"
    "#]],
    );
    check(
        "up one",
        expect![[r#"
        line 1: "one" is no number: "up one"
    "#]],
    );
    check(
        "9up 1",
        expect![[r#"
        line 1: "9up" is no metric name: "9up 1"
    "#]],
    );
    check(
        "up{a=\"1\",a=\"2\"} 1",
        expect![[r#"
        line 1: label a is given twice: "up{a=\"1\",a=\"2\"} 1"
    "#]],
    );
    check(
        "up 1 2 3",
        expect![[r#"
        line 1: "3" follows the sample: "up 1 2 3"
    "#]],
    );
    check(
        "# TYPE up speed",
        expect![[r##"
        line 1: "speed" is no type of metric: "# TYPE up speed"
    "##]],
    );
    check(
        "# EOF\nup 1",
        expect![[r#"
        line 2: nothing may follow # EOF: "up 1"
    "#]],
    );
}
