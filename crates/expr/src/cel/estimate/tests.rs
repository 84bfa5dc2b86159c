//! Costs that kubernetes 1.34.5 computes itself (`apiextensions-apiserver/pkg/apiserver/schema/cel`, called with this schema
//! and these rules).

use serde_json::{Value, json};

use crate::cel::{Declared, Environment, Type};

const COSTS: &[(&str, u64)] = &[
    ("self.n > 3", 3),
    ("self.n == 3", 2),
    ("self.n == self.n && self.b", 6),
    ("has(self.n)", 1),
    ("has(self.inner.x) && self.inner.x == 'a'", 6),
    ("self.open == 'abc'", 3),
    ("self.open == self.short", 8),
    ("self.open == oldSelf.open", 314_577),
    ("self.short == oldSelf.short", 8),
    ("self.choice == 'a' || self.choice == 'bcd'", 6),
    ("self.choice in ['a', 'b']", 14),
    ("self == oldSelf", 2),
    ("self.inner == oldSelf.inner", 4),
    ("self.free == oldSelf.free", 4),
    ("self.list == oldSelf.list", 104_862),
    ("self.few == oldSelf.few", 5),
    ("self.inner.a__dash__b == 'x'", 4),
    ("self.open.startsWith('abc')", 3),
    ("self.open.startsWith(self.short)", 8),
    ("self.open.contains('abcdefghijkl')", 629_148),
    ("self.open.contains(self.open)", 98_956_172_333),
    ("self.open.matches('^[a-z]+$')", 629_148),
    ("self.short.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", 37),
    ("size(self.open) < 10", 4),
    ("self.open.size() < 10", 4),
    ("self.short + self.open == 'x'", 314_582),
    ("self.short < self.open", 8),
    ("string(self.n) == 'x'", 4),
    ("'a' + string(self.n) == 'x'", 1_844_674_407_370_955_268),
    ("self.list.all(x, x == 'a')", 5_242_878),
    ("self.few.all(x, x == 'a')", 28),
    ("self.few.all(x, x.startsWith('abc'))", 28),
    ("self.few.exists(x, x == 'a')", 33),
    ("self.few.exists_one(x, x == 'a')", 24),
    ("self.nums.all(x, x > 3)", 38),
    ("self.nums.map(x, x * 2).all(y, y > 1)", 147),
    ("self.few.map(x, x + 'abc').exists(y, y == 'a')", 149),
    ("self.few.filter(x, x == 'a').size() == 1", 90),
    ("self.few.map(x, x == 'a', x).size() == 1", 90),
    ("self.objects.all(x, x.name == 'a')", 27),
    (
        "self.objects.all(x, self.objects.exists(y, x.name == y.name))",
        219,
    ),
    (
        "self.objects.all(x, self.objects.all(y, x.tags.all(t, t in y.tags)))",
        555,
    ),
    ("self.objects.map(x, x.name).all(n, n == 'a')", 86),
    ("self.objects.filter(x, x.v > 1).all(x, x.name == 'a')", 102),
    ("self.objects[0].name == 'a'", 5),
    ("self.map.all(k, self.map[k] == 'a')", 3_145_723),
    ("self.small.all(k, self.small[k] == 'a')", 27),
    ("self.small.all(k, k.startsWith('a'))", 18),
    ("'a' in self.small", 3),
    ("'a' in self.few", 7),
    ("'a' in self.list", 1_048_577),
    ("self.few.all(i, x, i < 3 && x == 'a')", 38),
    ("self.small.all(k, v, v == 'a')", 18),
    ("self.few.transformList(i, x, x + 'b').size() == 1", 125),
    ("self.small.transformMap(k, v, v + 'b').size() == 1", 56),
    ("self.few.isSorted()", 47),
    ("self.nums.sum() > 3", 10),
    ("self.nums.max() > self.nums.min()", 19),
    ("self.few.indexOf('a') > 0", 48),
    ("self.few.join(',') == 'a'", 44),
    ("self.few.join() == 'a'", 43),
    ("self.short.split(',').size() == 2", 12),
    ("self.short.split(',', 2)[0] == 'a'", 11),
    ("self.short.replace('a', 'bcd') == 'x'", 11),
    ("self.short.replace('', 'bcd') == 'x'", 11),
    ("self.short.lowerAscii() == 'x'", 7),
    ("self.short.trim().size() == 1", 8),
    ("self.open.find('[0-9]+') == '1'", 629_149),
    ("self.open.findAll('[0-9]+').size() == 1", 629_150),
    ("url(self.short).getHost() == 'x'", 8),
    ("isURL(self.short)", 3),
    ("quantity(self.short).isGreaterThan(quantity('1Mi'))", 8),
    ("isQuantity(self.open)", 314_575),
    ("ip(self.short).family() == 4", 8),
    ("isIP(self.open)", 314_575),
    ("cidr(self.short).containsIP('10.0.0.1')", 11),
    ("cidr(self.short).containsIP(ip('10.0.0.1'))", 11),
    ("cidr(self.short).containsCIDR('10.0.0.0/8')", 14),
    ("cidr(self.short).ip() == ip('10.0.0.0')", 9),
    ("semver(self.short).major() == 1", 8),
    ("sets.contains(self.few, ['a', 'b'])", 23),
    ("sets.equivalent(self.few, self.few)", 55),
    ("type(self.any) == int ? self.any > 3 : self.any == 'x'", 7),
    ("self.any == 3", 3),
    ("int(self.any) > 3", 4),
    ("self.b ? self.open == 'a' : self.short == 'b'", 5),
    ("(self.b ? self.open : self.short) == 'b'", 5),
    ("self.when < timestamp('2020-01-01T00:00:00Z')", 4),
    ("self.for > duration('1h')", 4),
    ("self.bytes == b'abc'", 3),
    ("self.?inner.?x.orValue('a') == 'b'", 5),
    ("self.?n.hasValue()", 3),
    ("self.few[?0].orValue('a') == 'b'", 5),
    ("self.?inner.optMap(i, i.x == 'a').orValue(true)", 20),
    (
        "optional.of(self.short).optMap(i, i == 'a').orValue(true)",
        22,
    ),
    ("{'a': self.short}['a'] == 'b'", 34),
    ("[self.short, 'a'].all(x, x == 'b')", 21),
    ("['a', 'b'].exists(x, x == self.open)", 25),
    (
        "!format.dns1123Label().validate(self.short).hasValue()",
        133,
    ),
    ("format.dns1123Label() == format.dns1123Label()", 9),
    ("'%s is %d'.format([self.short, self.n]) == 'x'", 16),
    ("dyn(self.short) == 'a'", 4),
    ("self.metadata.name.startsWith('x')", 4),
    ("self.metadata.name == self.short", 9),
    ("-self.n < 3 && !self.b", 7),
    ("self.n + 3 > 4 && self.n - 1 < 2", 8),
    ("self.d * 2.0 > 1.0", 4),
    ("string(self.bytes) == 'x'", 13),
    ("bytes(self.short) == b'x'", 7),
    ("self.short.charAt(0) == 'a'", 4),
    ("self.short.substring(1, 2) == 'a'", 7),
    ("strings.quote(self.short) == 'a'", 7),
    (
        "self.few.all(x, self.few.filter(y, y == x).size() == 1)",
        668,
    ),
    (
        "self.objects.all(x, x.tags.exists(t, t.matches('a+')))",
        123,
    ),
    ("self.objects.exists(x, has(x.v) && x.v > 1) == true", 36),
    (
        "self.list.size() <= 5 && self.list.all(x, x.size() < 10)",
        6_291_457,
    ),
    ("[[self.short], ['b']].all(l, l.all(x, x == 'a'))", 43),
    ("self.few.map(x, [x]).all(l, l.all(y, y == 'a'))", 154),
    ("(self.few + ['b']).all(x, x == 'c')", 38),
    ("self.few.map(x, size(x)).sum() > 3", 89),
];

