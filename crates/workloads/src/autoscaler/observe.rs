//! Reads what a decision follows from: the target's scale, its pods, what they use.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, MetricSpec,
};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, Request};
use kube::core::GroupVersionKind;
use seatrial_controller::Context;
use seatrial_expr::selector::Label;
use serde_json::{Value, json};

use super::measure::Usage;
use super::plan::{Scale, World};
use super::request::thousandths;
use super::source::Others;

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

/// The words of the server, where it is the server that refused.
fn told(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

pub(super) async fn observe(
    scaler: &HorizontalPodAutoscaler,
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
        others: Others::Absent,
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
        world.rivals = rivals(scaler, text, ctx).await;
    }
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    if let Some(group) = metrics.iter().find_map(other_group) {
        world.others = others(group, ctx).await;
    }
    (world, Some(target))
}

/// The target and its size.
async fn find(
    reference: &CrossVersionObjectReference,
    namespace: &str,
    ctx: &Context,
) -> Result<(Target, Scale), String> {
    let version = reference.api_version.clone().unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let kind = GroupVersionKind::gvk(group, version, &reference.kind);
    let found = kube::discovery::pinned_kind(&ctx.client, &kind).await;
    let (resource, _) = found.map_err(|_| {
        format!(
            "no matches for kind {:?} in group {group:?}",
            reference.kind
        )
    })?;
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), namespace, &resource);
    let scale = api.get_scale(&reference.name).await.map_err(told)?;
    let status = scale.status.unwrap_or_default();
    let scale = Scale {
        replicas: scale.spec.and_then(|spec| spec.replicas).unwrap_or(0),
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

/// The autoscalers of this namespace with targets of the same pods, if there is another than this one.
async fn rivals(scaler: &HorizontalPodAutoscaler, selector: &str, ctx: &Context) -> Vec<String> {
    let namespace = scaler.metadata.namespace.clone().unwrap_or_default();
    let mut rivals = Vec::new();
    for other in ctx
        .cache::<HorizontalPodAutoscaler>()
        .await
        .list(&namespace)
    {
        let name = other.metadata.name.clone().unwrap_or_default();
        let own = other.metadata.uid == scaler.metadata.uid;
        let reference = other.spec.as_ref().map(|spec| &spec.scale_target_ref);
        let same = match reference {
            _ if own => true,
            Some(reference) => find(reference, &namespace, ctx)
                .await
                .is_ok_and(|(_, scale)| scale.selector == selector),
            None => false,
        };
        if same {
            rivals.push(format!("{namespace}/{name}"));
        }
    }
    rivals
}

fn other_group(metric: &MetricSpec) -> Option<&'static str> {
    match metric.type_.as_str() {
        "Pods" | "Object" => Some("custom.metrics.k8s.io"),
        "External" => Some("external.metrics.k8s.io"),
        _ => None,
    }
}

async fn others(group: &str, ctx: &Context) -> Others {
    let groups = ctx.client.list_api_groups().await;
    let served = groups.is_ok_and(|list| list.groups.iter().any(|one| one.name == group));
    if served {
        Others::Unread
    } else {
        Others::Absent
    }
}
