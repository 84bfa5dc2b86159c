use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use seatrial_testkit::Cluster;
use serde_json::json;

use super::super::kubectl::testing;
use super::{cluster, outcome, session};

async fn run(cluster: &Cluster, words: &str) -> String {
    let session = session(cluster);
    let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    match testing(&session, &words).await {
        Ok(done) => outcome(&session, done),
        Err(text) => text,
    }
}

const MANIFESTS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: \"web:1\"}]}
";

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(start_paused = true)]
async fn manifests_are_applied_shown_changed_and_deleted() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "all.yaml", MANIFESTS);
    expect![[""]].assert_eq(&run(&cluster, &format!("apply -f {file} --dry-run=server")).await);
    expect![[""]].assert_eq(&run(&cluster, &format!("apply -f {file}")).await);
    expect![[""]].assert_eq(&run(&cluster, &format!("apply --server-side -f {}", directory.path().display())).await);
    expect![[""]].assert_eq(&run(&cluster, "get deploy,cm -n test").await);
    expect![[""]].assert_eq(&run(&cluster, "get deployments.apps web -o wide").await);
    expect![[""]].assert_eq(&run(&cluster, "get deployments -A -l app=web -o name").await);
    expect![[""]].assert_eq(&run(&cluster, "set image deployment/web web=web:2").await);
    expect![[""]].assert_eq(&run(&cluster, "scale deployment web --replicas=3").await);
    expect![[""]].assert_eq(&run(&cluster, "get cm settings -o yaml").await.lines().take(4).collect::<Vec<_>>().join("\n"));
    let web: Api<Deployment> = Api::namespaced(cluster.client.clone(), "test");
    let spec = web.get("web").await.unwrap().spec.unwrap();
    assert_eq!(spec.replicas, Some(3));
    expect![[""]].assert_eq(&run(&cluster, &format!("delete -f {file}")).await);
    expect![[""]].assert_eq(&run(&cluster, "delete cm settings").await);
    expect![[""]].assert_eq(&run(&cluster, "delete cm settings --ignore-not-found").await);
}

#[tokio::test(start_paused = true)]
async fn wrong_manifests_are_refused_by_file_object_and_field() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display().to_string();
    let apply = async |text: &str, more: &str| {
        let file = write(directory.path(), "m.yaml", text);
        run(&cluster, &format!("apply -f {file}{more}")).await.replace(&place, "DIR")
    };
    expect![[""]].assert_eq(&apply("kind: [", "").await);
    expect![[""]].assert_eq(&apply("kind: ConfigMap\nmetadata: {name: a}\n", "").await);
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: argocd}\n";
    expect![[""]].assert_eq(&apply(other, " -n test").await);
    expect![[""]].assert_eq(&run(&cluster, "apply -f nowhere.yaml").await);
    expect![[""]].assert_eq(&run(&cluster, "get podz").await);
    expect![[""]].assert_eq(&run(&cluster, "get pod a").await);
}

#[tokio::test(start_paused = true)]
async fn rollouts_and_conditions_are_waited_for() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "all.yaml", MANIFESTS);
    run(&cluster, &format!("apply -f {file}")).await;
    expect![[""]].assert_eq(&run(&cluster, "rollout status deployment/web --timeout=3s").await);
    expect![[""]].assert_eq(&run(&cluster, "wait --for=condition=Available deployment/web --timeout=3s").await);
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), "test");
    let patch = Patch::Merge(json!({ "status": {
        "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
        "conditions": [{ "type": "Available", "status": "True", "reason": "r", "message": "m" }],
    } }));
    let later = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        deployments.patch_status("web", &PatchParams::default(), &patch).await.unwrap();
    });
    expect![[""]].assert_eq(&run(&cluster, "rollout status deployment/web").await);
    later.await.unwrap();
    expect![[""]].assert_eq(&run(&cluster, "wait --for=condition=available deploy web").await);
    expect![[""]].assert_eq(&run(&cluster, "wait --for=jsonpath={.status.readyReplicas}=2 deploy/web").await);
    expect![[""]].assert_eq(&run(&cluster, "wait --for=delete pod/gone").await);
    expect![[""]].assert_eq(&run(&cluster, "create namespace staging").await);
    expect![[""]].assert_eq(&run(&cluster, "create ns staging --dry-run=client -o yaml").await);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named_with_what_is() {
    let cluster = cluster().await;
    expect![[""]].assert_eq(&run(&cluster, "exec -it web -- sh").await);
    expect![[""]].assert_eq(&run(&cluster, "scale deployment/web --replicas=1 --resource-version=4").await);
    expect![[""]].assert_eq(&run(&cluster, "get pods -o jsonpath={.items}").await);
    expect![[""]].assert_eq(&run(&cluster, "rollout undo deployment/web").await);
}
