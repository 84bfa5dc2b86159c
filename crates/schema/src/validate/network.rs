//! Services and what routes to them.

use super::field::{Field, must_differ};
use super::name::Rule;
use crate::cause::Cause;

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

pub(super) fn service(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (sort, address) = (spec.field("type"), spec.field("clusterIP"));
    sort.must_be_one_of(
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
        causes,
    );
    spec.field("sessionAffinity")
        .must_be_one_of(&["ClientIP", "None"], causes);
    let headless = address.text() == "None";
    let ports = spec.field("ports");
    match sort.text() {
        "ExternalName" => {
            let name = spec.field("externalName");
            if name.is_empty() {
                causes.push(name.required(""));
            } else {
                causes.extend(
                    Rule::Subdomain
                        .problem(name.text().trim_end_matches('.'))
                        .map(|one| name.invalid(&one)),
                );
            }
            if !address.is_empty() && !headless {
                causes.push(address.forbidden("may not be set when `type` is 'ExternalName'"));
            }
        }
        _ if ports.is_empty() && !headless => causes.push(ports.required("")),
        _ => {}
    }
    if headless && matches!(sort.text(), "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {} services", sort.text());
        causes.push(spec.field("clusterIPs").invalid(&detail));
    }
    service_ports(&ports, causes);
}

fn service_ports(ports: &Field<'_>, causes: &mut Vec<Cause>) {
    let ports = ports.items();
    must_differ(ports.iter().map(|port| port.field("name")), causes);
    for (index, port) in ports.iter().enumerate() {
        let (name, number) = (port.field("name"), port.field("port"));
        if !name.is_empty() {
            name.must_follow(Rule::Label, causes);
        } else if ports.len() > 1 {
            causes.push(name.required(""));
        }
        match number.integer() {
            None => causes.push(number.required("")),
            Some(_) => number.must_be_port(causes),
        }
        port.field("protocol").must_be_one_of(PROTOCOLS, causes);
        port.field("targetPort").must_be_port_or_name(causes);
        let same = |other: &Field<'_>| {
            ["port", "protocol"]
                .iter()
                .all(|name| other.field(name).value == port.field(name).value)
        };
        if ports.iter().take(index).any(same) {
            causes.push(port.duplicate());
        }
    }
}

pub(super) fn service_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let external = |object: &Field<'_>| object.below("spec.type").text() == "ExternalName";
    let (after, before) = (new.below("spec.clusterIP"), old.below("spec.clusterIP"));
    if external(new) || external(old) || before.is_empty() || after.value == before.value {
        return;
    }
    let list = new.below("spec.clusterIPs");
    let shown = serde_json::json!([after.text()]);
    let value = if list.is_set() { list.value } else { &shown };
    causes.push(Cause::invalid(
        "spec.clusterIPs[0]",
        value,
        "may not change once set",
    ));
}

pub(super) fn ingress(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (rules, default) = (spec.field("rules"), spec.field("defaultBackend"));
    if rules.is_empty() && !default.is_set() {
        let empty = serde_json::json!([]);
        let detail = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec.rules", &empty, detail));
    }
    if default.is_set() {
        backend(&default, causes);
    }
    for rule in rules.items() {
        let host = rule.field("host");
        let plain = host.text().strip_prefix("*.").unwrap_or(host.text());
        if !plain.is_empty() {
            causes.extend(
                Rule::Subdomain
                    .problem(plain)
                    .map(|problem| host.invalid(&problem)),
            );
        }
        let http = rule.field("http");
        if http.is_set() {
            http.field("paths").must_be_set(causes);
        }
        http.field("paths")
            .items()
            .iter()
            .for_each(|path| ingress_path(path, causes));
    }
}

fn ingress_path(entry: &Field<'_>, causes: &mut Vec<Cause>) {
    let (path, sort) = (entry.field("path"), entry.field("pathType"));
    if sort.is_empty() {
        causes.push(sort.required("pathType must be specified"));
    }
    sort.must_be_one_of(&["Exact", "ImplementationSpecific", "Prefix"], causes);
    let absolute = path.text().starts_with('/');
    let free = sort.text() == "ImplementationSpecific" && path.is_empty();
    if !absolute && !free {
        causes.push(path.invalid("must be an absolute path"));
    }
    backend(&entry.field("backend"), causes);
}

fn backend(backend: &Field<'_>, causes: &mut Vec<Cause>) {
    let (service, resource) = (backend.field("service"), backend.field("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => {
            causes.push(backend.invalid("cannot set both resource and service backends"));
        }
        (false, true) => {}
        _ => {
            let name = service.field("name");
            if name.is_empty() {
                causes.push(name.required(""));
            }
            let port = service.field("port");
            let (word, number) = (port.field("name"), port.field("number"));
            match (word.is_empty(), number.is_empty()) {
                (true, true) => causes.push(port.required("port name or number is required")),
                (false, false) => {
                    causes.push(port.invalid("cannot set both port name & port number"));
                }
                _ => number.must_be_port(causes),
            }
        }
    }
}

pub(super) fn network_policy(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    for types in spec.field("policyTypes").items() {
        types.must_be_one_of(&["Egress", "Ingress"], causes);
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.field(direction).items() {
            for port in rule.field("ports").items() {
                port.field("protocol").must_be_one_of(PROTOCOLS, causes);
                port.field("port").must_be_port_or_name(causes);
            }
            for peer in rule.field(peers).items() {
                if peer.is_empty() {
                    causes.push(peer.required("must specify a peer"));
                }
                let block = peer.field("ipBlock");
                if block.is_set()
                    && (peer.field("podSelector").is_set()
                        || peer.field("namespaceSelector").is_set())
                {
                    let detail = "may not specify both ipBlock and another peer";
                    causes.push(peer.forbidden(detail));
                }
            }
        }
    }
}
