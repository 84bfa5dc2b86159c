//! Objects: their texts, their kinds, and the ways to change them.

use seatrial_expr::cel;
use seatrial_schema::apply::{self, Force, Manager, Operation};
use seatrial_schema::{Type, custom, defaults, parse, patch, protobuf, quota, strict, three_way};
use seatrial_schema::{generated, validate};
use serde_json::{Map, Value};

use crate::parts;

/// JSON bodies: what can be read can be written and read again.
pub fn json(data: &[u8]) {
    if let Ok(document) = parse::json(data) {
        let text = document.value.to_string();
        let again = parse::json(text.as_bytes()).unwrap();
        assert_eq!(again.value, document.value);
        assert_eq!(again.duplicates, Vec::<String>::new());
    }
}

/// YAML bodies: what can be read is JSON, and is not much larger than its text.
pub fn yaml(data: &[u8]) {
    if let Ok(document) = parse::yaml(data) {
        let text = document.value.to_string();
        assert!(
            text.len() <= 32 << 20,
            "{} bytes from {}",
            text.len(),
            data.len()
        );
        assert_eq!(parse::json(text.as_bytes()).unwrap().value, document.value);
    }
    let _ = parse::yaml_documents(data);
}

/// Protobuf bodies: what can be decoded can be encoded, and decoded again to the same.
pub fn protobuf(data: &[u8]) {
    let Ok(object) = protobuf::decode(data) else {
        return;
    };
    if let Ok(bytes) = protobuf::encode(&object) {
        let again = protobuf::decode(&bytes).unwrap();
        let bytes = protobuf::encode(&again).unwrap();
        assert_eq!(protobuf::decode(&bytes).unwrap(), again);
    }
}

/// What the server does with an object of a built-in kind before it is stored. Defaults are the same
/// the second time.
pub fn kind(data: &[u8]) {
    let mut parts = parts(data).map(serde_json::from_slice::<Value>);
    let (Some(Ok(mut object)), old) = (parts.next(), parts.next()) else {
        return;
    };
    let Some(row) = kind_of(&object) else { return };
    let (group, version, kind) = row.key;
    let of = Type::BuiltIn(row.fact);
    let report = strict::check(&mut object, &of);
    strict::missing(&object, &of);
    defaults::apply(group, version, kind, &mut object);
    let once = object.clone();
    defaults::apply(group, version, kind, &mut object);
    assert_eq!(once, object, "defaults of defaults");
    validate::create(group, kind, &object);
    if let Some(Ok(mut old)) = old {
        strict::check(&mut old, &of);
        validate::update(group, kind, &object, &old);
    }
    let plural = format!("{}s", kind.to_lowercase());
    quota::usage(group, &plural, &object);
    for scope in quota::scopes_for(&object) {
        quota::covers(&[scope], "", "pods", &object);
    }
    if report.mistyped.is_empty() {
        let _ = protobuf::encode(&object);
    }
}

fn kind_of(object: &Value) -> Option<&'static seatrial_schema::fact::Kind> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    let key = (group, version, text("kind"));
    generated::KINDS.iter().find(|row| row.key == key)
}

fn structure_of(object: &Value) -> Type {
    kind_of(object).map_or(Type::Unknown, |row| Type::BuiltIn(row.fact))
}

/// All patches that the API knows, to an object: none makes it much larger or deeper than what is sent.
pub fn patch(data: &[u8]) {
    let mut parts = parts(data).map(serde_json::from_slice::<Value>);
    let (Some(Ok(object)), Some(Ok(patch))) = (parts.next(), parts.next()) else {
        return;
    };
    let of = structure_of(&object);
    let size = data.len() + 1024;
    let mut merged = object.clone();
    patch::merge(&mut merged, &patch);
    assert!(merged.to_string().len() <= 8 * size);
    let mut strategic = object.clone();
    if patch::strategic(&mut strategic, &patch, of.structure()).is_ok() {
        assert!(strategic.to_string().len() <= 8 * size);
    }
    let mut changed = object.clone();
    match patch::json(&mut changed, &patch) {
        Ok(()) => assert!(changed.to_string().len() <= 8 * (size + (3 << 20))),
        Err(_) => assert_eq!(changed, object, "all or nothing"),
    }
    let third = parts.next().and_then(Result::ok).unwrap_or_default();
    let once = three_way::merged(&third, &patch, &object, of.structure());
    assert!(once.to_string().len() <= 8 * size);
}

/// Server-side apply to an object whose ownership may be anything: applying twice is applying once.
pub fn apply(data: &[u8]) {
    let mut parts = parts(data).map(serde_json::from_slice::<Value>);
    let (Some(Ok(config)), live) = (parts.next(), parts.next()) else {
        return;
    };
    let of = structure_of(&config);
    let Value::Object(config) = config else {
        return;
    };
    let live = match live {
        Some(Ok(Value::Object(live))) => Some(live),
        _ => None,
    };
    let manager = Manager {
        name: "fuzzer",
        operation: Operation::Apply,
        api_version: "v1",
        subresource: "",
        time: "2026-01-01T00:00:00Z",
        reset: &["f:status"],
    };
    if let Some(live) = &live {
        apply::managed_fields(live);
    }
    let _ = apply::apply(live.as_ref(), &config, &manager, Force::No, of.structure());
    if let Ok(once) = apply::apply(live.as_ref(), &config, &manager, Force::Yes, of.structure()) {
        let later = Manager {
            time: "2027-01-01T00:00:00Z",
            ..manager
        };
        let twice = apply::apply(Some(&once), &config, &later, Force::No, of.structure());
        assert_eq!(twice, Ok(once), "applied twice");
    }
    let mut written: Map<String, Value> = config;
    let update = Manager {
        operation: Operation::Update,
        ..manager
    };
    apply::updated(live.as_ref(), &mut written, &update, of.structure());
}

/// Schemas of custom kinds, and objects of such.
pub fn custom(data: &[u8]) {
    let mut parts = parts(data).map(serde_json::from_slice::<Value>);
    let (Some(Ok(schema)), object) = (parts.next(), parts.next()) else {
        return;
    };
    custom::structural::problems(&schema, "spec.validation");
    let own = cel::Type::from_root_schema(&schema);
    let Ok(of) = custom::Schema::parse(&schema) else {
        return;
    };
    let Some(Ok(mut object)) = object else { return };
    custom::prune(&mut object, &of);
    custom::default(&mut object, &of);
    let once = object.clone();
    custom::default(&mut object, &of);
    assert_eq!(once, object, "defaults of defaults");
    custom::validate(&object, &of);
    let value = cel::Value::from_json(&object, &own);
    if value.to_json().is_ok() {
        let rule = cel::Environment::new().variable("self", own);
        if let Ok(rule) = rule.compile("self == self && has(self.spec)", &cel::Type::Bool) {
            let bindings = cel::Bindings::new().bind("self", value);
            let _ = rule.holds(&bindings, &mut cel::Budget::per_object());
        }
    }
}
