use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use kube::api::{Api, Patch, PatchParams};
use seatrial_gitops::{Fetched, Source, SourceError};
use seatrial_render::Files;
use seatrial_resources::argoproj::Application;
use seatrial_testkit::{Cluster, eventually};
use serde_json::{Value, json};

use super::super::AppCommand;
use super::{cluster, outcome, parsed, session};

const COMMIT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
const OLDER: &str = "ffffeeeeddddccccbbbbaaaa9999888877776666";

async fn run(cluster: &Cluster, words: &str) -> String {
    let session = session(cluster);
    let done = Box::pin(parsed::<AppCommand>(words).execute(&session)).await;
    outcome(&session, done)
}

fn api(cluster: &Cluster) -> Api<Application> {
    Api::namespaced(cluster.client.clone(), "argocd")
}

/// An application whose rollout failed.
async fn with_application(automated: Value) -> Cluster {
    let cluster = cluster().await;
    cluster
        .create(json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": { "name": "shop", "namespace": "argocd" },
            "spec": {
                "project": "default",
                "source": { "repoURL": "https://git.example/shop.git", "path": "k8s/production", "targetRevision": "main" },
                "destination": { "server": "https://kubernetes.default.svc", "namespace": "production" },
                "syncPolicy": { "automated": automated },
            },
        }))
        .await
        .unwrap();
    let source = json!({ "repoURL": "https://git.example/shop.git", "path": "k8s/production", "targetRevision": "main" });
    let time = "2026-01-01T00:00:00Z";
    let rollout = json!({ "group": "argoproj.io", "version": "v1alpha1", "kind": "Rollout", "namespace": "production", "name": "shop" });
    let mut status = rollout.clone();
    status["status"] = "Synced".into();
    status["health"] = json!({ "status": "Degraded", "message": "RolloutAborted: metric \"success-rate\" assessed Failed" });
    let mut result = rollout;
    result["status"] = "Synced".into();
    result["message"] = "rollout.argoproj.io/shop configured".into();
    patch_status(
        &cluster,
        json!({
            "sync": { "status": "OutOfSync", "revision": COMMIT },
            "health": { "status": "Degraded" },
            "conditions": [{ "type": "SyncError", "message": "one thing\nfailed", "lastTransitionTime": time }],
            "resources": [
                { "version": "v1", "kind": "Service", "namespace": "production", "name": "shop", "status": "OutOfSync", "health": { "status": "Healthy" } },
                status,
                { "version": "v1", "kind": "ConfigMap", "namespace": "production", "name": "old", "status": "OutOfSync", "requiresPruning": true },
            ],
            "history": [
                { "id": 0, "revision": OLDER, "deployedAt": time, "source": source, "initiatedBy": { "username": "ada" } },
                { "id": 1, "revision": COMMIT, "deployedAt": time, "source": source, "initiatedBy": { "automated": true } },
            ],
            "operationState": {
                "operation": { "sync": { "revision": COMMIT } },
                "phase": "Succeeded",
                "message": "successfully synced (all tasks run)",
                "startedAt": time,
                "finishedAt": time,
                "syncResult": { "revision": COMMIT, "resources": [result] },
            },
        }),
    )
    .await;
    cluster
}

