//! Evaluates an expression at one time.

use std::cell::Cell;
use std::collections::BTreeSet;

use promql_parser::parser::{Expr, MatrixSelector, SubqueryExpr, VectorSelector};

use super::error::Error;
use super::plan::{self, Fetched, Window, bounded, key, reference, span};
use super::value::{Sample, Value};
use super::{Options, aggregate, binary, functions};
use crate::labels::Labels;
use crate::store::{Point, Series, Store, is_stale};

/// The most samples that one query may read, as upstream.
const MOST_SAMPLES: usize = 50_000_000;

/// Everything that stays the same while an expression is evaluated at its steps.
pub(super) struct Evaluator {
    fetched: Fetched,
    query: Window,
    lookback: i64,
    subquery_step: i64,
    work_left: Cell<u64>,
}

/// A range vector: per series the points in a stretch of time, open on the left.
pub(super) struct RangeVector<'s> {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) series: Vec<RangeSeries<'s>>,
}

/// One series of it.
pub(super) struct RangeSeries<'s> {
    pub(super) labels: &'s Labels,
    pub(super) points: Vec<Point>,
}

impl Evaluator {
    /// Fetches what the expression reads.
    pub(super) fn new(
        store: &Store,
        options: &Options,
        expr: &Expr,
        query: Window,
    ) -> Result<Self, Error> {
        let fetched = plan::fetch(store, options, expr, query);
        let samples = fetched
            .values()
            .flatten()
            .map(|series| series.points.len())
            .sum::<usize>();
        if samples > MOST_SAMPLES {
            return Err(Error::TooManySamples(MOST_SAMPLES));
        }
        Ok(Self {
            fetched,
            query,
            lookback: span(options.lookback),
            subquery_step: span(options.subquery_step).max(1),
            work_left: Cell::new(options.most_work),
        })
    }

    /// Takes from what the query may cost. Without a bound, a subquery within a subquery could
    /// keep a core busy for ever.
    pub(super) fn spend(&self, work: u64) -> Result<(), Error> {
        let left = self
            .work_left
            .get()
            .checked_sub(work)
            .ok_or(Error::TooMuchWork)?;
        self.work_left.set(left);
        Ok(())
    }

