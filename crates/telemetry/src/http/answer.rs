//! Answers in Prometheus' form.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeSeq as _, SerializeStruct as _, Serializer};

use crate::format::{Seconds, number};
use crate::promql::{self, Value};
use crate::store::{Point, Series};

/// A successful answer around its data.
pub(super) struct Success<D>(pub(super) D);

#[derive(serde::Serialize)]
struct Envelope<D> {
    status: &'static str,
    data: D,
}

impl<D: Serialize> IntoResponse for Success<D> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&Envelope {
            status: "success",
            data: self.0,
        }) {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Failure::Internal(error.to_string()).into_response(),
        }
    }
}

/// A failed answer, by the kinds that Prometheus knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request is wrong.
    BadData(String),
    /// The query is right but cannot be answered.
    Execution(String),
    /// There is no such page.
    NotFound(String),
    /// We are wrong.
    Internal(String),
}

impl Failure {
    /// A parameter that cannot be read, in Prometheus' words.
    pub(super) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter \"{name}\": {reason}"))
    }
}

impl From<promql::Error> for Failure {
    fn from(error: promql::Error) -> Self {
        match error {
            promql::Error::Parse(error) => Self::parameter("query", error),
            promql::Error::Step => Self::parameter("step", error),
            promql::Error::EndBeforeStart => Self::parameter("end", error),
            error if error.is_bad_data() => Self::BadData(error.to_string()),
            error => Self::Execution(error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind, error) = match self {
            Self::BadData(error) => (StatusCode::BAD_REQUEST, "bad_data", error),
            Self::Execution(error) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", error),
            Self::NotFound(error) => (StatusCode::NOT_FOUND, "not_found", error),
            Self::Internal(error) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", error),
        };
        let body = serde_json::json!({"status": "error", "errorType": kind, "error": error});
        (
            status,
            [(CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response()
    }
}

/// The value of a query evaluated at `at` (milliseconds).
pub(super) struct QueryData {
    pub(super) value: Value,
    pub(super) at: i64,
}

impl Serialize for QueryData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_struct("data", 2)?;
        let kind = match &self.value {
            Value::Scalar(_) => "scalar",
            Value::Text(_) => "string",
            Value::Vector(_) => "vector",
            Value::Matrix(_) => "matrix",
        };
        data.serialize_field("resultType", kind)?;
        match &self.value {
            Value::Scalar(value) => {
                data.serialize_field("result", &(Seconds(self.at), number(*value)))?;
            }
            Value::Text(text) => data.serialize_field("result", &(Seconds(self.at), text))?,
            Value::Vector(samples) => {
                let rows = samples.iter().map(|sample| VectorRow {
                    metric: &sample.labels,
                    value: (Seconds(self.at), number(sample.value)),
                });
                data.serialize_field("result", &rows.collect::<Vec<_>>())?;
            }
            Value::Matrix(series) => data.serialize_field("result", &Rows(series))?,
        }
        data.end()
    }
}

#[derive(serde::Serialize)]
struct VectorRow<'a> {
    metric: &'a crate::Labels,
    value: (Seconds, String),
}

struct Rows<'a>(&'a [Series]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.len()))?;
        for series in self.0 {
            rows.serialize_element(&MatrixRow {
                metric: &series.labels,
                values: Points(&series.points),
            })?;
        }
        rows.end()
    }
}

#[derive(serde::Serialize)]
struct MatrixRow<'a> {
    metric: &'a crate::Labels,
    values: Points<'a>,
}

struct Points<'a>(&'a [Point]);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut points = serializer.serialize_seq(Some(self.0.len()))?;
        for point in self.0 {
            points.serialize_element(&(Seconds(point.time), number(point.value)))?;
        }
        points.end()
    }
}
