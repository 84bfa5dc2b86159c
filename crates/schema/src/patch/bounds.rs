//! How much a JSON patch may do: few operations can copy and nest values without end.

use json_patch::PatchOperation;
use serde_json::Value;

use super::{Error, MOST_COPIED, name};

/// How deep values may be nested: what is deeper could not be read again.
pub const DEEPEST: usize = 120;

/// How many values the moves of one patch may carry to a deeper place. Whether one does is found by
/// looking at all of it.
const MOST_MOVED: usize = 4 << 20;

/// What the operations so far have done.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    copied: usize,
    moved: usize,
}

impl Bounds {
    /// Whether the operation may be done to `target`.
    pub(super) fn admit(
        &mut self,
        target: &Value,
        operation: &PatchOperation,
    ) -> Result<(), Error> {
        let path = operation.path();
        let too_deep = || Error::TooDeep {
            operation: name(operation),
            path: path.to_string(),
        };
        let place = path.count();
        let inner = match operation {
            PatchOperation::Add(add) => depth(&add.value),
            PatchOperation::Replace(replace) => depth(&replace.value),
            PatchOperation::Copy(copy) => {
                let Some(source) = target.pointer(copy.from.as_str()) else {
                    return Ok(());
                };
                self.copied = self.copied.saturating_add(size(source));
                if self.copied > MOST_COPIED {
                    return Err(Error::TooMuchCopied { size: self.copied });
                }
                depth(source)
            }
            PatchOperation::Move(moved) if place > moved.from.count() => {
                let Some(source) = target.pointer(moved.from.as_str()) else {
                    return Ok(());
                };
                self.moved = self.moved.saturating_add(count(source));
                if self.moved > MOST_MOVED {
                    return Err(too_deep());
                }
                depth(source)
            }
            _ => return Ok(()),
        };
        if place + inner > DEEPEST {
            return Err(too_deep());
        }
        Ok(())
    }
}

/// How deep a value is nested: 0 for a scalar, 1 for an empty list.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// How many values a value consists of.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// About how long the text of a value is.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| key.len() + 4 + size(value);
            2 + map.iter().map(entry).sum::<usize>()
        }
    }
}
