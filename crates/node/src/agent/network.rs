//! What a node's pods have of the cluster's network.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use seatrial_controller::Notice;

use super::Shared;
use crate::environment::service_links;
use crate::names::{self, ClusterNames};
use crate::runtime::{Names, Outgoing, Uplink};

/// The machine's own rules for finding names.
const RESOLVER_FILE: &str = "/etc/resolv.conf";

/// What a pod on the machine's network does without.
const ON_MACHINE: &str = "hostNetwork: addresses of Services and pods are not on the machine's network: reach the API server by \
     KUBERNETES_SERVICE_HOST, others by a NodePort on 127.0.0.1 or a LoadBalancer's address; NetworkPolicies do not apply";

/// Whoever carries what pods send elsewhere.
pub trait PodNetwork: Send + Sync + 'static {
    /// Who carries what leaves this pod.
    fn outgoing(&self, pod: &Arc<Pod>, address: IpAddr) -> Outgoing;

    /// Where names are found.
    fn names(&self) -> ClusterNames;

    /// The variables of pods on the machine's network, which reach the API where it really is.
    fn variables_on_machine(&self) -> BTreeMap<String, String>;
}

impl Shared {
    /// The cluster's name server, where there is one that this node's pods reach.
    fn cluster_names(&self) -> Option<ClusterNames> {
        self.config.network.as_ref().map(|network| network.names())
    }

    /// The host name of a pod.
    pub(super) fn hostname(&self, pod: &Pod) -> String {
        names::hostname(pod, self.cluster_names().as_ref())
    }

    /// What a pod is called and how it finds others.
    pub(super) fn names(&self, pod: &Pod) -> Names {
        let cluster = self.cluster_names();
        // A machine without that file has no name servers.
        let machine = std::fs::read_to_string(RESOLVER_FILE).unwrap_or_default();
        let (resolver, notes) = names::resolver(pod, cluster.as_ref(), &machine);
        for note in notes {
            self.tell(pod, Notice::warning("DNSConfigForming", note));
        }
        let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        if on_machine && cluster.is_some() {
            self.tell(pod, Notice::warning("NotEnforced", ON_MACHINE.to_owned()));
        }
        Names {
            full: names::full(pod, cluster.as_ref()),
            resolver,
        }
    }

    /// Who carries what leaves a pod.
    pub(super) fn outgoing(&self, pod: &Arc<Pod>, address: IpAddr) -> Option<Outgoing> {
        let network = self.config.network.as_ref()?;
        Some(network.outgoing(pod, address))
    }

    /// Through whom a hook or probe of a pod reaches other hosts.
    pub(super) fn uplink(&self, pod: &Arc<Pod>, address: IpAddr) -> Option<Arc<dyn Uplink>> {
        let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        let outgoing = self.outgoing(pod, address).filter(|_| !on_machine)?;
        Some(outgoing.uplink)
    }

    /// The variables that every container of a pod gets: where Services are, then the node's own.
    pub(super) async fn cluster_variables(&self, pod: &Pod) -> BTreeMap<String, String> {
        let services = self.ctx.cache::<Service>().await.all();
        let mut variables = service_links(pod, &services);
        let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        if let Some(network) = self.config.network.as_ref().filter(|_| on_machine) {
            variables.extend(network.variables_on_machine());
        }
        variables.extend(self.config.environment.clone());
        variables
    }
}
