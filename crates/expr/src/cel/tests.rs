use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn evaluate(text: &str) -> String {
    let schema = json!({"type": "object", "properties": {
        "replicas": {"type": "integer"},
        "name": {"type": "string"},
        "ratio": {"type": "number"},
        "when": {"type": "string", "format": "date-time"},
        "for": {"type": "string", "format": "duration"},
        "a-b": {"type": "string"},
        "namespace": {"type": "string"},
        "port": {"x-kubernetes-int-or-string": true},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p"],
            "items": {"type": "object", "properties": {"p": {"type": "integer"}, "n": {"type": "string"}}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "absent": {"type": "object", "properties": {"x": {"type": "integer"}}},
    }});
    let own = Type::from_schema(&schema);
    let object = json!({
        "replicas": 3, "name": "web", "ratio": 1, "when": "2026-01-02T03:04:05Z", "for": "1h30m", "a-b": "dash",
        "namespace": "space", "port": "http", "tags": ["a", "b"], "ports": [{"p": 1, "n": "x"}, {"p": 2, "n": "y"}],
        "labels": {"k": "v", "l": "w"},
    });
    let environment = Environment::new()
        .variable("self", own.clone())
        .variable("any", Type::Dyn)
        .with_patches();
    let program = match environment.compile(text, &Type::Dyn) {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let bindings = Bindings::new()
        .bind("self", Value::from_json(&object, &own))
        .bind("any", Value::from_json(&object, &Type::Dyn));
    match program.evaluate(&bindings, &mut Budget::per_call()) {
        Ok(value) => match value.to_json() {
            Ok(json) => format!("{json} ({})", program.returns()),
            Err(name) => format!("<{name}>"),
        },
        Err(error) => format!("failed: {error}"),
    }
}

fn check(texts: &[&str], expected: &Expect) {
    let lines: Vec<String> = texts
        .iter()
        .map(|text| format!("{text}  =>  {}\n", evaluate(text)))
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn the_language_computes_as_its_specification_says() {
    check(
        &[
            "1 + 2 * 3 - 4 / 2 % 5",
            "-9223372036854775808",
            "9223372036854775807 + 1",
            "1u + 2u",
            "1.5e1 + .5",
            "0x1F",
            "'a' + \"b\\n\" + r'\\n' + '''c'''",
            "b'\\xff' + b'a'",
            "1 / 0",
            "1 < 2.5 && 2u >= 1",
            "true || 1 / 0 == 1",
            "1 / 0 == 1 || true",
            "1 / 0 == 1 && false",
            "1 / 0 == 1 && true",
            "true ? 'x' : 'y'",
            "[1, 2][1] == 2 && {'a': 1}.a == 1 && {'a': 1}['a'] == 1",
            "[1][5]",
            "{'a': 1}.b",
            "2 in [1, 2] && 'a' in {'a': 1}",
            "dyn(1) == dyn('a')",
            "type(1) == int && type('') == string",
            "!!true && --1 == 1",
            "int('12') + int(3.9) + int(2u)",
            "string(1.5) + string(true) + string(3)",
            "[1, 2] + [3] == [1, 2, 3]",
            "// a comment\n 1",
            "timestamp('2026-01-02T03:04:05Z') + duration('1h') > timestamp('2026-01-02T03:04:05Z')",
            "duration('1h30m').getMinutes()",
            "timestamp('2026-01-02T03:04:05Z').getHours('+02:00')",
            "size('äb') + 'abc'.size() + size([1]) + size({})",
        ],
        &expect![[r#"
            1 + 2 * 3 - 4 / 2 % 5  =>  5 (int)
            -9223372036854775808  =>  -9223372036854775808 (int)
            9223372036854775807 + 1  =>  failed: integer overflow
            1u + 2u  =>  3 (uint)
            1.5e1 + .5  =>  15.5 (double)
            0x1F  =>  31 (int)
            'a' + "b\n" + r'\n' + '''c'''  =>  "ab\n\\nc" (string)
            b'\xff' + b'a'  =>  "/2E=" (bytes)
            1 / 0  =>  failed: division by zero
            1 < 2.5 && 2u >= 1  =>  true (bool)
            true || 1 / 0 == 1  =>  true (bool)
            1 / 0 == 1 || true  =>  true (bool)
            1 / 0 == 1 && false  =>  false (bool)
            1 / 0 == 1 && true  =>  failed: division by zero
            true ? 'x' : 'y'  =>  "x" (string)
            [1, 2][1] == 2 && {'a': 1}.a == 1 && {'a': 1}['a'] == 1  =>  true (bool)
            [1][5]  =>  failed: index out of bounds: 5
            {'a': 1}.b  =>  failed: no such key: b
            2 in [1, 2] && 'a' in {'a': 1}  =>  true (bool)
            dyn(1) == dyn('a')  =>  false (bool)
            type(1) == int && type('') == string  =>  true (bool)
            !!true && --1 == 1  =>  true (bool)
            int('12') + int(3.9) + int(2u)  =>  17 (int)
            string(1.5) + string(true) + string(3)  =>  "1.5true3" (string)
            [1, 2] + [3] == [1, 2, 3]  =>  true (bool)
            // a comment
             1  =>  1 (int)
            timestamp('2026-01-02T03:04:05Z') + duration('1h') > timestamp('2026-01-02T03:04:05Z')  =>  true (bool)
            duration('1h30m').getMinutes()  =>  90 (int)
            timestamp('2026-01-02T03:04:05Z').getHours('+02:00')  =>  5 (int)
            size('äb') + 'abc'.size() + size([1]) + size({})  =>  6 (int)
        "#]],
    );
}

#[test]
fn macros_and_optional_values() {
    check(
        &[
            "self.tags.all(t, t.size() == 1)",
            "self.tags.exists(t, t == 'b')",
            "self.tags.exists_one(t, t == 'b')",
            "self.tags.map(t, t + '!')",
            "self.tags.map(t, t == 'a', t + '!')",
            "self.ports.filter(p, p.p > 1)",
            "self.labels.all(k, self.labels[k] != '')",
            "self.labels.map(k, k)",
            "self.tags.all(i, t, i < 2 && t != '')",
            "self.tags.transformList(i, t, i)",
            "self.labels.transformMap(k, v, k + v)",
            "[1, 2].transformMapEntry(i, v, {string(v): i})",
            "[1, 'x', 2].exists(x, x == 2)",
            "dyn([0, 1]).exists(x, 1 / x == 1)",
            "has(self.name) && !has(self.absent)",
            "has(self.absent.x)",
            "self.?absent.?x.orValue(7)",
            "self.?name.orValue('none')",
            "self.absent.x",
            "optional.of(1).optMap(x, x + 1).value()",
            "optional.none().hasValue()",
            "self.tags[?5].hasValue()",
            "[?self.?name, ?optional.none()]",
            "{?'a': self.?name}",
            "cel.bind(x, 3, x * x)",
            "has(self)",
        ],
        &expect![[r#"
            self.tags.all(t, t.size() == 1)  =>  true (bool)
            self.tags.exists(t, t == 'b')  =>  true (bool)
            self.tags.exists_one(t, t == 'b')  =>  true (bool)
            self.tags.map(t, t + '!')  =>  ["a!","b!"] (list(string))
            self.tags.map(t, t == 'a', t + '!')  =>  ["a!"] (list(string))
            self.ports.filter(p, p.p > 1)  =>  [{"n":"y","p":2}] (list(object.ports.@idx))
            self.labels.all(k, self.labels[k] != '')  =>  true (bool)
            self.labels.map(k, k)  =>  ["k","l"] (list(string))
            self.tags.all(i, t, i < 2 && t != '')  =>  true (bool)
            self.tags.transformList(i, t, i)  =>  [0,1] (list(int))
            self.labels.transformMap(k, v, k + v)  =>  {"k":"kv","l":"lw"} (map(string, string))
            [1, 2].transformMapEntry(i, v, {string(v): i})  =>  {"1":0,"2":1} (map(string, int))
            [1, 'x', 2].exists(x, x == 2)  =>  ERROR: <input>:1:5: expected type 'int' but found 'string'
             | [1, 'x', 2].exists(x, x == 2)
             | ....^
            dyn([0, 1]).exists(x, 1 / x == 1)  =>  true (bool)
            has(self.name) && !has(self.absent)  =>  true (bool)
            has(self.absent.x)  =>  failed: no such key: absent
            self.?absent.?x.orValue(7)  =>  7 (int)
            self.?name.orValue('none')  =>  "web" (string)
            self.absent.x  =>  failed: no such key: absent
            optional.of(1).optMap(x, x + 1).value()  =>  2 (int)
            optional.none().hasValue()  =>  false (bool)
            self.tags[?5].hasValue()  =>  false (bool)
            [?self.?name, ?optional.none()]  =>  ["web"] (list(dyn))
            {?'a': self.?name}  =>  {"a":"web"} (map(string, string))
            cel.bind(x, 3, x * x)  =>  9 (int)
            has(self)  =>  ERROR: <input>:1:4: invalid argument to has() macro
             | has(self)
             | ...^
        "#]],
    );
}

#[test]
fn schemas_give_types_and_lists_their_kinds() {
    check(
        &[
            "self.ratio + 0.5",
            "self.when > timestamp('2020-01-01T00:00:00Z')",
            "self.for == duration('90m')",
            "self.a__dash__b + self.__namespace__ + self.namespace",
            "self.tags == ['b', 'a']",
            "self.tags + ['a', 'c']",
            "self.ports == [{'p': dyn(2), 'n': 'y'}, {'p': dyn(1), 'n': 'x'}]",
            "self.ports + [{'p': dyn(2), 'n': 'z'}]",
            "type(self.port) == string ? self.port == 'http' : self.port == 80",
            "any.replicas == 3 && any.labels.k == 'v'",
            "Object{spec: Object.spec{replicas: self.replicas + 1}}",
            "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'x'}]",
        ],
        &expect![[r#"
            self.ratio + 0.5  =>  1.5 (double)
            self.when > timestamp('2020-01-01T00:00:00Z')  =>  true (bool)
            self.for == duration('90m')  =>  true (bool)
            self.a__dash__b + self.__namespace__ + self.namespace  =>  "dashspacespace" (string)
            self.tags == ['b', 'a']  =>  true (bool)
            self.tags + ['a', 'c']  =>  ["a","b","c"] (list(string))
            self.ports == [{'p': dyn(2), 'n': 'y'}, {'p': dyn(1), 'n': 'x'}]  =>  true (bool)
            self.ports + [{'p': dyn(2), 'n': 'z'}]  =>  [{"n":"x","p":1},{"n":"z","p":2}] (list(object.ports.@idx))
            type(self.port) == string ? self.port == 'http' : self.port == 80  =>  true (bool)
            any.replicas == 3 && any.labels.k == 'v'  =>  true (bool)
            Object{spec: Object.spec{replicas: self.replicas + 1}}  =>  {"spec":{"replicas":4}} (dyn)
            [JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'x'}]  =>  [{"op":"add","path":"/metadata/labels/a~1b","value":"x"}] (list(dyn))
        "#]],
    );
}

#[test]
fn libraries() {
    check(
        &[
            "'a-b-c'.split('-') == ['a', 'b', 'c'] && 'abc'.split('', 2) == ['a', 'bc']",
            "'hello'.substring(1, 3) + 'hello'.charAt(4) + 'x'.upperAscii() + ' t '.trim()",
            "'hello'.indexOf('l') + 'hello'.lastIndexOf('l') * 10",
            "'a.b'.replace('.', '-') + ['x', 'y'].join(',')",
            "'%s is %d and %.2f, %x %e'.format(['a', 1, 2.5, 255, 1234.5])",
            "'web-12'.matches('^[a-z]+-[0-9]+$')",
            "'a1b22'.find('[0-9]+') + 'a1b22'.findAll('[0-9]+')[1]",
            "'x'.matches('(')",
            "[1, 2, 3].sum() + [3, 1].min() + [3, 1].max()",
            "[1, 2].isSorted() && [2, 1].indexOf(1) == 1",
            "[3, 1, 2].sort() == [1, 2, 3] && [1, 1].distinct() == [1]",
            "sets.contains([1, 2], [1]) && sets.equivalent([1, 2], [2, 1]) && sets.intersects([1], [1, 3])",
            "quantity('1.5Gi').isGreaterThan(quantity('1536M')) && quantity('1k').asInteger() == 1000",
            "quantity('500m').add(quantity('1')).compareTo(quantity('1500m'))",
            "quantity('x')",
            "isQuantity('1Zi')",
            "url('https://u@example.com:80/p?q=1&q=2').getHost()",
            "url('https://[::1]:80/p?q=1%20x').getQuery()['q'][0]",
            "isURL('not a url') || isURL('a')",
            "ip('192.168.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && isIP('::1')",
            "string(cidr('10.1.2.3/8').masked()) + ' ' + string(cidr('::1/64').ip())",
            "ip.isCanonical('::0001')",
            "format.dns1123Label().validate('No')",
            "format.named('uuid').value().validate('x').hasValue()",
            "semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && isSemver('v1.2', true) && !isSemver('1.2')",
        ],
        &expect![[r#"
            'a-b-c'.split('-') == ['a', 'b', 'c'] && 'abc'.split('', 2) == ['a', 'bc']  =>  true (bool)
            'hello'.substring(1, 3) + 'hello'.charAt(4) + 'x'.upperAscii() + ' t '.trim()  =>  "eloXt" (string)
            'hello'.indexOf('l') + 'hello'.lastIndexOf('l') * 10  =>  32 (int)
            'a.b'.replace('.', '-') + ['x', 'y'].join(',')  =>  "a-bx,y" (string)
            '%s is %d and %.2f, %x %e'.format(['a', 1, 2.5, 255, 1234.5])  =>  "a is 1 and 2.50, ff 1.234500e+03" (string)
            'web-12'.matches('^[a-z]+-[0-9]+$')  =>  true (bool)
            'a1b22'.find('[0-9]+') + 'a1b22'.findAll('[0-9]+')[1]  =>  "122" (string)
            'x'.matches('(')  =>  ERROR: <input>:1:13: invalid matches argument: error parsing regexp: error: unclosed group
             | 'x'.matches('(')
             | ............^
            [1, 2, 3].sum() + [3, 1].min() + [3, 1].max()  =>  10 (int)
            [1, 2].isSorted() && [2, 1].indexOf(1) == 1  =>  true (bool)
            [3, 1, 2].sort() == [1, 2, 3] && [1, 1].distinct() == [1]  =>  true (bool)
            sets.contains([1, 2], [1]) && sets.equivalent([1, 2], [2, 1]) && sets.intersects([1], [1, 3])  =>  true (bool)
            quantity('1.5Gi').isGreaterThan(quantity('1536M')) && quantity('1k').asInteger() == 1000  =>  true (bool)
            quantity('500m').add(quantity('1')).compareTo(quantity('1500m'))  =>  0 (int)
            quantity('x')  =>  failed: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
            isQuantity('1Zi')  =>  false (bool)
            url('https://u@example.com:80/p?q=1&q=2').getHost()  =>  "example.com:80" (string)
            url('https://[::1]:80/p?q=1%20x').getQuery()['q'][0]  =>  "1 x" (string)
            isURL('not a url') || isURL('a')  =>  false (bool)
            ip('192.168.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && isIP('::1')  =>  true (bool)
            string(cidr('10.1.2.3/8').masked()) + ' ' + string(cidr('::1/64').ip())  =>  "10.0.0.0/8 ::1" (string)
            ip.isCanonical('::0001')  =>  false (bool)
            format.dns1123Label().validate('No')  =>  ["a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"] (optional_type(list(string)))
            format.named('uuid').value().validate('x').hasValue()  =>  true (bool)
            semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && isSemver('v1.2', true) && !isSemver('1.2')  =>  true (bool)
        "#]],
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(
        &[
            "self.foo",
            "nothing + 1",
            "self.replicas + 'a'",
            "self.name.foo()",
            "self.name.startsWith(1)",
            "self.replicas &&\n  true",
            "self.replicas.x",
            "[1, 'a']",
            "self.tags.all(t, t)",
            "self.tags.all(1, true)",
            "self.replicas.all(x, true)",
            "1 +",
            "(1",
            "'abc",
            "a ? b",
            "package",
            "#",
            "",
        ],
        &expect![[r"
            self.foo  =>  ERROR: <input>:1:5: undefined field 'foo'
             | self.foo
             | ....^
            nothing + 1  =>  ERROR: <input>:1:1: undeclared reference to 'nothing' (in container '')
             | nothing + 1
             | ^
            self.replicas + 'a'  =>  ERROR: <input>:1:15: found no matching overload for '_+_' applied to '(int, string)'
             | self.replicas + 'a'
             | ..............^
            self.name.foo()  =>  ERROR: <input>:1:14: undeclared reference to 'foo' (in container '')
             | self.name.foo()
             | .............^
            self.name.startsWith(1)  =>  ERROR: <input>:1:21: found no matching overload for 'startsWith' applied to 'string.(int)'
             | self.name.startsWith(1)
             | ....................^
            self.replicas &&
              true  =>  ERROR: <input>:1:15: found no matching overload for '_&&_' applied to '(int, bool)'
             | self.replicas &&
             | ..............^
            self.replicas.x  =>  ERROR: <input>:1:14: type 'int' does not support field selection
             | self.replicas.x
             | .............^
            [1, 'a']  =>  ERROR: <input>:1:5: expected type 'int' but found 'string'
             | [1, 'a']
             | ....^
            self.tags.all(t, t)  =>  ERROR: <input>:1:14: expected type 'bool' but found 'string'
             | self.tags.all(t, t)
             | .............^
            self.tags.all(1, true)  =>  ERROR: <input>:1:15: argument must be a simple name
             | self.tags.all(1, true)
             | ..............^
            self.replicas.all(x, true)  =>  ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)
             | self.replicas.all(x, true)
             | ....^
            1 +  =>  ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting an expression
             | 1 +
             | ...^
            (1  =>  ERROR: <input>:1:3: Syntax error: mismatched input '<EOF>' expecting ')'
             | (1
             | ..^
            'abc  =>  ERROR: <input>:1:1: Syntax error: a text does not end
             | 'abc
             | ^
            a ? b  =>  ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ':'
             | a ? b
             | .....^
            package  =>  ERROR: <input>:1:1: Syntax error: reserved identifier: package
             | package
             | ^
            #  =>  ERROR: <input>:1:1: Syntax error: token recognition error at: '#'
             | #
             | ^
              =>  ERROR: <input>:1:1: Syntax error: mismatched input '<EOF>' expecting an expression
             | 
             | ^
        "]],
    );
}

#[test]
fn no_expression_runs_away() {
    let environment = Environment::new().variable("list", Type::list(Type::Int));
    let list: Vec<Value> = (0..1000).map(Value::Int).collect();
    let bindings = Bindings::new().bind("list", list.into());
    let text = "list.all(a, list.all(b, list.all(c, list.all(d, a + b + c + d >= 0))))";
    let program = environment.compile(text, &Type::Bool).unwrap();
    assert_eq!(
        program.holds(&bindings, &mut Budget::per_call()),
        Err(Error::OutOfBudget)
    );
    for deep in [
        "(".repeat(5000),
        "[".repeat(5000),
        "1".to_owned() + &"+1".repeat(5000),
        "a".to_owned() + &".a".repeat(5000),
        "!".repeat(5000),
        "-".repeat(5000),
        "a?b:".repeat(5000),
    ] {
        assert!(
            matches!(
                environment.compile(&deep, &Type::Dyn),
                Err(Error::Compile(_))
            ),
            "{}",
            &deep[..9]
        );
    }
    let chain = "true".to_owned() + &" && true".repeat(2000);
    assert!(
        environment
            .compile(&chain, &Type::Bool)
            .unwrap()
            .holds(&bindings, &mut Budget::per_call())
            .unwrap()
    );
}

#[test]
fn composed_variables_are_evaluated_when_they_are_needed() {
    let base = Environment::new().variable("object", Type::Dyn);
    let total = base.compile("object.a + object.b", &Type::Dyn).unwrap();
    let broken = base.compile("object.missing", &Type::Dyn).unwrap();
    let environment = base
        .compose("variables", "total", total.returns().clone())
        .compose("variables", "broken", Type::Dyn);
    let bindings = Bindings::new()
        .bind(
            "object",
            Value::from_json(&json!({"a": 1, "b": 2}), &Type::Dyn),
        )
        .compose("variables", "total", &total)
        .compose("variables", "broken", &broken);
    let value = |text: &str| match environment.compile(text, &Type::Dyn) {
        Ok(program) => match program.evaluate(&bindings, &mut Budget::per_call()) {
            Ok(value) => value.to_json().unwrap().to_string(),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    expect!["6"].assert_eq(&value("variables.total + variables.total"));
    expect![[r#"composited variable "broken" fails to evaluate: no such key: missing"#]]
        .assert_eq(&value("variables.broken"));
    expect![[r"
        ERROR: <input>:1:10: undefined field 'none'
         | variables.none
         | .........^"]]
    .assert_eq(&value("variables.none"));
}

#[test]
fn authorizers_are_asked() {
    struct OnlyApps;
    impl Authorizer for OnlyApps {
        fn decide(&self, question: &Question) -> Decision {
            Decision {
                allowed: question.group == "apps" && question.verb == "create",
                reason: format!("{question:?}"),
                error: None,
            }
        }
    }
    let environment = Environment::new().variable("authorizer", Type::Authorizer);
    let request = Question {
        group: "apps".to_owned(),
        resource: "deployments".to_owned(),
        ..Question::default()
    };
    let bindings = Bindings::new().bind(
        "authorizer",
        Value::authorizer(std::sync::Arc::new(OnlyApps), Some(request)),
    );
    for (text, expected) in [
        (
            "authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()",
            true,
        ),
        (
            "authorizer.group('').resource('pods').check('create').allowed()",
            false,
        ),
        ("authorizer.requestResource.check('create').allowed()", true),
        (
            "authorizer.serviceAccount('a', 'b').path('/healthz').check('get').reason().contains('healthz')",
            true,
        ),
    ] {
        let program = environment.compile(text, &Type::Bool).unwrap();
        assert_eq!(
            program.holds(&bindings, &mut Budget::per_object()).unwrap(),
            expected,
            "{text}"
        );
    }
}
