//! What an Application says about its source and its objects, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_raw_string_hashes)] // Tests.

mod support;

use std::time::Duration;

use expect_test::expect;
use kube::Api;
use kube::api::{Patch, PatchParams};
use seatrial_resources::argoproj::SyncStatusCode;
use serde_json::json;
use support::{World, automated, complaints, deployment, map};

#[tokio::test(start_paused = true)]
async fn what_cannot_be_loaded_is_said() {
    let cases = [
        (
            json!({"source": {"path": "nope"}}),
            expect![
                "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = nope: app path does not exist"
            ],
        ),
        (
            json!({"source": {"targetRevision": "nope"}}),
            expect![
                "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = unable to resolve 'nope' to a commit SHA in https://github.com/org/shop.git"
            ],
        ),
        (
            json!({"source": {"repoURL": "https://github.com/org/nope.git"}}),
            expect![
                "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to get git client for repo https://github.com/org/nope.git: repository not found"
            ],
        ),
        (
            json!({"source": {"helm": {"valueFiles": ["values.yaml"]}}}),
            expect![
                "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = Helm is not supported yet: spec.source.helm.valueFiles asks for it; render the chart to plain manifests or use Kustomize"
            ],
        ),
        (
            json!({"project": "nope"}),
            expect!["InvalidSpecError: Application referencing project nope which does not exist"],
        ),
        (
            json!({"destination": {"server": "https://elsewhere:6443"}}),
            expect![
                "InvalidSpecError: application destination server 'https://elsewhere:6443' is not known: only this cluster (https://kubernetes.default.svc) can be a destination (spec.destination.server)"
            ],
        ),
        (
            json!({"syncPolicy": {"syncOptions": ["CreateNamspace=true"]}}),
            expect![[
                r#"InvalidSpecError: unknown or unsupported sync option "CreateNamspace=true" in spec.syncPolicy.syncOptions; known are ApplyOutOfSyncOnly, CreateNamespace, FailOnSharedResource, Force, Prune, PruneLast, PrunePropagationPolicy, Replace, RespectIgnoreDifferences, ServerSideApply, SkipDryRunOnMissingResource, Validate"#
            ]],
        ),
    ];
    for (changes, expected) in cases {
        let world = World::start().await;
        world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
        world.app(changes).await;
        let status = world
            .until("complained", |status| !complaints(status).is_empty())
            .await;
        expected.assert_eq(&complaints(&status));
        assert_eq!(status.sync.status, SyncStatusCode::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_differences_do_not_count() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/web.yaml", deployment(2))]);
    let mut spec = automated();
    spec["ignoreDifferences"] =
        json!([{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]);
    spec["syncPolicy"]["syncOptions"] = json!(["RespectIgnoreDifferences=true"]);
    world.app(spec).await;
    world.synced("c1").await;
    let webs: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(world.client.clone(), "test");
    let patch = Patch::Merge(json!({"spec": {"replicas": 7}}));
    webs.patch("web", &PatchParams::default(), &patch)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert_eq!(world.status().await.sync.status, SyncStatusCode::Synced);
    let mut changed = deployment(2);
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
    world.commit("c2", &[("k8s/web.yaml", changed)]);
    world.refresh().await;
    world.synced("c2").await;
    let spec = webs.get("web").await.unwrap().spec.unwrap();
    assert_eq!(spec.replicas, Some(7));
    assert_eq!(
        spec.template.spec.unwrap().containers[0].image.as_deref(),
        Some("shop:2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_refreshes_at_once() {
    let world = World::start().await;
    world
        .cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1", "kind": "Repository",
            "metadata": {"name": "shop", "namespace": "seatrial-system"},
            "spec": {"standsInFor": [support::URL]},
        }))
        .await
        .unwrap();
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    world.commit("c2", &[("k8s/a.yaml", map("a", "2"))]);
    let start = tokio::time::Instant::now();
    world
        .cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1", "kind": "Push",
            "metadata": {"name": "shop-1", "namespace": "seatrial-system"},
            "spec": {"repository": "shop", "ref": "refs/heads/main", "before": "c1", "after": "c2"},
        }))
        .await
        .unwrap();
    world.synced("c2").await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(world.map("a").await.unwrap()["key"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_settled_application_is_left_alone() {
    let world = World::start().await;
    world.commit(
        "c1",
        &[("k8s/all.yaml", json!([map("a", "1"), deployment(1)]))],
    );
    world.app(automated()).await;
    world.synced("c1").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let version = async || {
        world
            .apps()
            .get("shop")
            .await
            .unwrap()
            .metadata
            .resource_version
    };
    let before = version().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(version().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_degraded_object_degrades_the_application_and_says_why() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/web.yaml", deployment(1))]);
    world.app(automated()).await;
    world.synced("c1").await;
    let webs: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(world.client.clone(), "test");
    let patch = Patch::Merge(json!({"status": {"observedGeneration": 1, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    ]}}));
    webs.patch_status("web", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let degraded = seatrial_resources::argoproj::HealthStatusCode::Degraded;
    let status = world
        .until("degraded", |status| status.health.status == Some(degraded))
        .await;
    expect![[r#"Deployment web: Deployment "web" exceeded its progress deadline"#]]
        .assert_eq(status.health.message.as_deref().unwrap_or_default());
    assert_eq!(status.sync.status, SyncStatusCode::Synced);
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_story() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let events: Api<k8s_openapi::api::core::v1::Event> =
        Api::namespaced(world.client.clone(), "argocd");
    let mut events = events
        .list(&kube::api::ListParams::default())
        .await
        .unwrap()
        .items;
    events.sort_by_key(|event| {
        event
            .metadata
            .resource_version
            .clone()
            .map(|text| text.parse::<u64>().unwrap())
    });
    let told = events.iter().map(|event| {
        format!(
            "{} {}\n",
            event.reason.as_deref().unwrap_or(""),
            event.message.as_deref().unwrap_or("")
        )
    });
    expect![[r#"
        OperationStarted Initiated automated sync to 'c1'
        ResourceUpdated Updated sync status: Unknown -> OutOfSync
        ResourceUpdated Updated health status: Unknown -> Missing
        OperationCompleted Sync operation to c1 succeeded
        ResourceUpdated Updated sync status: OutOfSync -> Synced
        ResourceUpdated Updated health status: Missing -> Healthy
    "#]]
    .assert_eq(&told.collect::<String>());
}

#[tokio::test(start_paused = true)]
async fn differences_are_shown_as_text() {
    let world = World::start().await;
    world.commit(
        "c1",
        &[(
            "k8s/all.yaml",
            json!([map("a", "1"), map("b", "1"), deployment(1)]),
        )],
    );
    world.app(json!({})).await;
    world.sync(json!({})).await;
    world.synced("c1").await;
    world.commit(
        "c2",
        &[("k8s/all.yaml", json!([map("a", "2"), deployment(1)]))],
    );
    let app = world.apps().get("shop").await.unwrap();
    let source: std::sync::Arc<dyn seatrial_gitops::Source> = world.repository.clone();
    let diffs = seatrial_gitops::diff::of(world.client.clone(), &app, &source, "argocd")
        .await
        .unwrap();
    let text: String = diffs.iter().map(|diff| diff.unified.clone()).collect();
    expect![[r#"
        --- live/configmap/a
        +++ target/configmap/a
        @@ -1,6 +1,6 @@
         apiVersion: v1
         data:
        -  key: "1"
        +  key: "2"
         kind: ConfigMap
         metadata:
           annotations:
        --- live/configmap/b
        +++ target/configmap/b
        @@ -1,9 +0,0 @@
        -apiVersion: v1
        -data:
        -  key: "1"
        -kind: ConfigMap
        -metadata:
        -  annotations:
        -    argocd.argoproj.io/tracking-id: shop:/ConfigMap:test/b
        -  name: b
        -  namespace: test
    "#]]
    .assert_eq(&text);
}

#[tokio::test(start_paused = true)]
async fn weights_that_a_rollout_moves_can_be_left_to_it() {
    let world = World::start().await;
    let route = |weights: [i32; 2]| {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "shop"},
            "spec": {"hosts": ["shop"], "http": [{"name": "primary", "route": [
                {"destination": {"host": "stable"}, "weight": weights[0]},
                {"destination": {"host": "canary"}, "weight": weights[1]},
            ]}]},
        })
    };
    world.commit("c1", &[("k8s/route.yaml", route([100, 0]))]);
    let mut spec = automated();
    spec["ignoreDifferences"] = json!([{
        "group": "networking.istio.io", "kind": "VirtualService",
        "jqPathExpressions": [".spec.http[].route[].weight"],
    }]);
    spec["syncPolicy"]["syncOptions"] = json!(["RespectIgnoreDifferences=true"]);
    world.app(spec).await;
    world.synced("c1").await;
    let routes: Api<seatrial_resources::istio::VirtualService> =
        Api::namespaced(world.client.clone(), "test");
    let patch = Patch::Merge(json!({"spec": route([70, 30])["spec"]}));
    routes
        .patch("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let mut changed = route([100, 0]);
    changed["spec"]["hosts"] = json!(["shop", "shop.test"]);
    world.commit("c2", &[("k8s/route.yaml", changed)]);
    world.refresh().await;
    world.synced("c2").await;
    let live = serde_json::to_value(routes.get("shop").await.unwrap()).unwrap();
    assert_eq!(live["spec"]["hosts"], json!(["shop", "shop.test"]));
    assert_eq!(
        live.pointer("/spec/http/0/route/1/weight"),
        Some(&json!(30))
    );
}

#[tokio::test(start_paused = true)]
async fn a_project_keeps_its_applications_within_bounds() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world
        .cluster
        .create(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
            "metadata": {"name": "team", "namespace": "argocd"},
            "spec": {
                "sourceRepos": ["https://github.com/other/*"],
                "destinations": [{"server": "*", "namespace": "team-*"}],
            },
        }))
        .await
        .unwrap();
    world.app(json!({"project": "team"})).await;
    let status = world
        .until("refused", |status| !complaints(status).is_empty())
        .await;
    expect![[r#"
        InvalidSpecError: application repo https://github.com/org/shop.git is not permitted in project 'team'
        InvalidSpecError: application destination server 'https://kubernetes.default.svc' and namespace 'test' do not match any of the allowed destinations in project 'team'"#]].assert_eq(&complaints(&status));
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_appears_later_is_found() {
    let world = World::start().await;
    world.app(automated()).await;
    world
        .until("complained", |status| !complaints(status).is_empty())
        .await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    let start = tokio::time::Instant::now();
    world
        .cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1", "kind": "Repository",
            "metadata": {"name": "shop", "namespace": "seatrial-system"},
            "spec": {"standsInFor": [support::URL]},
        }))
        .await
        .unwrap();
    let status = world.synced("c1").await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(complaints(&status), "");
}
