//! Asks `custom.metrics.k8s.io` and `external.metrics.k8s.io`, where somebody serves them by an APIService.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, MetricIdentifier, MetricSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use seatrial_controller::Context;
use serde_json::Value;

use super::foreign::Figures;
use super::measure::Usage;
use super::request::thousandths;
use crate::target::{KindName, told};

const CUSTOM: &str = "custom.metrics.k8s.io";
const EXTERNAL: &str = "external.metrics.k8s.io";

/// Over which time figures count that do not say it (as upstream).
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Which versions of the APIs there are, asked for once a round.
#[derive(Default)]
pub(super) struct Served(BTreeMap<String, String>);

impl Served {
    /// What the server has.
    pub(super) async fn find(ctx: &Context) -> Self {
        let Ok(list) = ctx.client.list_api_groups().await else {
            return Self::default();
        };
        let known = |name: &str| match name {
            CUSTOM => &["v1beta2", "v1beta1"][..],
            EXTERNAL => &["v1beta1"],
            _ => &[],
        };
        let groups = list.groups.into_iter().filter_map(|group| {
            let preferred = group.preferred_version.into_iter();
            let mut versions = preferred.chain(group.versions);
            let known = known(&group.name);
            let version = versions.find(|one| known.contains(&one.version.as_str()))?;
            Some((group.name, version.version))
        });
        Self(groups.collect())
    }
}

/// Whether the metric is served by others.
pub(super) fn is_foreign(metric: &MetricSpec) -> bool {
    metric.pods.is_some() || metric.object.is_some() || metric.external.is_some()
}

/// The figures of a metric of the pods with these labels; none where nobody serves such metrics.
pub(super) async fn figures(
    metric: &MetricSpec,
    served: &Served,
    (namespace, selector): (&str, &str),
    ctx: &Context,
) -> Option<Result<Figures, String>> {
    if let Some(source) = &metric.external {
        let version = served.0.get(EXTERNAL)?;
        return Some(external(&source.metric, version, namespace, ctx).await);
    }
    let version = served.0.get(CUSTOM)?;
    Some(custom(metric, version, (namespace, selector), ctx).await)
}

async fn custom(
    metric: &MetricSpec,
    version: &str,
    (namespace, selector): (&str, &str),
    ctx: &Context,
) -> Result<Figures, String> {
    let failed =
        |error: String| format!("unable to fetch metrics from custom metrics API: {error}");
    let root = format!("/apis/{CUSTOM}/{version}");
    if let Some(source) = &metric.pods {
        let path = format!(
            "{root}/namespaces/{namespace}/pods/*/{}",
            source.metric.name
        );
        let query = [
            ("labelSelector", selector.to_owned()),
            (
                "metricLabelSelector",
                labels(source.metric.selector.as_ref()),
            ),
        ];
        let list = ask(&path, &query, ctx).await.map_err(failed)?;
        let items = list["items"].as_array().into_iter().flatten();
        let pods: BTreeMap<String, Usage> = items.filter_map(of_a_pod).collect();
        if pods.is_empty() {
            return Err("no metrics returned from custom metrics API".to_owned());
        }
        return Ok(Figures::Pods(pods));
    }
    let Some(source) = &metric.object else {
        return Err(format!("unknown metric source type {:?}", metric.type_));
    };
    let place = place(&source.described_object, namespace, ctx).await;
    let place = place.map_err(failed)?;
    let path = format!("{root}/{place}/{}", source.metric.name);
    let query = [(
        "metricLabelSelector",
        labels(source.metric.selector.as_ref()),
    )];
    let list = ask(&path, &query, ctx).await.map_err(failed)?;
    let value = list["items"][0]["value"].as_str();
    let value = value.ok_or("no metrics returned from custom metrics API")?;
    Ok(Figures::Values(vec![thousandths(value)]))
}

async fn external(
    metric: &MetricIdentifier,
    version: &str,
    namespace: &str,
    ctx: &Context,
) -> Result<Figures, String> {
    let failed =
        |error: String| format!("unable to fetch metrics from external metrics API: {error}");
    let name = &metric.name;
    let path = format!("/apis/{EXTERNAL}/{version}/namespaces/{namespace}/{name}");
    let query = [("labelSelector", labels(metric.selector.as_ref()))];
    let list = ask(&path, &query, ctx).await.map_err(failed)?;
    let items = list["items"].as_array().into_iter().flatten();
    let values: Vec<i64> = items
        .filter_map(|item| item["value"].as_str())
        .map(thousandths)
        .collect();
    if values.is_empty() {
        return Err("no metrics returned from external metrics API".to_owned());
    }
    Ok(Figures::Values(values))
}

/// Where an object's metrics are.
async fn place(
    reference: &CrossVersionObjectReference,
    namespace: &str,
    ctx: &Context,
) -> Result<String, String> {
    let version = reference.api_version.clone().unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    if reference.kind == "Namespace" && group.is_empty() {
        // A reference does not lead out of its namespace, whatever its name.
        return Ok(format!("namespaces/{namespace}/metrics"));
    }
    let version = if version.is_empty() { "v1" } else { version };
    let api_version = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    let kind = KindName {
        api_version: &api_version,
        kind: &reference.kind,
    };
    let (resource, _) = kind.find(&ctx.client).await.map_err(|_| {
        format!(
            "unable to map kind {} to resource: no matches for kind {:?} in group {group:?}",
            reference.kind, reference.kind
        )
    })?;
    let resource = match group {
        "" => resource.plural,
        group => format!("{}.{group}", resource.plural),
    };
    Ok(format!(
        "namespaces/{namespace}/{resource}/{}",
        reference.name
    ))
}

