//! Connections that change their protocol, such as WebSocket: after the change bytes are passed on
//! both ways, and the pod counts as in use until either side ends.

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::answer;
use crate::body::{Exchange, GatewayBody};
use crate::route::{Reason, Refusal};

/// Passes the pod's 101 on and connects the two sides.
pub(super) fn switch(
    mut response: Response<Incoming>,
    exchange: Exchange,
    client: Option<OnUpgrade>,
) -> Response<GatewayBody> {
    let Some(client) = client else {
        let message = "the pod changed the protocol without being asked to";
        let refusal = Refusal::new(Reason::UpstreamClosed, message);
        exchange
            .recorder
            .finish_as(refusal.reason.status().as_u16());
        return answer::render(&refusal, &http::HeaderMap::new());
    };
    let pod = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        match tokio::try_join!(client, pod) {
            Ok((client, pod)) => {
                let (mut client, mut pod) = (TokioIo::new(client), TokioIo::new(pod));
                // Either side may just go away; that is how such connections end.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut pod).await;
            }
            Err(error) => tracing::debug!(%error, "a protocol change failed"),
        }
        exchange.recorder.finish();
        drop(exchange.lease);
    });
    response.map(|_| GatewayBody::text(""))
}
