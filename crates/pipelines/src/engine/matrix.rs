//! `strategy.matrix`: axes to combinations.

use serde_json::{Map, Value};

use crate::expression::{self, Scope};
use crate::workflow::{Data, Matrix};

/// The most jobs one matrix may make (GitHub's limit).
const LIMIT: usize = 256;

/// One combination: names and values, the axes first, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Combination(pub Vec<(String, Value)>);

impl Combination {
    /// The `matrix` context.
    pub fn context(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect())
    }

    /// ` (3.11, linux)` for a job's name; empty where there is no matrix.
    pub fn suffix(&self) -> String {
        let values: Vec<String> = self
            .0
            .iter()
            .filter(|(_, value)| !value.is_object() && !value.is_array())
            .map(|(_, value)| expression::text(value))
            .collect();
        if values.is_empty() {
            String::new()
        } else {
            format!(" ({})", values.join(", "))
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

/// Why a matrix makes no jobs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expression failed.
    #[error("the matrix cannot be evaluated")]
    Evaluate(#[source] expression::Error),
    /// A value has the wrong type.
    #[error("the matrix is wrong: {0}")]
    Shape(String),
    /// Too many combinations.
    #[error("the matrix makes {0} jobs; {LIMIT} is the limit")]
    TooMany(usize),
}

/// All combinations, `exclude` taken out and `include` put in, in order.
pub(crate) fn expand(matrix: &Matrix, scope: &Scope<'_>) -> Result<Vec<Combination>, Error> {
    let (axes, include, exclude) = match matrix {
        Matrix::Expression(template) => {
            let value = template.value(scope).map_err(Error::Evaluate)?;
            let Value::Object(mut members) = value else {
                return Err(shape("the expression", "a mapping", &value));
            };
            let include = members.remove("include");
            let exclude = members.remove("exclude");
            (members.into_iter().collect(), include, exclude)
        }
        Matrix::Axes {
            axes,
            include,
            exclude,
        } => {
            let axes = axes
                .iter()
                .map(|(name, values)| Ok((name.clone(), resolve(values, scope)?)))
                .collect::<Result<Vec<_>, Error>>()?;
            let optional =
                |data: &Option<Data>| data.as_ref().map(|d| resolve(d, scope)).transpose();
            (axes, optional(include)?, optional(exclude)?)
        }
    };
    let mut combinations = product(&axes)?;
    let exclude = objects("exclude", exclude)?;
    combinations.retain(|combination| {
        !exclude.iter().any(|rule| {
            rule.iter()
                .all(|(name, value)| combination.get(name) == Some(value))
        })
    });
    add(&mut combinations, &objects("include", include)?, &axes);
    if combinations.len() > LIMIT {
        return Err(Error::TooMany(combinations.len()));
    }
    Ok(combinations)
}

/// Data with its templates evaluated.
pub(crate) fn resolve(data: &Data, scope: &Scope<'_>) -> Result<Value, Error> {
    Ok(match data {
        Data::Plain(value) => value.clone(),
        Data::Text(template) => template.value(scope).map_err(Error::Evaluate)?,
        Data::List(items) => Value::Array(
            items
                .iter()
                .map(|item| resolve(item, scope))
                .collect::<Result<_, _>>()?,
        ),
        Data::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(name, value)| Ok((name.clone(), resolve(value, scope)?)))
                .collect::<Result<_, Error>>()?,
        ),
    })
}

fn shape(what: &str, wanted: &str, found: &Value) -> Error {
    Error::Shape(format!("{what} must be {wanted}, not `{found}`"))
}

/// The product of the axes; the last axis runs fastest.
fn product(axes: &[(String, Value)]) -> Result<Vec<Combination>, Error> {
    if axes.is_empty() {
        return Ok(Vec::new());
    }
    let mut combinations = vec![Combination::default()];
    for (name, values) in axes {
        let Value::Array(values) = values else {
            return Err(shape(&format!("`{name}`"), "a list", values));
        };
        if combinations.len() * values.len() > LIMIT * 4 {
            return Err(Error::TooMany(combinations.len() * values.len()));
        }
        combinations = combinations
            .iter()
            .flat_map(|combination| {
                values.iter().map(|value| {
                    let mut next = combination.clone();
                    next.set(name, value.clone());
                    next
                })
            })
            .collect();
    }
    Ok(combinations)
}

fn objects(what: &str, value: Option<Value>) -> Result<Vec<Map<String, Value>>, Error> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(shape(&format!("`{what}`"), "a list of mappings", &other)),
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::Object(object) => Ok(object),
            other => Err(shape(&format!("an item of `{what}`"), "a mapping", &other)),
        })
        .collect()
}

