//! Services and what routes to pods.

use serde_json::{Value, json};

use super::field::{Object, section, set, set_text, text};
use super::{object, objects};

pub(super) fn service(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set_text(spec, "type", "ClusterIP");
    set_text(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "ClientIP" {
        let settings = section(spec, "sessionAffinityConfig");
        if let Some(client) = settings.and_then(|settings| section(settings, "clientIP")) {
            set(client, "timeoutSeconds", 10_800);
        }
    } else if text(spec, "sessionAffinity") == "None" && spec.contains_key("sessionAffinityConfig")
    {
        // Left over from when there was an affinity.
        spec.remove("sessionAffinityConfig");
    }
    objects(spec, "ports").for_each(service_port);
    let sort = text(spec, "type").to_owned();
    let external = spec
        .get("externalIPs")
        .and_then(Value::as_array)
        .is_some_and(|ips| !ips.is_empty());
    if matches!(sort.as_str(), "NodePort" | "LoadBalancer") || (sort == "ClusterIP" && external) {
        set_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(sort.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        set_text(spec, "internalTrafficPolicy", "Cluster");
    }
    if sort == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
}

fn service_port(port: &mut Object) {
    set_text(port, "protocol", "TCP");
    let unset = match port.get("targetPort") {
        None | Some(Value::Null) => true,
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(other) => other.as_str() == Some(""),
    };
    if let (true, Some(number)) = (unset, port.get("port").cloned()) {
        port.insert("targetPort".to_owned(), number);
    }
}

pub(super) fn endpoints(target: &mut Object) {
    for subset in objects(target, "subsets") {
        objects(subset, "ports").for_each(|port| set_text(port, "protocol", "TCP"));
    }
}

pub(super) fn endpoint_slice(target: &mut Object) {
    for port in objects(target, "ports") {
        set(port, "name", "");
        set_text(port, "protocol", "TCP");
    }
}

pub(super) fn ingress_class(target: &mut Object) {
    if let Some(parameters) = object(target, "spec").and_then(|spec| object(spec, "parameters")) {
        set_text(parameters, "scope", "Cluster");
    }
}

pub(super) fn network_policy(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set(spec, "podSelector", json!({}));
    let egress = spec
        .get("egress")
        .and_then(Value::as_array)
        .is_some_and(|rules| !rules.is_empty());
    let types = if egress {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    set(spec, "policyTypes", types);
    for direction in ["ingress", "egress"] {
        for rule in objects(spec, direction) {
            objects(rule, "ports").for_each(|port| set_text(port, "protocol", "TCP"));
        }
    }
}
