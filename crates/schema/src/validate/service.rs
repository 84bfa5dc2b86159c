//! Services.

use serde_json::{Value, json};

use super::field::{Field, must_differ};
use super::name::{self, Rule};
use crate::cause::Cause;

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";

pub(super) fn service(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (sort, address) = (spec.field("type"), spec.field("clusterIP"));
    let headless = address.text() == "None";
    if sort.is_empty() {
        causes.push(sort.required(""));
    } else {
        sort.must_be_one_of(
            &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
            causes,
        );
    }
    let ports = spec.field("ports");
    match sort.text() {
        "ExternalName" => external_name(&spec, causes),
        _ if ports.is_empty() && !headless => causes.push(ports.required("")),
        _ => {}
    }
    if headless && matches!(sort.text(), "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {} services", sort.text());
        causes.push(Cause::invalid("spec.clusterIPs[0]", address.value, &detail));
    }
    affinity(&spec, causes);
    spec.field("selector").must_be_labels(causes);
    addresses(&spec, causes);
    service_ports(&spec, causes);
    traffic(&spec, causes);
    balancer(&spec, causes);
}

fn external_name(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let (name, address) = (spec.field("externalName"), spec.field("clusterIP"));
    if name.is_empty() {
        causes.push(name.required(""));
    } else {
        let plain = name.text().trim_end_matches('.');
        causes.extend(Rule::Subdomain.problem(plain).map(|one| name.invalid(&one)));
    }
    if !address.is_empty() && address.text() != "None" {
        causes.push(address.forbidden("may not be set when `type` is 'ExternalName'"));
    }
}

fn affinity(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let (affinity, settings) = (
        spec.field("sessionAffinity"),
        spec.field("sessionAffinityConfig"),
    );
    affinity.must_be_one_of(&["ClientIP", "None"], causes);
    let seconds = settings.below("clientIP.timeoutSeconds");
    let outside = |count: i64| !(1..=86_400).contains(&count);
    match affinity.text() {
        "ClientIP" if seconds.integer().is_some_and(outside) => {
            causes.push(seconds.invalid("must be greater than 0 and less than 86400"));
        }
        "None" if settings.is_set() => {
            let detail = "must not be set when session affinity is None";
            causes.push(settings.forbidden(detail));
        }
        _ => {}
    }
}

