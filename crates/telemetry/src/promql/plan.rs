//! What a query reads: every selector's series, fetched once for all steps.

use std::collections::BTreeMap;

use promql_parser::parser::{AtModifier, Expr, Offset, VectorSelector};

use super::Options;
use super::parse::children;
use crate::matcher::Matcher;
use crate::store::{Series, Store};

/// The series of each selector of one expression. The selectors are told apart by their place in memory,
/// which is fixed while the expression is borrowed.
pub(super) type Fetched = BTreeMap<usize, Vec<Series>>;

/// Names a selector of the expression under evaluation.
pub(super) fn key(selector: &VectorSelector) -> usize {
    std::ptr::from_ref(selector) as usize
}

/// A stretch of evaluation times, in milliseconds.
pub(super) type Window = (i64, i64);

/// Fetches what `expr` reads when it is evaluated at times in `window`.
pub(super) fn fetch(store: &Store, options: &Options, expr: &Expr, window: Window) -> Fetched {
    let mut plan = Plan {
        store,
        lookback: span(options.lookback),
        query: window,
        fetched: Fetched::new(),
    };
    plan.visit(expr, window);
    plan.fetched
}

struct Plan<'a> {
    store: &'a Store,
    lookback: i64,
    query: Window,
    fetched: Fetched,
}

impl Plan<'_> {
    fn visit(&mut self, expr: &Expr, window: Window) {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector, window, self.lookback),
            Expr::MatrixSelector(matrix) => {
                self.select(&matrix.vs, window, span(matrix.range));
            }
            Expr::Subquery(subquery) => {
                let (from, to) = self.shift(window, subquery.at.as_ref(), subquery.offset.as_ref());
                self.visit(&subquery.expr, (bounded(from - span(subquery.range)), to));
            }
            other => children(other)
                .into_iter()
                .for_each(|child| self.visit(child, window)),
        }
    }

    fn select(&mut self, selector: &VectorSelector, window: Window, back: i64) {
        let (from, to) = self.shift(window, selector.at.as_ref(), selector.offset.as_ref());
        let series = self.store.select(&Matcher::of(selector), from - back, to);
        self.fetched.insert(key(selector), series);
    }

    fn shift(&self, window: Window, at: Option<&AtModifier>, offset: Option<&Offset>) -> Window {
        let time = |time| reference(time, at, offset, self.query);
        (time(window.0), time(window.1))
    }
}

/// The time that a selector means when it is evaluated at `time`.
pub(super) fn reference(
    time: i64,
    at: Option<&AtModifier>,
    offset: Option<&Offset>,
    query: Window,
) -> i64 {
    let fixed = match at {
        None => time,
        Some(AtModifier::Start) => query.0,
        Some(AtModifier::End) => query.1,
        Some(AtModifier::At(moment)) => milliseconds(*moment),
    };
    bounded(match offset {
        None => fixed,
        Some(Offset::Pos(offset)) => fixed - span(*offset),
        Some(Offset::Neg(offset)) => fixed + span(*offset),
    })
}

/// The farthest time from 1970 that is reckoned with, in milliseconds: some thirty thousand years. Sums of
/// a few times and spans never overflow.
const FARTHEST: i64 = 1_000_000_000_000_000;

/// A time that can be reckoned with.
pub(super) fn bounded(time: i64) -> i64 {
    time.clamp(-FARTHEST, FARTHEST)
}

/// A duration in milliseconds.
pub(super) fn span(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(FARTHEST, |span| span.min(FARTHEST))
}

fn milliseconds(moment: std::time::SystemTime) -> i64 {
    match moment.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => span(after),
        Err(before) => -span(before.duration()),
    }
}
