//! The metrics that an autoscaler names, each read by its kind. Pure.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricStatus, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget,
    MetricValueStatus, ResourceMetricStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_schema::amount::Amount;

use super::measure::{Proposal, Question, Target, Tolerance, propose};
use super::plan::{Scale, World};
use super::request::thousandths;

/// Why there are no metrics but those of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Nobody serves them.
    Absent,
    /// Somebody does, and we do not read them.
    Unread,
}

/// What a metric asks for.
#[derive(Debug)]
pub(super) struct Reading {
    /// How many pods.
    pub(super) replicas: i32,
    /// What the metric is called.
    pub(super) name: String,
    /// Its figures.
    pub(super) status: MetricStatus,
}

/// Why a metric says nothing.
#[derive(Debug, Default)]
pub(super) struct Failure {
    /// The reason of the event and of the condition.
    pub(super) reason: &'static str,
    /// What failed, as the event has it.
    pub(super) text: String,
    /// What stands before that where several metrics are summed up.
    pub(super) about: String,
    /// What the condition says, where it is something else.
    pub(super) condition: Option<String>,
}

/// Whether the target's pods can be told apart from others at all.
pub(super) fn usable(scale: &Scale, world: &World) -> Result<(), Failure> {
    if scale.selector.is_empty() {
        return Err(Failure {
            reason: "SelectorRequired",
            text: "selector is required".to_owned(),
            condition: Some("the HPA target's scale is missing a selector".to_owned()),
            ..Failure::default()
        });
    }
    if let Err(error) = seatrial_expr::selector::Label::parse(&scale.selector) {
        return Err(Failure {
            reason: "InvalidSelector",
            text: format!(
                "couldn't convert selector into a corresponding internal selector object: {error}"
            ),
            ..Failure::default()
        });
    }
    if world.rivals.len() > 1 {
        return Err(Failure {
            reason: "AmbiguousSelector",
            text: format!(
                "pods by selector {} are controlled by multiple HPAs: [{}]",
                scale.selector,
                world.rivals.join(" ")
            ),
            ..Failure::default()
        });
    }
    Ok(())
}

/// Reads a metric.
pub(super) fn read(
    metric: &MetricSpec,
    tolerance: Tolerance,
    current: i32,
    world: &World,
) -> Result<Reading, Failure> {
    if let Some(resource) = &metric.resource {
        let about = format!("failed to get {} resource metric value: ", resource.name);
        let (proposal, name) = of_resource(
            &resource.name,
            None,
            &resource.target,
            (tolerance, current),
            world,
        )
        .map_err(|text| failure("FailedGetResourceMetric", text, about))?;
        let status = MetricStatus {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricStatus {
                name: resource.name.clone(),
                current: value(&proposal),
            }),
            ..MetricStatus::default()
        };
        return Ok(reading(&proposal, name, status));
    }
    if let Some(one) = &metric.container_resource {
        let about = format!("failed to get {} container metric value: ", one.name);
        let container = Some(one.container.as_str());
        let (proposal, name) = of_resource(
            &one.name,
            container,
            &one.target,
            (tolerance, current),
            world,
        )
        .map_err(|text| failure("FailedGetContainerResourceMetric", text, about))?;
        let status = MetricStatus {
            type_: "ContainerResource".to_owned(),
            container_resource: Some(ContainerResourceMetricStatus {
                container: one.container.clone(),
                name: one.name.clone(),
                current: value(&proposal),
            }),
            ..MetricStatus::default()
        };
        return Ok(reading(&proposal, name, status));
    }
    Err(absent(metric, world))
}

fn failure(reason: &'static str, text: String, about: String) -> Failure {
    Failure {
        reason,
        text,
        about,
        condition: None,
    }
}

fn reading(proposal: &Proposal, name: String, status: MetricStatus) -> Reading {
    Reading {
        replicas: proposal.replicas,
        name,
        status,
    }
}

fn value(proposal: &Proposal) -> MetricValueStatus {
    let average = format!("{}m", proposal.average);
    let average = Amount::parse(&average).map_or(average, |amount| amount.to_string());
    MetricValueStatus {
        average_utilization: proposal.utilization,
        average_value: Some(Quantity(average)),
        value: None,
    }
}