fn addresses(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let (address, all) = (spec.field("clusterIP"), spec.field("clusterIPs"));
    let first = all.items().into_iter().next();
    if let Some(first) = first
        && first.text() != address.text()
        && spec.field("type").text() != "ExternalName"
    {
        causes.push(all.invalid("first value must match `clusterIP`"));
    }
    for one in all.items() {
        if one.text() != "None" {
            causes.extend(name::address(one.text()).map(|problem| one.invalid(problem)));
        }
    }
    if all.is_empty() && !matches!(address.text(), "" | "None") {
        let problem = name::address(address.text());
        causes.extend(problem.map(|one| Cause::invalid("spec.clusterIPs[0]", address.value, one)));
    }
    for external in spec.field("externalIPs").items() {
        causes.extend(external_address(external.text()).map(|one| external.invalid(&one)));
    }
    let families = spec.field("ipFamilies").items();
    must_differ(families.iter().cloned(), causes);
    for family in families {
        family.must_be_one_of(&["IPv4", "IPv6"], causes);
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    spec.field("ipFamilyPolicy")
        .must_be_one_of(&policies, causes);
}

/// Why an address cannot be a service's from outside.
fn external_address(text: &str) -> Option<String> {
    if let Some(problem) = name::address(text) {
        return Some(problem.to_owned());
    }
    let address: std::net::IpAddr = text.parse().ok()?;
    let local = match address {
        std::net::IpAddr::V4(four) => four.is_link_local(),
        std::net::IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    if address.is_unspecified() {
        return Some(format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        return Some("may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned());
    }
    local.then(|| "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned())
}

fn service_ports(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let ports = spec.field("ports").items();
    must_differ(ports.iter().map(|port| port.field("name")), causes);
    let inner = spec.field("type").text() == "ClusterIP";
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
        port.field("appProtocol")
            .may_follow(Rule::Qualified, causes);
        let node = port.field("nodePort");
        let taken = node.integer().is_some_and(|number| number != 0);
        if inner && taken {
            causes.push(node.forbidden("may not be used when `type` is 'ClusterIP'"));
        }
        let same = |names: [&'static str; 2]| {
            let equal = |other: &Field<'_>, name: &'static str| {
                other.field(name).value == port.field(name).value
            };
            let mut earlier = ports.iter().take(index);
            earlier.any(|other| names.iter().all(|name| equal(other, name)))
        };
        if taken && same(["nodePort", "protocol"]) {
            causes.push(node.duplicate());
        }
        if same(["port", "protocol"]) {
            causes.push(port.duplicate());
        }
    }
}

fn traffic(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let (inner, outer) = (
        spec.field("internalTrafficPolicy"),
        spec.field("externalTrafficPolicy"),
    );
    inner.must_be_one_of(&["Cluster", "Local"], causes);
    let external = matches!(spec.field("type").text(), "NodePort" | "LoadBalancer")
        || !spec.field("externalIPs").is_empty();
    if outer.is_empty() {
        // The defaults set it wherever it is wanted.
    } else if external {
        outer.must_be_one_of(&["Cluster", "Local"], causes);
    } else {
        causes.push(outer.invalid("may only be set for externally-accessible services"));
    }
    let distributions = &["PreferClose", "PreferSameNode", "PreferSameZone"];
    spec.field("trafficDistribution")
        .must_be_one_of(distributions, causes);
    let health = spec.field("healthCheckNodePort");
    let wanted = spec.field("type").text() == "LoadBalancer" && outer.text() == "Local";
    if health.integer().is_some_and(|port| port != 0) && !wanted {
        causes.push(health.invalid(
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ));
    }
}

fn balancer(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let balanced = spec.field("type").text() == "LoadBalancer";
    let ranges = spec.field("loadBalancerSourceRanges");
    for range in ranges.items() {
        if name::network(range.text().trim()).is_none() {
            let detail = "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24";
            causes.push(ranges.invalid(detail));
            break;
        }
    }
    let class = spec.field("loadBalancerClass");
    class.may_follow(Rule::Qualified, causes);
    if !balanced {
        for field in [
            &ranges,
            &class,
            &spec.field("allocateLoadBalancerNodePorts"),
        ] {
            if field.is_set() && !(field.value.is_array() && field.is_empty()) {
                causes.push(field.forbidden(ONLY_BALANCED));
            }
        }
    }
}

pub(super) fn service_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.field("spec"), old.field("spec"));
    let sort = |object: &Field<'_>| object.field("type").text().to_owned();
    if sort(&new) == "LoadBalancer" && sort(&old) == "LoadBalancer" {
        let (class, before) = (
            new.field("loadBalancerClass"),
            old.field("loadBalancerClass"),
        );
        if class.value != before.value {
            causes.push(class.invalid("may not change once set"));
        }
    }
    if sort(&new) == "ExternalName" || sort(&old) == "ExternalName" {
        return;
    }
    let (after, before) = (new.field("clusterIP"), old.field("clusterIP"));
    if !before.is_empty() && after.value != before.value {
        let list = new.field("clusterIPs");
        let shown = json!([after.text()]);
        let value: &Value = if list.is_set() { list.value } else { &shown };
        causes.push(Cause::invalid(
            "spec.clusterIPs[0]",
            value,
            "may not change once set",
        ));
    }
    let (after, before) = (new.field("ipFamilies"), old.field("ipFamilies"));
    let first = |families: &Field<'_>| families.items().first().map(|one| one.value.clone());
    if first(&before).is_some() && first(&after).is_some() && first(&after) != first(&before) {
        causes.push(Cause::invalid(
            "spec.ipFamilies[0]",
            after.value,
            "may not change once set",
        ));
    }
}
