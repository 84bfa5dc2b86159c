//! The kinds with few rules.

use serde_json::Value;

use super::field::Field;
use super::name::Rule;
use super::workload::count_or_percent;
use crate::cause::Cause;
use crate::quantity;

/// The most that the values of a ConfigMap or Secret may have together, in bytes.
const MOST_DATA: usize = 1 << 20;

pub(super) fn config_map(object: &Field<'_>, causes: &mut Vec<Cause>) {
    keys(&object.field("data"), causes);
    keys(&object.field("binaryData"), causes);
    for (key, value) in object.field("binaryData").entries() {
        if object.field("data").field(key).is_set() {
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

fn size(object: &Field<'_>, at: &str, parts: &[(&str, Encoding)], causes: &mut Vec<Cause>) {
    let length = |(name, encoding): &(&str, Encoding)| -> usize {
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

fn sealed(new: &Field<'_>, old: &Field<'_>, names: &[&str], causes: &mut Vec<Cause>) {
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

pub(super) fn claim(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let modes = spec.field("accessModes");
    if modes.is_empty() {
        causes.push(modes.required("at least 1 access mode is required"));
    }
    let known = &[
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOnce",
        "ReadWriteOncePod",
    ];
    modes
        .items()
        .iter()
        .for_each(|mode| mode.must_be_one_of(known, causes));
    let storage = spec.below("resources.requests").field("storage");
    match quantity::value(storage.text()) {
        None => causes.push(Cause::required("spec.resources[storage]", "")),
        Some(amount) if amount <= 0.0 => {
            causes.push(storage.invalid("must be greater than zero"));
        }
        Some(_) => {}
    }
}

pub(super) fn claim_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let fixed = |object: &Field<'_>| {
        let mut spec = object
            .field("spec")
            .value
            .as_object()
            .cloned()
            .unwrap_or_default();
        let unbound = old.below("spec.volumeName").is_empty();
        spec.retain(|name, _| match name.as_str() {
            "resources" | "volumeAttributesClassName" => false,
            "volumeName" | "storageClassName" => !unbound,
            _ => true,
        });
        spec
    };
    if fixed(new) != fixed(old) {
        causes.push(new.field("spec").forbidden(
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims",
        ));
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
            let most = item.field("max").field(name);
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

pub(super) fn autoscaler(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    if least.integer().is_some_and(|count| count < 1) {
        causes.push(least.invalid("must be greater than or equal to 1"));
    }
    let count = most.integer().unwrap_or_default();
    if count < 1 {
        causes.push(most.invalid("must be greater than 0"));
    } else if least.integer().is_some_and(|least| least > count) {
        causes.push(most.invalid("must be greater than or equal to `minReplicas`"));
    }
    let target = spec.field("scaleTargetRef");
    target.field("kind").must_be_set(causes);
    target.field("name").must_be_set(causes);
}

pub(super) fn disruption_budget(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (least, most) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    if least.is_set() && most.is_set() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        causes.push(Cause::invalid("spec", &Value::Null, detail));
    }
    count_or_percent(&least, causes);
    count_or_percent(&most, causes);
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

pub(super) fn storage_class_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in [
        "parameters",
        "provisioner",
        "reclaimPolicy",
        "volumeBindingMode",
    ] {
        if new.field(name).value != old.field(name).value {
            causes.push(
                new.field(name)
                    .forbidden(&format!("updates to {name} are forbidden.")),
            );
        }
    }
}