fn of_resource(
    resource: &str,
    container: Option<&str>,
    target: &MetricTarget,
    (tolerance, current): (Tolerance, i32),
    world: &World,
) -> Result<(Proposal, String), String> {
    let (target, used, name) = match (&target.average_value, target.average_utilization) {
        (Some(amount), _) => (
            Target::Average(thousandths(&amount.0)),
            "usage",
            format!("{resource} resource"),
        ),
        (None, Some(percent)) => (
            Target::Utilization(percent),
            "utilization",
            format!("{resource} resource utilization (percentage of request)"),
        ),
        (None, None) => {
            let text = "invalid resource metric source: neither an average utilization target nor an \
                        average value (usage) target was set";
            return Err(text.to_owned());
        }
    };
    let question = Question {
        resource,
        container,
        target,
        tolerance,
    };
    let usages = world.usages.as_ref().map_err(|error| {
        format!(
            "failed to get {resource} {used}: unable to get metrics for resource {resource}: {error}"
        )
    })?;
    let proposal = propose(&question, current, &world.pods, usages, world.now);
    proposal
        .map(|proposal| (proposal, name))
        .map_err(|error| format!("failed to get {resource} {used}: {error}"))
}

/// What upstream says of the metrics that nobody serves here.
fn absent(metric: &MetricSpec, world: &World) -> Failure {
    let custom = |group: &str| match (world.others, group) {
        (Others::Unread, _) => format!(
            "{group} is served but this version reads metrics.k8s.io only: use a metric of the type Resource or ContainerResource"
        ),
        (Others::Absent, "custom.metrics.k8s.io") => {
            "no custom metrics API (custom.metrics.k8s.io) registered".to_owned()
        }
        (Others::Absent, _) => "the server could not find the requested resource".to_owned(),
    };
    let from_custom = format!(
        "unable to fetch metrics from custom metrics API: {}",
        custom("custom.metrics.k8s.io")
    );
    if let Some(pods) = &metric.pods {
        let text = format!("unable to get metric {}: {from_custom}", pods.metric.name);
        let about = "failed to get pods metric value: ".to_owned();
        return failure("FailedGetPodsMetric", text, about);
    }
    if let Some(object) = &metric.object {
        let (name, of) = (&object.metric.name, &object.described_object);
        let text = format!(
            "unable to get metric {name}: {} on {} {}/{from_custom}",
            of.kind, world.namespace, of.name
        );
        let text = match object.target.average_value {
            Some(_) => format!("failed to get {name} object metric: {text}"),
            None => text,
        };
        let about = "failed to get object metric value: ".to_owned();
        return failure("FailedGetObjectMetric", text, about);
    }
    if let Some(external) = &metric.external {
        let name = &external.metric.name;
        let mut api = custom("external.metrics.k8s.io");
        if world.others == Others::Absent {
            api = format!("{api} (get {name}.external.metrics.k8s.io)");
        }
        let text = format!(
            "unable to get external metric {}/{}: unable to fetch metrics from external metrics API: {api}",
            world.namespace,
            described(&external.metric)
        );
        let text = match external.target.average_value {
            Some(_) => format!("failed to get {name} external metric: {text}"),
            None => format!("failed to get external metric {name}: {text}"),
        };
        let about = format!("failed to get {name} external metric value: ");
        return failure("FailedGetExternalMetric", text, about);
    }
    let text = format!("unknown metric source type {:?}", metric.type_);
    failure("InvalidMetricSourceType", text, String::new())
}

fn described(metric: &MetricIdentifier) -> String {
    let selector = metric.selector.as_ref().map_or("nil".to_owned(), written);
    format!("{}/{selector}", metric.name)
}

/// As upstream's programs print a selector.
fn written(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten();
    let labels: String = labels
        .map(|(key, value)| format!("{key}: {value},"))
        .collect();
    let expressions = selector.match_expressions.iter().flatten();
    let expressions: String = expressions
        .map(|one| {
            let values = one.values.clone().unwrap_or_default().join(" ");
            format!(
                "{{Key:{},Operator:{},Values:[{values}],}},",
                one.key, one.operator
            )
        })
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
