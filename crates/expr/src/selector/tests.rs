// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use std::collections::BTreeMap;

use expect_test::expect;
use serde_json::json;

use super::*;

fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn label_selectors_select_as_upstream() {
    let cases = [
        ("app=web", "app=web", true),
        ("app==web", "app=web", true),
        ("app = web , tier", "app=web,tier=1", true),
        ("app!=web", "app=web", false),
        ("app!=web", "", true),
        ("app in (web, api),tier", "app=api,tier=1", true),
        ("app in (web,api)", "", false),
        ("app notin (web,api)", "", true),
        ("app in ()", "app=", true),
        ("!app", "app=web", false),
        ("! app", "", true),
        ("example.com/size>3", "example.com/size=4", true),
        ("size<3", "size=4", false),
        ("size<3", "size=x", false),
        ("in=notin", "in=notin", true),
        ("app=", "app=", true),
        ("", "app=web", true),
        ("  ", "app=web", true),
    ];
    for (selector, set, expected) in cases {
        let parsed = Label::parse(selector).unwrap();
        assert_eq!(
            parsed.matches(&labels(set)),
            expected,
            "{selector:?} on {set:?}"
        );
        assert_eq!(
            Label::parse(&parsed.to_string()).unwrap(),
            parsed,
            "{selector:?}"
        );
    }
}

#[test]
fn malformed_label_selectors_are_told_by_position() {
    let texts = [
        "a in b",
        "a=(",
        "a b",
        "=b",
        "a in (b",
        "a>x",
        "!",
        "a,",
        ",a",
        "a=b c",
        "é=1",
        "a in (b))",
    ];
    let table: String = texts
        .iter()
        .map(|text| format!("{text:10} {}\n", Label::parse(text).unwrap_err()))
        .collect();
    expect![[r#"
        a in b     unable to parse the selector "a in b": at position 5: found 'b', expected '('
        a=(        unable to parse the selector "a=(": at position 2: found '(', expected ','
        a b        unable to parse the selector "a b": at position 2: found "b", expected one of =, ==, !=, in, notin, <, >
        =b         unable to parse the selector "=b": at position 0: found '=', expected a label's key
        a in (b    unable to parse the selector "a in (b": at position 7: found the end, expected ')'
        a>x        unable to parse the selector "a>x": at position 2: "x" is no integer
        !          unable to parse the selector "!": at position 1: found the end, expected a label's key
        a,         unable to parse the selector "a,": at position 2: a condition must follow the comma
        ,a         unable to parse the selector ",a": at position 0: found ',', expected a label's key
        a=b c      unable to parse the selector "a=b c": at position 4: found 'c', expected ','
        é=1        unable to parse the selector "é=1": at position 0: found 'é', expected a label's key
        a in (b))  unable to parse the selector "a in (b))": at position 8: found ')', expected ','
    "#]].assert_eq(&table);
}

#[test]
fn structured_selectors_are_read() {
    let selector = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
        {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "DoesNotExist"}]});
    expect!["a=b,c in (d,e),!f"].assert_eq(&Label::from_json(&selector).unwrap().to_string());
    assert!(Label::from_json(&json!({})).unwrap().matches(&labels("")));
    assert!(!Label::from_json(&json!(null)).unwrap().matches(&labels("")));
    let bad = |selector| Label::from_json(&selector).unwrap_err().to_string();
    expect!["matchExpressions[0].values: must be specified when `operator` is 'In' or 'NotIn'"]
        .assert_eq(&bad(
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
        ));
    expect![[r#"matchExpressions[0].operator: not a valid selector operator: "Near""#]].assert_eq(
        &bad(json!({"matchExpressions": [{"key": "a", "operator": "Near"}]})),
    );
    expect!["matchLabels[a]: must be a string"].assert_eq(&bad(json!({"matchLabels": {"a": 1}})));
}

#[test]
fn field_selectors_compare_text() {
    let find = |field: &str| {
        if field == "status.phase" {
            "Running"
        } else {
            ""
        }
    };
    let cases = [
        ("status.phase=Running", true),
        ("status.phase==Running,spec.nodeName!=a", true),
        ("status.phase!=Running", false),
        ("spec.nodeName=", true),
        ("", true),
        ("a=b\\,c", false),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Field::parse(text).unwrap().matches(find),
            expected,
            "{text}"
        );
    }
    let selector = Field::parse("metadata.name=a\\=b,x!=y").unwrap();
    assert_eq!(selector.pinned("metadata.name"), Some("a=b"));
    assert_eq!(selector.pinned("x"), None);
}

#[test]
fn malformed_field_selectors_are_told_by_position() {
    let texts = ["a", "=b", "a=b,c", "a=b=c", "a=\\x", "a!b"];
    let table: String = texts
        .iter()
        .map(|text| format!("{text:6} {}\n", Field::parse(text).unwrap_err()))
        .collect();
    expect![[r#"
        a      unable to parse the selector "a": at position 0: can't understand "a"; expected field=value
        =b     unable to parse the selector "=b": at position 0: a field must be named before the comparison
        a=b,c  unable to parse the selector "a=b,c": at position 4: can't understand "c"; expected field=value
        a=b=c  unable to parse the selector "a=b=c": at position 3: unescaped '=' in the value
        a=\x   unable to parse the selector "a=\\x": at position 2: invalid escape
        a!b    unable to parse the selector "a!b": at position 0: can't understand "a!b"; expected field=value
    "#]].assert_eq(&table);
}
