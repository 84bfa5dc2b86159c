//! The variables that tell a container where Services are, as the kubelet sets them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};

/// The Service through which every pod reaches the API.
const API: (&str, &str) = ("default", "kubernetes");

/// The variables of the Services that a pod hears of: those of its namespace, unless it declines
/// (`enableServiceLinks: false`), and always the API server's.
pub fn service_links(pod: &Pod, services: &[Arc<Service>]) -> BTreeMap<String, String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let spec = pod.spec.as_ref();
    let wanted = spec
        .and_then(|spec| spec.enable_service_links)
        .unwrap_or(true);
    let mut result = BTreeMap::new();
    let place = |service: &Service| {
        let metadata = &service.metadata;
        Some((metadata.namespace.clone()?, metadata.name.clone()?))
    };
    // One of the pod's own namespace hides the API server's of the same name, as upstream.
    let own = |(space, _): &(String, String)| wanted && space == namespace;
    let api = |(space, name): &(String, String)| (space.as_str(), name.as_str()) == API;
    for chosen in [&api as &dyn Fn(&(String, String)) -> bool, &own] {
        for service in services {
            if let Some(place) = place(service).filter(chosen) {
                add(&mut result, &place.1, service);
            }
        }
    }
    result
}

fn add(result: &mut BTreeMap<String, String>, name: &str, service: &Service) {
    let Some(spec) = &service.spec else { return };
    let address = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first().filter(|_| !matches!(address, "" | "None")) else {
        return;
    };
    let prefix = shout(name);
    result.insert(format!("{prefix}_SERVICE_HOST"), address.to_owned());
    result.insert(format!("{prefix}_SERVICE_PORT"), first.port.to_string());
    result.insert(format!("{prefix}_PORT"), url(address, first));
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let name = format!("{prefix}_SERVICE_PORT_{}", shout(port_name));
            result.insert(name, port.port.to_string());
        }
        add_link(result, &prefix, address, port);
    }
}

/// The variables that Docker's links once had.
fn add_link(
    result: &mut BTreeMap<String, String>,
    prefix: &str,
    address: &str,
    port: &ServicePort,
) {
    let protocol = protocol(port);
    let base = format!("{prefix}_PORT_{}_{protocol}", port.port);
    result.insert(base.clone(), url(address, port));
    result.insert(format!("{base}_PROTO"), protocol.to_lowercase());
    result.insert(format!("{base}_PORT"), port.port.to_string());
    result.insert(format!("{base}_ADDR"), address.to_owned());
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

fn url(address: &str, port: &ServicePort) -> String {
    format!(
        "{}://{address}:{}",
        protocol(port).to_lowercase(),
        port.port
    )
}

fn shout(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_raw_string_hashes,
        clippy::needless_pass_by_value,
        clippy::format_collect
    )] // Snapshots.

    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    fn check(pod: Value, services: Value, expected: Expect) {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let services: Vec<Arc<Service>> = serde_json::from_value(services).unwrap();
        let text: String = service_links(&pod, &services)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        expected.assert_eq(&text);
    }

    fn services() -> Value {
        json!([
            {"metadata": {"namespace": "default", "name": "kubernetes"},
             "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]}},
            {"metadata": {"namespace": "shop", "name": "order-store"},
             "spec": {"clusterIP": "10.96.0.9", "ports": [
                {"name": "sql", "port": 5432}, {"name": "stats", "port": 9, "protocol": "UDP"}]}},
            {"metadata": {"namespace": "shop", "name": "headless"},
             "spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
            {"metadata": {"namespace": "other", "name": "x"},
             "spec": {"clusterIP": "10.96.0.8", "ports": [{"port": 80}]}},
        ])
    }

    #[test]
    fn services_of_the_namespace_and_the_api_are_told() {
        check(
            json!({"metadata": {"namespace": "shop"}, "spec": {"containers": []}}),
            services(),
            expect![[r#"
                KUBERNETES_PORT=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
                KUBERNETES_PORT_443_TCP_PORT=443
                KUBERNETES_PORT_443_TCP_PROTO=tcp
                KUBERNETES_SERVICE_HOST=10.96.0.1
                KUBERNETES_SERVICE_PORT=443
                KUBERNETES_SERVICE_PORT_HTTPS=443
                ORDER_STORE_PORT=tcp://10.96.0.9:5432
                ORDER_STORE_PORT_5432_TCP=tcp://10.96.0.9:5432
                ORDER_STORE_PORT_5432_TCP_ADDR=10.96.0.9
                ORDER_STORE_PORT_5432_TCP_PORT=5432
                ORDER_STORE_PORT_5432_TCP_PROTO=tcp
                ORDER_STORE_PORT_9_UDP=udp://10.96.0.9:9
                ORDER_STORE_PORT_9_UDP_ADDR=10.96.0.9
                ORDER_STORE_PORT_9_UDP_PORT=9
                ORDER_STORE_PORT_9_UDP_PROTO=udp
                ORDER_STORE_SERVICE_HOST=10.96.0.9
                ORDER_STORE_SERVICE_PORT=5432
                ORDER_STORE_SERVICE_PORT_SQL=5432
                ORDER_STORE_SERVICE_PORT_STATS=9
            "#]],
        );
    }

    #[test]
    fn a_pod_that_declines_hears_of_the_api_alone() {
        check(
            json!({"metadata": {"namespace": "other"},
                   "spec": {"containers": [], "enableServiceLinks": false}}),
            services(),
            expect![[r#"
                KUBERNETES_PORT=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
                KUBERNETES_PORT_443_TCP_PORT=443
                KUBERNETES_PORT_443_TCP_PROTO=tcp
                KUBERNETES_SERVICE_HOST=10.96.0.1
                KUBERNETES_SERVICE_PORT=443
                KUBERNETES_SERVICE_PORT_HTTPS=443
            "#]],
        );
    }
}
