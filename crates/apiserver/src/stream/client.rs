//! What a client asks for, checked before its connection is upgraded.

use std::sync::Arc;

use axum::response::Response;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::channels::{self, Dialect};
use super::session::{self, Job, Report};
use super::upgrade::{self, Wanted as Protocol};
use super::{ContainerPlace, PodPlace, PodStreams, admit, forward, spdy, tunnel, websocket, wires};
use crate::call::Call;
use crate::failure::{Failure, Reason};
use crate::subresource::container;
use crate::verb::Fixed;

/// Upstream's names of the protocols in which sessions are carried by WebSocket, best first. A client
/// that names none speaks the last.
const CHANNELS: &[(&str, Dialect)] = &[
    ("v5.channel.k8s.io", Dialect::V5),
    ("v4.channel.k8s.io", Dialect::V4),
    ("v4.base64.channel.k8s.io", Dialect::V4Base64),
    ("base64.channel.k8s.io", Dialect::V1Base64),
    ("channel.k8s.io", Dialect::V1),
];

/// The same for SPDY.
const STREAMS: &[(&str, Report)] = &[
    ("v4.channel.k8s.io", Report::Status),
    ("v3.channel.k8s.io", Report::Text),
    ("v2.channel.k8s.io", Report::Text),
];

const FORWARD: &str = "portforward.k8s.io";
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
const OLD_TUNNEL: &str = "v2.portforward.k8s.io";

/// `pods/exec`.
pub(crate) async fn exec(call: &Call) -> Result<Response, Failure> {
    let command = call.streaming.values("command");
    if command.is_empty() {
        return Err(Failure::bad_request("you must specify at least 1 command"));
    }
    let wanted = streams(call)?;
    start(call, wanted, Some(command)).await
}

/// `pods/attach`.
pub(crate) async fn attach(call: &Call) -> Result<Response, Failure> {
    let wanted = streams(call)?;
    start(call, wanted, None).await
}

/// Which streams the client wants.
fn streams(call: &Call) -> Result<wires::Wanted, Failure> {
    let asked = |name: &str| call.flag(name) == Some(true);
    let wanted = wires::Wanted {
        stdin: asked("stdin"),
        stdout: asked("stdout"),
        // A terminal has one output.
        stderr: asked("stderr") && !asked("tty"),
        tty: asked("tty"),
    };
    if !(wanted.stdin || wanted.stdout || wanted.stderr) {
        let message = "you must specify at least 1 of stdin, stdout, stderr";
        return Err(Failure::bad_request(message));
    }
    Ok(wanted)
}

async fn start(
    call: &Call,
    wanted: wires::Wanted,
    command: Option<Vec<String>>,
) -> Result<Response, Failure> {
    let protocol = upgrade::wanted(&call.headers)?;
    let pod = Fixed::load(call).await?;
    admit::connection(call, admit::session(call, wanted, command.as_deref())).await?;
    let container = container(call, &pod)?;
    let (streams, pod) = reach(call, &pod).await?;
    let job = Job {
        streams,
        place: ContainerPlace { pod, container },
        command,
        wanted,
        stopping: call.state.stopping.clone(),
    };
    match protocol {
        Protocol::WebSocket { .. } => {
            let (name, dialect) = upgrade::negotiate(&call.headers, &protocol, CHANNELS)?;
            let carry = move |stream| async move {
                let (receiver, sender) = websocket::open(stream);
                channels::run(job, dialect, receiver, sender).await;
            };
            switch(call, &protocol, name, carry)
        }
        Protocol::Spdy => {
            let (name, report) = upgrade::negotiate(&call.headers, &protocol, STREAMS)?;
            let carry = move |stream| async move {
                session::over_spdy(job, report, spdy::serve(stream)).await;
            };
            switch(call, &protocol, name, carry)
        }
    }
}

/// `pods/portforward`.
pub(crate) async fn port_forward(call: &Call) -> Result<Response, Failure> {
    let protocol = upgrade::wanted(&call.headers)?;
    let pod = Fixed::load(call).await?;
    let ports = call.streaming.values("ports");
    admit::connection(call, json!({ "ports": ports })).await?;
    let (streams, pod) = reach(call, &pod).await?;
    let forwarder = forward::Forwarder {
        streams,
        pod,
        stopping: call.state.stopping.clone(),
    };
    if protocol == Protocol::Spdy {
        let (name, ()) = upgrade::negotiate(&call.headers, &protocol, &[(FORWARD, ())])?;
        let carry = move |stream| async move { forwarder.over_spdy(spdy::serve(stream)).await };
        return switch(call, &protocol, name, carry);
    }
    for name in [TUNNEL, OLD_TUNNEL] {
        if upgrade::offers(&call.headers, name) {
            let carry = move |stream| async move {
                let (receiver, sender) = websocket::open(stream);
                let inner = tunnel::open(receiver, sender);
                forwarder.over_spdy(spdy::serve(inner)).await;
            };
            return switch(call, &protocol, name, carry);
        }
    }
    let known = [
        (FORWARD, Dialect::V4),
        ("v4.base64.channel.k8s.io", Dialect::V4Base64),
        ("v4.channel.k8s.io", Dialect::V4),
    ];
    let (name, dialect) = upgrade::negotiate(&call.headers, &protocol, &known)?;
    let ports = forward::ports(&ports).map_err(Failure::bad_request)?;
    let carry = move |stream| async move {
        let (receiver, sender) = websocket::open(stream);
        forwarder
            .over_websocket(&ports, dialect, receiver, sender)
            .await;
    };
    switch(call, &protocol, name, carry)
}

/// Whoever has the pod's processes, and the pod as they know it.
async fn reach(call: &Call, pod: &Fixed) -> Result<(Arc<dyn PodStreams>, PodPlace), Failure> {
    let name = call.name()?;
    let node = pod.object.text(&["spec", "nodeName"]);
    if node.is_empty() {
        let message = format!("pod {name} does not have a host assigned");
        return Err(Failure::bad_request(message));
    }
    let Some(streams) = call.state.streams() else {
        let message = "this server has no access to the processes of pods";
        return Err(Failure::new(Reason::ServiceUnavailable, message));
    };
    let place = PodPlace {
        namespace: call.target.namespace.clone(),
        pod: name.to_owned(),
        uid: pod.object.uid().to_owned(),
        node: node.to_owned(),
    };
    streams
        .check(&place)
        .await
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    Ok((Arc::clone(streams), place))
}

/// Answers that the protocol changes, and has `carry` speak it once it has.
fn switch<F, Carried>(
    call: &Call,
    protocol: &Protocol,
    name: &str,
    carry: F,
) -> Result<Response, Failure>
where
    F: FnOnce(TokioIo<hyper::upgrade::Upgraded>) -> Carried + Send + 'static,
    Carried: Future<Output = ()> + Send,
{
    let Some(turning) = call.streaming.take() else {
        return Err(Failure::bad_request(
            "this connection cannot change its protocol: use HTTP/1.1",
        ));
    };
    let stopping = call.state.stopping.clone();
    tokio::spawn(async move {
        let _underway = turning.underway;
        match turning.upgrade.await {
            Ok(stream) => {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => {}
                    () = carry(TokioIo::new(stream)) => {}
                }
            }
            Err(error) => tracing::debug!(%error, "a connection did not change its protocol"),
        }
    });
    Ok(upgrade::switch(protocol, name))
}

/// The names in one of a pod's lists of containers.
pub(crate) fn names(pod: &Fixed, field: &str) -> Vec<String> {
    let list = pod.object.at(&["spec", field]).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|one| one.get("name")?.as_str())
        .map(str::to_owned)
        .collect()
}
