//! The routing table: a frozen picture of everything that decides where a request goes.

mod condition;
mod endpoints;
mod ingress;
mod member;
mod pods;
mod rules;
mod slices;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use seatrial_resources::istio::VirtualService;

pub use endpoints::{Backend, BackendPort, Endpoint, PortChoice};
pub(crate) use ingress::IngressRule;
pub use member::Member;
pub(crate) use rules::VirtualRule;

use crate::host::{self, HostPattern};
use crate::{Forward, PodAddress, ServiceName};

/// The objects a table is built from.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Every Service.
    pub services: Vec<Arc<Service>>,
    /// EndpointSlices; only those of Services without a selector are used (see [`Table::build`]).
    pub slices: Vec<Arc<EndpointSlice>>,
    /// The pods of namespaces that have Services, in any order.
    pub pods: Vec<Arc<Member>>,
    /// Every Ingress.
    pub ingresses: Vec<Arc<Ingress>>,
    /// Every VirtualService.
    pub virtual_services: Vec<Arc<VirtualService>>,
}

/// Something in an object that the gateway cannot do. Requests that need it are refused with the
/// same words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The object's kind.
    pub kind: &'static str,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The field, such as `spec.http[0].route[1].destination.subset`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            namespace,
            name,
            field,
            message,
        } = self;
        write!(f, "{kind} {namespace}/{name}: {field}: {message}")
    }
}

/// Whether a pod that the table knows may still get requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodState {
    /// It runs, ready or not.
    Live,
    /// Its deletion has been asked for.
    Terminating,
}

/// Where requests go. Built whole from a [`Snapshot`], never changed.
#[derive(Debug, Default)]
pub struct Table {
    pub(crate) backends: BTreeMap<ServiceName, Backend>,
    /// The route of each Service that is asked for by its own name.
    pub(crate) direct: BTreeMap<ServiceName, Arc<Forward>>,
    pub(crate) virtual_rules: Vec<VirtualRule>,
    pub(crate) ingress_rules: Vec<IngressRule>,
    pub(crate) pods: BTreeMap<Arc<str>, PodState>,
    problems: Vec<Problem>,
}

impl Table {
    /// Builds the table.
    ///
    /// The endpoints of a Service with a selector are found from the Pods themselves, not from
    /// EndpointSlices. All pods arrive through one watch in the order in which they changed, so a
    /// table that knows of an old pod's deletion also knows that its successor became ready before;
    /// slices are written later, by another controller, and would break that order.
    /// Slices are used for Services without a selector.
    pub fn build(snapshot: &Snapshot) -> Self {
        let mut problems = Vec::new();
        let backends = endpoints::backends(snapshot);
        let direct = backends
            .keys()
            .map(|name| (name.clone(), Arc::new(Forward::direct(name))))
            .collect();
        let virtual_rules = rules::virtual_rules(&snapshot.virtual_services, &mut problems);
        let ingress_rules = ingress::ingress_rules(&snapshot.ingresses, &mut problems);
        let pods = snapshot.pods.iter().filter_map(|pod| pod.state()).collect();
        problems.sort();
        Self {
            backends,
            direct,
            virtual_rules,
            ingress_rules,
            pods,
            problems,
        }
    }

    /// The Service's endpoints.
    pub fn backend(&self, service: &ServiceName) -> Option<&Backend> {
        self.backends.get(service)
    }

    /// What could not be understood, in a stable order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Every host that a request could ask for, for people who asked for another one.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self
            .virtual_rules
            .iter()
            .flat_map(|rule| rule.host_names.iter().cloned())
            .chain(self.ingress_rules.iter().map(|rule| rule.host_name.clone()))
            .chain(
                self.backends
                    .keys()
                    .map(|name| format!("{}.{}", name.name, name.namespace)),
            )
            .collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// The host as a metric label: as asked for where a rule or a Service has exactly that name,
    /// else empty. Names under a wildcard are left out, because clients can make those up.
    pub(crate) fn host_label(&self, host: &str) -> Arc<str> {
        let literal = host::normalize(host);
        let asked = host::service(&literal);
        let exact = |pattern: &HostPattern| pattern.rank(&literal, asked.as_ref()) == usize::MAX;
        let is_known = asked
            .as_ref()
            .is_some_and(|service| self.direct.contains_key(service))
            || self
                .virtual_rules
                .iter()
                .flat_map(|rule| &rule.hosts)
                .any(exact)
            || self.ingress_rules.iter().any(|rule| exact(&rule.host));
        if is_known { literal.into() } else { "".into() }
    }

    /// Whether some Service would have no other endpoint left without this pod.
    pub(crate) fn is_last_endpoint(&self, pod: &PodAddress) -> bool {
        self.backends
            .values()
            .flat_map(|backend| &backend.ports)
            .any(|port| {
                let others = port
                    .endpoints
                    .iter()
                    .any(|endpoint| endpoint.pod.uid != pod.uid);
                let serves = |endpoint: &Arc<Endpoint>| endpoint.pod.uid == pod.uid;
                !others && port.endpoints.iter().chain(&port.terminating).any(serves)
            })
    }
}
