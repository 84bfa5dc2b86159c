//! Applications against a real API server, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_raw_string_hashes)] // Tests.

mod support;

use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use seatrial_resources::argoproj::{OperationPhase, SyncStatusCode};
use serde_json::json;
use support::{World, annotated, automated, complaints, deployment, map, told};

#[tokio::test(start_paused = true)]
async fn objects_are_made_changed_and_pruned() {
    let world = World::start().await;
    world.commit(
        "c1",
        &[(
            "k8s/all.yaml",
            json!([map("a", "1"), map("b", "1"), deployment(2)]),
        )],
    );
    world.app(automated()).await;
    let status = world.synced("c1").await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        ConfigMap a Synced: configmap/a created
        ConfigMap b Synced: configmap/b created
        Deployment web Synced: deployment.apps/web created"#]]
    .assert_eq(&told(&status));
    assert_eq!(status.history.as_ref().map(Vec::len), Some(1));
    assert_eq!(status.source_type.as_deref(), Some("Directory"));
    assert_eq!(
        status.summary.images.as_deref(),
        Some(&["shop:1".to_owned()][..])
    );

    world.commit(
        "c2",
        &[("k8s/all.yaml", json!([map("a", "2"), deployment(2)]))],
    );
    world.refresh().await;
    let status = world.synced("c2").await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        ConfigMap b Pruned: pruned
        ConfigMap a Synced: configmap/a configured
        Deployment web Synced: deployment.apps/web unchanged"#]]
    .assert_eq(&told(&status));
    assert_eq!(world.map("a").await.unwrap()["key"], "2");
    world.gone("b").await;
    let ids: Vec<_> = status
        .history
        .unwrap()
        .iter()
        .map(|one| (one.id, one.revision.clone()))
        .collect();
    assert_eq!(ids, [(0, "c1".to_owned()), (1, "c2".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn changes_by_hand_are_undone() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    let patch = Patch::Merge(json!({"data": {"key": "by hand"}}));
    world
        .maps()
        .patch("a", &PatchParams::default(), &patch)
        .await
        .unwrap();
    world
        .until("healed", |status| {
            let state = status.operation_state.as_ref().unwrap();
            state
                .operation
                .sync
                .as_ref()
                .unwrap()
                .self_heal_attempts_count
                == Some(1)
                && state.phase == OperationPhase::Succeeded
        })
        .await;
    assert_eq!(world.map("a").await.unwrap()["key"], "1");
}

#[tokio::test(start_paused = true)]
async fn without_automation_only_the_difference_is_shown() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(json!({})).await;
    world
        .until("compared", |status| {
            status.sync.status == SyncStatusCode::OutOfSync
        })
        .await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.map("a").await, None);
    world.sync(json!({"prune": true})).await;
    let status = world.synced("c1").await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        ConfigMap a Synced: configmap/a created"#]]
    .assert_eq(&told(&status));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_made_with_what_it_shall_carry() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    let mut spec = automated();
    spec["destination"]["namespace"] = json!("fresh");
    spec["syncPolicy"]["syncOptions"] = json!(["CreateNamespace=true"]);
    spec["syncPolicy"]["managedNamespaceMetadata"] = json!({"labels": {"team": "shop"}});
    world.app(spec).await;
    world.synced("c1").await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let labels = namespaces
        .get("fresh")
        .await
        .unwrap()
        .metadata
        .labels
        .unwrap();
    assert_eq!(labels["team"], "shop");
}

#[tokio::test(start_paused = true)]
async fn a_refused_dry_run_leaves_nothing_behind() {
    let world = World::start().await;
    let mut wrong = deployment(2);
    wrong["spec"]["replicsa"] = json!(3);
    world.commit("c1", &[("k8s/all.yaml", json!([map("a", "1"), wrong]))]);
    let mut spec = automated();
    spec["destination"]["namespace"] = json!("fresh");
    spec["syncPolicy"]["syncOptions"] = json!(["CreateNamespace=true"]);
    world.app(spec).await;
    let status = world
        .until("failed", |status| complaints(status).contains("SyncError"))
        .await;
    expect![[r#"
        Failed: one or more objects failed to apply (dry run), reason: Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replicsa"
        ConfigMap a : 
        Deployment web SyncFailed: Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replicsa""#]].assert_eq(&told(&status));
    expect![[r#"SyncError: Failed last sync attempt to c1: one or more objects failed to apply (dry run), reason: Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replicsa""#]].assert_eq(&complaints(&status));
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    assert!(namespaces.get_opt("fresh").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn hooks_and_waves_run_in_order() {
    let world = World::start().await;
    let hook =
        |name: &str, phase: &str| annotated(map(name, "1"), "argocd.argoproj.io/hook", phase);
    let late = annotated(map("late", "1"), "argocd.argoproj.io/sync-wave", "2");
    let done = annotated(
        hook("done", "PostSync"),
        "argocd.argoproj.io/hook-delete-policy",
        "HookSucceeded",
    );
    let objects = json!([late, done, map("a", "1"), hook("before", "PreSync")]);
    world.commit("c1", &[("k8s/all.yaml", objects)]);
    world.app(automated()).await;
    let status = world.synced("c1").await;
    let status = world
        .until("ended", |status| {
            status
                .operation_state
                .as_ref()
                .is_some_and(|state| state.phase == OperationPhase::Succeeded)
        })
        .await
        .operation_state
        .map_or(status.clone(), |state| {
            let mut status = status;
            status.operation_state = Some(state);
            status
        });
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        PreSync hook ConfigMap before : configmap/before created
        ConfigMap a Synced: configmap/a created
        ConfigMap late Synced: configmap/late created
        PostSync hook ConfigMap done : configmap/done created"#]]
    .assert_eq(&told(&status));
    assert!(world.map("before").await.is_some());
    world.gone("done").await;
    let version = |name: &str| {
        let maps = world.maps();
        let name = name.to_owned();
        async move {
            let meta = maps.get(&name).await.unwrap().metadata;
            meta.resource_version.unwrap().parse::<u64>().unwrap()
        }
    };
    let order = [
        version("before").await,
        version("a").await,
        version("late").await,
    ];
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_takes_the_objects_along() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    world.patch(json!({"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io/background"]}})).await;
    world.delete().await;
    world.gone("a").await;
    seatrial_testkit::eventually("the application goes", Duration::from_mins(1), async || {
        world
            .apps()
            .get_opt("shop")
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_the_finalizer_the_objects_stay() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    world.delete().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.map("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_is_tried_again_with_growing_pauses() {
    let world = World::start().await;
    let mut spec = automated();
    spec["destination"]["namespace"] = json!("late");
    spec["syncPolicy"]["retry"] =
        json!({"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}});
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(spec).await;
    let status = world
        .until("tried twice", |status| {
            status
                .operation_state
                .as_ref()
                .is_some_and(|state| state.retry_count == Some(2))
        })
        .await;
    expect![[r#"
        Running: one or more objects failed to apply (dry run), reason: namespaces "late" not found. Retrying attempt #2 at 12:00AM.
        ConfigMap a SyncFailed: namespaces "late" not found"#]].assert_eq(&told(&status));
    world.cluster.namespace("late").await.unwrap();
    let status = world.synced("c1").await;
    assert_eq!(status.operation_state.unwrap().retry_count, Some(2));
}

#[tokio::test(start_paused = true)]
async fn an_emptied_folder_deletes_nothing_unless_allowed() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(automated()).await;
    world.synced("c1").await;
    world.commit("c2", &[("k8s/README.md", json!([]))]);
    world.refresh().await;
    let status = world
        .until("refused", |status| !complaints(status).is_empty())
        .await;
    expect!["SyncError: Skipping sync attempt to c2: auto-sync will wipe out all resources"]
        .assert_eq(&complaints(&status));
    assert!(world.map("a").await.is_some());
    world
        .patch(json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}}))
        .await;
    world.gone("a").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_to_an_earlier_revision() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(json!({})).await;
    world.sync(json!({})).await;
    world.synced("c1").await;
    world.commit("c2", &[("k8s/a.yaml", map("a", "2"))]);
    world.refresh().await;
    world.sync(json!({})).await;
    world.synced("c2").await;
    world.sync(json!({"revision": "c1", "prune": true})).await;
    let status = world
        .until("rolled back", |status| {
            status
                .history
                .as_ref()
                .is_some_and(|history| history.len() == 3)
        })
        .await;
    assert_eq!(world.map("a").await.unwrap()["key"], "1");
    assert_eq!(status.sync.status, SyncStatusCode::OutOfSync);
}

#[tokio::test(start_paused = true)]
async fn applying_on_the_servers_side_settles() {
    let world = World::start().await;
    world.commit(
        "c1",
        &[("k8s/all.yaml", json!([map("a", "1"), deployment(1)]))],
    );
    let mut spec = automated();
    spec["syncPolicy"]["syncOptions"] = json!(["ServerSideApply=true"]);
    world.app(spec).await;
    let status = world.synced("c1").await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        ConfigMap a Synced: configmap/a serverside-applied
        Deployment web Synced: deployment.apps/web serverside-applied"#]]
    .assert_eq(&told(&status));
}

#[tokio::test(start_paused = true)]
async fn a_definition_and_its_objects_come_in_one_sync() {
    let world = World::start().await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    let widget = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w"}, "spec": {"size": 1},
    });
    world.commit("c1", &[("k8s/all.yaml", json!([widget, definition]))]);
    world.app(automated()).await;
    let status = world.synced("c1").await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        CustomResourceDefinition widgets.example.com Synced: customresourcedefinition.apiextensions.k8s.io/widgets.example.com created
        Widget w Synced: widget.example.com/w created"#]].assert_eq(&told(&status));
}

#[tokio::test(start_paused = true)]
async fn a_sync_of_some_objects_leaves_the_others() {
    let world = World::start().await;
    world.commit(
        "c1",
        &[("k8s/all.yaml", json!([map("a", "1"), map("b", "1")]))],
    );
    world.app(json!({})).await;
    world
        .sync(json!({"resources": [{"kind": "ConfigMap", "name": "b"}]}))
        .await;
    let status = world
        .until("ended", |status| {
            status
                .operation_state
                .as_ref()
                .is_some_and(|state| state.phase == OperationPhase::Succeeded)
        })
        .await;
    expect![[r#"
        Succeeded: successfully synced (all tasks run)
        ConfigMap b Synced: configmap/b created"#]]
    .assert_eq(&told(&status));
    assert_eq!(world.map("a").await, None);
    assert_eq!(status.history, None);
    assert_eq!(status.sync.status, SyncStatusCode::OutOfSync);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing() {
    let world = World::start().await;
    world.commit("c1", &[("k8s/a.yaml", map("a", "1"))]);
    world.app(json!({})).await;
    world.sync(json!({"dryRun": true})).await;
    let status = world
        .until("ended", |status| {
            status
                .operation_state
                .as_ref()
                .is_some_and(|state| state.phase == OperationPhase::Succeeded)
        })
        .await;
    expect![[r#"
        Succeeded: successfully synced (dry run)
        ConfigMap a Synced: dry run: accepted by the server"#]]
    .assert_eq(&told(&status));
    assert_eq!(world.map("a").await, None);
}
