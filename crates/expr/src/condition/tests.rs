// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::expect;
use serde_json::json;

use super::*;

fn value(text: &str, result: &Value) -> String {
    match Condition::parse(text).and_then(|condition| condition.evaluate(result)) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

fn table(result: &Value, texts: &[&str]) -> String {
    texts
        .iter()
        .map(|text| format!("{text} => {}\n", value(text, result)))
        .collect()
}

#[test]
fn conditions_of_vectors() {
    let texts = [
        "result[0] >= 0.95",
        "result[0] >= 0.95 && result[1] < 1",
        "len(result) == 0 || result[0] < 0.05",
        "all(result, # > 0.1)",
        "all(result, {# > 0.1})",
        "any(result, # < 0.1)",
        "filter(result, # > 0.5)",
        "map(result, # * 2)",
        "count(result, # > 1)",
        "result[5] > 1",
        "result[-1]",
        "result[1:]",
        "isNaN(result[0]) ? 'empty' : 'full'",
        "0.5 in result",
        "2 not in result",
        "max(result) - min(result)",
        "sum(result) / len(result)",
        "result == [0.99, 0.5]",
    ];
    expect![[r#"
        result[0] >= 0.95 => true
        result[0] >= 0.95 && result[1] < 1 => true
        len(result) == 0 || result[0] < 0.05 => false
        all(result, # > 0.1) => true
        all(result, {# > 0.1}) => true
        any(result, # < 0.1) => false
        filter(result, # > 0.5) => [0.99]
        map(result, # * 2) => [1.98,1]
        count(result, # > 1) => 0
        result[5] > 1 => error: at position 6: index out of range: 5 (array length is 2)
        result[-1] => 0.5
        result[1:] => [0.5]
        isNaN(result[0]) ? 'empty' : 'full' => full
        0.5 in result => true
        2 not in result => true
        max(result) - min(result) => 0.49
        sum(result) / len(result) => 0.745
        result == [0.99, 0.5] => true
    "#]]
    .assert_eq(&table(&Value::from(vec![0.99, 0.5]), &texts));
}

#[test]
fn conditions_of_documents() {
    let result = Value::from(
        json!({"ok": true, "data": {"code": 200, "items": [{"n": 1}, {"n": 2}]}, "s": "12"}),
    );
    let texts = [
        "result.ok",
        "result.data.code == 200 and not (result.data.code > 299)",
        "all(result.data.items, .n > 0)",
        "result.data.items[1].n",
        "result.missing == nil",
        "result.missing?.deep ?? 'none'",
        "result.missing.deep",
        "default(result.missing, 7)",
        "asInt(result.s) + 1",
        "asFloat(result.s) / 5",
        "asInt(result.data)",
        "result.s startsWith '1' && result.s matches '^[0-9]+$'",
        "\"s\" in result",
        "'a' + \"b\"",
        "result['data']['code'] % 7",
    ];
    expect![[r#"
        result.ok => true
        result.data.code == 200 and not (result.data.code > 299) => true
        all(result.data.items, .n > 0) => true
        result.data.items[1].n => 2
        result.missing == nil => true
        result.missing?.deep ?? 'none' => none
        result.missing.deep => error: at position 14: cannot take the field "deep" of nil
        default(result.missing, 7) => 7
        asInt(result.s) + 1 => 13
        asFloat(result.s) / 5 => 2.4
        asInt(result.data) => error: at position 0: asInt cannot take map
        result.s startsWith '1' && result.s matches '^[0-9]+$' => true
        "s" in result => true
        'a' + "b" => ab
        result['data']['code'] % 7 => 4
    "#]]
    .assert_eq(&table(&result, &texts));
}

#[test]
fn precedence_is_as_in_expr() {
    let texts = [
        "1 + 2 * 3",
        "(1 + 2) * 3",
        "2 ** 3 ** 2",
        "-2 ** 2",
        "7 / 2",
        "7 % 4",
        "1 % 0",
        "1 / 0",
        "10 - 2 - 3",
        "true || false && false",
        "not false == true",
        "1 < 2 ? 'yes' : 'no'",
        "1..3",
        "1 == 1.0",
        "nil ?? 1 + 1",
        "!true",
        "1 + 'a'",
        "\"a\" < \"b\"",
    ];
    expect![[r#"
        1 + 2 * 3 => 7
        (1 + 2) * 3 => 9
        2 ** 3 ** 2 => 512
        -2 ** 2 => -4
        7 / 2 => 3.5
        7 % 4 => 3
        1 % 0 => error: at position 2: integer divide by zero
        1 / 0 => +Inf
        10 - 2 - 3 => 5
        true || false && false => true
        not false == true => true
        1 < 2 ? 'yes' : 'no' => yes
        1..3 => [1,2,3]
        1 == 1.0 => true
        nil ?? 1 + 1 => 2
        !true => false
        1 + 'a' => error: at position 2: invalid operation: + (mismatched types int and string)
        "a" < "b" => true
    "#]]
    .assert_eq(&table(&Value::Nil, &texts));
}

#[test]
fn malformed_conditions_are_told_by_position() {
    let texts = [
        "",
        "result[0",
        "result[0] >=",
        "result[0] = 1",
        "result >= 0.95)",
        "latency < 1",
        "foo(1)",
        "len()",
        "'open",
        "1 ? 2",
        "# > 1",
        "1.2.3",
        "result.",
        "é€",
        "99999999999999999999",
    ];
    expect![[r##"
         => error: at position 0: unexpected the end
        result[0 => error: at position 8: unexpected the end, wanted "]"
        result[0] >= => error: at position 12: unexpected the end
        result[0] = 1 => error: at position 10: unexpected '='
        result >= 0.95) => error: at position 14: unexpected ")"
        latency < 1 => error: at position 0: unknown name "latency"; the measured value is `result`
        foo(1) => error: at position 0: unknown function "foo"; the measured value is `result`
        len() => error: at position 0: len takes [1] values, not 0
        'open => error: at position 0: the text is not closed
        1 ? 2 => error: at position 5: unexpected the end, wanted ":"
        # > 1 => error: at position 0: unexpected "#"
        1.2.3 => error: at position 3: unexpected 0.3
        result. => error: at position 7: unexpected the end
        é€ => error: at position 2: unexpected '€'
        99999999999999999999 => error: at position 0: "99999999999999999999" is no number
    "##]]
    .assert_eq(&table(&Value::Nil, &texts));
}

#[test]
fn only_true_and_false_decide() {
    let condition = Condition::parse("result[0]").unwrap();
    expect!["expected bool, but got float64"].assert_eq(
        &condition
            .holds(&Value::from(vec![1.0]))
            .unwrap_err()
            .to_string(),
    );
    let condition = Condition::parse("result[0] > 0").unwrap();
    assert_eq!(condition.holds(&Value::from(vec![f64::NAN])), Ok(false));
}

#[test]
fn large_and_deep_conditions_are_refused() {
    for text in [
        "(".repeat(5000),
        "!".repeat(5000),
        format!("1{}", "+1".repeat(5000)),
        "[".repeat(9000),
        "a".repeat(20_000),
        "result".to_owned() + &"[0]".repeat(2000),
    ] {
        assert!(Condition::parse(&text).is_err());
    }
    let heavy = "map(1..9999, map(1..9999, # * 2))";
    assert!(value(heavy, &Value::Nil).starts_with("error"));
}
