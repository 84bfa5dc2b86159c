//! From text to expression, with the position of what is wrong.

use promql_parser::parser::{self, Expr, VectorSelector};

use super::error::ParseError;
use super::locate;

/// The longest query, in bytes.
const LONGEST: usize = 64 * 1024;
/// The deepest nesting: evaluation is recursive.
const DEEPEST: usize = 200;

/// Parses an expression.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let fail = |message: String| ParseError::at(text, 0, message);
    if text.trim().is_empty() {
        return Err(fail("no expression found in input".to_owned()));
    }
    if text.len() > LONGEST {
        return Err(fail(format!("the query is longer than {LONGEST} bytes")));
    }
    if nesting(text) > DEEPEST {
        return Err(fail(format!(
            "the query is nested deeper than {DEEPEST} levels"
        )));
    }
    let expr = parser::parse(text).map_err(|message| locate::locate(text, &message))?;
    if depth_exceeds(&expr, DEEPEST) {
        return Err(fail(format!(
            "the query is nested deeper than {DEEPEST} levels"
        )));
    }
    Ok(expr)
}

/// Parses a series selector, as `match[]` takes it.
pub fn selector(text: &str) -> Result<VectorSelector, ParseError> {
    match parse(text)? {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            Ok(selector)
        }
        _ => Err(ParseError::at(
            text,
            0,
            "expected a series selector such as up{job=\"x\"}",
        )),
    }
}

/// The deepest level of brackets, a bound on what the parser has to keep.
fn nesting(text: &str) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => level += 1,
            b')' | b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

fn depth_exceeds(expr: &Expr, limit: usize) -> bool {
    let Some(below) = limit.checked_sub(1) else {
        return true;
    };
    children(expr)
        .iter()
        .any(|child| depth_exceeds(child, below))
}

/// The expressions directly inside an expression.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => aggregate
            .param
            .iter()
            .map(|param| &**param)
            .chain([&*aggregate.expr])
            .collect(),
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(|arg| &**arg).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}
