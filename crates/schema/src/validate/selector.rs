//! Selectors of labels.

use serde_json::{Map, Value};

use super::field::Field;
use super::name::Rule;
use crate::cause::Cause;

const NO_VALUES: &str = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
const VALUES: &str = "must be specified when `operator` is 'In' or 'NotIn'";

/// A `LabelSelector`.
pub(super) fn labels(selector: &Field<'_>, causes: &mut Vec<Cause>) {
    selector.field("matchLabels").must_be_labels(causes);
    for one in selector.field("matchExpressions").items() {
        let (operator, values) = (one.field("operator"), one.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => causes.push(values.required(VALUES)),
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                causes.push(values.forbidden(NO_VALUES));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => causes.push(operator.invalid("not a valid selector operator")),
        }
        key(&one.field("key"), causes);
        for value in values.items() {
            causes.extend(
                Rule::LabelValue
                    .problem(value.text())
                    .map(|one| value.invalid(&one)),
            );
        }
    }
}

fn key(key: &Field<'_>, causes: &mut Vec<Cause>) {
    causes.extend(
        Rule::Qualified
            .problem(key.text())
            .map(|one| key.invalid(&one)),
    );
}

/// A `NodeSelectorTerm`.
pub(super) fn node_term(term: &Field<'_>, causes: &mut Vec<Cause>) {
    for one in term.field("matchExpressions").items() {
        let (operator, values) = (one.field("operator"), one.field("values"));
        let count = values.value.as_array().map_or(0, Vec::len);
        match operator.text() {
            "In" | "NotIn" if count == 0 => causes.push(values.required(VALUES)),
            "Exists" | "DoesNotExist" if count > 0 => causes.push(values.forbidden(NO_VALUES)),
            "Gt" | "Lt" if count != 1 => causes.push(
                values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"),
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            _ => causes.push(operator.invalid("not a valid selector operator")),
        }
        key(&one.field("key"), causes);
    }
    for one in term.field("matchFields").items() {
        let (operator, values) = (one.field("operator"), one.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.value.as_array().map_or(0, Vec::len) != 1 => {
                causes.push(values.required(
                    "must be only one value when `operator` is 'In' or 'NotIn' for node field \
                     selector",
                ));
            }
            "In" | "NotIn" => {}
            _ => causes.push(operator.invalid("not a valid selector operator")),
        }
        let key = one.field("key");
        if key.text() != "metadata.name" {
            causes.push(key.invalid("not a valid field selector key"));
        }
    }
}

/// Whether a selector selects these labels.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let empty = Map::new();
    let labels = labels.as_object().unwrap_or(&empty);
    let wanted = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let holds = |expression: &Value| {
        let text = |name: &str| {
            expression
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let value = labels.get(text("key"));
        let values = expression.get("values").and_then(Value::as_array);
        let listed = || value.is_some_and(|value| values.is_some_and(|list| list.contains(value)));
        match text("operator") {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => true,
        }
    };
    wanted
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().flatten().all(holds)
}
