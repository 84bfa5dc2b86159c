//! Which pods a node takes: the last check, and the only one for pods that name their node themselves.
//!
//! Facts are those of upstream's kubelet (`pkg/kubelet/lifecycle/predicate.go`) and of the checks that it shares with the scheduler
//! (`AdmissionCheck`): room, node selector and affinity, host ports, in this order. Taints are not looked at: whoever names a node passes by
//! them. Everything here is pure.

mod affinity;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_schema::amount::Amount;
use seatrial_schema::quota::{self, Usage};
use serde_json::json;

/// Resources that every node has, in the order in which their lack is told.
const ORDINARY: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// A port of the node that a pod wants for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    protocol: String,
    address: String,
    number: i32,
}

impl HostPort {
    fn clashes(&self, other: &Self) -> bool {
        const ANY: &str = "0.0.0.0";
        self.protocol == other.protocol
            && self.number == other.number
            && (self.address == other.address || self.address == ANY || other.address == ANY)
    }
}

/// The ports of the node that a pod wants.
pub(crate) fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_ref());
    // Init containers are over before the next pod needs the port; sidecars are not.
    let sidecars = init
        .into_iter()
        .flatten()
        .filter(|it| crate::status::is_sidecar(it));
    let containers = spec.map(|spec| &spec.containers).into_iter().flatten();
    let ports = containers
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| {
            Some(HostPort {
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                address: port
                    .host_ip
                    .clone()
                    .filter(|address| !address.is_empty())
                    .unwrap_or_else(|| "0.0.0.0".to_owned()),
                number: port.host_port.filter(|number| *number > 0)?,
            })
        })
        .collect()
}

/// What a pod wants of its node.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    amounts: Usage,
    ports: Vec<HostPort>,
}

impl Demand {
    /// What `pod` wants.
    pub(crate) fn of(pod: &Pod) -> Self {
        let value = json!({ "spec": pod.spec });
        Self {
            amounts: quota::pod_total(&value, "requests"),
            ports: host_ports(pod),
        }
    }
}

/// Why a node does not take a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For `status.reason` and the event.
    pub(crate) reason: String,
    /// For the event.
    pub(crate) problem: String,
}

impl Refusal {
    pub(crate) fn new(reason: &str, problem: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            problem: problem.into(),
        }
    }

    fn predicate(name: &str, problem: &str) -> Self {
        Self::new(name, format!("Predicate {name} failed: {problem}"))
    }

    fn lack(name: &str, requested: i128, used: i128, capacity: i128) -> Self {
        let problem = format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        );
        Self::new(&format!("OutOf{name}"), problem)
    }

    /// The port that another pod has.
    pub(crate) fn ports() -> Self {
        Self::predicate(
            "NodePorts",
            "node(s) didn't have free ports for the requested pod ports",
        )
    }

    /// For `status.message`.
    pub(crate) fn message(&self) -> String {
        format!("Pod was rejected: {}", self.problem)
    }
}

/// Whether `node` takes `pod` beside the pods that it has.
pub(crate) fn admit(
    pod: &Pod,
    demand: &Demand,
    node: &Node,
    others: &[impl AsRef<Demand>],
) -> Result<(), Refusal> {
    system(pod, node)?;
    room(demand, node, others)?;
    if !affinity::matches(pod, node) {
        return Err(Refusal::predicate(
            "NodeAffinity",
            "node(s) didn't match Pod's node affinity/selector",
        ));
    }
    let taken = others.iter().flat_map(|other| &other.as_ref().ports);
    if any_clash(&demand.ports, taken) {
        return Err(Refusal::ports());
    }
    Ok(())
}

/// Whether any port that is wanted is taken.
pub(crate) fn any_clash<'a>(
    wanted: &[HostPort],
    mut taken: impl Iterator<Item = &'a HostPort>,
) -> bool {
    !wanted.is_empty() && taken.any(|taken| wanted.iter().any(|port| port.clashes(taken)))
}

fn system(pod: &Pod, node: &Node) -> Result<(), Refusal> {
    const LABEL: &str = "kubernetes.io/os";
    let of = |labels: Option<&BTreeMap<String, String>>| labels?.get(LABEL).cloned();
    let wanted = of(pod.metadata.labels.as_ref());
    if wanted.is_some_and(|wanted| Some(wanted) != of(node.metadata.labels.as_ref())) {
        return Err(Refusal::new(
            "PodOSSelectorNodeLabelDoesNotMatch",
            "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        ));
    }
    let named = pod.spec.as_ref().and_then(|spec| spec.os.as_ref());
    if named.is_some_and(|system| system.name != "linux") {
        return Err(Refusal::new(
            "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS",
        ));
    }
    Ok(())
}

fn room(demand: &Demand, node: &Node, others: &[impl AsRef<Demand>]) -> Result<(), Refusal> {
    let offered = node
        .status
        .as_ref()
        .and_then(|status| status.allocatable.as_ref());
    let offered = |name: &str| Amount::parse(&offered?.get(name)?.0);
    let pods = offered("pods").map_or(0, |pods| whole("pods", pods));
    let present = i128::try_from(others.len()).unwrap_or(i128::MAX);
    if present >= pods {
        return Err(Refusal::lack("pods", 1, present, pods));
    }
    let ordinary = ORDINARY.map(str::to_owned);
    let others_named = demand.amounts.keys().filter(|it| !ordinary.contains(it));
    for name in ordinary.iter().chain(others_named) {
        let asked = demand.amounts.get(name).copied();
        let Some(asked) = asked.filter(|asked| !asked.is_zero() && !asked.is_negative()) else {
            continue;
        };
        let Some(capacity) = offered(name).or(ORDINARY.contains(&&**name).then_some(Amount::ZERO))
        else {
            // A resource of the cluster as a whole, of which nodes know nothing.
            continue;
        };
        let used = others
            .iter()
            .filter_map(|other| other.as_ref().amounts.get(name));
        let used = used.fold(Amount::ZERO, |sum, amount| sum.plus(*amount));
        let (asked, used) = (whole(name, asked), whole(name, used));
        let capacity = whole(name, capacity);
        if asked > capacity - used {
            return Err(Refusal::lack(name, asked, used, capacity));
        }
    }
    Ok(())
}

/// As upstream counts: processors in thousandths, everything else in whole units.
fn whole(name: &str, amount: Amount) -> i128 {
    let thousandths = amount.thousandths();
    if name == "cpu" {
        thousandths
    } else {
        (thousandths + 999).div_euclid(1_000)
    }
}
