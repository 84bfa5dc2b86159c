//! Metrics that others serve: of pods, of an object, of something outside the cluster. Pure; the arithmetic and
//! the words are upstream's.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{
    ExternalMetricSource, ExternalMetricStatus, MetricIdentifier, MetricSpec, MetricStatus,
    MetricTarget, MetricValueStatus, ObjectMetricSource, ObjectMetricStatus, PodsMetricSource,
    PodsMetricStatus,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::measure::{Question, Target, Tolerance, Usage, propose};
use super::plan::{Scale, World};
use super::request::thousandths;
use super::source::{Failure, Reading, amount, failure};
use crate::pod;

/// What somebody else measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figures {
    /// A figure of each pod, by name; it stands for the container and the resource without a name.
    Pods(BTreeMap<String, Usage>),
    /// One or several figures that count together, in thousandths.
    Values(Vec<i64>),
}

impl Figures {
    fn sum(&self) -> i64 {
        match self {
            Self::Pods(_) => 0,
            Self::Values(values) => values.iter().copied().fold(0, i64::saturating_add),
        }
    }
}

/// Reads the metric at `place` of the specification; none where it is no metric of others.
pub(super) fn read(
    metric: &MetricSpec,
    place: usize,
    tolerance: Tolerance,
    scale: &Scale,
    world: &World,
) -> Option<Result<Reading, Failure>> {
    let known = world.others.get(&place).cloned();
    let figures = known.unwrap_or_else(|| Err(nobody(metric)));
    let asked = Asked {
        figures,
        tolerance,
        scale,
        world,
    };
    if let Some(pods) = &metric.pods {
        return Some(asked.of_pods(pods));
    }
    if let Some(object) = &metric.object {
        return Some(asked.of_object(object));
    }
    let external = metric.external.as_ref()?;
    Some(asked.of_external(external))
}

/// What upstream says where nobody serves such metrics.
fn nobody(metric: &MetricSpec) -> String {
    match &metric.external {
        Some(external) => format!(
            "unable to fetch metrics from external metrics API: the server could not find the requested resource (get \
             {}.external.metrics.k8s.io)",
            external.metric.name
        ),
        None => "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
            .to_owned(),
    }
}

struct Asked<'a> {
    figures: Result<Figures, String>,
    tolerance: Tolerance,
    scale: &'a Scale,
    world: &'a World,
}

/// How many pods there should be, and the figure that is shown with it.
struct Wish {
    replicas: i32,
    shown: i64,
}

