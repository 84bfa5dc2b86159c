//! Horizontal pod autoscalers, as they are stored (`autoscaling/v2`).

use super::field::Field;
use super::name::Rule;
use super::selector;
use crate::cause::Cause;
use crate::quantity;

pub(super) fn autoscaler(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let spec = object.field("spec");
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    if least.integer().is_some_and(|count| count < 1) {
        causes.push(least.invalid("must be greater than or equal to 1"));
    }
    let count = most.integer().unwrap_or_default();
    if count < 1 {
        causes.push(most.invalid("must be greater than 0"));
    }
    if least.integer().is_some_and(|least| least > count) {
        causes.push(most.invalid("must be greater than or equal to `minReplicas`"));
    }
    reference(&spec.field("scaleTargetRef"), causes);
    for metric in spec.field("metrics").items() {
        metric_spec(&metric, causes);
    }
    for direction in ["scaleUp", "scaleDown"] {
        let rules = spec.field("behavior").field(direction);
        if rules.is_set() {
            scaling(&rules, causes);
        }
    }
}

fn reference(target: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["kind", "name"] {
        target.field(name).must_follow(Rule::PathStep, causes);
    }
}

/// The sources of metrics and the fields that hold them.
const SOURCES: &[(&str, &str)] = &[
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn metric_spec(metric: &Field<'_>, causes: &mut Vec<Cause>) {
    let kind = metric.field("type");
    let names: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
    if kind.is_empty() {
        causes.push(kind.required("must specify a metric source type"));
    } else {
        kind.must_be_one_of(&names, causes);
    }
    for (name, field) in SOURCES {
        let source = metric.field(field);
        let wanted = kind.text() == *name;
        if wanted && !source.is_set() {
            let detail = "must populate information for the given metric source";
            causes.push(source.required(detail));
        } else if wanted {
            metric_source(name, &source, causes);
        } else if source.is_set() && names.contains(&kind.text()) {
            causes.push(source.forbidden("must populate the given metric source only"));
        }
    }
}

fn metric_source(kind: &str, source: &Field<'_>, causes: &mut Vec<Cause>) {
    let target = source.field("target");
    if matches!(kind, "Resource" | "ContainerResource") {
        let name = source.field("name");
        if name.is_empty() {
            causes.push(name.required("must specify a resource name"));
        }
        if kind == "ContainerResource" {
            let container = source.field("container");
            if container.is_empty() {
                causes.push(container.required("must specify a container"));
            }
        }
        metric_target(&target, causes);
        return resource_target(&target, causes);
    }
    let name = source.below("metric.name");
    if name.is_empty() {
        causes.push(name.required("must specify a metric name"));
    } else {
        name.must_follow(Rule::PathStep, causes);
    }
    selector::labels(&source.below("metric.selector"), causes);
    if kind == "Object" {
        reference(&source.field("describedObject"), causes);
    }
    metric_target(&target, causes);
    let (value, average) = (target.field("value"), target.field("averageValue"));
    if kind == "Pods" && !average.is_set() {
        causes.push(average.required("must specify a positive target averageValue"));
    } else if !value.is_set() && !average.is_set() {
        causes.push(average.required("must set either a target value or averageValue"));
    } else if kind == "External" && value.is_set() && average.is_set() {
        let detail = "may not set both a target value for metric and a per-pod target";
        causes.push(target.field("value").forbidden(detail));
    }
}

fn metric_target(target: &Field<'_>, causes: &mut Vec<Cause>) {
    let kind = target.field("type");
    if kind.is_empty() {
        causes.push(kind.required("must specify a metric target type"));
    } else {
        kind.must_be_one_of(&["AverageValue", "Utilization", "Value"], causes);
    }
    for name in ["value", "averageValue"] {
        let amount = target.field(name);
        if quantity::value(amount.text()).is_some_and(|amount| amount <= 0.0) {
            causes.push(amount.invalid("must be positive"));
        }
    }
    target.field("averageUtilization").must_be_positive(causes);
}

fn resource_target(target: &Field<'_>, causes: &mut Vec<Cause>) {
    let (share, value) = (
        target.field("averageUtilization"),
        target.field("averageValue"),
    );
    match (share.is_set(), value.is_set()) {
        (false, false) => {
            let detail = "must set either a target raw value or a target utilization";
            causes.push(share.required(detail));
        }
        (true, true) => {
            let detail = "may not set both a target raw value and a target utilization";
            causes.push(value.forbidden(detail));
        }
        _ => {}
    }
}

fn scaling(rules: &Field<'_>, causes: &mut Vec<Cause>) {
    let window = rules.field("stabilizationWindowSeconds");
    match window.integer() {
        Some(..0) => causes.push(window.invalid("must be greater than or equal to zero")),
        Some(3601..) => causes.push(window.invalid("must be less than or equal to 3600")),
        _ => {}
    }
    rules
        .field("selectPolicy")
        .must_be_one_of(&["Disabled", "Max", "Min"], causes);
    let policies = rules.field("policies");
    if policies.is_empty() {
        causes.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        policy
            .field("type")
            .must_be_one_of(&["Percent", "Pods"], causes);
        for name in ["value", "periodSeconds"] {
            let number = policy.field(name);
            if number.integer().unwrap_or_default() < 1 {
                causes.push(number.invalid("must be greater than zero"));
            }
        }
        let period = policy.field("periodSeconds");
        if period.integer().is_some_and(|seconds| seconds > 1800) {
            causes.push(period.invalid("must be less than or equal to 1800"));
        }
    }
}
