//! `kubectl logs`, from the agents of this process.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use seatrial_apiserver::stream::Outlet;
use seatrial_apiserver::{LogError, LogOptions, PodLogs};
use seatrial_node::agent::LogsError;
use seatrial_node::logs::{Follow, Options, Run, Timestamps};
use seatrial_node::runtime::Stream;

use super::Reach;

/// The logs of all pods of this machine; simulated pods say that they are.
pub(crate) struct Logs(pub(crate) Reach);

#[async_trait]
impl PodLogs for Logs {
    async fn read(&self, wanted: LogOptions) -> Result<BoxStream<'static, Bytes>, LogError> {
        let Some(agent) = self.0.agent(&wanted.namespace, &wanted.pod) else {
            let line = seatrial_node::simulated::log_line(&wanted.pod, &wanted.container);
            return Ok(stream::once(async move { Bytes::from(line) }).boxed());
        };
        let options = Options {
            run: if wanted.previous {
                Run::Previous
            } else {
                Run::Current
            },
            follow: if wanted.follow {
                Follow::Yes
            } else {
                Follow::No
            },
            tail: wanted.tail,
            since: wanted.since,
            timestamps: if wanted.timestamps {
                Timestamps::Show
            } else {
                Timestamps::Omit
            },
            limit: wanted.limit,
            stream: wanted.stream.map(|outlet| match outlet {
                Outlet::Stdout => Stream::Stdout,
                Outlet::Stderr => Stream::Stderr,
            }),
        };
        let lines = agent
            .logs(
                &wanted.namespace,
                &wanted.pod,
                Some(&wanted.container),
                options,
            )
            .map_err(|error: LogsError| LogError::NotYet(error.to_string()))?;
        let lines = stream::unfold(lines, |mut lines| async move {
            // A log that cannot be read further ends, as one of a deleted pod does.
            let next = lines.next().await.ok().flatten()?;
            Some((next, lines))
        });
        Ok(lines.boxed())
    }
}
