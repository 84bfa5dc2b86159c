//! Selectors by labels.

mod parse;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Error;

/// What is asked of the value of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// It is there and one of these.
    In(Vec<String>),
    /// It is absent or none of these.
    NotIn(Vec<String>),
    /// It is there.
    Exists,
    /// It is absent.
    Absent,
    /// It is an integer greater than this.
    Above(i64),
    /// It is an integer less than this.
    Below(i64),
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The key of the label.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
}

impl Requirement {
    /// Whether a label's value, or its absence, meets it.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match &self.operator {
            Operator::In(values) => {
                value.is_some_and(|value| values.iter().any(|one| one == value))
            }
            Operator::NotIn(values) => {
                value.is_none_or(|value| values.iter().all(|one| one != value))
            }
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::Above(bound) => number().is_some_and(|number| number > *bound),
            Operator::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// Conditions on labels, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    requirements: Vec<Requirement>,
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Conditions,
    /// A `metav1.LabelSelector` that is absent selects nothing.
    Nothing,
}

impl Default for Label {
    fn default() -> Self {
        Self::everything()
    }
}

impl Label {
    /// Selects everything.
    pub fn everything() -> Self {
        Self {
            requirements: Vec::new(),
            scope: Scope::Conditions,
        }
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self {
            requirements: Vec::new(),
            scope: Scope::Nothing,
        }
    }

    /// Reads the text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    ///
    /// # Errors
    /// With the position in the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let requirements = parse::requirements(text)?;
        Ok(Self {
            requirements,
            scope: Scope::Conditions,
        })
    }

    /// Selects the objects that have all of these labels: the plain selector of a Service.
    pub fn from_map(labels: &BTreeMap<String, String>) -> Self {
        let requirement = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::In(vec![value.clone()]),
        };
        Self {
            requirements: labels.iter().map(requirement).collect(),
            scope: Scope::Conditions,
        }
    }

    /// Reads a `metav1.LabelSelector`. Null selects nothing, an empty one everything.
    ///
    /// # Errors
    /// With the field of the selector.
    pub fn from_json(selector: &Value) -> Result<Self, Error> {
        let Value::Object(map) = selector else {
            return match selector {
                Value::Null => Ok(Self::nothing()),
                _ => Err(structure("", "must be an object")),
            };
        };
        let mut requirements = Vec::new();
        let labels = map
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (key, value) in labels {
            let Value::String(value) = value else {
                return Err(structure(
                    &format!("matchLabels[{key}]"),
                    "must be a string",
                ));
            };
            let operator = Operator::In(vec![value.clone()]);
            requirements.push(Requirement {
                key: key.clone(),
                operator,
            });
        }
        let list = map
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (index, expression) in list.enumerate() {
            requirements.push(requirement(
                expression,
                &format!("matchExpressions[{index}]"),
            )?);
        }
        Ok(Self {
            requirements,
            scope: Scope::Conditions,
        })
    }

    /// The conditions.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.scope == Scope::Conditions
    }

    /// Whether labels meet all conditions.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches_by(|key| labels.get(key).map(String::as_str))
    }

    /// Whether labels that are found by key meet all conditions.
    pub fn matches_by<'a>(&self, find: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.scope == Scope::Conditions
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.holds(find(&requirement.key)))
    }
}

fn structure(field: &str, message: &str) -> Error {
    Error::Structure {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

fn requirement(expression: &Value, field: &str) -> Result<Requirement, Error> {
    let text = |name: &str| {
        expression
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let values = expression
        .get("values")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let values: Vec<String> = values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let key = text("key").to_owned();
    if key.is_empty() {
        return Err(structure(&format!("{field}.key"), "must be given"));
    }
    let wrong = |message: &str| Err(structure(&format!("{field}.values"), message));
    let operator = match text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            return wrong("must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            return wrong("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "In" => Operator::In(values),
        "NotIn" => Operator::NotIn(values),
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::Absent,
        other => {
            let message = format!("not a valid selector operator: {other:?}");
            return Err(structure(&format!("{field}.operator"), &message));
        }
    };
    Ok(Requirement { key, operator })
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator }) in self.requirements.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            match operator {
                Operator::In(values) if values.len() == 1 => {
                    write!(formatter, "{key}={}", values[0])?;
                }
                Operator::NotIn(values) if values.len() == 1 => {
                    write!(formatter, "{key}!={}", values[0])?;
                }
                Operator::In(values) => write!(formatter, "{key} in ({})", values.join(","))?,
                Operator::NotIn(values) => write!(formatter, "{key} notin ({})", values.join(","))?,
                Operator::Exists => write!(formatter, "{key}")?,
                Operator::Absent => write!(formatter, "!{key}")?,
                Operator::Above(bound) => write!(formatter, "{key}>{bound}")?,
                Operator::Below(bound) => write!(formatter, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}
