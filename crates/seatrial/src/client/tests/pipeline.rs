use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use kube::api::{Api, Patch, PatchParams};
use seatrial_pipelines::logs::FileLogs;
use seatrial_pipelines::port::{Entry, Kind, Logs as _};
use seatrial_resources::seatrial_dev::PipelineRun;
use seatrial_testkit::{Cluster, EPOCH};
use serde_json::{Value, json};

use super::super::{PipelineCommand, State};
use super::{cluster, outcome, parsed, session};

async fn run(cluster: &Cluster, words: &str, state: State) -> String {
    let session = session(cluster);
    let done = parsed::<PipelineCommand>(words)
        .execute(&session, state)
        .await;
    outcome(&session, done)
}

fn api(cluster: &Cluster) -> Api<PipelineRun> {
    Api::namespaced(cluster.client.clone(), "test")
}

async fn status(cluster: &Cluster, status: Value) {
    let patch = Patch::Merge(json!({ "status": status }));
    api(cluster)
        .patch_status("shop-ci-1", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn with_run(phase: &str) -> Cluster {
    let cluster = cluster().await;
    cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1",
            "kind": "PipelineRun",
            "metadata": { "name": "shop-ci-1", "namespace": "test", "labels": { "seatrial.dev/push": "p", "seatrial.dev/repository": "shop" } },
            "spec": {
                "repository": "shop", "workflowPath": ".github/workflows/ci.yml", "ref": "refs/heads/main",
                "commit": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "event": "push", "actor": "ada",
                "message": "Paint it blue\n\nBecause.", "runNumber": 1,
            },
        }))
        .await
        .unwrap();
    let job = |id: &str, phase: &str, steps: Value| json!({ "id": id, "name": id, "phase": phase, "steps": steps, "startedAt": "2026-01-01T00:00:00.000000Z" });
    status(
        &cluster,
        json!({
            "workflow": "CI", "phase": phase, "progress": "1/2",
            "startedAt": "2026-01-01T00:00:00.000000Z",
            "jobs": [
                job("test", "Succeeded", json!([{ "name": "Run tests", "phase": "Succeeded", "exitCode": 0,
                    "startedAt": "2026-01-01T00:00:00.000000Z", "finishedAt": "2026-01-01T00:00:01.500000Z" }])),
                job("build", phase, json!([{ "name": "Build", "phase": phase, "message": "exit code 1" }])),
            ],
        }),
    )
    .await;
    cluster
}

fn entry(job: &str, kind: Kind, text: &str) -> Entry {
    let (job, name) = (job.to_owned(), "Run".to_owned());
    Entry {
        at: EPOCH,
        job,
        step: 1,
        name,
        kind,
        text: text.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn runs_are_listed_and_shown_with_their_steps() {
    let cluster = with_run("Failed").await;
    tokio::time::advance(Duration::from_secs(75)).await;
    expect![[r#"
        NAME        WORKFLOW   PHASE    PROGRESS   REF    COMMIT    TOOK   AGE
        shop-ci-1   CI         Failed   1/2        main   0a1b2c3   75s    75s
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "list", State::default()).await);
    expect![[r#"
        Name:       shop-ci-1
        Repository: shop
        Workflow:   CI (.github/workflows/ci.yml)
        Ref:        main (0a1b2c3)
        Commit:     Paint it blue
        Actor:      ada
        Phase:      Failed
        Took:       75s

        JOB             PHASE       TOOK   MESSAGE
        ✔ test          Succeeded   75s
          ✔ Run tests   Succeeded   1.5s
        ✖ build         Failed      75s
          ✖ Build       Failed      -      exit code 1
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get", State::default()).await);
    expect![[r#"
        error: pipeline run other does not exist; see `seatrial pipeline list`
    "#]]
    .assert_eq(&run(&cluster, "get other", State::default()).await);
}

#[tokio::test(start_paused = true)]
async fn runs_are_cancelled_and_made_again() {
    let cluster = with_run("Running").await;
    expect![[r#"
        error: pipeline run shop-ci-1 has not ended (Running): stop it first with `seatrial pipeline cancel shop-ci-1`
    "#]].assert_eq(&run(&cluster, "rerun shop-ci-1", State::default()).await);
    expect![[r#"
        pipeline run shop-ci-1 is asked to stop
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "cancel shop-ci-1", State::default()).await);
    assert!(api(&cluster).get("shop-ci-1").await.unwrap().spec.cancel);
    status(&cluster, json!({ "phase": "Cancelled" })).await;
    expect![[r#"
        pipeline run shop-ci-1-attempt-2 is made; follow it: seatrial pipeline logs -f shop-ci-1-attempt-2
        exit 0
    "#]].assert_eq(&run(&cluster, "rerun shop-ci-1", State::default()).await);
    let again = api(&cluster).get("shop-ci-1-attempt-2").await.unwrap();
    assert!(!again.spec.cancel);
    assert!(
        !again
            .metadata
            .labels
            .unwrap()
            .contains_key("seatrial.dev/push")
    );
}

#[tokio::test(start_paused = true)]
async fn logs_are_followed_to_the_end_of_the_run() {
    let cluster = with_run("Running").await;
    let directory = tempfile::tempdir().unwrap();
    let state = State {
        log_directory: Some(directory.path().to_owned()),
    };
    let logs = FileLogs::new(directory.path(), Arc::clone(&cluster.clock));
    let writer = {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            logs.append("shop-ci-1", &entry("test", Kind::Command, "pytest"));
            tokio::time::sleep(Duration::from_secs(5)).await;
            logs.append("shop-ci-1", &entry("build", Kind::Error, "no such file"));
            status(&cluster, json!({ "phase": "Failed" })).await;
            logs.finish("shop-ci-1");
        })
    };
    expect![[r#"
        test │ Run │ $ pytest
        build │ Run │ error: no such file
        pipeline run shop-ci-1: Failed
        exit 1
    "#]]
    .assert_eq(&run(&cluster, "logs -f", state.clone()).await);
    writer.await.unwrap();
    expect![[r#"
        build │ Run │ error: no such file
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "logs shop-ci-1 --job build", state).await);
    expect![[r#"
        error: the logs are in the data directory of the cluster, and none runs on this machine: start it with `seatrial up`, or name the folder with --log-directory
    "#]].assert_eq(&run(&cluster, "logs", State::default()).await);
}
