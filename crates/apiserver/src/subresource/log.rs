//! `log`: what a container wrote. The bytes come from whoever runs the pods, through a port.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;

use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::stream::feed::{Pieces, carry, wanted};
use crate::stream::{Outlet, names};
use crate::verb::Fixed;

/// Which part of a container's log is wanted: the query of `kubectl logs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its uid: a pod of the same name may have been there before.
    pub uid: String,
    /// The container.
    pub container: String,
    /// The node the pod is on.
    pub node: String,
    /// Go on until the container ends.
    pub follow: bool,
    /// The log of the container's previous run.
    pub previous: bool,
    /// Each line with its time in front.
    pub timestamps: bool,
    /// Only this many lines from the end.
    pub tail: Option<u64>,
    /// At most this many bytes.
    pub limit: Option<u64>,
    /// Only lines since this moment.
    pub since: Option<Timestamp>,
    /// Only this of the two outputs.
    pub stream: Option<Outlet>,
}

/// Why there is no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The container has not run yet, or has no previous run; says which.
    #[error("{0}")]
    NotYet(String),
    /// The node cannot be asked.
    #[error("{0}")]
    Unreachable(String),
}

/// Whoever has the logs of pods.
#[async_trait]
pub trait PodLogs: Send + Sync {
    /// The bytes of a log; with `follow` the stream ends when the container does.
    ///
    /// # Errors
    /// Where there is none.
    async fn read(&self, options: LogOptions) -> Result<BoxStream<'static, Bytes>, LogError>;
}

pub(super) async fn get(call: &Call) -> Result<Response, Failure> {
    let pod = Fixed::load(call).await?;
    let name = call.name()?;
    let container = container(call, &pod)?;
    let node = pod.object.text(&["spec", "nodeName"]);
    if node.is_empty() {
        return Err(Failure::bad_request(format!(
            "container {container:?} in pod {name:?} is waiting to start: the pod has no node yet"
        )));
    }
    let Some(logs) = call.state.logs() else {
        let message = "this server has no access to the logs of pods";
        return Err(Failure::new(Reason::ServiceUnavailable, message));
    };
    let options = LogOptions {
        namespace: call.target.namespace.clone(),
        pod: name.to_owned(),
        uid: pod.object.uid().to_owned(),
        container,
        node: node.to_owned(),
        follow: call.flag("follow") == Some(true),
        previous: call.flag("previous") == Some(true),
        timestamps: call.flag("timestamps") == Some(true),
        tail: call.number("tailLines")?,
        limit: call.number("limitBytes")?,
        since: since(call)?,
        stream: outlet(call)?,
    };
    let stream = logs.read(options).await.map_err(|error| match error {
        LogError::NotYet(message) => Failure::bad_request(message),
        LogError::Unreachable(message) => Failure::internal(message),
    })?;
    let stopping = call.state.stopping.clone();
    let stream = futures::StreamExt::take_until(stream, stopping.cancelled_owned());
    if wanted(call) {
        return carry(call, Pieces::Bytes, stream);
    }
    let lines = futures::StreamExt::map(stream, Ok::<Bytes, std::convert::Infallible>);
    let mut response = Response::new(Body::from_stream(lines));
    *response.status_mut() = StatusCode::OK;
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}

/// Which of the outputs is wanted, in upstream's words where it cannot be had.
fn outlet(call: &Call) -> Result<Option<Outlet>, Failure> {
    let refused = |cause: Cause| {
        let mut failure = Failure::invalid(call.kind(), "", vec![cause]);
        failure.message = failure.message.replace("Pod \"\"", "PodLogOptions \"\"");
        failure
    };
    let wanted = match call.parameter("stream") {
        None | Some("All") => return Ok(None),
        Some("Stdout") => Outlet::Stdout,
        Some("Stderr") => Outlet::Stderr,
        Some(other) => {
            let message = format!(
                r#"Unsupported value: {other:?}: supported values: "All", "Stderr", "Stdout""#
            );
            return Err(refused(Cause::new(
                "FieldValueNotSupported",
                "stream",
                message,
            )));
        }
    };
    if call.parameter("tailLines").is_some() {
        let detail = "`tailLines` and specific `stream` are mutually exclusive for now";
        return Err(refused(Cause::forbidden("tailLines", detail)));
    }
    Ok(Some(wanted))
}

fn since(call: &Call) -> Result<Option<Timestamp>, Failure> {
    let both = ["sinceSeconds", "sinceTime"].map(|name| call.parameter(name).is_some());
    if both == [true, true] {
        let message = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        return Err(Failure::bad_request(message));
    }
    if let Some(seconds) = call.number("sinceSeconds")? {
        let now = call.state.now();
        return Ok(now.checked_sub(Duration::from_secs(seconds)).ok());
    }
    let parse = |text: &str| {
        text.parse()
            .map_err(|error| Failure::bad_request(format!("sinceTime {text:?}: {error}")))
    };
    call.parameter("sinceTime").map(parse).transpose()
}

/// The container that is meant: the named one, or the only one.
pub(crate) fn container(call: &Call, pod: &Fixed) -> Result<String, Failure> {
    let name = call.name()?;
    let containers = names(pod, "containers");
    let further = ["initContainers", "ephemeralContainers"].map(|field| names(pod, field));
    let mut all = containers.iter().chain(further.iter().flatten());
    match call.parameter("container") {
        Some(wanted) if all.any(|one| one == wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(Failure::bad_request(format!(
            "container {wanted} is not valid for pod {name}"
        ))),
        None => match containers.as_slice() {
            [one] => Ok(one.clone()),
            many => Err(Failure::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                many.join(" ")
            ))),
        },
    }
}
