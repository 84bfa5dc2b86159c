//! The metrics that an autoscaler names, each read by its kind. Pure.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricStatus, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    ResourceMetricStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_schema::amount::Amount;

use super::foreign;
use super::measure::{Proposal, Question, Target, Tolerance, propose};
use super::plan::{Scale, World};
use super::request::thousandths;

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
    place: usize,
    tolerance: Tolerance,
    scale: &Scale,
    world: &World,
) -> Result<Reading, Failure> {
    let current = scale.replicas;
    if let Some(outcome) = foreign::read(metric, place, tolerance, scale, world) {
        return outcome;
    }
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
    let text = format!("unknown metric source type {:?}", metric.type_);
    Err(failure("InvalidMetricSourceType", text, String::new()))
}

pub(super) fn failure(reason: &'static str, text: String, about: String) -> Failure {
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

/// Thousandths, written shortly.
pub(super) fn amount(thousandths: i64) -> Quantity {
    let text = format!("{thousandths}m");
    Quantity(Amount::parse(&text).map_or(text, |amount| amount.to_string()))
}

fn value(proposal: &Proposal) -> MetricValueStatus {
    MetricValueStatus {
        average_utilization: proposal.utilization,
        average_value: Some(amount(proposal.average)),
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
