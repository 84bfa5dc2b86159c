// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::expect;

use super::*;

#[test]
fn duplicates_are_told_by_path_and_the_last_wins() {
    let text = br#"{"a": {"b": 1, "b": 2}, "l": [{"c": 1}, {"c": 1, "c": 3}]}"#;
    for document in [json(text).unwrap(), yaml(text).unwrap()] {
        assert_eq!(document.duplicates, ["a.b", "l[1].c"]);
        assert_eq!(document.value["a"]["b"], 2);
    }
    let document = yaml(b"spec:\n  replicas: 1\n  replicas: 2\n  1: x\n").unwrap();
    assert_eq!(document.duplicates, ["spec.replicas"]);
    assert_eq!(document.value["spec"]["1"], "x");
}

#[test]
fn scalars_keep_their_types() {
    let document =
        yaml(b"a: 1\nb: '1'\nc: true\nd: 1.5\ne: ~\nf: x\ng: 0644\nh: |\n  t\n").unwrap();
    expect![[r#"{"a":1,"b":"1","c":true,"d":1.5,"e":null,"f":"x","g":420,"h":"t\n"}"#]]
        .assert_eq(&document.value.to_string());
}

#[test]
fn documents_are_split_and_empty_ones_left_out() {
    let documents = yaml_documents(b"---\na: 1\n---\n# nothing\n---\nb: 2\n").unwrap();
    let values: Vec<String> = documents.iter().map(|one| one.value.to_string()).collect();
    assert_eq!(values, [r#"{"a":1}"#, r#"{"b":2}"#]);
}

#[test]
fn errors_say_where() {
    let error = |result: Result<Document, Error>| result.unwrap_err().to_string();
    expect!["malformed JSON at line 2, column 3: key must be a string"]
        .assert_eq(&error(json(b"{\n  a: 1}")));
    expect!["malformed YAML at line 2, column 3: mapping values are not allowed in this context"]
        .assert_eq(&error(yaml(b"a: 1\n b: 2\n")));
    expect!["malformed YAML at line 2, column 2: illegal placement of ':' indicator"]
        .assert_eq(&error(yaml(b"a: [1, 2\nb: 2\n")));
    expect!["the text is not UTF-8: byte 0 is not a part of a letter"]
        .assert_eq(&error(yaml(b"\xff")));
    assert!(json(b"").is_err());
    assert!(json("[".repeat(5000).as_bytes()).is_err());
    assert!(yaml("[".repeat(5000).as_bytes()).is_err());
    assert!(yaml("a: &x [*x]".as_bytes()).is_err());
}

#[test]
fn the_line_of_a_repeated_field_is_known() {
    assert_eq!(
        super::repeated_line(b"a:\n  b: 1\n  c: 2\n  b: 3\n"),
        Some(4)
    );
    assert_eq!(super::repeated_line(b"\na: 1\na: 2\n"), Some(3));
    assert_eq!(super::repeated_line(b"a: 1\n"), None);
}