/// GitHub's rule for `include`: its pairs go to every combination in which they overwrite none of
/// the axes' own values; an item that fits nowhere becomes a combination of its own.
fn add(
    combinations: &mut Vec<Combination>,
    include: &[Map<String, Value>],
    axes: &[(String, Value)],
) {
    let from_axes = combinations.len();
    for item in include {
        let mut placed = false;
        for combination in &mut combinations[..from_axes] {
            let fits = item.iter().all(|(name, value)| {
                let is_axis = axes.iter().any(|(axis, _)| axis == name);
                !is_axis || combination.get(name) == Some(value)
            });
            if fits {
                placed = true;
                for (name, value) in item {
                    combination.set(name, value.clone());
                }
            }
        }
        if !placed {
            let is_axis = |name: &str| axes.iter().any(|(axis, _)| axis == name);
            let of_axes = axes.iter().filter_map(|(axis, _)| item.get_key_value(axis));
            let others = item.iter().filter(|(name, _)| !is_axis(name));
            let pairs = of_axes
                .chain(others)
                .map(|(name, value)| (name.clone(), value.clone()));
            combinations.push(Combination(pairs.collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::expression::Status;
    use crate::workflow::Workflow;

    fn check(matrix: &str, expected: &Expect) {
        let text = format!(
            "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: x}}]\n    strategy:\n      matrix: {matrix}\n"
        );
        let workflow = Workflow::parse("ci.yml", &text).unwrap();
        let contexts = BTreeMap::from([(
            "needs",
            json!({"plan": {"outputs": {"matrix": "{\"v\": [1, 2]}", "list": "[\"x\", \"y\"]"}}}),
        )]);
        let scope = Scope {
            contexts: &contexts,
            status: Status::Success,
            files: None,
        };
        let lines = match expand(workflow.jobs[0].strategy.matrix.as_ref().unwrap(), &scope) {
            Ok(all) => all
                .iter()
                .map(|c| format!("a{} {}\n", c.suffix(), c.context()))
                .collect::<String>(),
            Err(error) => crate::port::chain(&error),
        };
        expected.assert_eq(&lines);
    }

    #[test]
    fn axes_multiply_and_exclude_takes_out() {
        check(
            "{os: [linux, mac], v: [1, 2], exclude: [{os: mac, v: 1}]}",
            &expect![[r#"
                a (linux, 1) {"os":"linux","v":1}
                a (linux, 2) {"os":"linux","v":2}
                a (mac, 2) {"os":"mac","v":2}
            "#]],
        );
    }

    #[test]
    fn include_extends_or_adds() {
        // GitHub's own example of the rule.
        check(
            "{fruit: [apple, pear], animal: [cat, dog], include: [{color: green}, {color: pink, animal: cat}, {fruit: apple, shape: circle}, {fruit: banana}, {fruit: banana, animal: cat}]}",
            &expect![[r#"
                a (apple, cat, pink, circle) {"animal":"cat","color":"pink","fruit":"apple","shape":"circle"}
                a (apple, dog, green, circle) {"animal":"dog","color":"green","fruit":"apple","shape":"circle"}
                a (pear, cat, pink) {"animal":"cat","color":"pink","fruit":"pear"}
                a (pear, dog, green) {"animal":"dog","color":"green","fruit":"pear"}
                a (banana) {"fruit":"banana"}
                a (banana, cat) {"animal":"cat","fruit":"banana"}
            "#]],
        );
        check(
            "{include: [{site: production}, {site: staging}]}",
            &expect![[r#"
                a (production) {"site":"production"}
                a (staging) {"site":"staging"}
            "#]],
        );
    }

    #[test]
    fn a_matrix_may_come_from_a_job_before() {
        check(
            "${{ fromJSON(needs.plan.outputs.matrix) }}",
            &expect![[r#"
            a (1) {"v":1}
            a (2) {"v":2}
        "#]],
        );
        check(
            "{v: \"${{ fromJSON(needs.plan.outputs.list) }}\"}",
            &expect![[r#"
                a (x) {"v":"x"}
                a (y) {"v":"y"}
            "#]],
        );
        check(
            "${{ fromJSON(needs.plan.outputs.list) }}",
            &expect![[r#"the matrix is wrong: the expression must be a mapping, not `["x","y"]`"#]],
        );
        check(
            "{v: \"${{ needs.plan.outputs.list }}\"}",
            &expect![[r#"the matrix is wrong: `v` must be a list, not `"[\"x\", \"y\"]"`"#]],
        );
    }
}
