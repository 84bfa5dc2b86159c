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
    expect![[r#"
        configmap/settings created (server dry run)
        deployment.apps/web created (server dry run)
        exit 0
    "#]]
    .assert_eq(&run(&cluster, &format!("apply -f {file} --dry-run=server")).await);
    expect![[r#"
        configmap/settings created
        deployment.apps/web created
        exit 0
    "#]]
    .assert_eq(&run(&cluster, &format!("apply -f {file}")).await);
    expect![[r#"
        configmap/settings unchanged
        deployment.apps/web unchanged
        exit 0
    "#]]
    .assert_eq(
        &run(
            &cluster,
            &format!("apply --server-side -f {}", directory.path().display()),
        )
        .await,
    );
    expect![[r#"
        NAME                  READY   UP-TO-DATE   AVAILABLE   AGE
        deployment.apps/web   0/2     0            0           0s

        NAME                 DATA   AGE
        configmap/settings   1      0s
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get deploy,cm -n test").await);
    expect![[r#"
        NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES   SELECTOR
        web    0/2     0            0           0s    web          web:1    app=web
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get deployments.apps web -o wide").await);
    expect![[r#"
        deployment.apps/web
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get deployments -A -l app=web -o name").await);
    expect![[r#"
        deployment.apps/web image updated
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "set image deployment/web web=web:2").await);
    expect![[r#"
        deployment.apps/web scaled
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "scale deployment web --replicas=3").await);
    expect![[r#"
        apiVersion: v1
        data:
          colour: blue
        kind: ConfigMap"#]]
    .assert_eq(
        &run(&cluster, "get cm settings -o yaml")
            .await
            .lines()
            .take(4)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    expect![[r#"
        NAME                  READY   UP-TO-DATE   AVAILABLE   AGE
        deployment.apps/web   0/3     0            0           0s
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get all").await);
    let web: Api<Deployment> = Api::namespaced(cluster.client.clone(), "test");
    let spec = web.get("web").await.unwrap().spec.unwrap();
    assert_eq!(spec.replicas, Some(3));
    expect![[r#"
        configmap "settings" deleted
        deployment.apps "web" deleted
        exit 0
    "#]]
    .assert_eq(&run(&cluster, &format!("delete -f {file}")).await);
    expect![[r#"
        error: configmaps "settings" not found
        exit 1
    "#]]
    .assert_eq(&run(&cluster, "delete cm settings").await);
    expect![[r#"
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "delete cm settings --ignore-not-found").await);
}

#[tokio::test(start_paused = true)]
async fn wrong_manifests_are_refused_by_file_object_and_field() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display().to_string();
    let apply = async |text: &str, more: &str| {
        let file = write(directory.path(), "m.yaml", text);
        run(&cluster, &format!("apply -f {file}{more}"))
            .await
            .replace(&place, "DIR")
    };
    expect![[r#"
        error: DIR/m.yaml:1: unclosed bracket '[' at line 1, column 7
    "#]]
    .assert_eq(&apply("kind: [", "").await);
    expect![[r#"
        error: DIR/m.yaml: ConfigMap has no apiVersion
    "#]]
    .assert_eq(&apply("kind: ConfigMap\nmetadata: {name: a}\n", "").await);
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: argocd}\n";
    expect![[r#"
        error: DIR/m.yaml: the namespace from the provided object "argocd" does not match the namespace "test". You must pass '--namespace=argocd' to perform this operation.
        exit 1
    "#]]
    .assert_eq(&apply(other, " -n test").await);
    expect![[r#"
        error: the path "nowhere.yaml" does not exist
    "#]]
    .assert_eq(&run(&cluster, "apply -f nowhere.yaml").await);
    expect![[r#"
        error: the server doesn't have a resource type "podz"
    "#]]
    .assert_eq(&run(&cluster, "get podz").await);
    expect![[r#"
        error: getting pods "a": pods "a" not found
    "#]]
    .assert_eq(&run(&cluster, "get pod a").await);
}

#[tokio::test(start_paused = true)]
async fn rollouts_and_conditions_are_waited_for() {
    let cluster = cluster().await;
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "all.yaml", MANIFESTS);
    run(&cluster, &format!("apply -f {file}")).await;
    expect![[r#"
        Waiting for deployment spec update to be observed...
        error: timed out waiting for the condition: Waiting for deployment spec update to be observed...
    "#]].assert_eq(&run(&cluster, "rollout status deployment/web --timeout=3s").await);
    expect![[r#"
        error: timed out waiting for the condition on deployment.apps/web
    "#]]
    .assert_eq(
        &run(
            &cluster,
            "wait --for=condition=Available deployment/web --timeout=3s",
        )
        .await,
    );
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), "test");
    let patch = Patch::Merge(json!({ "status": {
        "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
        "conditions": [{ "type": "Available", "status": "True", "reason": "r", "message": "m" }],
    } }));
    let later = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        deployments
            .patch_status("web", &PatchParams::default(), &patch)
            .await
            .unwrap();
    });
    expect![[r#"
        Waiting for deployment spec update to be observed...
        deployment "web" successfully rolled out
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "rollout status deployment/web").await);
    later.await.unwrap();
    expect![[r#"
        deployment.apps/web condition met
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "wait --for=condition=available deploy web").await);
    expect![[r#"
        deployment.apps/web condition met
        exit 0
    "#]]
    .assert_eq(
        &run(
            &cluster,
            "wait --for=jsonpath={.status.readyReplicas}=2 deploy/web",
        )
        .await,
    );
    expect![[r#"
        pod/gone deleted
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "wait --for=delete pod/gone").await);
    expect![[r#"
        namespace/staging created
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "create namespace staging").await);
    expect![[r#"
        apiVersion: v1
        kind: Namespace
        metadata:
          name: staging
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "create ns staging --dry-run=client -o yaml").await);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named_with_what_is() {
    let cluster = cluster().await;
    expect![[r#"
        error: the kubectl in seatrial has no `kubectl exec`; it has: apply, get, delete, create, wait, rollout, set, scale, kustomize, version
        For everything else install kubectl: https://kubernetes.io/docs/tasks/tools/
    "#]].assert_eq(&run(&cluster, "exec -it web -- sh").await);
    expect![[r#"
        error: the kubectl in seatrial does not know `--resource-version` of `kubectl scale`; it knows: --selector (-l), --all, --replicas, --current-replicas, --kubeconfig, --context, --namespace (-n), --help (-h)
        For everything else install kubectl: https://kubernetes.io/docs/tasks/tools/
    "#]].assert_eq(&run(&cluster, "scale deployment/web --replicas=1 --resource-version=4").await);
    expect![[r#"
        error: invalid value 'jsonpath={.items}' for '--output <OUTPUT>'
          [possible values: json, yaml, name, wide]

          tip: a similar value exists: 'json'

        For more information, try '--help'.
        For everything else install kubectl: https://kubernetes.io/docs/tasks/tools/
    "#]]
    .assert_eq(&run(&cluster, "get pods -o jsonpath={.items}").await);
    expect![[r#"
        error: the kubectl in seatrial has no `kubectl rollout undo`; it has: status
        For everything else install kubectl: https://kubernetes.io/docs/tasks/tools/
    "#]]
    .assert_eq(&run(&cluster, "rollout undo deployment/web").await);
}
