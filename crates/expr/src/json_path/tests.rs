// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::expect;
use serde_json::json;

use super::*;

#[test]
fn paths_lead_to_values() {
    let root = json!({"kind": "List", "n": 3, "items": [
        {"metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}, "size": 1, "ready": true},
        {"metadata": {"name": "b"}, "size": 2},
        {"metadata": {"name": "c"}, "size": 3, "tags": ["p", "q"]}]});
    let paths = [
        ".kind",
        "{.kind}",
        "$.kind",
        "kind",
        ".items[0].metadata.name",
        ".items[-1].metadata.name",
        ".items[*].metadata.name",
        ".items[0:2].size",
        ".items[::2].size",
        ".items[0,2].size",
        ".items[9].size",
        ".items[*].metadata.labels['app.kubernetes.io/name']",
        ".items[0].metadata.labels.app\\.kubernetes\\.io/name",
        ".items[?(@.size>1)].metadata.name",
        ".items[?(@.metadata.name==\"b\")].size",
        ".items[?(@.metadata.name!='b')].size",
        ".items[?(@.ready)].size",
        ".items[?(@.ready==true)].size",
        "..name",
        "..tags[0]",
        ".items[*].metadata['name']",
        ".missing.deep",
        "{.n}",
    ];
    let table: String = paths
        .iter()
        .map(|path| {
            format!(
                "{path} => {}\n",
                json!(Path::parse(path).unwrap().find(&root))
            )
        })
        .collect();
    expect![[r#"
        .kind => ["List"]
        {.kind} => ["List"]
        $.kind => ["List"]
        kind => ["List"]
        .items[0].metadata.name => ["a"]
        .items[-1].metadata.name => ["c"]
        .items[*].metadata.name => ["a","b","c"]
        .items[0:2].size => [1,2]
        .items[::2].size => [1,3]
        .items[0,2].size => [1,3]
        .items[9].size => []
        .items[*].metadata.labels['app.kubernetes.io/name'] => ["x"]
        .items[0].metadata.labels.app\.kubernetes\.io/name => ["x"]
        .items[?(@.size>1)].metadata.name => ["b","c"]
        .items[?(@.metadata.name=="b")].size => [2]
        .items[?(@.metadata.name!='b')].size => [1,3]
        .items[?(@.ready)].size => [1]
        .items[?(@.ready==true)].size => [1]
        ..name => ["a","b","c"]
        ..tags[0] => ["p"]
        .items[*].metadata['name'] => ["a","b","c"]
        .missing.deep => []
        {.n} => [3]
    "#]]
    .assert_eq(&table);
}

#[test]
fn the_root_is_a_path() {
    for text in ["", ".", "{}", "{.}", "$", "@"] {
        assert_eq!(
            Path::parse(text).unwrap().find(&json!(1)),
            [&json!(1)],
            "{text}"
        );
    }
}

#[test]
fn malformed_paths_are_told_by_position() {
    let paths = [
        "{.a",
        ".a[",
        ".a[x]",
        ".a['b]",
        ".a[?(@.b=c)]",
        ".a[?(@.b==c)]",
        ".a..",
        ".a b",
        ".a[0:1:0]",
        ".a[99999999999999999999]",
        "é}",
        "..[",
        ".a[?(@.b",
    ];
    let table: String = paths
        .iter()
        .map(|path| format!("{}\n", Path::parse(path).unwrap_err()))
        .collect();
    expect![[r#"
        unable to parse the path "{.a": at position 3: expected "}"
        unable to parse the path ".a[": at position 3: expected an index, a quoted name, * or a filter
        unable to parse the path ".a[x]": at position 3: expected an index, a quoted name, * or a filter
        unable to parse the path ".a['b]": at position 3: the quote is not closed
        unable to parse the path ".a[?(@.b=c)]": at position 8: expected ")]"
        unable to parse the path ".a[?(@.b==c)]": at position 10: "c" is no value; texts stand in quotes
        unable to parse the path ".a..": at position 4: a field's name is missing
        unable to parse the path ".a b": at position 2: unexpected ' '
        unable to parse the path ".a[0:1:0]": at position 8: the step of a slice must be positive
        unable to parse the path ".a[99999999999999999999]": at position 3: "99999999999999999999" is no index
        unable to parse the path "é}": at position 2: unexpected '}'
        unable to parse the path "..[": at position 3: expected an index, a quoted name, * or a filter
        unable to parse the path ".a[?(@.b": at position 8: expected ")]"
    "#]].assert_eq(&table);
}

#[test]
fn large_and_deep_paths_are_refused() {
    assert!(Path::parse(&".a".repeat(5000)).is_err());
    assert!(Path::parse(&".a[?(@".repeat(5000)).is_err());
}

#[test]
fn a_path_says_where_everything_lies_that_it_can_reach() {
    let cases = [
        (".status.phase", "status phase"),
        (
            ".status.conditions[?(@.type==\"Ready\")].status",
            "status conditions",
        ),
        (".metadata.labels['a.b/c']", "metadata labels a.b/c"),
        (".spec..name", "spec"),
        ("..name", ""),
        ("[*].name", ""),
    ];
    for (path, expected) in cases {
        let path = Path::parse(path).unwrap();
        let fields: Vec<&str> = path.beginning().collect();
        assert_eq!(fields.join(" "), expected);
    }
}