async fn patch_status(cluster: &Cluster, status: Value) {
    let patch = Patch::Merge(json!({ "status": status }));
    api(cluster)
        .patch_status("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn lists_show_state_and_short_revisions() {
    let cluster = with_application(json!({ "prune": true, "selfHeal": true })).await;
    tokio::time::advance(Duration::from_mins(5)).await;
    expect![[r#"
        NAME          SYNC        HEALTH     REVISION   DESTINATION   LAST SYNC   CONDITIONS
        argocd/shop   OutOfSync   Degraded   0a1b2c3    production    5m          SyncError
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "list").await);
    expect![[r#"
        NAME          SYNC        HEALTH     REVISION   DESTINATION   LAST SYNC   PROJECT   POLICY                         REPOSITORY                     PATH             TARGET   CONDITIONS
        argocd/shop   OutOfSync   Degraded   0a1b2c3    production    5m          default   Automated (Prune, Self-Heal)   https://git.example/shop.git   k8s/production   main     SyncError
        exit 0
    "#]].assert_eq(&run(&cluster, "list -o wide").await);
    expect![[r#"
        No applications. Apply one: kubectl apply -f application.yaml
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "list -n test").await);
}

#[tokio::test(start_paused = true)]
async fn an_application_says_why_it_is_degraded() {
    let cluster = with_application(json!({ "prune": true, "selfHeal": true })).await;
    tokio::time::advance(Duration::from_mins(5)).await;
    expect![[r#"
        Name:             argocd/shop
        Project:          default
        Server:           https://kubernetes.default.svc
        Namespace:        production
        Repository:       https://git.example/shop.git
        Target:           main
        Path:             k8s/production
        Sync Policy:      Automated (Prune, Self-Heal)
        Sync Status:      OutOfSync from main (0a1b2c3)
        Health Status:    Degraded (Rollout production/shop: RolloutAborted: metric "success-rate" assessed Failed)
        Last Operation:   Succeeded 5m ago: successfully synced (all tasks run)

        CONDITION   MESSAGE            AGE
        SyncError   one thing failed   5m

        GROUP         KIND        NAMESPACE    NAME   STATUS                         HEALTH     MESSAGE
                      Service     production   shop   OutOfSync                      Healthy
        argoproj.io   Rollout     production   shop   Synced                         Degraded   RolloutAborted: metric "success-rate" assessed Failed
                      ConfigMap   production   old    OutOfSync (requires pruning)
        exit 0
    "#]].assert_eq(&run(&cluster, "get shop").await);
    expect![[r#"
        error: application argocd/other does not exist; see `seatrial app list`
    "#]]
    .assert_eq(&run(&cluster, "get other").await);
    let json = run(&cluster, "get argocd/shop -o json").await;
    assert!(json.contains("\"kind\": \"Application\""), "{json}");
}

#[tokio::test(start_paused = true)]
async fn history_and_differences_are_listed() {
    let cluster = with_application(json!({})).await;
    expect![[r#"
        ID   DATE                   AGE   REVISION   TARGET   BY
        0    2026-01-01T00:00:00Z   0s    ffffeee    main     ada
        1    2026-01-01T00:00:00Z   0s    0a1b2c3    main     automated sync
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "history shop").await);
    expect![[r#"
        ~ differs, would be changed: Service production/shop
        - gone from the repository, would be pruned: ConfigMap production/old
        (its repository is not on this machine: only objects are named)
        exit 1
    "#]]
    .assert_eq(&run(&cluster, "diff shop").await);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_compared_has_no_known_differences() {
    let cluster = with_application(json!({})).await;
    patch_status(&cluster, json!({ "sync": { "status": "Unknown" } })).await;
    expect![[r"
        error: application argocd/shop was not compared yet: SyncError: one thing
        failed
    "]]
    .assert_eq(&run(&cluster, "diff shop").await);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_refused_while_syncs_are_automated() {
    let cluster = with_application(json!({ "prune": true })).await;
    expect![[r#"
        error: application argocd/shop: rollback cannot be initiated when auto-sync is enabled. Take spec.syncPolicy.automated away first, or revert the commit in the repository
    "#]].assert_eq(&run(&cluster, "rollback shop 0").await);
    let text = run(&cluster, "sync shop --revision v1").await;
    assert!(text.contains("auto-sync currently set to main"), "{text}");
}

/// Plays the controller: takes the operation and ends it in `phase`.
async fn serve(cluster: Cluster, phase: &'static str) {
    let app = eventually("an operation", Duration::from_mins(1), || async {
        let app = api(&cluster).get("shop").await.unwrap();
        app.operation.is_some().then_some(app)
    })
    .await;
    let operation = serde_json::to_value(app.operation).unwrap();
    let take = Patch::Merge(json!({ "operation": null }));
    api(&cluster)
        .patch("shop", &PatchParams::default(), &take)
        .await
        .unwrap();
    for (phase, status, message) in [
        ("Running", "Synced", "service/shop configured"),
        (phase, "Synced", "service/shop configured"),
    ] {
        patch_status(
            &cluster,
            json!({ "operationState": {
                "operation": operation,
                "phase": phase,
                "message": format!("it is {phase}"),
                "startedAt": "2026-01-01T00:00:00Z",
                "finishedAt": (phase != "Running").then_some("2026-01-01T00:00:00Z"),
                "syncResult": { "revision": COMMIT, "resources": [{
                    "version": "v1", "kind": "Service", "namespace": "production", "name": "shop",
                    "status": status, "message": message,
                }] },
            } }),
        )
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sync_is_followed_to_its_end() {
    let cluster = with_application(json!({ "prune": true })).await;
    let controller = tokio::spawn(serve(cluster.clone(), "Succeeded"));
    expect![[r#"
        Running: it is Running
          Synced     Service production/shop  service/shop configured
        application argocd/shop: Succeeded 1s ago: it is Succeeded
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "sync shop --prune").await);
    controller.await.unwrap();
    let app = api(&cluster).get("shop").await.unwrap();
    let operation = app.status.unwrap().operation_state.unwrap().operation;
    let sync = operation.sync.unwrap();
    assert_eq!((sync.prune, sync.dry_run), (Some(true), None));
    assert_eq!(
        operation.initiated_by.unwrap().username.as_deref(),
        Some("seatrial")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_ends_with_1() {
    let cluster = with_application(json!({ "enabled": false })).await;
    let controller = tokio::spawn(serve(cluster.clone(), "Failed"));
    expect![[r#"
        Going back to ffffeee (ID 0)
        Running: it is Running
          Synced     Service production/shop  service/shop configured
        application argocd/shop: Failed 1s ago: it is Failed
        exit 1
    "#]]
    .assert_eq(&run(&cluster, "rollback shop").await);
    controller.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_controller_commands_end_in_time() {
    let cluster = with_application(json!({})).await;
    expect![[r#"
        error: application argocd/shop: the sync did not end within 10s (it has not begun: is its controller running?); see `seatrial app get shop`
    "#]].assert_eq(&run(&cluster, "sync shop --timeout 10s").await);
    expect![[r#"
        error: application argocd/shop: another operation is already in progress; wait for it with `seatrial app wait shop --operation`
    "#]].assert_eq(&run(&cluster, "sync shop").await);
    expect![[r#"
        error: application argocd/shop was not refreshed within 5s: is its controller running? See `seatrial status`
    "#]].assert_eq(&run(&cluster, "refresh shop --timeout 5s").await);
    expect![[r#"
        shop  OutOfSync  0a1b2c3  Degraded: Rollout production/shop: RolloutAborted: metric "success-rate" assessed Failed
        application argocd/shop did not come there within 5s; see `seatrial app get shop`
        exit 1
    "#]].assert_eq(&run(&cluster, "wait shop --health --timeout 5s").await);
    expect![[r#"
        shop  OutOfSync  0a1b2c3  Degraded: Rollout production/shop: RolloutAborted: metric "success-rate" assessed Failed
        exit 0
    "#]].assert_eq(&run(&cluster, "wait shop --degraded").await);
}

/// A repository with one changed object and one that is not in the cluster.
struct Repository;

#[async_trait::async_trait]
impl Source for Repository {
    async fn fetch(&self, _: &str, _: &str) -> Result<Fetched, SourceError> {
        let map = |name: &str, colour: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{colour: {colour}}}\n"
            )
        };
        let file =
            |name: &str, text: String| (format!("k8s/production/{name}.yaml"), text.into_bytes());
        let files = [file("a", map("a", "green")), file("b", map("b", "red"))];
        Ok(Fetched {
            commit: COMMIT.to_owned(),
            subject: "Paint".to_owned(),
            author: "Ada".to_owned(),
            files: Arc::new(Files::new(files)),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_repository_at_hand_differences_are_shown_by_field() {
    let cluster = with_application(json!({})).await;
    cluster.namespace("production").await.unwrap();
    cluster
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": { "colour": "blue" },
            "metadata": { "name": "a", "namespace": "production" },
        }))
        .await
        .unwrap();
    let session = session(&cluster);
    let command = parsed::<AppCommand>("diff shop").with_repositories(Arc::new(Repository));
    let done = Box::pin(command.execute(&session)).await;
    expect![[r#"
        ===== ConfigMap production/a =====
        --- live/configmap/a
        +++ target/configmap/a
        @@ -1,7 +1,9 @@
         apiVersion: v1
         data:
        -  colour: blue
        +  colour: green
         kind: ConfigMap
         metadata:
        +  annotations:
        +    argocd.argoproj.io/tracking-id: shop:/ConfigMap:production/a
           name: a
           namespace: production
        ===== ConfigMap production/b =====
        --- live/configmap/b
        +++ target/configmap/b
        @@ -0,0 +1,9 @@
        +apiVersion: v1
        +data:
        +  colour: red
        +kind: ConfigMap
        +metadata:
        +  annotations:
        +    argocd.argoproj.io/tracking-id: shop:/ConfigMap:production/b
        +  name: b
        +  namespace: production
        exit 1
    "#]]
    .assert_eq(&outcome(&session, done));
}
