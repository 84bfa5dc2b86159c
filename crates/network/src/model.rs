//! What the gateway would do with a request, without carrying it: for traffic that is modelled.
//!
//! A rehearsal asks here which pod would serve a request, lets its own model say how that version
//! answers, and records the result in the same [`RequestLog`](crate::RequestLog). Routing, exact
//! weights and the choice of pods are those of real traffic.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use crate::Gateway;
use crate::answer;
use crate::host;
use crate::log::{RequestRecord, method_label};
use crate::route::{Decision, Destination, Forward, Refusal, route};
use crate::table::{Endpoint, Table};

/// The fate of a modelled request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modelled {
    /// Ready to be recorded once `status` and `duration` say how it went. For a refused request they already do.
    pub record: RequestRecord,
    /// The pod that serves, or why none does.
    pub outcome: Result<Arc<Endpoint>, Arc<Refusal>>,
}

impl Gateway {
    /// Routes a request that has no connection behind it. It counts for turns and weights, but is never in flight.
    pub fn model(&self, method: &Method, host: &str, path: &str, headers: &HeaderMap) -> Modelled {
        let table = self.table();
        let forward = match route(&table, host, path, method, headers) {
            Decision::Forward(forward) => forward,
            Decision::Refuse(refusal) => {
                let record = refused(&table, host, method);
                return Modelled::refused(record, refusal);
            }
        };
        let destination = self.traffic().choose(&forward.split);
        let mut record = forwarded(&table, &forward, destination, host, method);
        let port = table
            .backend(&destination.service)
            .and_then(|backend| backend.port(&destination.port));
        match port.and_then(|port| self.traffic().lease(port, &[])) {
            None => Modelled::refused(record, Arc::new(answer::no_endpoint(&table, destination))),
            Some(lease) => {
                let endpoint = lease.endpoint.clone();
                record.pod = endpoint.pod.name.clone();
                record.version = endpoint.version.clone();
                record.status = 200;
                Modelled {
                    record,
                    outcome: Ok(endpoint),
                }
            }
        }
    }
}

impl Modelled {
    fn refused(mut record: RequestRecord, refusal: Arc<Refusal>) -> Self {
        record.status = refusal.reason.status().as_u16();
        Self {
            record,
            outcome: Err(refusal),
        }
    }
}

/// The record of a request that is on its way to `destination`.
pub(crate) fn forwarded(
    table: &Table,
    forward: &Forward,
    destination: &Destination,
    host: &str,
    method: &Method,
) -> RequestRecord {
    RequestRecord {
        namespace: forward.service.namespace.clone(),
        service: forward.service.name.clone(),
        destination: destination.service.name.clone(),
        route: forward.route.clone(),
        host: table.host_label(host),
        ..blank(method)
    }
}

/// The record of a request that no route takes. Only names that exist become labels: a client must
/// not be able to make up time series.
pub(crate) fn refused(table: &Table, host: &str, method: &Method) -> RequestRecord {
    let service = host::service(&host::normalize(host));
    match service.filter(|service| table.backend(service).is_some()) {
        None => blank(method),
        Some(service) => RequestRecord {
            namespace: service.namespace,
            service: service.name,
            ..blank(method)
        },
    }
}

fn blank(method: &Method) -> RequestRecord {
    let empty: Arc<str> = "".into();
    RequestRecord {
        namespace: empty.clone(),
        service: empty.clone(),
        destination: empty.clone(),
        version: empty.clone(),
        pod: empty.clone(),
        route: empty.clone(),
        host: empty,
        method: method_label(method),
        status: 0,
        duration: Duration::ZERO,
    }
}
