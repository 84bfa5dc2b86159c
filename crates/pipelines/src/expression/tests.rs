//! Tables of expressions and what they come to.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Expression, Scope, Status, Template};
use crate::workflow::Position;

fn contexts() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        (
            "github",
            json!({"ref": "refs/heads/main", "event": {"commits": [{"id": 1}, {"id": 2}]}}),
        ),
        ("env", json!({"REGISTRY": "ghcr.io", "EMPTY": ""})),
        ("matrix", json!({"os": "linux", "versions": [3, 4.5]})),
        (
            "needs",
            json!({"a": {"result": "success"}, "b": {"result": "failure"}}),
        ),
        ("steps", json!({"meta": {"outputs": {"image-tag": "x:1"}}})),
    ])
}

fn evaluate(source: &str, status: Status) -> String {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status,
        files: None,
    };
    match Expression::parse(source).and_then(|expression| expression.evaluate(&scope)) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

fn check(rows: &[&str], expected: &Expect) {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{row}  ⇒  {}\n",
                evaluate(row, Status::Success).replace('\n', "")
            )
        })
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn literals_contexts_and_operators() {
    check(
        &[
            "null",
            "true",
            "42",
            "-1.5",
            "0xff",
            "0o17",
            "1e3",
            "'it''s'",
            "NaN == NaN",
            "github.ref",
            "GitHub.REF",
            "github['ref']",
            "github.nothing.at.all",
            "env.REGISTRY",
            "steps.meta.outputs.image-tag",
            "matrix.versions[1]",
            "matrix.versions[9]",
            "github.event.commits.*.id",
            "needs.*.result",
            "github.event.*.*.id",
            "1 == '1'",
            "'a' == 'A'",
            "null == 0",
            "true == 1",
            "'' == 0",
            "'x' == 0",
            "'abc' < 'abd'",
            "2 < 10",
            "'2' < 10",
            "'x' < 10",
            "matrix == matrix",
            "!env.EMPTY",
            "!!'x'",
            "env.EMPTY || 'default'",
            "'a' && 'b'",
            "false && 'b'",
            "true || false && false",
            "(true || false) && false",
            "!true == false",
            "1 < 2 == true",
        ],
        &expect![[r#"
            null  ⇒  null
            true  ⇒  true
            42  ⇒  42
            -1.5  ⇒  -1.5
            0xff  ⇒  255
            0o17  ⇒  15
            1e3  ⇒  1000
            'it''s'  ⇒  "it's"
            NaN == NaN  ⇒  false
            github.ref  ⇒  "refs/heads/main"
            GitHub.REF  ⇒  "refs/heads/main"
            github['ref']  ⇒  "refs/heads/main"
            github.nothing.at.all  ⇒  null
            env.REGISTRY  ⇒  "ghcr.io"
            steps.meta.outputs.image-tag  ⇒  "x:1"
            matrix.versions[1]  ⇒  4.5
            matrix.versions[9]  ⇒  null
            github.event.commits.*.id  ⇒  [1,2]
            needs.*.result  ⇒  ["success","failure"]
            github.event.*.*.id  ⇒  [1,2]
            1 == '1'  ⇒  true
            'a' == 'A'  ⇒  true
            null == 0  ⇒  true
            true == 1  ⇒  true
            '' == 0  ⇒  true
            'x' == 0  ⇒  false
            'abc' < 'abd'  ⇒  true
            2 < 10  ⇒  true
            '2' < 10  ⇒  true
            'x' < 10  ⇒  false
            matrix == matrix  ⇒  false
            !env.EMPTY  ⇒  true
            !!'x'  ⇒  true
            env.EMPTY || 'default'  ⇒  "default"
            'a' && 'b'  ⇒  "b"
            false && 'b'  ⇒  false
            true || false && false  ⇒  true
            (true || false) && false  ⇒  false
            !true == false  ⇒  true
            1 < 2 == true  ⇒  true
        "#]],
    );
}

#[test]
fn functions() {
    check(
        &[
            "contains('Hello world', 'WORLD')",
            "contains(needs.*.result, 'failure')",
            "contains(fromJSON('[1, 2]'), '2')",
            "startsWith(github.ref, 'refs/HEADS/')",
            "endsWith('a.rs', '.rs')",
            "format('{0}-{1} {{x}}', 'a', 2)",
            "format('{1}', 'a')",
            "join(matrix.versions, '+')",
            "join(needs.*.result)",
            "toJSON(matrix.versions)",
            "fromJSON('{\"a\": [true]}').a[0]",
            "fromJSON('nope')",
            "success()",
            "failure()",
            "always()",
            "cancelled()",
            "hashFiles('x')",
        ],
        &expect![[r#"
            contains('Hello world', 'WORLD')  ⇒  true
            contains(needs.*.result, 'failure')  ⇒  true
            contains(fromJSON('[1, 2]'), '2')  ⇒  true
            startsWith(github.ref, 'refs/HEADS/')  ⇒  true
            endsWith('a.rs', '.rs')  ⇒  true
            format('{0}-{1} {{x}}', 'a', 2)  ⇒  "a-2 {x}"
            format('{1}', 'a')  ⇒  error: format: `{1}` names no argument of '{1}': 1 given (in `format('{1}', 'a')`)
            join(matrix.versions, '+')  ⇒  "3+4.5"
            join(needs.*.result)  ⇒  "success,failure"
            toJSON(matrix.versions)  ⇒  "[\n  3,\n  4.5\n]"
            fromJSON('{"a": [true]}').a[0]  ⇒  true
            fromJSON('nope')  ⇒  error: fromJSON: 'nope' is no JSON: expected ident at line 1 column 2 (in `fromJSON('nope')`)
            success()  ⇒  true
            failure()  ⇒  false
            always()  ⇒  true
            cancelled()  ⇒  false
            hashFiles('x')  ⇒  error: hashFiles: there is no workspace here: use it in a step (in `hashFiles('x')`)
        "#]],
    );
}

#[test]
fn errors_name_the_place() {
    check(
        &[
            "githb.ref",
            "github.",
            "github.ref ==",
            "(1",
            "'open",
            "a b",
            "github.ref = 'x'",
            "\"x\"",
            "contians('a', 'b')",
            "contains('a')",
            "success(1)",
            "1.2.3",
            "",
            "github ref",
        ],
        &expect![[r#"
            githb.ref  ⇒  error: there is no context `githb`, did you mean `github`? (character 1 of `githb.ref`)
            github.  ⇒  error: expected a name or `*` after `.` at character 8 of `github.`
            github.ref ==  ⇒  error: expected a value, found the end at character 14 of `github.ref ==`
            (1  ⇒  error: expected `)`, found the end at character 3 of `(1`
            'open  ⇒  error: a string that is not closed at character 1 of `'open`
            a b  ⇒  error: there is no context `a`; there are github, env, vars, secrets, needs, steps, job, matrix, strategy, runner, inputs (character 1 of `a b`)
            github.ref = 'x'  ⇒  error: `=` is no operator: use `==` at character 12 of `github.ref = 'x'`
            "x"  ⇒  error: strings are written in single quotes: found a double quote at character 1 of `"x"`
            contians('a', 'b')  ⇒  error: there is no function `contians`, did you mean `contains`? (character 1 of `contians('a', 'b')`)
            contains('a')  ⇒  error: `contains` takes 2 arguments, not 1 (character 1 of `contains('a')`)
            success(1)  ⇒  error: `success` takes no arguments, not 1 (character 1 of `success(1)`)
            1.2.3  ⇒  error: `1.2.3` is no number at character 1 of `1.2.3`
              ⇒  error: expected a value, found the end at character 1 of ``
            github ref  ⇒  error: unexpected `ref` at character 8 of `github ref`
        "#]],
    );
}

#[test]
fn a_condition_without_a_status_check_implies_success() {
    let contexts = contexts();
    let holds = |source: &str, status| {
        let template = Template::condition(source, Position::default()).unwrap();
        template
            .holds(&Scope {
                contexts: &contexts,
                status,
                files: None,
            })
            .unwrap()
    };
    let table = [
        ("true", Status::Success, true),
        ("true", Status::Failure, false),
        ("true", Status::Skipped, false),
        ("${{ true }}", Status::Failure, false),
        ("always()", Status::Failure, true),
        ("always()", Status::Cancelled, true),
        ("failure()", Status::Failure, true),
        ("failure()", Status::Success, false),
        ("!cancelled()", Status::Failure, true),
        ("failure() || true", Status::Success, true),
        ("github.ref == 'refs/heads/main'", Status::Success, true),
        ("github.ref == 'refs/heads/develop'", Status::Success, false),
        ("${{ github.ref }} == 'x'", Status::Success, true),
    ];
    for (source, status, expected) in table {
        assert_eq!(holds(source, status), expected, "{source} with {status:?}");
    }
}

#[test]
fn a_template_keeps_the_type_of_a_lone_expression() {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: Status::Success,
        files: None,
    };
    let value = |source: &str| {
        Template::parse(source, Position::default())
            .unwrap()
            .value(&scope)
            .unwrap()
    };
    assert_eq!(value("${{ matrix.versions }}"), json!([3, 4.5]));
    assert_eq!(value("v${{ matrix.versions[0] }}!"), json!("v3!"));
    assert_eq!(value("${{ '}}' }}x"), json!("}}x"));
    assert_eq!(value("plain"), json!("plain"));
    assert!(Template::parse("a ${{ b", Position::default()).is_err());
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Expression::parse(&deep).is_err());
    let nots = format!("{}1", "!".repeat(10_000));
    assert!(Expression::parse(&nots).is_err());
}
