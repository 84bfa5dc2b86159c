//! What a node says about itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo, Taint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::{Value, json};

use crate::address::Range;

/// What `nodeInfo.kubeletVersion` says: the version whose behaviour the agent follows.
pub const VERSION: &str = "v1.34.0+seatrial";
/// The label and annotation that say which runtime a node has.
pub const RUNTIME: &str = "seatrial.dev/runtime";

/// A node as it introduces itself. Everything here is handed in: nothing is read from the machine.
#[derive(Debug, Clone)]
pub struct NodeDescription {
    /// The Node's name.
    pub name: String,
    /// `container`, `process` or `simulated`.
    pub runtime: &'static str,
    /// Its `InternalIP`, and `hostIP` of its pods.
    pub address: IpAddr,
    /// Where its pods' addresses come from.
    pub pods: Range,
    /// How much fits on it.
    pub capacity: Capacity,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
    /// Taints, set when the Node is created.
    pub taints: Vec<Taint>,
    /// The port that answers for logs and exec; 0 where none does.
    pub port: u16,
    /// The machine.
    pub system: SystemInfo,
}

/// How much fits on a node. Everything is allocatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Thousandths of a core.
    pub cpu_millis: u64,
    /// Bytes.
    pub memory_bytes: u64,
    /// Bytes of disk for writable layers, logs and emptyDir.
    pub storage_bytes: u64,
    /// Pods.
    pub pods: u32,
}

/// The machine as `nodeInfo` tells of it.
#[derive(Debug, Clone)]
pub struct SystemInfo {
    /// For instance `amd64`, as Go names architectures.
    pub architecture: String,
    /// For instance `linux`.
    pub operating_system: String,
    /// For instance `6.1.0-28-amd64`.
    pub kernel_version: String,
    /// For instance `Debian GNU/Linux 12 (bookworm)`.
    pub os_image: String,
    /// Changes with each start of the machine.
    pub boot_id: String,
    /// Identifies the machine.
    pub machine_id: String,
}

impl Default for SystemInfo {
    /// A machine that does not exist.
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            architecture: text("amd64"),
            operating_system: text("linux"),
            kernel_version: text("simulated"),
            os_image: text("Seatrial"),
            boot_id: text(""),
            machine_id: text(""),
        }
    }
}

impl Capacity {
    /// As `status.capacity` lists it.
    pub fn amounts(&self) -> BTreeMap<String, Quantity> {
        let cpu = match self.cpu_millis % 1_000 {
            0 => (self.cpu_millis / 1_000).to_string(),
            _ => format!("{}m", self.cpu_millis),
        };
        let kibi = |bytes: u64| format!("{}Ki", bytes / 1_024);
        [
            ("cpu", cpu),
            ("memory", kibi(self.memory_bytes)),
            ("ephemeral-storage", kibi(self.storage_bytes)),
            ("pods", self.pods.to_string()),
        ]
        .map(|(name, amount)| (name.to_owned(), Quantity(amount)))
        .into()
    }
}

impl NodeDescription {
    fn labels(&self) -> BTreeMap<String, String> {
        let own = [
            ("kubernetes.io/hostname", self.name.as_str()),
            ("kubernetes.io/arch", &self.system.architecture),
            ("kubernetes.io/os", &self.system.operating_system),
            (RUNTIME, self.runtime),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        own.into_iter().chain(self.labels.clone()).collect()
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        [(RUNTIME.to_owned(), self.runtime.to_owned())].into()
    }

    /// The Node to be created.
    pub(crate) fn object(&self, now: Timestamp) -> Node {
        Node {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels()),
                annotations: Some(self.annotations()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                pod_cidr: Some(self.pods.to_string()),
                pod_cidrs: Some(vec![self.pods.to_string()]),
                provider_id: Some(format!("seatrial://{}", self.name)),
                taints: (!self.taints.is_empty()).then(|| self.taints.clone()),
                ..NodeSpec::default()
            }),
            status: Some(self.status(None, now)),
        }
    }

    /// What brings the Node of an earlier process up to date. Cordons and taints stay.
    pub(super) fn metadata_patch(&self) -> Value {
        json!({
            "metadata": {"labels": self.labels(), "annotations": self.annotations()},
            "spec": {"podCIDR": self.pods.to_string(), "podCIDRs": [self.pods.to_string()]},
        })
    }

    /// Whether the status tells of another machine, address or runtime.
    pub(super) fn is_outdated(&self, status: Option<&NodeStatus>) -> bool {
        status.is_none_or(|status| {
            status.node_info.as_ref() != Some(&self.node_info())
                || status.addresses.as_deref() != Some(&self.addresses())
        })
    }

    /// The status; conditions keep their transition times from `before`.
    pub(super) fn status(&self, before: Option<&NodeStatus>, now: Timestamp) -> NodeStatus {
        let before = before
            .and_then(|before| before.conditions.as_deref())
            .unwrap_or_default();
        NodeStatus {
            addresses: Some(self.addresses().into()),
            allocatable: Some(self.capacity.amounts()),
            capacity: Some(self.capacity.amounts()),
            conditions: Some(conditions(before, now)),
            daemon_endpoints: (self.port != 0).then(|| NodeDaemonEndpoints {
                kubelet_endpoint: Some(DaemonEndpoint {
                    port: self.port.into(),
                }),
            }),
            node_info: Some(self.node_info()),
            ..NodeStatus::default()
        }
    }

    fn addresses(&self) -> [NodeAddress; 2] {
        let address = |kind: &str, address: String| NodeAddress {
            type_: kind.to_owned(),
            address,
        };
        [
            address("InternalIP", self.address.to_string()),
            address("Hostname", self.name.clone()),
        ]
    }

    fn node_info(&self) -> NodeSystemInfo {
        let system = &self.system;
        NodeSystemInfo {
            architecture: system.architecture.clone(),
            boot_id: system.boot_id.clone(),
            container_runtime_version: format!(
                "seatrial-{}://{}",
                self.runtime,
                env!("CARGO_PKG_VERSION")
            ),
            kernel_version: system.kernel_version.clone(),
            kube_proxy_version: String::new(),
            kubelet_version: VERSION.to_owned(),
            machine_id: system.machine_id.clone(),
            operating_system: system.operating_system.clone(),
            os_image: system.os_image.clone(),
            swap: None,
            system_uuid: system.machine_id.clone(),
        }
    }
}

fn conditions(before: &[NodeCondition], now: Timestamp) -> Vec<NodeCondition> {
    const OWN: [(&str, &str, &str, &str); 4] = [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "seatrial is posting ready status",
        ),
    ];
    let own = OWN.map(|(kind, status, reason, message)| {
        let old = before
            .iter()
            .find(|old| old.type_ == kind && old.status == status);
        NodeCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: Some(
                old.and_then(|old| old.last_transition_time.clone())
                    .unwrap_or(Time(now)),
            ),
        }
    });
    let foreign = before
        .iter()
        .filter(|old| OWN.iter().all(|own| own.0 != old.type_));
    let foreign: Vec<_> = foreign.cloned().collect();
    own.into_iter().chain(foreign).collect()
}
