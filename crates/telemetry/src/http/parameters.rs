//! Parameters of a request, from its query string and, for POST, from its form.

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::Uri;
use jiff::Timestamp;

use super::answer::Failure;
use crate::matcher::Matcher;
use crate::promql;

/// Names and values in their order.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let mut pairs = read(request.uri())?;
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Failure::BadData(error.to_string()))?;
        if !body.is_empty() {
            let form = std::str::from_utf8(&body)
                .map_err(|_| Failure::BadData("the form is not in UTF-8".to_owned()))?;
            let uri = format!("/?{form}").parse::<Uri>();
            pairs.extend(read(
                &uri.map_err(|error| Failure::BadData(error.to_string()))?,
            )?);
        }
        Ok(Self(pairs))
    }
}

fn read(uri: &Uri) -> Result<Vec<(String, String)>, Failure> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
    query
        .map(|Query(pairs)| pairs)
        .map_err(|error| Failure::BadData(error.to_string()))
}

impl Parameters {
    /// The first value of a name; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(super) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A value that must be given.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)
            .ok_or_else(|| Failure::parameter(name, "it is missing"))
    }

    /// A time in milliseconds: seconds since 1970 or RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|text| time(name, text)).transpose()
    }

    /// A duration in milliseconds: seconds or the form `1h30m`.
    pub(super) fn duration(&self, name: &str) -> Result<i64, Failure> {
        let text = self.required(name)?;
        let seconds = text
            .parse::<f64>()
            .ok()
            .filter(|seconds| seconds.abs() < 1e12);
        let milliseconds = match seconds {
            Some(seconds) => Some((seconds * 1000.0).round() as i64),
            None => promql_parser::util::parse_duration(text)
                .ok()
                .map(|duration| duration.as_millis() as i64),
        };
        let invalid =
            || Failure::parameter(name, format!("cannot parse {text:?} to a valid duration"));
        milliseconds.ok_or_else(invalid)
    }

    /// The selectors of `match[]`, each a list of conditions.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Failure> {
        let selector = |text: &str| {
            promql::selector(text)
                .map(|selector| Matcher::of(&selector))
                .map_err(|error| Failure::parameter("match[]", error))
        };
        self.all("match[]").map(selector).collect()
    }

    /// The stretch of time from `start` to `end`; all of it where they are not given.
    pub(super) fn window(&self) -> Result<(i64, i64), Failure> {
        let (start, end) = (self.time("start")?, self.time("end")?);
        Ok((start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX)))
    }

    /// The most entries wanted; 0 and nothing mean all.
    pub(super) fn limit(&self) -> Result<usize, Failure> {
        match self.get("limit").map(str::parse) {
            None | Some(Ok(0)) => Ok(usize::MAX),
            Some(Ok(limit)) => Ok(limit),
            Some(Err(_)) => Err(Failure::parameter(
                "limit",
                "limit must be a non-negative number",
            )),
        }
    }
}

fn time(name: &str, text: &str) -> Result<i64, Failure> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.abs() < 1e12);
    if let Some(seconds) = seconds {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let moment = text.parse::<Timestamp>();
    let invalid =
        |_| Failure::parameter(name, format!("cannot parse {text:?} to a valid timestamp"));
    moment.map(Timestamp::as_millisecond).map_err(invalid)
}
