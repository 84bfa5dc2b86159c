//! What the server has: versions, health, groups and their resources.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::accept::media_types;
use crate::failure::Failure;
use crate::metrics::{Family, Page};
use crate::openapi::served;
use crate::registry::{Kind, Registry, Subresource, Verbs, Version, api_version};
use crate::reply;
use crate::state::State;

/// The version of Kubernetes whose behaviour the server follows.
const MINOR: &str = "34";

fn ok(body: &Value) -> Response {
    reply::json(StatusCode::OK, body.to_string())
}

fn git_version() -> String {
    format!("v1.{MINOR}.0+seatrial.{}", env!("CARGO_PKG_VERSION"))
}

pub(crate) async fn version() -> Response {
    ok(&json!({
        "major": "1",
        "minor": MINOR,
        "emulationMajor": "1",
        "emulationMinor": MINOR,
        "gitVersion": git_version(),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }))
}

/// Which version this is, for those who read figures.
pub(crate) fn build(page: &mut Page) {
    page.family(
        Family::Gauge,
        "kubernetes_build_info",
        "Always 1; the version whose behaviour the server follows.",
    );
    let version = git_version();
    let labels = [
        ("git_version", version.as_str()),
        ("major", "1"),
        ("minor", MINOR),
    ];
    page.sample(&labels, 1);
}

pub(crate) async fn health(uri: Uri) -> Response {
    let verbose = crate::state::query(uri.query()).contains_key("verbose");
    let check = uri.path().trim_start_matches('/');
    let text = if verbose {
        format!("[+]ping ok\n[+]store ok\n{check} check passed\n")
    } else {
        "ok".to_owned()
    };
    let mut response = Response::new(text.into());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// The version of aggregated discovery that the client wants, if it wants any.
fn aggregated(headers: &HeaderMap) -> Option<String> {
    media_types(headers).into_iter().find_map(|media| {
        let version = media.parameter("v");
        let wanted = media.name == "application/json"
            && media.parameter("g") == "apidiscovery.k8s.io"
            && media.parameter("as") == "APIGroupDiscoveryList"
            && matches!(version, "v2" | "v2beta1");
        wanted.then(|| version.to_owned())
    })
}

pub(crate) async fn core(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    match aggregated(&headers) {
        Some(version) => aggregate(&state.registry(), &version, &[""], Vec::new()),
        None => ok(&json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
    }
}

pub(crate) async fn groups(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let registry = state.registry();
    let names: Vec<&str> = registry
        .groups()
        .filter(|group| !group.is_empty())
        .collect();
    if let Some(version) = aggregated(&headers) {
        let remote = crate::aggregation::aggregated_groups(&state).await;
        return aggregate(&registry, &version, &names, remote);
    }
    let local = names.iter().map(|group| group_value(&registry, group));
    let remote = crate::aggregation::groups(&state);
    let remote = remote
        .iter()
        .filter(|(group, _)| !names.contains(&group.as_str()));
    let remote = remote.map(|(group, versions)| versions_value(group, versions));
    ok(&json!({
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": local.chain(remote).collect::<Vec<_>>(),
    }))
}

fn group_value(registry: &Registry, group: &str) -> Value {
    versions_value(group, &registry.versions(group))
}

fn versions_value(group: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": api_version(group, version), "version": version }))
        .collect();
    json!({ "name": group, "preferredVersion": versions.first(), "versions": versions })
}

pub(crate) async fn group(
    Shared(state): Shared<Arc<State>>,
    Path(group): Path<String>,
) -> Response {
    let registry = state.registry();
    let mut value = if registry.group(&group).next().is_some() {
        group_value(&registry, &group)
    } else {
        let remote = crate::aggregation::groups(&state);
        match remote.iter().find(|(name, _)| *name == group) {
            Some((_, versions)) => versions_value(&group, versions),
            None => return Failure::unknown_path().into_response(),
        }
    };
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    ok(&value)
}

pub(crate) async fn core_resources(
    Shared(state): Shared<Arc<State>>,
    Path(version): Path<String>,
) -> Response {
    resource_list(&state.registry(), "", &version)
}

pub(crate) async fn resources(
    Shared(state): Shared<Arc<State>>,
    Path((group, version)): Path<(String, String)>,
) -> Response {
    resource_list(&state.registry(), &group, &version)
}

fn resource_list(registry: &Registry, group: &str, version: &str) -> Response {
    let mut resources = Vec::new();
    for (kind, version) in served(registry, group, version) {
        let mut resource = json!({
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced(),
            "kind": kind.kind,
            "verbs": kind.verbs.names(),
        });
        if !kind.short_names.is_empty() {
            resource["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = json!(kind.categories);
        }
        resources.push(resource);
        for part in &version.subresources {
            let (group, version, name) = part_kind(kind, version, part);
            let mut resource = json!({
                "name": format!("{}/{}", kind.plural, part.name()),
                "singularName": "",
                "namespaced": kind.namespaced(),
                "kind": name,
                "verbs": part_verbs(part),
            });
            if group != kind.group {
                resource["group"] = json!(group);
                resource["version"] = json!(version);
            }
            resources.push(resource);
        }
    }
    if resources.is_empty() {
        return Failure::unknown_path().into_response();
    }
    ok(&json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, version),
        "resources": resources,
    }))
}

