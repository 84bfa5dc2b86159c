//! Text with expressions in it.

use serde_json::Value;

use super::{Error, Expression, Scope, text};
use crate::workflow::Position;

/// A string of a workflow file, with `${{ }}` parts and the place where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: String,
    at: Position,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq)]
enum Segment {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Reads text that may contain `${{ }}`.
    pub fn parse(source: &str, at: Position) -> Result<Self, Error> {
        let mut segments = Vec::new();
        let mut rest = source;
        while let Some(open) = rest.find("${{") {
            let inner = &rest[open + 3..];
            let consumed = source.len() - rest.len() + open;
            let close = close(inner).ok_or_else(|| Error::Unclosed {
                at: source[..consumed].chars().count() + 1,
            })?;
            if open > 0 {
                segments.push(Segment::Text(rest[..open].to_owned()));
            }
            segments.push(Segment::Expression(Expression::parse(
                inner[..close].trim(),
            )?));
            rest = &inner[close + 2..];
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.to_owned()));
        }
        Ok(Self {
            source: source.to_owned(),
            at,
            segments,
        })
    }

    /// Text that stands for itself.
    pub fn literal(text: &str, at: Position) -> Self {
        Self {
            source: text.to_owned(),
            at,
            segments: vec![Segment::Text(text.to_owned())],
        }
    }

    /// Reads an `if`, whose `${{ }}` may be left out.
    pub fn condition(source: &str, at: Position) -> Result<Self, Error> {
        if source.contains("${{") {
            return Self::parse(source, at);
        }
        let segments = vec![Segment::Expression(Expression::parse(source.trim())?)];
        Ok(Self {
            source: source.to_owned(),
            at,
            segments,
        })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands in the file.
    pub fn position(&self) -> Position {
        self.at
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Expression(expression) => Some(expression),
            Segment::Text(_) => None,
        })
    }

    /// Its value: of any type where it is one expression and nothing else, otherwise a string.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Value, Error> {
        if let [Segment::Expression(expression)] = self.segments.as_slice() {
            return expression.evaluate(scope);
        }
        self.text(scope).map(Value::String)
    }

    /// Its text.
    pub fn text(&self, scope: &Scope<'_>) -> Result<String, Error> {
        let mut output = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Text(part) => output.push_str(part),
                Segment::Expression(expression) => {
                    output.push_str(&text(&expression.evaluate(scope)?));
                }
            }
        }
        Ok(output)
    }

    /// Its truth as an `if`, with GitHub's implicit `success()`.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        if let [Segment::Expression(expression)] = self.segments.as_slice() {
            return expression.holds(scope);
        }
        let asks = self.expressions().any(Expression::checks_status);
        if !asks && scope.status != super::Status::Success {
            return Ok(false);
        }
        // Text around an expression makes a string, and a string that is not empty is true.
        self.text(scope).map(|text| !text.is_empty())
    }
}

/// Where `}}` stands outside single quotes.
fn close(inner: &str) -> Option<usize> {
    let mut quoted = false;
    inner.char_indices().find_map(|(index, character)| {
        quoted ^= character == '\'';
        (!quoted && inner[index..].starts_with("}}")).then_some(index)
    })
}
