//! Getting one request to one endpoint.

use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;

use crate::answer;
use crate::body::GatewayBody;
use crate::gateway::Gateway;
use crate::log::Unsent;
use crate::pool::{Connection, Origin, Reuse};
use crate::recorder::Recorder;
use crate::route::{Destination, Reason, Refusal};
use crate::table::Endpoint;
use crate::traffic::Lease;

/// A request is offered to at most so many endpoints.
const ENDPOINTS_TRIED: usize = 3;

/// A pod's answer, with what has to be given back when it has been passed on.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) lease: Lease,
    pub(super) sender: SendRequest<GatewayBody>,
}

/// What became of sending on one connection.
enum Sent {
    Answered(Response<Incoming>, SendRequest<GatewayBody>),
    /// Nothing of it took effect; here it is again.
    Again(Request<GatewayBody>, Unsent),
    Broken(hyper::Error),
}

/// The attempts to send one request.
pub(super) struct Attempts<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) destination: &'a Destination,
    pub(super) recorder: &'a mut Recorder,
}

impl Attempts<'_> {
    pub(super) async fn send(
        mut self,
        mut request: Request<GatewayBody>,
    ) -> Result<Answer, Refusal> {
        let mut tried: Vec<Arc<Endpoint>> = Vec::new();
        let mut failures: Vec<String> = Vec::new();
        let is_safe = is_safe(&request);
        let mut reuse = if is_safe { Reuse::Any } else { Reuse::Fresh };
        loop {
            let lease = match self.lease(&tried) {
                Some(lease) if tried.len() < ENDPOINTS_TRIED => lease,
                _ if failures.is_empty() => {
                    return Err(answer::no_endpoint(&self.gateway.table(), self.destination));
                }
                _ => return Err(self.unreachable(failures)),
            };
            let connector = self.gateway.connector();
            let connection = self
                .gateway
                .pool()
                .connect(connector, &lease.endpoint, reuse)
                .await;
            let connection = match connection {
                Ok(connection) => connection,
                Err(error) => {
                    failures.push(format!(
                        "pod {} port {}: {error}",
                        lease.endpoint.pod, lease.endpoint.port
                    ));
                    self.unsent(&lease, Unsent::Connect);
                    tried.push(lease.endpoint.clone());
                    continue;
                }
            };
            self.describe(&lease);
            match send_once(connection, request, is_safe).await {
                Sent::Answered(response, sender) => {
                    return Ok(Answer {
                        response,
                        lease,
                        sender,
                    });
                }
                Sent::Broken(error) => return Err(self.broken(&lease, &error)),
                Sent::Again(again, why) => {
                    self.unsent(&lease, why);
                    request = again;
                    reuse = Reuse::Never;
                }
            }
        }
    }

    /// The table is asked afresh each time: a connection may have failed because the pod has left.
    fn lease(&self, tried: &[Arc<Endpoint>]) -> Option<Lease> {
        let table = self.gateway.table();
        let port = table
            .backend(&self.destination.service)?
            .port(&self.destination.port)?;
        self.gateway.traffic().lease(port, tried)
    }

    fn describe(&mut self, lease: &Lease) {
        self.recorder.update(|record| {
            record.pod = lease.endpoint.pod.name.clone();
            record.version = lease.endpoint.version.clone();
        });
    }

    fn unsent(&mut self, lease: &Lease, why: Unsent) {
        let log = self.gateway.log().clone();
        self.recorder
            .update(|record| log.unsent(record, &lease.endpoint.pod.name, why));
    }

    fn unreachable(&self, failures: Vec<String>) -> Refusal {
        let message = format!(
            "no connection to a pod of service {}; the request was not sent:",
            self.destination.service
        );
        Refusal::new(Reason::ConnectFailed, message).with_details(failures)
    }

    fn broken(&self, lease: &Lease, error: &hyper::Error) -> Refusal {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        let message = format!(
            "pod {} of service {} broke the exchange off before it answered: {text}. The request may have taken effect and was not repeated",
            lease.endpoint.pod, self.destination.service
        );
        Refusal::new(Reason::UpstreamClosed, message)
    }
}

/// Whether a request may be sent twice without harm: its method changes nothing and it has no body.
fn is_safe(request: &Request<GatewayBody>) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    safe.contains(request.method()) && request.body().is_end_stream()
}

async fn send_once(
    mut connection: Connection,
    request: Request<GatewayBody>,
    is_safe: bool,
) -> Sent {
    let may_repeat = is_safe && connection.origin == Origin::Reused;
    let copy = may_repeat.then(|| copy_of(&request));
    match connection.sender.try_send_request(request).await {
        Ok(response) => Sent::Answered(response, connection.sender),
        Err(mut refused) => match (refused.take_message(), copy) {
            // A new connection that cannot be written to is broken: trying on would never end.
            (Some(request), _) if connection.origin == Origin::Reused => {
                Sent::Again(request, Unsent::StaleConnection)
            }
            (None, Some(copy)) if closed_without_answer(refused.error()) => {
                Sent::Again(copy, Unsent::RepeatedSafely)
            }
            _ => Sent::Broken(refused.into_error()),
        },
    }
}

fn closed_without_answer(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_reset(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    let io =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| {
        matches!(
            io.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        )
    })
}

/// The request again, without its body, which is empty.
fn copy_of(request: &Request<GatewayBody>) -> Request<GatewayBody> {
    let mut copy = Request::new(GatewayBody::text(""));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}
