//! Which pods ask to be scraped, by the annotations that most charts use.

use k8s_openapi::api::core::v1::Pod;

use crate::labels::Labels;

/// A pod that asks to be scraped. Its page is fetched through the cluster's own connections, so that this
/// names the pod rather than a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTarget {
    /// `job` (`kubernetes-pods`), `namespace`, `pod`, `instance`, `node`, and the pod's own labels
    /// with every character that a label name cannot have replaced by `_`.
    pub labels: Labels,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's uid.
    pub uid: String,
    /// The pod's address.
    pub ip: String,
    /// The port.
    pub port: u16,
    /// The path, such as `/metrics`.
    pub path: String,
}

/// How to scrape a pod, where it runs and has the annotation `prometheus.io/scrape: "true"`. The port
/// is that of `prometheus.io/port`, else the first of the pod's container ports; the path is that of
/// `prometheus.io/path`, else `/metrics`. A pod with an unreadable or missing port is left out.
pub fn pod_target(pod: &Pod) -> Option<PodTarget> {
    let annotations = pod.metadata.annotations.as_ref()?;
    let annotation = |name: &str| annotations.get(&format!("prometheus.io/{name}"));
    let status = pod.status.as_ref()?;
    let is_running = status.phase.as_deref() == Some("Running");
    if annotation("scrape").map(String::as_str) != Some("true") || !is_running {
        return None;
    }
    let port = match annotation("port") {
        Some(text) => text.parse().ok()?,
        None => first_port(pod)?,
    };
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let name = pod.metadata.name.clone()?;
    let ip = status.pod_ip.clone()?;
    let own = pod.metadata.labels.iter().flatten();
    let own = own.map(|(label, value)| (label_name(label), value.clone()));
    let node = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.clone())
        .unwrap_or_default();
    let given = [
        ("job", "kubernetes-pods".to_owned()),
        ("namespace", namespace.clone()),
        ("pod", name.clone()),
        ("instance", format!("{ip}:{port}")),
        ("node", node),
    ];
    let given = given
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value));
    Some(PodTarget {
        // The last of equals holds: a pod's label cannot take the place of a given one.
        labels: Labels::new(own.chain(given)),
        namespace,
        name,
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        ip,
        port,
        path: annotation("path")
            .cloned()
            .unwrap_or_else(|| "/metrics".to_owned()),
    })
}

fn first_port(pod: &Pod) -> Option<u16> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.next().map(|port| port.container_port as u16)
}

fn label_name(text: &str) -> String {
    let valid = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(valid).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}