    pub(super) fn evaluate(&self, expr: &Expr, time: i64) -> Result<Value, Error> {
        self.spend(1)?;
        match expr {
            Expr::NumberLiteral(literal) => Ok(Value::Scalar(literal.val)),
            Expr::StringLiteral(literal) => Ok(Value::Text(literal.val.clone())),
            Expr::Paren(paren) => self.evaluate(&paren.expr, time),
            Expr::Unary(unary) => self.negate(&unary.expr, time),
            Expr::Binary(operation) => binary::evaluate(self, operation, time),
            Expr::Aggregate(aggregation) => aggregate::evaluate(self, aggregation, time),
            Expr::Call(call) => functions::call(self, call, time),
            Expr::VectorSelector(selector) => {
                let samples = self.latest(selector, time)?;
                Ok(Value::Vector(
                    samples.into_iter().map(|(sample, _)| sample).collect(),
                ))
            }
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                let range = self.with_range(expr, time, |range| {
                    let series = range.series.into_iter().map(|series| Series {
                        labels: series.labels.clone(),
                        points: series.points,
                    });
                    Ok(series.collect())
                })?;
                Ok(Value::Matrix(range))
            }
            Expr::Extension(extension) => Err(Error::Unsupported(extension.expr.name().to_owned())),
        }
    }

    /// The value of an expression that the parser has checked to be an instant vector.
    pub(super) fn vector(&self, expr: &Expr, time: i64) -> Result<Vec<Sample>, Error> {
        match self.evaluate(expr, time)? {
            Value::Vector(samples) => Ok(samples),
            other => Err(wrong_type("an instant vector", &other)),
        }
    }

    /// The value of an expression that is a scalar.
    pub(super) fn scalar(&self, expr: &Expr, time: i64) -> Result<f64, Error> {
        match self.evaluate(expr, time)? {
            Value::Scalar(value) => Ok(value),
            other => Err(wrong_type("a scalar", &other)),
        }
    }

    /// The value of an expression that is a text.
    pub(super) fn text(&self, expr: &Expr, time: i64) -> Result<String, Error> {
        match self.evaluate(expr, time)? {
            Value::Text(text) => Ok(text),
            other => Err(wrong_type("a string", &other)),
        }
    }

    fn negate(&self, expr: &Expr, time: i64) -> Result<Value, Error> {
        match self.evaluate(expr, time)? {
            Value::Scalar(value) => Ok(Value::Scalar(-value)),
            Value::Vector(samples) => {
                let negated = samples.into_iter().map(|sample| Sample {
                    labels: sample.labels.without_metric(),
                    value: -sample.value,
                });
                unique(negated.collect()).map(Value::Vector)
            }
            other => Err(wrong_type("a scalar or instant vector", &other)),
        }
    }

    /// The last sample of each series of a selector with the sample's own time, if it is not older than the lookback
    /// and not the end of the series.
    pub(super) fn latest(
        &self,
        selector: &VectorSelector,
        time: i64,
    ) -> Result<Vec<(Sample, i64)>, Error> {
        check_selector(selector)?;
        self.spend(self.series(selector).len() as u64)?;
        let moment = reference(
            time,
            selector.at.as_ref(),
            selector.offset.as_ref(),
            self.query,
        );
        let last = |series: &Series| {
            let end = series.points.partition_point(|point| point.time <= moment);
            let point = *series.points.get(end.checked_sub(1)?)?;
            let is_there = point.time > moment - self.lookback && !is_stale(point.value);
            let sample = Sample {
                labels: series.labels.clone(),
                value: point.value,
            };
            is_there.then_some((sample, point.time))
        };
        Ok(self.series(selector).iter().filter_map(last).collect())
    }

    fn series(&self, selector: &VectorSelector) -> &[Series] {
        self.fetched.get(&key(selector)).map_or(&[], Vec::as_slice)
    }

    /// Evaluates a range vector and hands it to `take`.
    pub(super) fn with_range<T>(
        &self,
        expr: &Expr,
        time: i64,
        take: impl FnOnce(RangeVector<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match expr {
            Expr::Paren(paren) => self.with_range(&paren.expr, time, take),
            Expr::MatrixSelector(matrix) => take(self.matrix(matrix, time)?),
            Expr::Subquery(subquery) => {
                let (from, to, series) = self.subquery(subquery, time)?;
                let series = series.iter().map(|series| RangeSeries {
                    labels: &series.labels,
                    points: series.points.clone(),
                });
                take(RangeVector {
                    from,
                    to,
                    series: series.collect(),
                })
            }
            other => Err(wrong_type("a range vector", &self.evaluate(other, time)?)),
        }
    }

    fn matrix<'s>(&'s self, matrix: &MatrixSelector, time: i64) -> Result<RangeVector<'s>, Error> {
        check_selector(&matrix.vs)?;
        let to = reference(
            time,
            matrix.vs.at.as_ref(),
            matrix.vs.offset.as_ref(),
            self.query,
        );
        let from = to - span(matrix.range);
        let series = self.series(&matrix.vs).iter().map(|series| {
            let start = series.points.partition_point(|point| point.time <= from);
            let end = series.points.partition_point(|point| point.time <= to);
            let points = series.points[start..end].iter().copied();
            let points = points.filter(|point| !is_stale(point.value)).collect();
            RangeSeries {
                labels: &series.labels,
                points,
            }
        });
        let series: Vec<RangeSeries<'_>> =
            series.filter(|series| !series.points.is_empty()).collect();
        self.spend(series.iter().map(|series| series.points.len() as u64).sum())?;
        Ok(RangeVector { from, to, series })
    }

    /// Evaluates the inner expression at the multiples of its step within the range.
    fn subquery(&self, query: &SubqueryExpr, time: i64) -> Result<(i64, i64, Vec<Series>), Error> {
        let to = reference(time, query.at.as_ref(), query.offset.as_ref(), self.query);
        let from = bounded(to - span(query.range));
        let step = query.step.map_or(self.subquery_step, span).max(1);
        let start = (from.div_euclid(step) + 1) * step;
        match super::range_of(self, &query.expr, (start, to), step)? {
            Value::Matrix(series) => Ok((from, to, series)),
            other => Err(wrong_type("a range vector", &other)),
        }
    }
}

fn check_selector(selector: &VectorSelector) -> Result<(), Error> {
    if selector.matchers.or_matchers.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported(
        "\"or\" between label matchers".to_owned(),
    ))
}

fn wrong_type(expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Scalar(_) => "a scalar",
        Value::Text(_) => "a string",
        Value::Vector(_) => "an instant vector",
        Value::Matrix(_) => "a range vector",
    };
    Error::Argument(format!("expected {expected}, got {found}"))
}

/// Refuses a vector in which two series have the same labels.
pub(super) fn unique(samples: Vec<Sample>) -> Result<Vec<Sample>, Error> {
    // Vectors mostly come in the order of their labels, where equals would be neighbours.
    if samples.is_sorted_by(|left, right| left.labels < right.labels) {
        return Ok(samples);
    }
    let mut seen = BTreeSet::new();
    match samples.iter().find(|sample| !seen.insert(&sample.labels)) {
        Some(twice) => Err(Error::DuplicateLabels(twice.labels.clone())),
        None => Ok(samples),
    }
}
