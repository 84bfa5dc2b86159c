//! JSONPath as Kubernetes speaks it: `.a.b`, `[0]`, `[-1]`, `[1:3]`, `[0,2]`, `[*]`, `['a.b/c']`, `..name`,
//! `[?(@.type=="Ready")]`. It may be written in braces, and may begin with `$` or `@`.
//!
//! ```
//! use seatrial_expr::json_path::Path;
//!
//! let path = Path::parse("{.status.conditions[?(@.type==\"Ready\")].status}")?;
//! let object = serde_json::json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
//! assert_eq!(path.find(&object), [&serde_json::json!("True")]);
//! # Ok::<(), seatrial_expr::json_path::Error>(())
//! ```

mod parse;

use serde_json::Value;

/// Why a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse the path {text:?}: at position {at}: {message}")]
pub struct Error {
    /// The whole text.
    pub text: String,
    /// Bytes from its beginning.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// A path that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        by: usize,
    },
    All,
    /// The value itself and everything below it.
    Descend,
    Union(Vec<Step>),
    Filter(Filter),
}

/// `left operator right`; without an operator, whether `left` is there.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    left: Operand,
    test: Option<(Comparison, Operand)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Literal(Value),
    Path(Path),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// With the position in the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// All values that the path leads to, in the order of the document (fields by name). What is not there is
    /// left out.
    pub fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                take(step, value, &mut next);
            }
            found = next;
        }
        found
    }

    /// The first value that the path leads to.
    pub fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.find(root).into_iter().next()
    }

    /// The fields through which every way of the path begins: all that it can reach lies below the last of them.
    /// None where it may reach anything.
    pub fn beginning(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map_while(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn take<'a>(step: &Step, value: &'a Value, found: &mut Vec<&'a Value>) {
    match step {
        Step::Field(name) => found.extend(value.get(name)),
        Step::Index(index) => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let place = if *index < 0 {
                index.saturating_add(items.len() as i64)
            } else {
                *index
            };
            found.extend(
                usize::try_from(place)
                    .ok()
                    .and_then(|place| items.get(place)),
            );
        }
        Step::Slice { from, to, by } => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let place = |bound: i64| {
                let from_end = bound.saturating_add(items.len() as i64);
                let place = if bound < 0 { from_end } else { bound };
                usize::try_from(place).unwrap_or_default().min(items.len())
            };
            let (from, to) = (from.map_or(0, place), to.map_or(items.len(), place));
            found.extend(
                items
                    .get(from..to)
                    .unwrap_or_default()
                    .iter()
                    .step_by((*by).max(1)),
            );
        }
        Step::All => children(value, found),
        Step::Descend => descend(value, found),
        Step::Union(steps) => steps.iter().for_each(|step| take(step, value, found)),
        Step::Filter(filter) => {
            let mut items = Vec::new();
            children(value, &mut items);
            found.extend(items.into_iter().filter(|item| filter.holds(item)));
        }
    }
}

fn children<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => found.extend(items),
        Value::Object(map) => found.extend(map.values()),
        _ => {}
    }
}

fn descend<'a>(root: &'a Value, found: &mut Vec<&'a Value>) {
    let mut pending = vec![root];
    while let Some(value) = pending.pop() {
        found.push(value);
        let mut below = Vec::new();
        children(value, &mut below);
        pending.extend(below.into_iter().rev());
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Path(path) => path.first(item),
        }
    }
}

impl Filter {
    fn holds(&self, item: &Value) -> bool {
        let left = self.left.value(item);
        let Some((comparison, right)) = &self.test else {
            return left.is_some();
        };
        let (Some(left), Some(right)) = (left, right.value(item)) else {
            return false;
        };
        let order = match (left, right) {
            (Value::Number(_), Value::Number(_)) => left.as_f64().partial_cmp(&right.as_f64()),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            _ => (left == right).then_some(std::cmp::Ordering::Equal),
        };
        match comparison {
            Comparison::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::Unequal => !order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

#[cfg(test)]
mod tests;
