//! Carrying one request.
//!
//! Retries: none, with two exceptions that cannot take effect twice, both counted in
//! `gateway_unsent_attempts_total`.
//! 1. A request of which no byte was sent (no connection, or a kept connection that was found
//!    closed before writing) goes to the next endpoint.
//! 2. A GET, HEAD, OPTIONS or TRACE without a body that was sent on a kept connection, which then closed
//!    without a byte of an answer, is sent once more on a new connection: the server had closed the
//!    connection as idle (RFC 9110, section 9.2.2).

mod attempt;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;

use self::attempt::{Answer, Attempts};
use crate::answer;
use crate::body::{Exchange, GatewayBody};
use crate::gateway::Gateway;
use crate::headers;
use crate::model;
use crate::recorder::Recorder;
use crate::route::{Decision, Forward, Reason, Refusal, route};
use crate::table::Table;

/// Carries a request and answers it.
pub(crate) async fn carry(
    gateway: &Gateway,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Response<GatewayBody> {
    let started = Instant::now();
    let table = gateway.table();
    let host = headers::host(request.uri(), request.headers());
    let decision = route(
        &table,
        &host,
        request.uri().path(),
        request.method(),
        request.headers(),
    );
    match decision {
        Decision::Refuse(refusal) => {
            let record = model::refused(&table, &host, request.method());
            let recorder = Recorder::start(gateway.log(), record, started);
            refuse(recorder, &refusal, request.headers())
        }
        Decision::Forward(forward) => {
            let journey = Journey {
                gateway,
                table: &table,
                forward: &forward,
                host: &host,
                client,
                started,
            };
            journey.run(request).await
        }
    }
}

fn refuse(mut recorder: Recorder, refusal: &Refusal, request: &HeaderMap) -> Response<GatewayBody> {
    let response = answer::render(refusal, request);
    recorder.update(|record| record.status = response.status().as_u16());
    recorder.finish();
    response
}

/// One request on its way, with everything that is known about it.
struct Journey<'a> {
    gateway: &'a Gateway,
    table: &'a Arc<Table>,
    forward: &'a Forward,
    host: &'a str,
    client: SocketAddr,
    started: Instant,
}

impl Journey<'_> {
    async fn run(&self, mut request: Request<Incoming>) -> Response<GatewayBody> {
        let destination = self.gateway.traffic().choose(&self.forward.split);
        let record = model::forwarded(
            self.table,
            self.forward,
            destination,
            self.host,
            request.method(),
        );
        let mut recorder = Recorder::start(self.gateway.log(), record, self.started);
        let asked_headers = request.headers().clone();
        let client_upgrade =
            headers::upgrade(&asked_headers).map(|_| hyper::upgrade::on(&mut request));
        let outgoing = self.outgoing(request);
        let attempts = Attempts {
            gateway: self.gateway,
            destination,
            recorder: &mut recorder,
        };
        let sending = attempts.send(outgoing);
        let result = match self.forward.timeout {
            None => sending.await,
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .unwrap_or_else(|_| Err(self.timed_out(limit))),
        };
        match result {
            Err(refusal) => refuse(recorder, &refusal, &asked_headers),
            Ok(answer) => self.respond(answer, recorder, client_upgrade),
        }
    }

    fn timed_out(&self, limit: Duration) -> Refusal {
        let message = format!(
            "service {} did not answer within {limit:?}, the timeout of route {}",
            self.forward.service, self.forward.route
        );
        Refusal::new(Reason::UpstreamTimeout, message)
    }

    /// The request as the pod gets it.
    fn outgoing(&self, request: Request<Incoming>) -> Request<GatewayBody> {
        let (mut parts, body) = request.into_parts();
        let upgrade = headers::upgrade(&parts.headers);
        headers::remove_hop_by_hop(&mut parts.headers);
        if let Some(protocol) = upgrade {
            let connection = HeaderValue::from_static("upgrade");
            parts.headers.insert(http::header::CONNECTION, connection);
            parts.headers.insert(http::header::UPGRADE, protocol);
        }
        headers::add_forwarded(&mut parts.headers, self.client.ip(), self.host);
        if let Ok(host) = HeaderValue::from_str(self.host) {
            parts.headers.insert(HOST, host);
        }
        parts.uri = headers::origin_form(&parts.uri);
        parts.version = Version::HTTP_11;
        Request::from_parts(parts, GatewayBody::Request(body))
    }

    /// The pod's response as the client gets it.
    fn respond(
        &self,
        answer: Answer,
        mut recorder: Recorder,
        client_upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Response<GatewayBody> {
        let Answer {
            mut response,
            lease,
            sender,
        } = answer;
        recorder.update(|record| record.status = response.status().as_u16());
        let gateway = self.gateway.clone();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let exchange = Exchange {
                gateway,
                lease,
                recorder,
                sender: None,
            };
            return upgrade::switch(response, exchange, client_upgrade);
        }
        headers::remove_hop_by_hop(response.headers_mut());
        let exchange = Exchange {
            gateway,
            lease,
            recorder,
            sender: Some(sender),
        };
        let remaining = self
            .forward
            .timeout
            .map(|limit| limit.saturating_sub(self.started.elapsed()));
        response.map(|body| GatewayBody::response(body, remaining, exchange))
    }
}
