//! What routes to services, and who may reach whom.

use super::field::Field;
use super::name::{self, Rule};
use super::selector;
use crate::cause::Cause;

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

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
        if name::address(host.text()).is_none() {
            causes.push(host.invalid("must be a DNS name, not an IP address"));
        } else if !plain.is_empty() {
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
    if matches!(sort.text(), "Exact" | "Prefix") {
        for part in ["//", "/./", "/../", "%2f", "%2F"] {
            if path.text().contains(part) {
                causes.push(path.invalid(&format!("must not contain '{part}'")));
            }
        }
        for end in ["/..", "/."] {
            if path.text().ends_with(end) {
                causes.push(path.invalid(&format!("cannot end with '{end}'")));
            }
        }
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
            name.must_follow(Rule::HostLabel, causes);
            let port = service.field("port");
            let (word, number) = (port.field("name"), port.field("number"));
            match (word.is_empty(), number.is_empty()) {
                (true, true) => causes.push(port.required("port name or number is required")),
                (false, false) => {
                    causes.push(port.invalid("cannot set both port name & port number"));
                }
                (true, false) => number.must_be_port(causes),
                (false, true) => word.must_be_port_or_name(causes),
            }
        }
    }
}

pub(super) fn network_policy(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    selector::labels(&spec.field("podSelector"), causes);
    for types in spec.field("policyTypes").items() {
        types.must_be_one_of(&["Egress", "Ingress"], causes);
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.field(direction).items() {
            for port in rule.field("ports").items() {
                port.field("protocol").must_be_one_of(PROTOCOLS, causes);
                port.field("port").must_be_port_or_name(causes);
                end_port(&port, causes);
            }
            for peer in rule.field(peers).items() {
                if peer.is_empty() {
                    causes.push(peer.required("must specify a peer"));
                }
                for name in ["podSelector", "namespaceSelector"] {
                    selector::labels(&peer.field(name), causes);
                }
                let block = peer.field("ipBlock");
                if block.is_set() {
                    addresses(&block, causes);
                }
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

fn end_port(port: &Field<'_>, causes: &mut Vec<Cause>) {
    let (first, last) = (port.field("port"), port.field("endPort"));
    let Some(end) = last.integer() else { return };
    if !first.is_set() {
        causes.push(last.invalid("may not be specified when `port` is not specified"));
    } else if first.value.is_string() {
        causes.push(last.invalid("may not be specified when `port` is non-numeric"));
    } else if first.integer().is_some_and(|first| end < first) {
        causes.push(last.invalid("must be greater than or equal to `port`"));
    } else {
        last.must_be_port(causes);
    }
}

fn addresses(block: &Field<'_>, causes: &mut Vec<Cause>) {
    let whole = block.field("cidr");
    if whole.is_empty() {
        return causes.push(whole.required(""));
    }
    causes.extend(name::network_problem(whole.text()).map(|one| whole.invalid(one)));
    for part in block.field("except").items() {
        causes.extend(name::network_problem(part.text()).map(|one| part.invalid(one)));
        let networks = name::network(whole.text()).zip(name::network(part.text()));
        if networks.is_some_and(|(whole, part)| !is_within(whole, part)) {
            causes.push(part.invalid("must be a strict subset of `cidr`"));
        }
    }
}

/// Whether a network is a strict part of another.
fn is_within(whole: (std::net::IpAddr, u8), part: (std::net::IpAddr, u8)) -> bool {
    let bits = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(one) => (u128::from(one.to_bits()) << 96, true),
        std::net::IpAddr::V6(one) => (one.to_bits(), false),
    };
    let ((one, four), (other, also)) = (bits(whole.0), bits(part.0));
    let shift = 128 - u32::from(whole.1);
    let same = one.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0);
    four == also && whole.1 < part.1 && same
}
