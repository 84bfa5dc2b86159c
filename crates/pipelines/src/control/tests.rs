//! Pushes and runs on a test cluster, with real shells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use expect_test::expect;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use seatrial_controller::Context;
use seatrial_resources::seatrial_dev::{
    PipelineRun, PipelineRunSpec, Push, PushSpec, RunPhase, SYSTEM_NAMESPACE,
};
use seatrial_testkit::Cluster;
use serde_json::json;

use super::push::{reason_not_to_run, slug};
use super::{Configuration, KubeSecrets};
use crate::PIPELINE_USER;
use crate::engine::Engine;
use crate::local::{FakeImages, FakeSource, LocalExecutor, MemoryLogs};
use crate::port::Ports;
use crate::store::Store;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cluster with the pipeline controllers on it.
struct House {
    cluster: Cluster,
    logs: Arc<MemoryLogs>,
    directory: tempfile::TempDir,
    controllers: tokio::task::JoinHandle<()>,
    source: Arc<FakeSource>,
}

impl House {
    async fn with(files: &[(&str, &str)]) -> Self {
        let cluster = seatrial_testkit::cluster().await;
        // The system namespace may be there from the start.
        let _ = cluster.namespace(SYSTEM_NAMESPACE).await;
        let files: BTreeMap<String, String> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let source = Arc::new(FakeSource {
            files,
            checkouts: Mutex::new(Vec::new()),
        });
        let directory = tempfile::tempdir().unwrap();
        let logs = Arc::new(MemoryLogs::default());
        let controllers = start(&cluster, &directory, &logs, &source);
        Self {
            cluster,
            logs,
            directory,
            controllers,
            source,
        }
    }

    fn runs(&self) -> Api<PipelineRun> {
        Api::namespaced(self.cluster.client.clone(), SYSTEM_NAMESPACE)
    }

    async fn push(&self, name: &str, change: impl FnOnce(&mut PushSpec)) {
        let mut spec = push_spec();
        change(&mut spec);
        let pushes: Api<Push> = Api::namespaced(self.cluster.client.clone(), SYSTEM_NAMESPACE);
        pushes
            .create(&PostParams::default(), &Push::new(name, spec))
            .await
            .unwrap();
    }

    /// Waits until the push was dealt with; returns what was made of it.
    async fn handled(&self, name: &str) -> String {
        let pushes: Api<Push> = Api::namespaced(self.cluster.client.clone(), SYSTEM_NAMESPACE);
        eventually(|| async {
            let push = pushes.get(name).await.unwrap();
            push.metadata
                .annotations
                .and_then(|all| all.get(super::name::HANDLED).cloned())
        })
        .await
    }

    /// Waits until the run has ended.
    async fn ended(&self, name: &str) -> PipelineRun {
        let runs = self.runs();
        eventually(|| async {
            let run = runs.get_opt(name).await.unwrap()?;
            run.status
                .as_ref()
                .is_some_and(|status| status.phase.is_final())
                .then_some(run)
        })
        .await
    }
}

fn start(
    cluster: &Cluster,
    directory: &tempfile::TempDir,
    logs: &Arc<MemoryLogs>,
    source: &Arc<FakeSource>,
) -> tokio::task::JoinHandle<()> {
    let ports = Ports {
        executor: Arc::new(LocalExecutor),
        source: source.clone(),
        images: Arc::new(FakeImages::default()),
        secrets: Arc::new(KubeSecrets::new(cluster.client.clone())),
        logs: logs.clone(),
        store: Store::new(directory.path().join("store")),
        clock: cluster.clock.clone(),
    };
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let directory = directory.path().canonicalize().unwrap().join("runs");
    let configuration = Configuration {
        owner: "seatrial".to_owned(),
        directory,
    };
    tokio::spawn(super::run(ctx, Engine::new(ports, 2), configuration))
}

/// Asks again and again until there is an answer; real processes take real time.
async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    for _ in 0..2000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer within 20 seconds");
}

