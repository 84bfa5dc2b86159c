//! The smallest merge patch between two documents.

use serde_json::{Map, Value};

/// The JSON merge patch (RFC 7386) that turns `old` into `new`, or `None` where they are equal.
///
/// Members that are `null` in `new` count as absent. Lists are replaced whole, as merge patch does.
pub fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut patch = Map::new();
    for (name, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        match old.get(name) {
            Some(before) => {
                if let Some(change) = merge_diff(before, value) {
                    patch.insert(name.clone(), change);
                }
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    for (name, before) in old {
        if !before.is_null() && new.get(name).is_none_or(Value::is_null) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_documents_need_no_patch() {
        let status = json!({"replicas": 3, "conditions": [{"type": "Available"}]});
        assert_eq!(merge_diff(&status, &status), None);
    }

    #[test]
    fn absent_members_are_removed_and_lists_replaced() {
        let old = json!({"replicas": 3, "gone": 1, "deep": {"a": 1, "b": 2}, "list": [1, 2]});
        let new = json!({"replicas": 3, "gone": null, "deep": {"a": 1}, "list": [1], "new": true});
        assert_eq!(
            merge_diff(&old, &new),
            Some(json!({"gone": null, "deep": {"b": null}, "list": [1], "new": true}))
        );
    }

    #[test]
    fn a_first_status_is_taken_whole() {
        assert_eq!(
            merge_diff(&Value::Null, &json!({"a": 1})),
            Some(json!({"a": 1}))
        );
    }
}
