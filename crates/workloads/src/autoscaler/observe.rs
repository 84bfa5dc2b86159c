//! Reads what a decision follows from: the target's scale, its pods, what they use.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, MetricSpec,
};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, Request};
use seatrial_controller::{Context, ObjectKey, key_of};
use seatrial_expr::selector::Label;
use serde_json::{Value, json};

use super::fetch::{self, Served};
use super::foreign::Figures;
use super::measure::Usage;
use super::plan::{Scale, World};
use super::request::thousandths;
use crate::target::{self, KindName, told};

/// What an autoscaler changes the size of.
pub(super) struct Target {
    api: Api<DynamicObject>,
    name: String,
}

impl Target {
    /// Writes the size.
    pub(super) async fn resize(&self, replicas: i32) -> Result<(), String> {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let parameters = PatchParams::default();
        let written = self.api.patch_scale(&self.name, &parameters, &patch).await;
        written.map(drop).map_err(told)
    }
}

pub(super) async fn observe(
    scaler: &HorizontalPodAutoscaler,
    known: &[(ObjectKey, String)],
    ctx: &Context,
) -> (World, Option<Target>) {
    let namespace = scaler.metadata.namespace.clone().unwrap_or_default();
    let mut world = World {
        now: ctx.clock.now(),
        namespace: namespace.clone(),
        scale: Err("the autoscaler has no spec".to_owned()),
        pods: Vec::new(),
        usages: Ok(BTreeMap::new()),
        rivals: Vec::new(),
        others: BTreeMap::new(),
    };
    let Some(spec) = &scaler.spec else {
        return (world, None);
    };
    let target = match find(&spec.scale_target_ref, &namespace, ctx).await {
        Ok((target, scale)) => {
            world.scale = Ok(scale);
            target
        }
        Err(error) => {
            world.scale = Err(error);
            return (world, None);
        }
    };
    let text = world.scale.as_ref().map(|scale| scale.selector.as_str());
    if let Ok(text) = text
        && let Ok(selector) = Label::parse(text)
        && !text.is_empty()
    {
        world.pods = select(&selector, &namespace, ctx).await;
        let query = ListParams::default().labels(text);
        world.usages = usages(&namespace, &query, ctx).await;
        let own = key_of(scaler);
        world.rivals = rivals(&own, known, &world.pods);
    }
    let selector = world.scale.as_ref().map(|scale| scale.selector.clone());
    if let Ok(selector) = selector {
        let metrics = spec.metrics.as_deref().unwrap_or_default();
        world.others = others(metrics, (&namespace, &selector), ctx).await;
    }
    (world, Some(target))
}

/// The target and its size.
async fn find(
    reference: &CrossVersionObjectReference,
    namespace: &str,
    ctx: &Context,
) -> Result<(Target, Scale), String> {
    let version = reference.api_version.as_deref().unwrap_or_default();
    let kind = KindName {
        api_version: version,
        kind: &reference.kind,
    };
    let (resource, _) = kind.find(&ctx.client).await.map_err(|_| {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        format!(
            "no matches for kind {:?} in group {group:?}",
            reference.kind
        )
    })?;
    let api = target::objects(&ctx.client, namespace, &resource);
    let scale = api.get_scale(&reference.name).await.map_err(told)?;
    let status = scale.status.unwrap_or_default();
    let scale = Scale {
        replicas: scale.spec.and_then(|spec| spec.replicas).unwrap_or(0),
        actual: status.replicas,
        selector: status.selector.unwrap_or_default(),
    };
    let target = Target {
        api,
        name: reference.name.clone(),
    };
    Ok((target, scale))
}

async fn select(selector: &Label, namespace: &str, ctx: &Context) -> Vec<Arc<Pod>> {
    let none = BTreeMap::new();
    let mut pods = ctx.cache::<Pod>().await.list(namespace);
    pods.retain(|pod| selector.matches(pod.metadata.labels.as_ref().unwrap_or(&none)));
    pods
}

async fn usages(
    namespace: &str,
    query: &ListParams,
    ctx: &Context,
) -> Result<BTreeMap<String, Usage>, String> {
    let failed =
        |error: String| format!("unable to fetch metrics from resource metrics API: {error}");
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
    let request = Request::new(path).list(query);
    let request = request.map_err(|error| failed(error.to_string()))?;
    let list: Value = ctx
        .client
        .request(request)
        .await
        .map_err(|error| failed(told(error)))?;
    let items = list["items"].as_array().into_iter().flatten();
    Ok(items.filter_map(usage).collect())
}

/// Name and figures of one pod; none where they cannot be read.
fn usage(item: &Value) -> Option<(String, Usage)> {
    let name = item["metadata"]["name"].as_str()?.to_owned();
    let at: Timestamp = item["timestamp"].as_str()?.parse().ok()?;
    let window: SignedDuration = item["window"].as_str()?.parse().ok()?;
    let containers = item["containers"].as_array()?.iter().filter_map(|one| {
        let amounts = one["usage"].as_object()?.iter();
        let amounts = amounts.filter_map(|(resource, amount)| {
            Some((resource.clone(), thousandths(amount.as_str()?)))
        });
        Some((one["name"].as_str()?.to_owned(), amounts.collect()))
    });
    let usage = Usage {
        at,
        window,
        containers: containers.collect(),
    };
    Some((name, usage))
}

/// The autoscalers whose targets have some of these pods, as far as they were looked at: `known` has the selectors of
/// their targets.
fn rivals(own: &ObjectKey, known: &[(ObjectKey, String)], pods: &[Arc<Pod>]) -> Vec<String> {
    let none = BTreeMap::new();
    let selects = |text: &str| {
        let selector = Label::parse(text).ok();
        selector.is_some_and(|selector| {
            let labels =
                |pod: &Arc<Pod>| selector.matches(pod.metadata.labels.as_ref().unwrap_or(&none));
            pods.iter().any(labels)
        })
    };
    let beside = known.iter().filter(|(key, selector)| {
        key != own && key.namespace == own.namespace && selects(selector)
    });
    let mut rivals: Vec<String> = beside
        .map(|(key, _)| key)
        .chain([own])
        .map(|key| format!("{}/{}", key.namespace, key.name))
        .collect();
    rivals.sort();
    rivals
}

/// What others say of the metrics that they serve.
async fn others(
    metrics: &[MetricSpec],
    of: (&str, &str),
    ctx: &Context,
) -> BTreeMap<usize, Result<Figures, String>> {
    let mut found = BTreeMap::new();
    if !metrics.iter().any(fetch::is_foreign) {
        return found;
    }
    let served = Served::find(ctx).await;
    for (place, metric) in metrics.iter().enumerate() {
        if fetch::is_foreign(metric) {
            let figures = fetch::figures(metric, &served, of, ctx).await;
            found.extend(figures.map(|figures| (place, figures)));
        }
    }
    found
}
