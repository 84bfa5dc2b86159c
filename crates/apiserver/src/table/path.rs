//! The JSONPath of printer columns and selectable fields: steps, indices, wildcards and equality
//! filters.

use serde_json::Value;

use crate::object::Object;

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(i64),
    Every,
    Where { field: Vec<String>, equals: String },
}

impl Path {
    /// Reads `.a.b[0].c`, `.a["b"]`, `.a[*].b` and `.a[?(@.type=="Ready")].status`. What cannot be read
    /// selects nothing.
    pub fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut rest = text.trim().trim_start_matches('{').trim_end_matches('}');
        rest = rest.trim_start_matches('$');
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('[') {
                let Some(end) = closing(tail) else { break };
                steps.extend(bracket(&tail[..end]));
                rest = &tail[end + 1..];
            } else {
                let tail = rest.strip_prefix('.').unwrap_or(rest);
                let (name, next) = field_name(tail);
                match name.as_str() {
                    "" => {}
                    "*" => steps.push(Step::Every),
                    _ => steps.push(Step::Field(name)),
                }
                rest = if next.len() == rest.len() { "" } else { next };
            }
        }
        Self(steps)
    }

    /// The first value that the path selects.
    pub fn first<'a>(&self, object: &'a Object) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let Step::Field(name) = first else {
            return None;
        };
        select(object.0.get(name)?, rest)
    }
}

/// The name up to the next separator; `\.` is a dot within it.
fn field_name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[index..]),
            letter => name.push(letter),
        }
    }
    (name, "")
}

/// The index of the bracket that closes, quotes and inner brackets skipped.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(index),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    let unquote = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    if text == "*" {
        return Some(Step::Every);
    }
    if let Some(condition) = text
        .strip_prefix("?(")
        .and_then(|text| text.strip_suffix(')'))
    {
        let (left, right) = condition.split_once("==")?;
        let field = left
            .trim()
            .strip_prefix('@')?
            .split('.')
            .filter(|step| !step.is_empty());
        return Some(Step::Where {
            field: field.map(str::to_owned).collect(),
            equals: unquote(right),
        });
    }
    match text.parse() {
        Ok(index) => Some(Step::Index(index)),
        Err(_) => Some(Step::Field(unquote(text))),
    }
}

fn select<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(value);
    };
    match step {
        Step::Field(name) => select(value.get(name)?, rest),
        Step::Index(index) => {
            let list = value.as_array()?;
            let place = if *index < 0 {
                list.len() as i64 + index
            } else {
                *index
            };
            select(list.get(usize::try_from(place).ok()?)?, rest)
        }
        Step::Every => match value {
            Value::Array(list) => list.iter().find_map(|item| select(item, rest)),
            Value::Object(map) => map.values().find_map(|item| select(item, rest)),
            _ => None,
        },
        Step::Where { field, equals } => value.as_array()?.iter().find_map(|item| {
            let found = field.iter().try_fold(item, |value, step| value.get(step))?;
            let same = match found {
                Value::String(text) => text == equals,
                other => other.to_string() == *equals,
            };
            if same { select(item, rest) } else { None }
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_printer_columns_select_as_upstream() {
        let Value::Object(map) = json!({
            "spec": {"replicas": 3, "hosts": ["a", "b"]},
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "status": {"conditions": [
                {"type": "Synced", "status": "False"},
                {"type": "Ready", "status": "True"},
            ]},
        }) else {
            unreachable!("a literal object");
        };
        let object = Object(map);
        let cases = [
            (".spec.replicas", json!(3)),
            ("{.spec.hosts[1]}", json!("b")),
            (".spec.hosts[-1]", json!("b")),
            (".spec.hosts[*]", json!("a")),
            (".spec.hosts", json!(["a", "b"])),
            (
                r#".status.conditions[?(@.type=="Ready")].status"#,
                json!("True"),
            ),
            (
                r".status.conditions[?(@.type=='Ready')].status",
                json!("True"),
            ),
            (r".metadata.labels.app\.kubernetes\.io/name", json!("web")),
            (
                r#".metadata.labels["app.kubernetes.io/name"]"#,
                json!("web"),
            ),
            (".status.absent", Value::Null),
        ];
        for (path, expected) in cases {
            let found = Path::parse(path)
                .first(&object)
                .cloned()
                .unwrap_or_default();
            assert_eq!(found, expected, "{path}");
        }
    }
}
