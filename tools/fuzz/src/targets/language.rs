//! The small languages in which objects are selected, judged and timed.

use std::collections::BTreeMap;
use std::str::from_utf8;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use seatrial_expr::cel::{Bindings, Budget, Environment, Type, Value};
use seatrial_expr::condition::{self, Condition};
use seatrial_expr::json_path::Path;
use seatrial_expr::selector::{Field, Label};
use seatrial_schema::amount::Amount;
use seatrial_schema::quantity;
use seatrial_workloads::cron_job::schedule::Schedule;
use serde_json::json;

/// An object to look at.
fn object() -> serde_json::Value {
    json!({
        "metadata": {"name": "web", "labels": {"app": "web"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "replicas": 3,
            "ratio": 0.5,
            "containers": [{"name": "a", "image": "b:1"}, {"name": "c", "image": "d@e"}],
            "cidr": "10.0.0.0/8",
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Old"}]},
    })
}

/// The Common Expression Language, from text to value, within the budget of one object.
pub fn cel(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let environment = Environment::new()
        .variable("object", Type::Dyn)
        .variable("self", Type::Dyn)
        .with_patches();
    let program = match environment.compile(text, &Type::Dyn) {
        Ok(program) => program,
        Err(error) => return drop(error.to_string()),
    };
    let value = Value::from_json(&object(), &Type::Dyn);
    let bindings = Bindings::new()
        .bind("object", value.clone())
        .bind("self", value);
    match program.evaluate(&bindings, &mut Budget::per_call()) {
        Ok(value) => drop(value.to_json()),
        Err(error) => drop(error.to_string()),
    }
}

/// Conditions of analyses.
pub fn condition(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    match Condition::parse(text) {
        Ok(condition) => {
            for result in [
                json!([0.99, 1]),
                json!({"code": 200, "body": "ok"}),
                json!("text"),
            ] {
                let result = condition::Value::from(result);
                let _ = condition.evaluate(&result).map(|value| value.to_string());
                let _ = condition.holds(&result).map_err(|error| error.to_string());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// Selectors by label and by field; what a label selector is written as, reads as the same.
pub fn selector(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    if let Ok(selector) = Label::parse(text) {
        let again = Label::parse(&selector.to_string()).unwrap();
        assert_eq!(again.to_string(), selector.to_string());
        assert_eq!(again.matches(&labels), selector.matches(&labels));
    }
    if let Ok(field) = Field::parse(text) {
        field.matches(|_| "web");
    }
    if let Ok(value) = serde_json::from_str(text)
        && let Ok(selector) = Label::from_json(&value)
    {
        selector.matches(&labels);
    }
}

/// JSONPath; a path finds no more than it could look at.
pub fn json_path(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(path) = Path::parse(text) {
        let object = object();
        let found = path.find(&object);
        assert!(found.len() <= 1_000_000, "{} values", found.len());
        assert_eq!(path.first(&object), found.first().copied());
    }
}

/// Quantities: what is written again means the same.
pub fn quantity(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    quantity::value(text);
    let Some(amount) = Amount::parse(text) else {
        return;
    };
    assert!(
        quantity::is_valid(text),
        "{text} has an amount, but is not valid"
    );
    let again = amount.to_string();
    // Binary amounts are written without fractions, as upstream writes them.
    let read = Amount::parse(&again).unwrap();
    let lost = read.minus(amount).value().abs();
    assert!(
        lost < 1.0 || lost < 1e-9 * amount.value().abs(),
        "{text} became {again}"
    );
    let _ = (
        amount.plus(amount),
        amount.minus(amount),
        amount.thousandths(),
        amount.value(),
    );
    assert!(amount.minus(amount).is_zero());
}

/// Cron expressions: what is due next lies ahead.
pub fn cron(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let Ok(schedule) = Schedule::parse(text) else {
        return;
    };
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let mut at = Timestamp::constant(1_767_225_661, 5);
    for _ in 0..5 {
        let Some(next) = schedule.next(at, &zone) else {
            return;
        };
        assert!(next > at, "{next} is not after {at}");
        at = next;
    }
}
