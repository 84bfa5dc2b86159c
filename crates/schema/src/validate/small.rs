//! The kinds with few rules.

use serde_json::Value;

use super::field::Field;
use super::name::Rule;
use super::selector;
use super::workload::{at_most_all, count_or_percent};
use crate::cause::Cause;
use crate::quantity;

/// The most that the values of a ConfigMap or Secret may have together, in bytes.
const MOST_DATA: usize = 1 << 20;

pub(super) fn config_map(object: &Field<'_>, causes: &mut Vec<Cause>) {
    keys(&object.field("data"), causes);
    keys(&object.field("binaryData"), causes);
    for (key, value) in object.field("binaryData").entries() {
        if object.field("data").named(key).is_set() {
            causes.push(value.invalid(&format!("duplicate of key present in data: {key}")));
        }
    }
    size(
        object,
        "",
        &[("data", Encoding::Plain), ("binaryData", Encoding::Base64)],
        causes,
    );
}

pub(super) fn secret(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let data = object.field("data");
    keys(&data, causes);
    size(object, "data", &[("data", Encoding::Base64)], causes);
    let wanted: &[&str] = match object.field("type").text() {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for key in wanted {
        if !data.field(key).is_set() {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    }
    match object.field("type").text() {
        "kubernetes.io/basic-auth"
            if !data.field("username").is_set() && !data.field("password").is_set() =>
        {
            causes.push(Cause::required("data[username]", ""));
            causes.push(Cause::required("data[password]", ""));
        }
        "kubernetes.io/service-account-token" => {
            let name = "kubernetes.io/service-account.name";
            let notes = object.field("metadata").field("annotations");
            if notes.field(name).text().is_empty() {
                let path = format!("metadata.annotations[{name}]");
                causes.push(Cause::required(path, ""));
            }
        }
        _ => {}
    }
}

fn keys(data: &Field<'_>, causes: &mut Vec<Cause>) {
    for (key, _) in data.entries() {
        if let Some(problem) = Rule::ConfigKey.problem(key) {
            causes.push(Cause::invalid(
                format!("data[{key}]"),
                &Value::from(key),
                &problem,
            ));
        }
    }
}

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Base64,
}

fn size(
    object: &Field<'_>,
    at: &'static str,
    parts: &[(&'static str, Encoding)],
    causes: &mut Vec<Cause>,
) {
    let length = |(name, encoding): &(&'static str, Encoding)| -> usize {
        let texts = object
            .field(name)
            .entries()
            .into_iter()
            .map(|(_, value)| value.text().len());
        let total: usize = texts.sum();
        match encoding {
            Encoding::Plain => total,
            Encoding::Base64 => total / 4 * 3,
        }
    };
    if parts.iter().map(length).sum::<usize>() > MOST_DATA {
        let field = if at.is_empty() {
            object.clone()
        } else {
            object.field(at)
        };
        causes.push(field.too_long(MOST_DATA as u64));
    }
}

pub(super) fn config_map_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    sealed(new, old, &["data", "binaryData"], causes);
}

pub(super) fn secret_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (sort, before) = (new.field("type"), old.field("type"));
    if sort.value != before.value {
        causes.push(sort.invalid("field is immutable"));
    }
    sealed(new, old, &["data"], causes);
}

fn sealed(new: &Field<'_>, old: &Field<'_>, names: &[&'static str], causes: &mut Vec<Cause>) {
    if old.field("immutable").value != &Value::Bool(true) {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    for name in names.iter().chain(&["immutable"]) {
        if new.field(name).value != old.field(name).value {
            causes.push(new.field(name).forbidden(detail));
        }
    }
}

pub(super) fn quota(object: &Field<'_>, causes: &mut Vec<Cause>) {
    for (_, amount) in object.below("spec.hard").entries() {
        if quantity::value(amount.text()).is_some_and(|amount| amount < 0.0) {
            causes.push(amount.invalid("must be greater than or equal to 0"));
        }
    }
}

pub(super) fn limit_range(object: &Field<'_>, causes: &mut Vec<Cause>) {
    for item in object.below("spec.limits").items() {
        item.field("type").must_be_set(causes);
        for (name, least) in item.field("min").entries() {
            let most = item.field("max").named(name);
            let (Some(low), Some(high)) =
                (quantity::value(least.text()), quantity::value(most.text()))
            else {
                continue;
            };
            if low > high {
                let detail = format!(
                    "min value {} is greater than max value {}",
                    least.text(),
                    most.text()
                );
                causes.push(least.invalid(&detail));
            }
        }
    }
}

pub(super) fn disruption_budget(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (least, most) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    if least.is_set() && most.is_set() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        causes.push(spec.invalid(detail));
    }
    for field in [&least, &most] {
        count_or_percent(field, causes);
        at_most_all(field, causes);
    }
    selector::labels(&spec.field("selector"), causes);
    spec.field("unhealthyPodEvictionPolicy")
        .must_be_one_of(&["AlwaysAllow", "IfHealthyBudget"], causes);
}

pub(super) fn priority_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["value", "preemptionPolicy"] {
        if new.field(name).value != old.field(name).value {
            causes.push(
                new.field(name)
                    .forbidden("may not be changed in an update."),
            );
        }
    }
}

/// The highest priority that a class of a user's may have.
const MOST_PRIORITY: i64 = 1_000_000_000;

pub(super) fn priority(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let (name, value) = (object.below("metadata.name"), object.field("value"));
    let system = ["system-cluster-critical", "system-node-critical"];
    if system.contains(&name.text()) {
        return;
    }
    if name.text().starts_with("system-") {
        let detail = "priority class names with 'system-' prefix are reserved for system use only";
        causes.push(name.forbidden(detail));
    }
    if value.integer().is_some_and(|value| value > MOST_PRIORITY) {
        let detail = format!("maximum allowed value of a user defined priority is {MOST_PRIORITY}");
        causes.push(value.forbidden(&detail));
    }
    object
        .field("preemptionPolicy")
        .must_be_one_of(&["Never", "PreemptLowerPriority"], causes);
}

pub(super) fn lease(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    spec.field("leaseDurationSeconds").must_be_positive(causes);
    let count = spec.field("leaseTransitions");
    if count.integer().is_some_and(|count| count < 0) {
        causes.push(count.invalid("must be greater than or equal to 0"));
    }
    let holder = spec.field("holderIdentity");
    if holder.is_set() && holder.is_empty() {
        causes.push(holder.invalid("must not be empty"));
    }
}

pub(super) fn endpoint_slice(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let sort = object.field("addressType");
    if sort.is_empty() {
        causes.push(sort.required(""));
    } else {
        sort.must_be_one_of(&["FQDN", "IPv4", "IPv6"], causes);
    }
    object.field("endpoints").must_have_at_most(1000, causes);
    object.field("ports").must_have_at_most(20_000, causes);
    for endpoint in object.field("endpoints").items() {
        let addresses = endpoint.field("addresses");
        if addresses.is_empty() {
            causes.push(addresses.required("must contain at least 1 address"));
        }
        addresses.must_have_at_most(100, causes);
        for address in addresses.items().iter().filter(|_| sort.text() != "FQDN") {
            causes.extend(super::name::address(address.text()).map(|one| address.invalid(one)));
        }
    }
    let ports = object.field("ports").items();
    super::field::must_differ(ports.iter().map(|port| port.field("name")), causes);
    for port in ports {
        port.field("name").may_follow(Rule::Label, causes);
        port.field("protocol")
            .must_be_one_of(&["SCTP", "TCP", "UDP"], causes);
    }
}

pub(super) fn endpoint_slice_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    new.field("addressType")
        .must_stay(&old.field("addressType"), causes);
}

pub(super) fn ingress_class(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let controller = object.below("spec.controller");
    if controller.is_empty() {
        causes.push(controller.required(""));
    } else if !controller.text().contains('/') {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        causes.push(controller.invalid(detail));
    }
}

pub(super) fn ingress_class_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.below("spec.controller"), old.below("spec.controller"));
    new.must_stay(&old, causes);
}

pub(super) fn runtime_class(object: &Field<'_>, causes: &mut Vec<Cause>) {
    object.field("handler").must_follow(Rule::Label, causes);
}

pub(super) fn runtime_class_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    new.field("handler")
        .must_stay(&old.field("handler"), causes);
}

pub(super) fn quota_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.below("spec.scopes"), old.below("spec.scopes"));
    new.must_stay(&old, causes);
}

pub(super) fn node(object: &Field<'_>, causes: &mut Vec<Cause>) {
    for taint in object.below("spec.taints").items() {
        taint.field("key").must_follow(Rule::Qualified, causes);
        taint.field("value").may_follow(Rule::LabelValue, causes);
        let effect = taint.field("effect");
        if effect.is_empty() {
            causes.push(effect.required(""));
        } else {
            let effects = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
            effect.must_be_one_of(&effects, causes);
        }
    }
}