fn schema() -> Value {
    let text = json!({ "type": "string" });
    let short = |limit: u64| json!({ "type": "string", "maxLength": limit });
    json!({ "type": "object", "properties": {
        "n": { "type": "integer" },
        "b": { "type": "boolean" },
        "d": { "type": "number" },
        "open": text,
        "short": short(10),
        "choice": { "type": "string", "enum": ["a", "bcd"] },
        "bytes": { "type": "string", "format": "byte", "maxLength": 100 },
        "when": { "type": "string", "format": "date-time" },
        "for": { "type": "string", "format": "duration" },
        "any": { "x-kubernetes-int-or-string": true },
        "list": { "type": "array", "items": text },
        "few": { "type": "array", "maxItems": 5, "items": short(20) },
        "nums": { "type": "array", "maxItems": 7, "items": { "type": "integer" } },
        "objects": { "type": "array", "maxItems": 4, "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": short(8),
                "v": { "type": "integer" },
                "tags": { "type": "array", "maxItems": 3, "items": short(6) },
            },
        } },
        "map": { "type": "object", "additionalProperties": text },
        "small": { "type": "object", "maxProperties": 3, "additionalProperties": short(5) },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "inner": { "type": "object", "properties": { "a-b": short(3), "x": text } },
    } })
}

#[test]
fn costs_are_those_that_upstream_computes() {
    let schema = schema();
    let of = Type::from_root_schema(&schema);
    let declared = Declared::from_root_schema(&schema).unwrap();
    let environment = Environment::new()
        .variable("self", of.clone())
        .variable("oldSelf", of);
    let mut wrong = String::new();
    for (text, cost) in COSTS {
        match environment.worst_cost(text, &declared) {
            Ok(found) if found == *cost => {}
            Ok(found) => wrong += &format!("{text}: {found} in place of {cost}\n"),
            Err(error) => wrong += &format!("{text}: {error}\n"),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_value_stands_in_a_request_as_often_as_it_fits() {
    let often = |schema: &Value| Declared::from_schema(schema).unwrap().most_in_request();
    assert_eq!(often(&json!({ "type": "object" })), 1_048_576);
    assert_eq!(often(&json!({ "type": "integer" })), 1_572_864);
    let required = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "other": { "type": "string" } },
    });
    assert_eq!(often(&required), 3_145_728 / 13);
}
