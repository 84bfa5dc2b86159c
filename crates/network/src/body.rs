//! Bodies: streamed through, never collected, and watched to their end.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use tokio::time::Sleep;

use crate::gateway::Gateway;
use crate::recorder::Recorder;
use crate::traffic::Lease;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side broke off.
    #[error("the body ended early")]
    Carry(#[source] hyper::Error),
    /// The route's timeout passed.
    #[error("the route's timeout passed before the response was complete")]
    Timeout,
}

/// The body of requests and responses that the gateway sends.
#[derive(Debug)]
pub enum GatewayBody {
    /// The gateway's own answer.
    Own(Full<Bytes>),
    /// A request's body on its way to the pod.
    Request(Incoming),
    /// A pod's response on its way to the client.
    Response(Box<Response>),
}

/// A pod's response body. Its end records the request and frees the connection.
#[derive(Debug)]
pub struct Response {
    incoming: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
    exchange: Option<Exchange>,
}

/// What has to be settled when a response has ended.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) gateway: Gateway,
    pub(crate) lease: Lease,
    pub(crate) recorder: Recorder,
    /// The connection, unless it serves something else from now on.
    pub(crate) sender: Option<SendRequest<GatewayBody>>,
}

impl Exchange {
    fn complete(self) {
        if let Some(sender) = self.sender {
            self.gateway.pool().keep(&self.lease.endpoint, sender);
        }
        self.recorder.finish();
    }
}

impl GatewayBody {
    /// The gateway's own text.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self::Own(Full::new(text.into()))
    }

    pub(crate) fn response(
        incoming: Incoming,
        remaining: Option<Duration>,
        exchange: Exchange,
    ) -> Self {
        let deadline = remaining.map(|remaining| Box::pin(tokio::time::sleep(remaining)));
        let mut response = Response {
            incoming,
            deadline,
            exchange: Some(exchange),
        };
        response.settle_if_ended();
        Self::Response(Box::new(response))
    }
}

impl Response {
    fn settle_if_ended(&mut self) {
        if self.incoming.is_end_stream() {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.complete();
        }
    }

    fn break_off(&mut self, status: u16) {
        if let Some(exchange) = self.exchange.take() {
            exchange.recorder.finish_as(status);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.settle_if_ended();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.settle();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                // The client was promised a whole response and does not get it: a bad gateway.
                self.break_off(502);
                Poll::Ready(Some(Err(Error::Carry(error))))
            }
            Poll::Pending => match self
                .deadline
                .as_mut()
                .map(|sleep| sleep.as_mut().poll(context))
            {
                Some(Poll::Ready(())) => {
                    self.break_off(504);
                    Poll::Ready(Some(Err(Error::Timeout)))
                }
                _ => Poll::Pending,
            },
        }
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Own(full) => Pin::new(full)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Request(incoming) => Pin::new(incoming).poll_frame(context).map_err(Error::Carry),
            Self::Response(response) => response.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(full) => full.is_end_stream(),
            Self::Request(incoming) => incoming.is_end_stream(),
            Self::Response(response) => response.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(full) => full.size_hint(),
            Self::Request(incoming) => incoming.size_hint(),
            Self::Response(response) => response.incoming.size_hint(),
        }
    }
}