fn push_spec() -> PushSpec {
    PushSpec {
        repository: "shop".to_owned(),
        reference: "refs/heads/main".to_owned(),
        before: "0".repeat(40),
        after: COMMIT.to_owned(),
        subject: "First".to_owned(),
        message: "First\n\nbody".to_owned(),
        author: "Alice <alice@example.org>".to_owned(),
        pusher: "alice".to_owned(),
        received_at: None,
        changed_paths: Vec::new(),
        committed_at: None,
    }
}

fn shown(run: &PipelineRun) -> String {
    let status = run.status.as_ref().unwrap();
    let condition = &status.conditions[0];
    format!(
        "{:?} {} {}\n{}={} {}: {}\n",
        status.phase,
        status.progress,
        status.workflow,
        condition.type_,
        condition.status,
        condition.reason,
        condition.message
    )
}

const CI: &str = r#"
name: CI
on: {push: {branches: [main]}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "$GITHUB_ACTOR ${{ github.event.head_commit.author.name }} ${{ github.event.repository.default_branch }} ${{ secrets.KEY }} ${{ vars.STAGE }}"
"#;

const BAD: &str = "name: Bad\non: push\njobs:\n  a: {needs: b, runs-on: x, steps: [{run: x}]}\n  b: {needs: a, runs-on: x, steps: [{run: x}]}\n";

#[tokio::test]
async fn a_push_starts_the_workflows_it_matches() {
    let house = House::with(&[
        (".github/workflows/ci.yml", CI),
        (".github/workflows/bad.yaml", BAD),
        (
            ".github/workflows/tags.yml",
            &CI.replace("branches: [main]", "tags: ['*']"),
        ),
    ])
    .await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"KEY": "hidden-value"},
        "metadata": {"name": "pipeline-secrets-shop", "namespace": SYSTEM_NAMESPACE},
    });
    house.cluster.create(secret).await.unwrap();
    let variables = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"STAGE": "trial"},
        "metadata": {"name": "pipeline-variables-shop", "namespace": SYSTEM_NAMESPACE},
    });
    house.cluster.create(variables).await.unwrap();
    house.push("shop-1", |_| {}).await;
    assert_eq!(house.handled("shop-1").await, "shop-bad-yaml-1,shop-ci-1");
    let good = house.ended("shop-ci-1").await;
    let bad = house.ended("shop-bad-yaml-1").await;
    expect![[r#"
        Succeeded 1/1 CI
        Succeeded=True Succeeded: 1/1 jobs done
        Failed  .github/workflows/bad.yaml
        Succeeded=False Failed: .github/workflows/bad.yaml:4:14: jobs a → b → a need each other
    "#]]
    .assert_eq(&(shown(&good) + &shown(&bad)));
    let log = house.logs.text(house.directory.path());
    assert!(
        log.contains("test/2 output alice Alice main *** trial"),
        "{log}"
    );

    // The next push gets the next number.
    house.push("shop-2", |_| {}).await;
    house.handled("shop-2").await;
    let second = house.ended("shop-ci-2").await;
    assert_eq!(second.spec.run_number, 2);
    let events: Api<DynamicObject> = house.cluster.api(
        SYSTEM_NAMESPACE,
        &kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::Event>(&()),
    );
    let events = events.list(&ListParams::default()).await.unwrap();
    let reasons: Vec<&str> = events
        .items
        .iter()
        .filter_map(|event| event.data["reason"].as_str())
        .collect();
    for reason in ["PipelineStarted", "PipelineSucceeded", "PipelineFailed"] {
        assert!(reasons.contains(&reason), "{reason} in {reasons:?}");
    }
    house.controllers.abort();
}

#[tokio::test]
async fn files_whose_names_are_much_the_same_all_run() {
    let house = House::with(&[
        (".github/workflows/a b.yml", CI),
        (".github/workflows/a-b.yml", CI),
    ])
    .await;
    house.push("shop-1", |_| {}).await;
    assert_eq!(house.handled("shop-1").await, "shop-a-b-1,shop-a-b-2");
    house.push("shop-2", |_| {}).await;
    assert_eq!(house.handled("shop-2").await, "shop-a-b-3,shop-a-b-4");
    house.controllers.abort();
}

#[tokio::test]
async fn pushes_that_are_not_to_start_anything_are_marked() {
    let house = House::with(&[(".github/workflows/ci.yml", CI)]).await;
    house
        .push("own", |push| push.pusher = PIPELINE_USER.to_owned())
        .await;
    house
        .push("skip", |push| push.message = "Docs [skip ci]".to_owned())
        .await;
    house
        .push("other", |push| push.reference = "refs/heads/x".to_owned())
        .await;
    assert!(house.handled("own").await.contains("pushed by a pipeline"));
    assert!(house.handled("skip").await.contains("asks for no pipeline"));
    assert_eq!(house.handled("other").await, "no workflow");
    assert!(
        house
            .runs()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    house.controllers.abort();
}

#[tokio::test]
async fn a_failure_names_job_step_and_last_lines() {
    let ci = CI.replace(
        "- run: echo",
        "- name: Tests\n        run: echo failing; exit 3; echo",
    );
    let house = House::with(&[(".github/workflows/ci.yml", &ci)]).await;
    house.push("shop-1", |_| {}).await;
    let run = house.ended("shop-ci-1").await;
    expect![[r#"
        Failed 1/1 CI
        Succeeded=False Failed: job `test`, step `Tests`: exit code 3
        failing
    "#]]
    .assert_eq(&shown(&run));
    house.controllers.abort();
}

#[tokio::test]
async fn a_run_can_be_cancelled() {
    let ci = CI.replace("- run: echo", "- run: sleep 30; echo");
    let house = House::with(&[(".github/workflows/ci.yml", &ci)]).await;
    house.push("shop-1", |_| {}).await;
    let runs = house.runs();
    eventually(|| async {
        let run = runs.get_opt("shop-ci-1").await.unwrap()?;
        (run.status?.phase == RunPhase::Running).then_some(())
    })
    .await;
    let patch = Patch::Merge(json!({"spec": {"cancel": true}}));
    runs.patch("shop-ci-1", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let run = house.ended("shop-ci-1").await;
    expect![[r#"
        Cancelled 1/1 CI
        Succeeded=False Cancelled: cancelled
    "#]]
    .assert_eq(&shown(&run));
    house.controllers.abort();
}

#[tokio::test]
async fn a_run_that_was_under_way_when_the_process_ended_is_failed_as_interrupted() {
    let ci = CI.replace("- run: echo", "- run: sleep 30; echo");
    let house = House::with(&[(".github/workflows/ci.yml", &ci)]).await;
    house.push("shop-1", |_| {}).await;
    let runs = house.runs();
    eventually(|| async {
        let run = runs.get_opt("shop-ci-1").await.unwrap()?;
        (run.status?.phase == RunPhase::Running).then_some(())
    })
    .await;
    house.controllers.abort();
    let _ = (&mut { house.controllers }).await;
    let again = start(&house.cluster, &house.directory, &house.logs, &house.source);
    let run = eventually(|| async {
        let run = runs.get("shop-ci-1").await.unwrap();
        run.status
            .as_ref()
            .is_some_and(|status| status.phase.is_final())
            .then_some(run)
    })
    .await;
    expect![[r#"
        Failed 0/1 CI
        Succeeded=False Failed: interrupted: Seatrial was stopped while the run was under way; push again, or create a new run
    "#]].assert_eq(&shown(&run));
    again.abort();
}

#[tokio::test]
async fn a_newer_run_of_a_concurrency_group_cancels_the_older_one() {
    let ci = CI
        .replace(
            "jobs:",
            "concurrency: {group: '${{ github.ref }}', cancel-in-progress: true}\njobs:",
        )
        .replace(
            "- run: echo",
            "- run: if [ $GITHUB_RUN_NUMBER = 1 ]; then sleep 30; fi; echo",
        );
    let house = House::with(&[(".github/workflows/ci.yml", &ci)]).await;
    house.push("shop-1", |_| {}).await;
    let runs = house.runs();
    eventually(|| async {
        let run = runs.get_opt("shop-ci-1").await.unwrap()?;
        (run.status?.phase == RunPhase::Running).then_some(())
    })
    .await;
    house.push("shop-2", |_| {}).await;
    let (first, second) = (
        house.ended("shop-ci-1").await,
        house.ended("shop-ci-2").await,
    );
    assert_eq!(first.status.unwrap().phase, RunPhase::Cancelled);
    assert_eq!(second.status.unwrap().phase, RunPhase::Succeeded);
    house.controllers.abort();
}

#[tokio::test]
async fn a_run_of_a_file_that_does_not_exist_says_so() {
    let house = House::with(&[(".github/workflows/ci.yml", CI)]).await;
    let spec = PipelineRunSpec {
        repository: "shop".to_owned(),
        workflow_path: ".github/workflows/none.yml".to_owned(),
        reference: "refs/heads/main".to_owned(),
        commit: COMMIT.to_owned(),
        event: "workflow_dispatch".to_owned(),
        ..PipelineRunSpec::default()
    };
    let runs = house.runs();
    runs.create(&PostParams::default(), &PipelineRun::new("by-hand", spec))
        .await
        .unwrap();
    expect![[r#"
        Failed  .github/workflows/none.yml
        Succeeded=False Failed: .github/workflows/none.yml does not exist in shop at 0123456789abcdef0123456789abcdef01234567; workflow files there: .github/workflows/ci.yml
    "#]].assert_eq(&shown(&house.ended("by-hand").await));
    house.controllers.abort();
}

#[tokio::test]
async fn a_push_starts_its_pipeline_within_200_ms() {
    let house = House::with(&[(".github/workflows/ci.yml", CI)]).await;
    // The first push also waits for the controllers' first lists.
    house.push("warm", |_| {}).await;
    house.ended("shop-ci-1").await;
    let begun = tokio::time::Instant::now();
    house.push("shop-2", |_| {}).await;
    let logs = house.logs.clone();
    eventually(|| async {
        let entries = logs.0.lock().unwrap();
        (entries.iter().filter(|entry| entry.step == 1).count() > 1).then_some(())
    })
    .await;
    let took = begun.elapsed();
    println!("from push to the first line of the first step: {took:?}");
    // Generous, since tests share the machine: the figure itself is measured by the benchmark.
    assert!(took < Duration::from_secs(1), "{took:?}");
    house.controllers.abort();
}

#[test]
fn some_pushes_start_nothing() {
    let table: [(&str, &str, &str, bool); 7] = [
        (COMMIT, "alice", "First", true),
        (COMMIT, PIPELINE_USER, "First", false),
        (COMMIT, "alice", "Fix [CI skip]", false),
        (COMMIT, "alice", "Fix\n\nskip-checks: true", false),
        (COMMIT, "alice", "Fix\n\n[no ci]", false),
        (COMMIT, "alice", "skip ci", true),
        (
            "0000000000000000000000000000000000000000",
            "alice",
            "First",
            false,
        ),
    ];
    for (after, pusher, message, runs) in table {
        let mut push = push_spec();
        push.after = after.to_owned();
        push.pusher = pusher.to_owned();
        push.message = message.to_owned();
        assert_eq!(
            reason_not_to_run(&push).is_none(),
            runs,
            "{message} by {pusher}"
        );
    }
}

#[test]
fn file_names_become_parts_of_object_names() {
    for (path, expected) in [
        (".github/workflows/ci.yml", "ci"),
        (".github/workflows/ci.yaml", "ci-yaml"),
        (".github/workflows/Build & Deploy.yml", "build---deploy"),
        (".github/workflows/__.yml", "workflow"),
    ] {
        assert_eq!(slug(path), expected);
    }
}
