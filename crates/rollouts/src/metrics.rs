//! The port through which analysis asks for numbers.

use async_trait::async_trait;

/// What a query returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// One number.
    Scalar(f64),
    /// One number for each series, in the order of the reply.
    Vector(Vec<f64>),
}

/// A query that got no answer, in one sentence that names the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Somebody who answers PromQL. Implemented outside of this crate, over the embedded metrics or over
/// HTTP.
#[async_trait]
pub trait Metrics: Send + Sync + 'static {
    /// Evaluates `query` now at the server with this address, such as `http://prometheus:9090`.
    ///
    /// # Errors
    /// [`Unanswered`] where there is no such server or the query is wrong.
    async fn query(&self, address: &str, query: &str) -> Result<Answer, Unanswered>;
}
