//! The tables of services and what belongs to them.

use serde_json::{Value, json};

use super::Column;
use super::built_in::{labels, or_none, selector};
use crate::object::Object;

pub(super) fn columns(plural: &str) -> Vec<Column> {
    match plural {
        "ingresses" => ingresses(),
        "ingressclasses" => vec![
            Column::at("Controller", "string", ".spec.controller", ""),
            Column::computed("Parameters", "string", |class, _| {
                let text = |field: &str| class.text(&["spec", "parameters", field]);
                match (text("kind"), text("name")) {
                    ("", _) => json!("<none>"),
                    (kind, name) => json!(format!("{kind}/{name}")),
                }
            })
            .reads(&["spec.parameters"]),
            Column::age(),
        ],
        "networkpolicies" => vec![
            Column::computed("Pod-Selector", "string", |policy, _| {
                json!(selector(policy.at(&["spec", "podSelector"])))
            })
            .reads(&["spec.podSelector"]),
            Column::age(),
        ],
        "endpointslices" => vec![
            Column::at("AddressType", "string", ".addressType", ""),
            Column::computed("Ports", "string", |slice, _| json!(slice_ports(slice)))
                .reads(&["ports.port"]),
            Column::computed("Endpoints", "string", |slice, _| {
                json!(slice_addresses(slice))
            })
            .reads(&["endpoints.addresses"]),
            Column::age(),
        ],
        _ => vec![Column::age()],
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn services() -> Vec<Column> {
    vec![
        Column::at("Type", "string", ".spec.type", "ClusterIP"),
        Column::at("Cluster-IP", "string", ".spec.clusterIP", "<none>"),
        Column::computed("External-IP", "string", |service, _| {
            json!(external(service))
        })
        .reads(&[
            "spec.externalIPs",
            "spec.externalName",
            "spec.type",
            "status.loadBalancer",
        ]),
        Column::computed("Port(s)", "string", |service, _| {
            json!(service_ports(service))
        })
        .reads(&["spec.ports"]),
        Column::age(),
        Column::computed("Selector", "string", |service, _| {
            json!(labels(service.at(&["spec", "selector"])))
        })
        .reads(&["spec.selector"])
        .wide(),
    ]
}

fn external(service: &Object) -> String {
    let given: Vec<&str> = list(service.at(&["spec", "externalIPs"]))
        .filter_map(Value::as_str)
        .collect();
    match service.text(&["spec", "type"]) {
        "ExternalName" => service.text(&["spec", "externalName"]).to_owned(),
        "LoadBalancer" => {
            let ingress = list(service.at(&["status", "loadBalancer", "ingress"]));
            let found = ingress.map(|one| match text(one, "ip") {
                "" => text(one, "hostname"),
                address => address,
            });
            let all: Vec<&str> = found.chain(given).collect();
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        _ => or_none(given.join(",")),
    }
}

fn service_ports(service: &Object) -> String {
    let ports: Vec<String> = list(service.at(&["spec", "ports"]))
        .map(|port| {
            let number = |field: &str| port.get(field).and_then(Value::as_i64).unwrap_or_default();
            let protocol = match text(port, "protocol") {
                "" => "TCP",
                protocol => protocol,
            };
            match number("nodePort") {
                0 => format!("{}/{protocol}", number("port")),
                node => format!("{}:{node}/{protocol}", number("port")),
            }
        })
        .collect();
    or_none(ports.join(","))
}

/// The first three of `all`, and how many more there are.
fn first_three(all: &[String]) -> String {
    match all.len() {
        0 => "<none>".to_owned(),
        count @ 1..=3 => all[..count].join(","),
        count => format!("{} + {} more...", all[..3].join(","), count - 3),
    }
}

pub(super) fn endpoints() -> Vec<Column> {
    vec![
        Column::computed("Endpoints", "string", |endpoints, _| {
            let mut all = Vec::new();
            for subset in list(endpoints.at(&["subsets"])) {
                for port in list(subset.get("ports")) {
                    for address in list(subset.get("addresses")) {
                        let number = port.get("port").and_then(Value::as_i64).unwrap_or_default();
                        all.push(format!("{}:{number}", text(address, "ip")));
                    }
                }
            }
            json!(first_three(&all))
        })
        .reads(&["subsets"]),
        Column::age(),
    ]
}

fn slice_ports(slice: &Object) -> String {
    let ports: Vec<String> = list(slice.at(&["ports"]))
        .map(|port| match port.get("port").and_then(Value::as_i64) {
            Some(number) => number.to_string(),
            None => "*".to_owned(),
        })
        .collect();
    if ports.is_empty() {
        "<unset>".to_owned()
    } else {
        first_three(&ports)
    }
}

fn slice_addresses(slice: &Object) -> String {
    let all: Vec<String> = list(slice.at(&["endpoints"]))
        .flat_map(|endpoint| list(endpoint.get("addresses")))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if all.is_empty() {
        "<unset>".to_owned()
    } else {
        first_three(&all)
    }
}

fn ingresses() -> Vec<Column> {
    vec![
        Column::at("Class", "string", ".spec.ingressClassName", "<none>"),
        Column::computed("Hosts", "string", |ingress, _| {
            let hosts: Vec<String> = list(ingress.at(&["spec", "rules"]))
                .map(|rule| text(rule, "host").to_owned())
                .filter(|host| !host.is_empty())
                .collect();
            if hosts.is_empty() {
                json!("*")
            } else {
                json!(first_three(&hosts))
            }
        })
        .reads(&["spec.rules.host"]),
        Column::computed("Address", "string", |ingress, _| {
            let all: Vec<&str> = list(ingress.at(&["status", "loadBalancer", "ingress"]))
                .map(|one| match text(one, "ip") {
                    "" => text(one, "hostname"),
                    address => address,
                })
                .collect();
            json!(all.join(","))
        })
        .reads(&["status.loadBalancer"]),
        Column::computed("Ports", "string", |ingress, _| {
            let secure = list(ingress.at(&["spec", "tls"])).next().is_some();
            json!(if secure { "80, 443" } else { "80" })
        })
        .reads(&["spec.tls"]),
        Column::age(),
    ]
}
