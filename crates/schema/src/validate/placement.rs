//! Where a pod may run, and what it is called there.

use super::field::Field;
use super::name::{self, Rule};
use super::selector;
use crate::cause::Cause;

pub(super) fn placement(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    spec.field("nodeSelector").must_be_labels(causes);
    affinity(&spec.field("affinity"), causes);
    spec.field("tolerations")
        .items()
        .iter()
        .for_each(|one| toleration(one, causes));
    spec.field("topologySpreadConstraints")
        .items()
        .iter()
        .for_each(|one| spread(one, causes));
    for name in ["hostname", "subdomain"] {
        spec.field(name).may_follow(Rule::Label, causes);
    }
    for name in ["priorityClassName", "runtimeClassName", "nodeName"] {
        spec.field(name).may_follow(Rule::Subdomain, causes);
    }
    for alias in spec.field("hostAliases").items() {
        let address = alias.field("ip");
        causes.extend(name::address(address.text()).map(|one| address.invalid(one)));
        for host in alias.field("hostnames").items() {
            host.must_follow(Rule::Subdomain, causes);
        }
    }
    resolver(spec, causes);
    let gates = spec.field("schedulingGates").items();
    super::field::must_differ(gates.iter().map(|gate| gate.field("name")), causes);
    for gate in gates {
        gate.field("name").must_follow(Rule::Qualified, causes);
    }
    for gate in spec.field("readinessGates").items() {
        gate.field("conditionType")
            .must_follow(Rule::Qualified, causes);
    }
}

fn affinity(affinity: &Field<'_>, causes: &mut Vec<Cause>) {
    let node = affinity.field("nodeAffinity");
    let required = node.field("requiredDuringSchedulingIgnoredDuringExecution");
    if required.is_set() {
        let terms = required.field("nodeSelectorTerms");
        if terms.is_empty() {
            causes.push(terms.required("must have at least one node selector term"));
        }
        terms
            .items()
            .iter()
            .for_each(|term| selector::node_term(term, causes));
    }
    for one in node
        .field("preferredDuringSchedulingIgnoredDuringExecution")
        .items()
    {
        weight(&one, causes);
        selector::node_term(&one.field("preference"), causes);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let pod = affinity.field(kind);
        for term in pod
            .field("requiredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            pod_term(&term, causes);
        }
        for one in pod
            .field("preferredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            weight(&one, causes);
            pod_term(&one.field("podAffinityTerm"), causes);
        }
    }
}

fn weight(preferred: &Field<'_>, causes: &mut Vec<Cause>) {
    let weight = preferred.field("weight");
    if !(1..=100).contains(&weight.integer().unwrap_or_default()) {
        causes.push(weight.invalid("must be in the range 1-100"));
    }
}

fn pod_term(term: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["labelSelector", "namespaceSelector"] {
        selector::labels(&term.field(name), causes);
    }
    for namespace in term.field("namespaces").items() {
        namespace.must_follow(Rule::Label, causes);
    }
    topology_key(&term.field("topologyKey"), causes);
}

fn topology_key(key: &Field<'_>, causes: &mut Vec<Cause>) {
    if key.is_empty() {
        causes.push(key.required("can not be empty"));
    } else {
        key.must_follow(Rule::Qualified, causes);
    }
}

fn toleration(toleration: &Field<'_>, causes: &mut Vec<Cause>) {
    let (operator, value) = (toleration.field("operator"), toleration.field("value"));
    toleration.field("key").may_follow(Rule::Qualified, causes);
    if toleration.field("key").is_empty() && operator.text() != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        causes.push(operator.invalid(detail));
    }
    let effect = toleration.field("effect");
    let seconds = toleration.field("tolerationSeconds");
    if seconds.is_set() && effect.text() != "NoExecute" {
        causes.push(effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    match operator.text() {
        "" | "Equal" => value.may_follow(Rule::LabelValue, causes),
        "Exists" => {
            if !value.is_empty() {
                causes.push(value.invalid("value must be empty when `operator` is 'Exists'"));
            }
        }
        _ => operator.must_be_one_of(&["Equal", "Exists"], causes),
    }
    let effects = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
    if !effect.is_empty() {
        effect.must_be_one_of(&effects, causes);
    }
}

fn spread(constraint: &Field<'_>, causes: &mut Vec<Cause>) {
    let (skew, least) = (constraint.field("maxSkew"), constraint.field("minDomains"));
    if skew.integer().is_none_or(|skew| skew < 1) {
        causes.push(skew.invalid("must be greater than zero"));
    }
    topology_key(&constraint.field("topologyKey"), causes);
    let action = constraint.field("whenUnsatisfiable");
    if !matches!(action.text(), "DoNotSchedule" | "ScheduleAnyway") {
        causes.push(action.unsupported(&["DoNotSchedule", "ScheduleAnyway"]));
    }
    if least.integer().is_some_and(|count| count < 1) {
        causes.push(least.invalid("must be greater than zero"));
    } else if least.is_set() && action.text() != "DoNotSchedule" {
        causes.push(least.invalid(&format!(
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
            action.text()
        )));
    }
    for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        constraint
            .field(name)
            .must_be_one_of(&["Honor", "Ignore"], causes);
    }
    selector::labels(&constraint.field("labelSelector"), causes);
}

fn resolver(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let policies = &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    let (policy, settings) = (spec.field("dnsPolicy"), spec.field("dnsConfig"));
    policy.must_be_one_of(policies, causes);
    let servers = settings.field("nameservers");
    if policy.text() == "None" {
        if !settings.is_set() {
            causes.push(settings.required("must provide `dnsConfig` when `dnsPolicy` is None"));
        } else if servers.is_empty() {
            causes.push(
                servers
                    .required("must provide at least one DNS nameserver when `dnsPolicy` is None"),
            );
        }
    }
    if servers.items().len() > 3 {
        causes.push(servers.invalid("must not have more than 3 nameservers"));
    }
    for server in servers.items() {
        causes.extend(name::address(server.text()).map(|one| server.invalid(one)));
    }
    for option in settings.field("options").items() {
        let name = option.field("name");
        if name.is_empty() {
            causes.push(name.required("must not be empty"));
        }
    }
}
