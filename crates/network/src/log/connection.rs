//! What is recorded about a connection that is carried without being understood.

use std::sync::Arc;

use super::RequestLog;
use super::state::count;

/// A connection of a pod, or one from the machine to a Service, that has ended or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// The namespace of the Service that was asked for, or of the pod where its own address was.
    pub namespace: Arc<str>,
    /// The Service that was asked for; empty where it was an address.
    pub service: Arc<str>,
    /// The pod that was reached; empty where none was.
    pub pod: Arc<str>,
    /// The namespace of the pod that opened it; empty where it came from the machine.
    pub source_namespace: Arc<str>,
    /// The pod that opened it.
    pub source: Arc<str>,
    /// What carries the bytes.
    pub protocol: Carrier,
    /// What became of it.
    pub outcome: Outcome,
    /// Bytes from whoever opened it. Those of a connection that broke are not known.
    pub sent: u64,
    /// Bytes back.
    pub received: u64,
}

/// What carries the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// A stream.
    Tcp,
    /// Datagrams between the same ends.
    Udp,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was carried.
    Carried,
    /// A NetworkPolicy did not allow it.
    Denied,
    /// There was nobody it could lead to.
    Nobody,
    /// It could not be opened.
    Failed,
}

impl Carrier {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl Outcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Denied => "denied",
            Self::Nobody => "nobody",
            Self::Failed => "failed",
        }
    }
}

impl ConnectionRecord {
    /// Of a connection that leads nowhere yet.
    pub fn new(protocol: Carrier, source_namespace: &str, source: &str) -> Self {
        let empty: Arc<str> = "".into();
        Self {
            namespace: empty.clone(),
            service: empty.clone(),
            pod: empty,
            source_namespace: source_namespace.into(),
            source: source.into(),
            protocol,
            outcome: Outcome::Carried,
            sent: 0,
            received: 0,
        }
    }
}

impl ConnectionRecord {
    /// Notes what was asked for.
    pub(crate) fn asked(&mut self, namespace: &str, service: &str) {
        self.namespace = namespace.into();
        self.service = service.into();
    }
}

/// Which series a connection belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionKey {
    pub(super) namespace: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) pod: Arc<str>,
    pub(super) source_namespace: Arc<str>,
    pub(super) source: Arc<str>,
    pub(super) protocol: Carrier,
    pub(super) outcome: Outcome,
}

/// Bytes that went one way.
pub(super) type BytesKey = (ConnectionKey, Way);

/// Which way bytes went, seen from whoever opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Sent,
    Received,
}

impl Way {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

impl RequestLog {
    /// Records a connection.
    pub fn connection(&self, record: &ConnectionRecord) {
        let key = ConnectionKey {
            namespace: record.namespace.clone(),
            service: record.service.clone(),
            pod: record.pod.clone(),
            source_namespace: record.source_namespace.clone(),
            source: record.source.clone(),
            protocol: record.protocol,
            outcome: record.outcome,
        };
        let mut state = self.lock();
        state.turn += 1;
        let turn = state.turn;
        for (way, bytes) in [(Way::Sent, record.sent), (Way::Received, record.received)] {
            if bytes > 0 {
                count(&mut state.bytes, (key.clone(), way), bytes, turn);
            }
        }
        count(&mut state.connections, key, 1, turn);
    }
}

/// Records a connection when it ends, however it does.
#[derive(Debug)]
pub(crate) struct Noted {
    log: Arc<RequestLog>,
    pub(crate) record: ConnectionRecord,
}

impl Noted {
    pub(crate) fn new(log: &Arc<RequestLog>, record: ConnectionRecord) -> Self {
        Self {
            log: log.clone(),
            record,
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.log.connection(&self.record);
    }
}