async fn ask(path: &str, query: &[(&str, String)], ctx: &Context) -> Result<Value, String> {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let uri = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", query.join("&"))
    };
    let request = http::Request::get(uri).body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    ctx.client.request(request).await.map_err(told)
}

fn labels(selector: Option<&LabelSelector>) -> String {
    let parsed = selector.and_then(|selector| Selector::try_from(selector.clone()).ok());
    parsed
        .map(|selector| selector.to_string())
        .unwrap_or_default()
}

fn of_a_pod(item: &Value) -> Option<(String, Usage)> {
    let name = item["describedObject"]["name"].as_str()?.to_owned();
    let at: Timestamp = item["timestamp"].as_str()?.parse().ok()?;
    // The older version calls it otherwise.
    let window = item["windowSeconds"].as_i64().or(item["window"].as_i64());
    let figure = thousandths(item["value"].as_str()?);
    let only = BTreeMap::from([(String::new(), figure)]);
    let usage = Usage {
        at,
        window: window.map_or(WINDOW, SignedDuration::from_secs),
        containers: BTreeMap::from([(String::new(), only)]),
    };
    Some((name, usage))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kube::Client;
    use kube::client::Body;
    use seatrial_clock::{Random, SystemClock};
    use serde_json::json;

    use super::*;

    /// A server that has both APIs, and what it was asked.
    fn server(asked: &Arc<Mutex<Vec<String>>>) -> Context {
        let asked = Arc::clone(asked);
        let answer = move |request: http::Request<Body>| {
            let uri = request.uri().to_string();
            asked.lock().unwrap().push(uri.clone());
            async move {
                let group = |name: &str, version: &str| {
                    let version =
                        json!({ "groupVersion": format!("{name}/{version}"), "version": version });
                    json!({ "name": name, "versions": [version.clone()], "preferredVersion": version })
                };
                let body = match uri.as_str() {
                    "/apis" => json!({ "kind": "APIGroupList", "groups":
                        [group(CUSTOM, "v1beta1"), group(EXTERNAL, "v1beta1")] }),
                    uri if uri.contains("/pods/*/") => json!({ "items": [
                        { "describedObject": { "kind": "Pod", "name": "web-0" }, "timestamp": "2026-01-01T00:00:00Z",
                          "window": 30, "value": "1500m" }] }),
                    uri if uri.contains("none") => json!({ "items": [] }),
                    _ => json!({ "items": [{ "value": "2" }, { "value": "500m" }] }),
                };
                let body = Body::from(body.to_string().into_bytes());
                Ok::<_, std::convert::Infallible>(http::Response::new(body))
            }
        };
        let client = Client::new(tower::service_fn(answer), "default");
        Context::new(client, Arc::new(SystemClock), Random::seeded(7))
    }

    #[tokio::test]
    async fn figures_are_asked_for_where_upstream_asks() {
        let asked = Arc::default();
        let ctx = server(&asked);
        let served = Served::find(&ctx).await;
        let target = json!({ "type": "Value", "value": "1", "averageValue": "1" });
        let labels = json!({ "matchLabels": { "a": "b c" } });
        let mut table = String::new();
        for metric in [
            json!({ "type": "Pods", "pods": { "metric": { "name": "rate", "selector": labels }, "target": target } }),
            json!({ "type": "Object", "object": { "metric": { "name": "rate" }, "target": target,
                "describedObject": { "apiVersion": "v1", "kind": "Namespace", "name": "other" } } }),
            json!({ "type": "External", "external": { "metric": { "name": "queue", "selector": labels }, "target": target } }),
            json!({ "type": "External", "external": { "metric": { "name": "none" }, "target": target } }),
            json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } }),
        ] {
            let metric: MetricSpec = serde_json::from_value(metric).unwrap();
            if !is_foreign(&metric) {
                table += "not of others\n";
                continue;
            }
            let figures = figures(&metric, &served, ("shop", "app=web"), &ctx)
                .await
                .unwrap();
            let shown = match figures {
                Ok(Figures::Pods(pods)) => format!("{:?}", pods.keys().collect::<Vec<_>>()),
                Ok(Figures::Values(values)) => format!("{values:?}"),
                Err(error) => error,
            };
            let last = asked.lock().unwrap().last().cloned().unwrap_or_default();
            table += &format!("{last} {shown}\n");
        }
        expect_test::expect![[r#"
            /apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/*/rate?labelSelector=app%3Dweb&metricLabelSelector=a%3Db%20c ["web-0"]
            /apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/metrics/rate [2000]
            /apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue?labelSelector=a%3Db%20c [2000, 500]
            /apis/external.metrics.k8s.io/v1beta1/namespaces/shop/none no metrics returned from external metrics API
            not of others
        "#]].assert_eq(&table);
        let nobody = Served::default();
        let metric = json!({ "type": "External", "external": { "metric": { "name": "queue" }, "target": target } });
        let metric: MetricSpec = serde_json::from_value(metric).unwrap();
        assert!(
            figures(&metric, &nobody, ("shop", "app=web"), &ctx)
                .await
                .is_none()
        );
    }
}
