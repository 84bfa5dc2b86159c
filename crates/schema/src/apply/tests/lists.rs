//! The table of cases, of lists: atomic ones, sets, and lists of objects by their keys.

use expect_test::expect;
use serde_json::{Value, json};

use super::table::Step::{Apply, Update};
use super::table::check;

#[test]
fn sets_and_atomic_lists() {
    let set = |items: Value| json!({"set": items});
    check(
        &[
            Apply("a", set(json!(["x", "y"]))),
            Apply("b", set(json!(["y", "z"]))),
        ],
        &expect![[r#"
            {"set":["x","y","z"]}
            a Apply 1: .set[="x"] .set[="y"]
            b Apply 2: .set[="y"] .set[="z"]
        "#]],
    );
    check(
        &[
            Apply("a", set(json!(["x", "y"]))),
            Apply("b", set(json!(["y", "z"]))),
            Apply("a", set(json!(["x"]))),
            Apply("b", json!({})),
        ],
        &expect![[r#"
            {"set":["x"]}
            a Apply 3: .set[="x"]
            b Apply 4: .spec
        "#]],
    );
    // The order is the applier's where it has one.
    check(
        &[
            Apply("a", set(json!(["x", "y", "z"]))),
            Apply("a", set(json!(["z", "x"]))),
        ],
        &expect![[r#"
            {"set":["z","x"]}
            a Apply 2: .set[="x"] .set[="z"]
        "#]],
    );
    check(
        &[Apply("a", set(json!(["x", "x"])))],
        &expect![[r#"
        1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.set: duplicate entries for key [="x"]
        null
    "#]],
    );
    check(
        &[Apply("a", set(json!([{"x": 1}])))],
        &expect![[r#"
        1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.set: element 0: associative list without keys has an element that's a map type
        null
    "#]],
    );
    check(
        &[Apply("a", set(json!([null])))],
        &expect![[r#"
        1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.set: element 0: associative list without keys has an element that's an explicit null
        null
    "#]],
    );
    // An updater owns what it adds, and the list where it made it.
    check(
        &[
            Apply("a", set(json!(["x"]))),
            Update("u", set(json!(["x", "y"]))),
            Apply("a", json!({})),
        ],
        &expect![[r#"
            {"set":["y"]}
            a Apply 3: .spec
            u Update 2: .set[="y"]
        "#]],
    );
    let list = |items: Value| json!({"list": items});
    check(
        &[
            Apply("a", list(json!(["x"]))),
            Apply("b", list(json!(["y"]))),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.list
            {"list":["x"]}
            a Apply 1: .list
        "#]],
    );
    check(
        &[
            Apply("a", list(json!(["x"]))),
            Apply("b", list(json!(["x"]))),
            Apply("a", list(json!(["x", "y"]))),
        ],
        &expect![[r#"
            3: Apply failed with 1 conflict: conflict with "b": .spec.list
            {"list":["x"]}
            a Apply 1: .list
            b Apply 2: .list
        "#]],
    );
    check(
        &[Apply("a", list(json!(["x"]))), Apply("a", list(json!([])))],
        &expect![[r#"
            {"list":[]}
            a Apply 2: .list
        "#]],
    );
}

#[test]
fn lists_by_key() {
    let items = |items: Value| json!({"items": items});
    let one = |name: &str, value: &str| json!({"name": name, "value": value});
    // Items of others stay, in their places.
    check(
        &[
            Apply("a", items(json!([one("1", "x"), one("3", "x")]))),
            Apply("b", items(json!([one("2", "y")]))),
            Apply("a", items(json!([one("3", "x"), one("4", "x")]))),
        ],
        &expect![[r#"
            {"items":[{"name":"3","value":"x"},{"name":"2","value":"y"},{"name":"4","value":"x"}]}
            b Apply 2: .items[name="2"] .items[name="2"].name .items[name="2"].value
            a Apply 3: .items[name="3"] .items[name="4"] .items[name="3"].name .items[name="3"].value .items[name="4"].name .items[name="4"].value
        "#]],
    );
    // An item is shared by its key, and its fields one by one.
    check(
        &[
            Apply("a", items(json!([one("1", "x")]))),
            Apply("b", items(json!([{"name": "1", "values": ["v"]}]))),
            Apply("a", items(json!([]))),
        ],
        &expect![[r#"
            {"items":[{"name":"1","values":["v"]}]}
            b Apply 2: .items[name="1"] .items[name="1"].name .items[name="1"].values[="v"]
            a Apply 3: .spec
        "#]],
    );
    check(
        &[
            Apply("a", items(json!([one("1", "x")]))),
            Apply("b", items(json!([one("1", "y")]))),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.items[name="1"].value
            {"items":[{"name":"1","value":"x"}]}
            a Apply 1: .items[name="1"] .items[name="1"].name .items[name="1"].value
        "#]],
    );
    // An item goes with the last applier of its key, whatever updaters wrote into it.
    check(
        &[
            Apply("a", items(json!([one("1", "x"), one("2", "x")]))),
            Update("u", items(json!([one("1", "y"), one("2", "x")]))),
            Apply("a", items(json!([one("2", "x")]))),
        ],
        &expect![[r#"
            {"items":[{"name":"2","value":"x"}]}
            a Apply 3: .items[name="2"] .items[name="2"].name .items[name="2"].value
        "#]],
    );
    // An updater's own item stays.
    check(
        &[
            Apply("a", items(json!([one("1", "x")]))),
            Update("u", items(json!([one("1", "x"), one("2", "y")]))),
            Apply("a", json!({})),
        ],
        &expect![[r#"
            {"items":[{"name":"2","value":"y"}]}
            a Apply 3: .spec
            u Update 2: .items[name="2"] .items[name="2"].name .items[name="2"].value
        "#]],
    );
    // Items in items.
    check(
        &[
            Apply("a", items(json!([{"name": "1", "values": ["v", "w"]}]))),
            Apply("b", items(json!([{"name": "1", "values": ["w", "z"]}]))),
            Apply("a", items(json!([{"name": "1", "values": []}]))),
        ],
        &expect![[r#"
            {"items":[{"name":"1","values":["w","z"]}]}
            b Apply 2: .items[name="1"] .items[name="1"].name .items[name="1"].values[="w"] .items[name="1"].values[="z"]
            a Apply 3: .items[name="1"] .items[name="1"].name
        "#]],
    );
    check(
        &[Apply("a", items(json!([one("1", "x"), one("1", "y")])))],
        &expect![[r#"
            1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.items: duplicate entries for key [name="1"]
            null
        "#]],
    );
    check(
        &[Apply("a", items(json!([{"value": "x"}])))],
        &expect![[r#"
        1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.items: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)
        null
    "#]],
    );
    check(
        &[Apply("a", items(json!(["x"])))],
        &expect![[r#"
        1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.items: element 0: associative list with keys may not have non-map elements
        null
    "#]],
    );
    // Items that updates repeat are owned whole, and an apply makes one of them.
    check(
        &[
            Update("u", items(json!([one("1", "x"), one("1", "y")]))),
            Apply("a", items(json!([one("1", "z")]))),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "u" using x/v1: .spec.items[name="1"]
            {"items":[{"name":"1","value":"x"},{"name":"1","value":"y"}]}
            u Update 1: .spec .items .items[name="1"]
        "#]],
    );
}

#[test]
fn defaults_in_keys() {
    let ports = |ports: Value| json!({"ports": ports});
    // The default stands for what is left out.
    check(
        &[
            Apply("a", ports(json!([{"port": 80, "name": "x"}]))),
            Apply(
                "b",
                ports(json!([{"port": 80, "protocol": "TCP", "name": "y"}])),
            ),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.ports[port=80,protocol="TCP"].name
            {"ports":[{"name":"x","port":80}]}
            a Apply 1: .ports[port=80,protocol="TCP"] .ports[port=80,protocol="TCP"].name .ports[port=80,protocol="TCP"].port
        "#]],
    );
    check(
        &[
            Apply(
                "a",
                ports(json!([{"port": 53}, {"port": 53, "protocol": "UDP"}])),
            ),
            Apply("a", ports(json!([{"port": 53, "protocol": "TCP"}]))),
        ],
        &expect![[r#"
            {"ports":[{"port":53,"protocol":"TCP"}]}
            a Apply 2: .ports[port=53,protocol="TCP"] .ports[port=53,protocol="TCP"].port .ports[port=53,protocol="TCP"].protocol
        "#]],
    );
    check(
        &[Apply(
            "a",
            ports(json!([{"port": 53}, {"port": 53, "protocol": "TCP"}])),
        )],
        &expect![[r#"
            1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.ports: duplicate entries for key [port=53,protocol="TCP"]
            null
        "#]],
    );
    check(
        &[Apply("a", ports(json!([{"protocol": "TCP"}])))],
        &expect![[r#"
            1: failed to create typed patch object (/n; x/v1, Kind=X): .spec.ports: element 0: associative list with keys has an element that omits key field "port" (and doesn't have default value)
            null
        "#]],
    );
}