/// Group, version and kind of what a subresource takes and gives.
fn part_kind<'a>(
    kind: &'a Kind,
    version: &'a Version,
    part: &Subresource,
) -> (&'a str, &'a str, &'a str) {
    match part {
        Subresource::Scale(_) => ("autoscaling", "v1", "Scale"),
        Subresource::Eviction => ("policy", "v1", "Eviction"),
        Subresource::Exec => ("", "v1", "PodExecOptions"),
        Subresource::Attach => ("", "v1", "PodAttachOptions"),
        Subresource::PortForward => ("", "v1", "PodPortForwardOptions"),
        Subresource::Binding => ("", "v1", "Binding"),
        Subresource::Token => ("authentication.k8s.io", "v1", "TokenRequest"),
        _ => (&kind.group, &version.name, &kind.kind),
    }
}

fn part_verbs(part: &Subresource) -> &'static [&'static str] {
    match part {
        Subresource::Status
        | Subresource::EphemeralContainers
        | Subresource::Resize
        | Subresource::Scale(_)
        | Subresource::Approval => &["get", "patch", "update"],
        Subresource::Finalize => &["update"],
        Subresource::Log => &["get"],
        Subresource::Exec | Subresource::Attach | Subresource::PortForward => &["create", "get"],
        Subresource::Binding | Subresource::Eviction | Subresource::Token => &["create"],
    }
}

fn aggregate(registry: &Registry, version: &str, groups: &[&str], remote: Vec<Value>) -> Response {
    let mut items: Vec<Value> = groups
        .iter()
        .map(|group| aggregated_group(registry, group))
        .collect();
    items.extend(remote);
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    });
    let mut response = ok(&body);
    let media =
        format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    if let Ok(value) = HeaderValue::from_str(&media) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

fn aggregated_group(registry: &Registry, group: &str) -> Value {
    let versions: Vec<Value> = registry
        .versions(group)
        .iter()
        .map(|version| {
            let resources: Vec<Value> = served(registry, group, version)
                .map(|(kind, version)| aggregated_resource(kind, version))
                .collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let metadata = if group.is_empty() {
        json!({})
    } else {
        json!({ "name": group })
    };
    json!({ "metadata": metadata, "versions": versions })
}

fn aggregated_resource(kind: &Kind, version: &Version) -> Value {
    let parts: Vec<Value> = version
        .subresources
        .iter()
        .map(|part| {
            let (group, version, name) = part_kind(kind, version, part);
            json!({
                "subresource": part.name(),
                "responseKind": { "group": group, "version": version, "kind": name },
                "verbs": part_verbs(part),
            })
        })
        .collect();
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": { "group": kind.group, "version": version.name, "kind": kind.kind },
        "scope": if kind.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs.names(),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    if !parts.is_empty() && kind.verbs != Verbs::Ask {
        resource["subresources"] = json!(parts);
    }
    resource
}

pub(crate) async fn openapi_index(Shared(state): Shared<Arc<State>>) -> Response {
    reply::json(StatusCode::OK, state.documents.index(&state.registry()))
}

pub(crate) async fn openapi(
    Shared(state): Shared<Arc<State>>,
    Path(path): Path<String>,
) -> Response {
    match state.documents.get(&state.registry(), &path) {
        Some(document) => {
            let mut response = reply::json(StatusCode::OK, document);
            // The address carries a hash, so what it names never changes.
            let forever = HeaderValue::from_static("public, immutable");
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, forever);
            response
        }
        None => Failure::unknown_path().into_response(),
    }
}

/// `/openapi/v2`, as protobuf where the client names that first.
pub(crate) async fn openapi_version2(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
) -> Response {
    use seatrial_schema::openapi::version2::MEDIA;
    let made = {
        let state = Arc::clone(&state);
        tokio::task::spawn_blocking(move || state.documents.version2(&state.registry())).await
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => return Failure::internal(error).into_response(),
    };
    let wanted = media_types(&headers).into_iter().find(|media| {
        matches!(
            media.name.as_str(),
            "application/json" | "application/*" | "*/*"
        ) || media.name == MEDIA
    });
    match wanted {
        Some(media) if media.name == MEDIA => {
            let mut response = reply::json(StatusCode::OK, made.protobuf);
            let media = HeaderValue::from_static(
                "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
            );
            response.headers_mut().insert(header::CONTENT_TYPE, media);
            response
        }
        None if headers.contains_key(header::ACCEPT) => {
            let message =
                format!("only the following media types are accepted: application/json, {MEDIA}");
            Failure::new(crate::failure::Reason::NotAcceptable, message).into_response()
        }
        _ => reply::json(StatusCode::OK, made.json),
    }
}