impl Asked<'_> {
    fn of_pods(self, source: &PodsMetricSource) -> Result<Reading, Failure> {
        let name = &source.metric.name;
        let wish = self.per_measured_pod(source).map_err(|text| {
            let about = "failed to get pods metric value: ".to_owned();
            failure("FailedGetPodsMetric", text, about)
        })?;
        let status = MetricStatus {
            type_: "Pods".to_owned(),
            pods: Some(PodsMetricStatus {
                metric: source.metric.clone(),
                current: MetricValueStatus {
                    average_value: Some(amount(wish.shown)),
                    ..MetricValueStatus::default()
                },
            }),
            ..MetricStatus::default()
        };
        Ok(reading(&wish, format!("pods metric {name}"), status))
    }

    fn per_measured_pod(self, source: &PodsMetricSource) -> Result<Wish, String> {
        let name = &source.metric.name;
        let figures = self
            .figures
            .map_err(|error| format!("unable to get metric {name}: {error}"))?;
        let Figures::Pods(usages) = figures else {
            return Err(format!("unable to get metric {name}: no figures of pods"));
        };
        let question = Question {
            resource: "",
            container: None,
            target: Target::Average(wanted(source.target.average_value.as_ref())),
            tolerance: self.tolerance,
        };
        let (current, world) = (self.scale.replicas, self.world);
        let proposal = propose(&question, current, &world.pods, &usages, world.now)?;
        Ok(Wish {
            replicas: proposal.replicas,
            shown: proposal.average,
        })
    }

    fn of_object(self, source: &ObjectMetricSource) -> Result<Reading, Failure> {
        const REASON: &str = "FailedGetObjectMetric";
        let (name, of) = (&source.metric.name, &source.described_object);
        let about = || "failed to get object metric value: ".to_owned();
        let figures = self.figures.as_ref().map_err(|error| {
            let text = format!(
                "unable to get metric {name}: {} on {} {}/{error}",
                of.kind, self.world.namespace, of.name
            );
            let text = match source.target.average_value {
                Some(_) => format!("failed to get {name} object metric: {text}"),
                None => text,
            };
            failure(REASON, text, about())
        })?;
        let wish = self.of_values(figures.sum(), &source.target);
        let wish = wish.unwrap_or_else(|| {
            let text = "invalid object metric source: neither a value target nor an average value target was set";
            Err(text.to_owned())
        });
        let (wish, current) = wish.map_err(|text| failure(REASON, text, about()))?;
        let called = match source.target.average_value {
            Some(_) => called(&source.metric),
            None => format!("{} metric {name}", of.kind),
        };
        let status = MetricStatus {
            type_: "Object".to_owned(),
            object: Some(ObjectMetricStatus {
                described_object: of.clone(),
                metric: source.metric.clone(),
                current,
            }),
            ..MetricStatus::default()
        };
        Ok(reading(&wish, called, status))
    }

    fn of_external(self, source: &ExternalMetricSource) -> Result<Reading, Failure> {
        const REASON: &str = "FailedGetExternalMetric";
        let name = &source.metric.name;
        let about = || format!("failed to get {name} external metric value: ");
        let averaged = source.target.average_value.is_some();
        let framed = |text: String| {
            let text = if averaged {
                format!("failed to get {name} external metric: {text}")
            } else {
                format!("failed to get external metric {name}: {text}")
            };
            failure(REASON, text, about())
        };
        let figures = self.figures.as_ref().map_err(|error| {
            framed(format!(
                "unable to get external metric {}/{}: {error}",
                self.world.namespace,
                described(&source.metric)
            ))
        })?;
        let wish = self.of_values(figures.sum(), &source.target);
        let Some(wish) = wish else {
            let text = "invalid external metric source: neither a value target nor an average value target was set";
            return Err(failure(REASON, text.to_owned(), about()));
        };
        let (wish, current) = wish.map_err(framed)?;
        let status = MetricStatus {
            type_: "External".to_owned(),
            external: Some(ExternalMetricStatus {
                metric: source.metric.clone(),
                current,
            }),
            ..MetricStatus::default()
        };
        Ok(reading(&wish, called(&source.metric), status))
    }

    /// What a figure of something else than pods asks for; none where there is no target.
    fn of_values(
        &self,
        value: i64,
        target: &MetricTarget,
    ) -> Option<Result<(Wish, MetricValueStatus), String>> {
        if let Some(average) = &target.average_value {
            let wish = self.per_pod(value, wanted(Some(average)));
            let current = MetricValueStatus {
                average_value: Some(amount(wish.shown)),
                ..MetricValueStatus::default()
            };
            return Some(Ok((wish, current)));
        }
        let ratio = value as f64 / wanted(Some(target.value.as_ref()?)) as f64;
        let current = MetricValueStatus {
            value: Some(amount(value)),
            ..MetricValueStatus::default()
        };
        let wish = |replicas| Wish {
            replicas,
            shown: value,
        };
        Some(
            self.by_ratio(ratio)
                .map(|replicas| (wish(replicas), current)),
        )
    }

    /// So many pods at this share of the target are as many as are ready at the target.
    fn by_ratio(&self, ratio: f64) -> Result<i32, String> {
        let current = self.scale.replicas;
        if current == 0 {
            return Ok(ratio.ceil() as i32);
        }
        if self.tolerance.covers(ratio) {
            return Ok(current);
        }
        if self.world.pods.is_empty() {
            let text = "no pods returned by selector while calculating replica count";
            return Err(format!("unable to calculate ready pods: {text}"));
        }
        let ready = |pod: &&std::sync::Arc<Pod>| pod::phase(pod) == "Running" && pod::is_ready(pod);
        let ready = self.world.pods.iter().filter(ready).count();
        Ok((ratio * ready as f64).ceil() as i32)
    }

    fn per_pod(&self, value: i64, wanted: i64) -> Wish {
        let there = self.scale.actual;
        let ratio = value as f64 / (wanted as f64 * f64::from(there));
        let replicas = if self.tolerance.covers(ratio) {
            there
        } else {
            (value as f64 / wanted as f64).ceil() as i32
        };
        Wish {
            replicas,
            shown: (value as f64 / f64::from(there)).ceil() as i64,
        }
    }
}

fn wanted(target: Option<&Quantity>) -> i64 {
    target.map_or(0, |amount| thousandths(&amount.0))
}

fn reading(wish: &Wish, name: String, status: MetricStatus) -> Reading {
    Reading {
        replicas: wish.replicas,
        name,
        status,
    }
}

fn called(metric: &MetricIdentifier) -> String {
    let selector = metric.selector.as_ref().map_or("nil".to_owned(), written);
    format!("external metric {}({selector})", metric.name)
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
