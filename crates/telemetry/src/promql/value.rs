//! What expressions evaluate to.

use crate::labels::Labels;
use crate::store::Series;

/// A value of one series at the time of evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// At most one value per series. Ordered by labels, unless the expression sorts by value.
    Vector(Vec<Sample>),
    /// Points over time per series.
    Matrix(Vec<Series>),
}
