//! Conditions on labels.

use promql_parser::label::{MatchOp, Matcher as Parsed};
use promql_parser::parser::VectorSelector;
use regex::Regex;

use crate::labels::{Labels, METRIC_NAME};

/// A condition on one label. A label that is not set has the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(String),
    NotEqual(String),
    /// Anchored at both ends.
    Regex(Regex),
    NotRegex(Regex),
}

impl Matcher {
    /// The label has exactly this value.
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            test: Test::Equal(value.to_owned()),
        }
    }

    /// The conditions of a selector, its metric name included.
    pub fn of(selector: &VectorSelector) -> Vec<Self> {
        let name = selector
            .name
            .iter()
            .map(|name| Self::equal(METRIC_NAME, name));
        name.chain(selector.matchers.matchers.iter().map(Self::parsed))
            .collect()
    }

    fn parsed(matcher: &Parsed) -> Self {
        let test = match &matcher.op {
            MatchOp::Equal => Test::Equal(matcher.value.clone()),
            MatchOp::NotEqual => Test::NotEqual(matcher.value.clone()),
            MatchOp::Re(regex) => Test::Regex(regex.clone()),
            MatchOp::NotRe(regex) => Test::NotRegex(regex.clone()),
        };
        Self {
            name: matcher.name.clone(),
            test,
        }
    }

    /// Whether the labels fulfil the condition.
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name);
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Regex(regex) => regex.is_match(value),
            Test::NotRegex(regex) => !regex.is_match(value),
        }
    }

    /// The metric name, if this asks for exactly one.
    pub(crate) fn exact_metric(&self) -> Option<&str> {
        self.exact()
            .filter(|(name, _)| *name == METRIC_NAME)
            .map(|(_, value)| value)
    }

    /// Label and value, if this asks for exactly one value.
    pub(crate) fn exact(&self) -> Option<(&str, &str)> {
        match &self.test {
            Test::Equal(value) => Some((&self.name, value)),
            _ => None,
        }
    }
}

impl Matcher {
    /// The label's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
