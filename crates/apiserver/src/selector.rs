//! Label and field selectors of list and watch requests.

use std::collections::BTreeMap;

use seatrial_store::Record;

use crate::failure::Failure;
use crate::registry::Kind;

/// One condition on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = |value: Option<&str>| value.and_then(|text| text.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Self::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
            Self::Above(bound) => number(value).is_some_and(|number| number > *bound),
            Self::Below(bound) => number(value).is_some_and(|number| number < *bound),
        }
    }
}

/// A conjunction of conditions on labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<(String, Requirement)>);

impl LabelSelector {
    /// Reads the text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    ///
    /// # Errors
    /// A bad request that shows the part which cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        split_outside_parentheses(text)
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                parse_requirement(part).ok_or_else(|| {
                    Failure::bad_request(format!(
                        "unable to parse requirement {part:?} of the label selector {text:?}"
                    ))
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there are no conditions.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `labels` meet every condition.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0
            .iter()
            .all(|(key, requirement)| requirement.holds(labels.get(key).map(String::as_str)))
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Option<(String, Requirement)> {
    let key = |text: &str| {
        let text = text.trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
    };
    let value = |text: &str| {
        let text = text.trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        text.chars().all(plain).then(|| text.to_owned())
    };
    if let Some(rest) = part.strip_suffix(')') {
        let (head, values) = rest.split_once('(')?;
        let values = values.split(',').map(value).collect::<Option<Vec<_>>>()?;
        let mut words = head.split_whitespace();
        let (name, operator) = (key(words.next()?)?, words.next()?);
        return match (operator, words.next()) {
            ("in", None) => Some((name, Requirement::In(values))),
            ("notin", None) => Some((name, Requirement::NotIn(values))),
            _ => None,
        };
    }
    if let Some((left, right)) = part.split_once("!=") {
        return Some((key(left)?, Requirement::NotIn(vec![value(right)?])));
    }
    if let Some((left, right)) = part.split_once('=') {
        let right = right.strip_prefix('=').unwrap_or(right);
        return Some((key(left)?, Requirement::In(vec![value(right)?])));
    }
    if let Some((left, right)) = part.split_once('>') {
        return Some((key(left)?, Requirement::Above(right.trim().parse().ok()?)));
    }
    if let Some((left, right)) = part.split_once('<') {
        return Some((key(left)?, Requirement::Below(right.trim().parse().ok()?)));
    }
    match part.strip_prefix('!') {
        Some(rest) => Some((key(rest)?, Requirement::Absent)),
        None => Some((key(part)?, Requirement::Exists)),
    }
}

/// A conjunction of equalities and inequalities on selectable fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<(String, Comparison, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
}

impl FieldSelector {
    /// Reads the text form: `status.phase=Running,spec.nodeName!=a`.
    ///
    /// # Errors
    /// A bad request where it cannot be read or names a field that `kind` cannot select by.
    pub(crate) fn parse(text: &str, kind: &Kind) -> Result<Self, Failure> {
        let mut terms = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (field, comparison, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, Comparison::Unequal, value)
            } else if let Some((field, value)) = part.split_once("==") {
                (field, Comparison::Equal, value)
            } else if let Some((field, value)) = part.split_once('=') {
                (field, Comparison::Equal, value)
            } else {
                return Err(Failure::bad_request(format!(
                    "invalid selector: {part:?}; can't understand {part:?}"
                )));
            };
            let known = matches!(field, "metadata.name" | "metadata.namespace")
                || kind.selectable.iter().any(|path| path == field);
            if !known {
                return Err(Failure::bad_request(format!(
                    "field label not supported: {field}"
                )));
            }
            terms.push((field.to_owned(), comparison, value.to_owned()));
        }
        Ok(Self(terms))
    }

    /// Whether there are no conditions.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `record` meets every condition.
    pub(crate) fn matches(&self, record: &Record) -> bool {
        self.0.iter().all(|(field, comparison, wanted)| {
            let value = match field.as_str() {
                "metadata.name" => &record.key.name,
                "metadata.namespace" => &record.key.namespace,
                field => match record.metadata.fields.get(field) {
                    Some(value) => value.as_str(),
                    // The one selectable truth value; absent means false.
                    None if field == "spec.unschedulable" => "false",
                    None => "",
                },
            };
            (value == wanted) == (*comparison == Comparison::Equal)
        })
    }

    /// The one name that can match, if the selector pins it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.iter().find_map(|(field, comparison, value)| {
            let pinned = field == "metadata.name" && *comparison == Comparison::Equal;
            pinned.then_some(value.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        text.split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn label_selectors_select_as_upstream() {
        let cases = [
            ("app=web", "app=web", true),
            ("app==web", "app=web", true),
            ("app!=web", "app=web", false),
            ("app!=web", "", true),
            ("app in (web, api),tier", "app=api,tier=1", true),
            ("app in (web,api)", "", false),
            ("app notin (web,api)", "", true),
            ("!app", "app=web", false),
            ("!app", "", true),
            ("example.com/size>3", "example.com/size=4", true),
            ("size<3", "size=4", false),
            ("app=", "app=", true),
            ("", "app=web", true),
        ];
        for (selector, set, expected) in cases {
            let selector = LabelSelector::parse(selector).unwrap();
            assert_eq!(
                selector.matches(&labels(set)),
                expected,
                "{selector:?} on {set}"
            );
        }
    }

    #[test]
    fn unreadable_label_selectors_are_refused() {
        for bad in ["a in b", "a=(", "a b", "=b", "a in (b", "a>x", "!"] {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
    }
}
