//! The agent on a runtime in memory, in an in-process cluster, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests end where something is wrong.

#[path = "agent/fake.rs"]
mod fake;
#[path = "agent/setup.rs"]
mod setup;

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams};
use seatrial_node::logs::Run;
use seatrial_testkit::eventually;
use serde_json::{Value, json};

use setup::{Test, agent, app, container, is_ready, waits};

#[tokio::test(start_paused = true)]
async fn a_pod_runs_and_ends_when_deleted() {
    let test = Test::start().await;
    test.create("web", app(json!({"env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}))).await;
    let pod = test.until("web", "ready", is_ready).await;
    let status = pod.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("10.244.0.1"));
    assert_eq!(status.host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(container(&pod).image_id, "shop:1@sha256:0");
    assert_eq!(container(&pod).started, Some(true));
    let env = test.world.specs.lock().unwrap()["app"].env.clone();
    assert_eq!(
        (env["NODE"].as_str(), env["POD_IP"].as_str()),
        ("node", "10.244.0.1")
    );
    assert_eq!(test.logs("web", Run::Current), "hello from app\n");
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
    assert_eq!(
        test.world.told(),
        "leftovers, sandbox, start app, signal app 15, stop"
    );
    expect_test::expect![[r#"
        [
            "Created: Created container: app",
            "Killing: Stopping container app",
            "Pulled: Container image \"shop:1\" already present on machine",
            "Started: Started container app",
        ]
    "#]]
    .assert_debug_eq(&test.events("web").await);
    let left = std::fs::read_dir(test.directory.path().join("pods"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_follows_its_probe() {
    let test = Test::start().await;
    let probe = json!({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2});
    test.create("web", app(json!({"readinessProbe": probe})))
        .await;
    let pod = test.until("web", "running", container_runs).await;
    assert!(!is_ready(&pod));
    tokio::time::sleep(Duration::from_secs(3)).await;
    *test.world.http.lock().unwrap() = Some(204);
    test.until("web", "ready", is_ready).await;
    *test.world.http.lock().unwrap() = Some(500);
    test.until("web", "unready", |pod| !is_ready(pod)).await;
    let events = test.events("web").await.join("\n");
    assert!(
        events
            .contains("Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500"),
        "{events}"
    );
    let refused = "Readiness probe failed: Get \"http://10.244.0.1:8080/ready\": dial tcp 10.244.0.1:8080: connect: connection refused";
    assert!(events.contains(refused), "{events}");
}

fn container_runs(pod: &Pod) -> bool {
    pod.status
        .as_ref()
        .is_some_and(|it| it.phase.as_deref() == Some("Running"))
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_alive_is_restarted() {
    let test = Test::start().await;
    test.world.commands.lock().unwrap().extend([0, 1, 1, 1]);
    let probe = json!({"exec": {"command": ["check"]}, "periodSeconds": 5});
    test.create("web", app(json!({"livenessProbe": probe})))
        .await;
    let pod = test
        .until("web", "a restart", |pod| {
            is_ready(pod) && container(pod).restart_count == 1
        })
        .await;
    let last = container(&pod)
        .last_state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!(
        (last.exit_code, last.reason.as_deref()),
        (143, Some("Error"))
    );
    let events = test.events("web").await.join("\n");
    assert!(
        events.contains("Unhealthy: Liveness probe failed: it is not well"),
        "{events}"
    );
    assert!(
        events.contains("Killing: Container app failed liveness probe, will be restarted"),
        "{events}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_startup_probe_holds_the_others_back() {
    let test = Test::start().await;
    test.world.commands.lock().unwrap().extend([1, 1, 0]);
    let probe = json!({"exec": {"command": ["up"]}, "periodSeconds": 2, "failureThreshold": 5});
    let ready = json!({"exec": {"command": ["ready"]}});
    test.create(
        "web",
        app(json!({"startupProbe": probe, "readinessProbe": ready})),
    )
    .await;
    let pod = test.until("web", "ready", is_ready).await;
    assert_eq!(container(&pod).started, Some(true));
    let story = test.world.told();
    assert!(
        story.ends_with("exec up, exec up, exec up, exec ready"),
        "{story}"
    );
}

#[tokio::test(start_paused = true)]
async fn crashes_back_off_and_the_previous_log_stays() {
    let test = Test::start().await;
    test.create("web", app(json!({"args": ["exit", "3"]})))
        .await;
    let is_backing_off =
        |pod: &Pod| waits(pod).is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    let pod = test.until("web", "back-off", is_backing_off).await;
    let (_, message) = waits(&pod).unwrap();
    assert!(
        message.starts_with("back-off 10s restarting failed container=app pod=web_test("),
        "{message}"
    );
    let last = container(&pod)
        .last_state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!((last.exit_code, container(&pod).restart_count), (3, 1));
    assert_eq!(test.logs("web", Run::Previous), "hello from app\n");
    test.until("web", "three restarts", |pod| {
        container(pod).restart_count == 3
    })
    .await;
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_there_is_a_start_error() {
    let test = Test::start().await;
    test.create("web", app(json!({"args": ["missing"]}))).await;
    let pod = test
        .until("web", "back-off", |pod| {
            waits(pod).is_some_and(|it| it.0 == "CrashLoopBackOff")
        })
        .await;
    let last = container(&pod)
        .last_state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!(
        (last.exit_code, last.reason.as_deref()),
        (128, Some("StartError"))
    );
    assert_eq!(
        last.message.as_deref(),
        Some("cannot execute \"missing\": entity not found")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stubborn_container_is_killed_after_its_grace() {
    let test = Test::start().await;
    let mut spec = app(
        json!({"args": ["stubborn"], "lifecycle": {"preStop": {"exec": {"command": ["bye"]}}}}),
    );
    spec["terminationGracePeriodSeconds"] = json!(7);
    test.create("web", spec).await;
    test.until("web", "ready", is_ready).await;
    let begin = tokio::time::Instant::now();
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
    assert_eq!(begin.elapsed().as_secs(), 7);
    let story = test.world.told();
    assert!(
        story.ends_with("exec bye, signal app 15, signal app 9, stop"),
        "{story}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_deletion_does_not_wait() {
    let test = Test::start().await;
    test.create("web", app(json!({"args": ["stubborn"]}))).await;
    test.until("web", "ready", is_ready).await;
    test.pods
        .delete("web", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    test.gone("web").await;
    eventually("the sandbox to go", Duration::from_secs(3), async || {
        test.world
            .told()
            .ends_with("signal app 9, stop")
            .then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_waited_for() {
    let test = Test::start().await;
    let env = json!([{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}]);
    let mut spec = app(
        json!({"env": env, "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}]}),
    );
    spec["volumes"] = json!([{"name": "settings", "configMap": {"name": "files"}}]);
    test.create("web", spec).await;
    eventually("the event", Duration::from_secs(5), async || {
        let events = test.events("web").await;
        events.contains(&"FailedMount: MountVolume.SetUp failed for volume \"settings\": configmap \"files\" not found".to_owned()).then_some(())
    })
    .await;
    let map = |name: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "test"}, "data": {"colour": value}})
    };
    test.cluster.create(map("files", "blue")).await.unwrap();
    let pod = test
        .until("web", "a reason", |pod| {
            waits(pod).is_some_and(|it| it.0 == "CreateContainerConfigError")
        })
        .await;
    assert_eq!(waits(&pod).unwrap().1, "configmap \"settings\" not found");
    test.cluster.create(map("settings", "red")).await.unwrap();
    test.until("web", "ready", is_ready).await;
    let spec = test.world.specs.lock().unwrap()["app"].clone();
    assert_eq!(spec.env["COLOUR"], "red");
    let file = spec.mounts[0].source.join("colour");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "blue");
    // A change reaches the files while the container runs.
    test.cluster.apply(map("files", "green")).await.unwrap();
    eventually("the change", Duration::from_secs(5), async || {
        (std::fs::read_to_string(&file).ok()? == "green").then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_is_told_as_upstream() {
    let test = Test::start().await;
    test.create("web", app(json!({"image": "bad:1"}))).await;
    let pod = test
        .until("web", "a reason", |pod| {
            waits(pod).is_some_and(|it| it.0 == "ErrImagePull")
        })
        .await;
    assert_eq!(
        waits(&pod).unwrap().1,
        "failed to pull image \"bad:1\": manifest unknown"
    );
    test.until("web", "back-off", |pod| {
        waits(pod).is_some_and(|it| it.0 == "ImagePullBackOff")
    })
    .await;
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
}

#[tokio::test(start_paused = true)]
async fn init_containers_and_sidecars_come_first() {
    let test = Test::start().await;
    let image = "shop:1";
    test.create(
        "web",
        json!({
            "initContainers": [
                {"name": "setup", "image": image, "args": ["exit-after", "2", "0"]},
                {"name": "proxy", "image": image, "restartPolicy": "Always"},
            ],
            "containers": [{"name": "app", "image": image}],
        }),
    )
    .await;
    let initialising = |pod: &Pod| waits(pod).is_some_and(|it| it.0 == "PodInitializing");
    test.until("web", "initialising", initialising).await;
    test.until("web", "ready", is_ready).await;
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
    assert_eq!(
        test.world.told(),
        "leftovers, sandbox, start setup, start proxy, start app, signal app 15, signal proxy 15, stop"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_s_pod_succeeds() {
    let test = Test::start().await;
    let mut spec = app(json!({"args": ["exit-after", "3", "0"]}));
    spec["restartPolicy"] = json!("Never");
    test.create("job", spec).await;
    let over = |pod: &Pod| {
        pod.status
            .as_ref()
            .is_some_and(|it| it.phase.as_deref() == Some("Succeeded"))
    };
    let pod = test.until("job", "success", over).await;
    let ended = container(&pod)
        .state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!(
        (ended.exit_code, ended.reason.as_deref()),
        (0, Some("Completed"))
    );
    assert_eq!(test.logs("job", Run::Current), "hello from app\n");
    assert!(test.world.told().ends_with("stop"));
}

#[tokio::test(start_paused = true)]
async fn the_next_agent_restarts_what_ran() {
    let test = Test::start().await;
    test.create("web", app(json!({}))).await;
    test.until("web", "ready", is_ready).await;
    test.agent.stop().await;
    assert!(test.world.told().ends_with("stop"));
    let pod = test.pods.get("web").await.unwrap();
    assert!(is_ready(&pod), "a stopped agent tells the API nothing");
    let _next = agent(&test.cluster, &test.world, test.directory.path());
    let pod = test
        .until("web", "a restart", |pod| {
            is_ready(pod) && container(pod).restart_count == 1
        })
        .await;
    assert_eq!(
        pod.status.as_ref().unwrap().pod_ip.as_deref(),
        Some("10.244.0.1")
    );
    let last = container(&pod)
        .last_state
        .as_ref()
        .unwrap()
        .terminated
        .as_ref()
        .unwrap();
    assert_eq!(
        last.message.as_deref(),
        Some("the node's agent was restarted")
    );
}

#[tokio::test(start_paused = true)]
async fn finalizers_hold_the_object_but_not_the_processes() {
    let test = Test::start().await;
    test.create("web", app(json!({}))).await;
    test.until("web", "ready", is_ready).await;
    let hold = |list: Value| Patch::Merge(json!({"metadata": {"finalizers": list}}));
    test.pods
        .patch(
            "web",
            &PatchParams::default(),
            &hold(json!(["example.com/hold"])),
        )
        .await
        .unwrap();
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the sandbox to go", Duration::from_secs(5), async || {
        test.world.told().ends_with("stop").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(test.pods.get_opt("web").await.unwrap().is_some());
    test.pods
        .patch("web", &PatchParams::default(), &hold(json!([])))
        .await
        .unwrap();
    test.gone("web").await;
}

#[tokio::test(start_paused = true)]
async fn a_pull_is_given_up_when_the_pod_is_deleted() {
    let test = Test::start().await;
    test.create("web", app(json!({"image": "slow:1"}))).await;
    let creating = |pod: &Pod| waits(pod).is_some_and(|it| it.0 == "ContainerCreating");
    test.until("web", "creating", creating).await;
    test.pods
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    test.gone("web").await;
    assert_eq!(test.world.told(), "leftovers, sandbox, stop");
}

/// A container that wants a port of the node.
fn listening(port: u16) -> Value {
    app(json!({"ports": [{"containerPort": 80, "hostPort": port}]}))
}

fn failed(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.is_some_and(|it| it.phase.as_deref() == Some("Failed"))
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_port_is_taken_is_refused() {
    let test = Test::start().await;
    test.create("first", listening(8080)).await;
    test.until("first", "ready", is_ready).await;
    test.create("other", listening(8081)).await;
    test.until("other", "ready", is_ready).await;
    test.create("second", listening(8080)).await;
    let pod = test.until("second", "refused", failed).await;
    let status = pod.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("NodePorts"));
    let problem =
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!(
        status.message.unwrap(),
        format!("Pod was rejected: {problem}")
    );
    assert_eq!(
        test.events("second").await,
        [format!("NodePorts: {problem}")]
    );
    // The refused one takes nothing, and the port is free again when its owner is gone.
    for name in ["first", "second"] {
        test.pods
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
        test.gone(name).await;
    }
    test.create("third", listening(8080)).await;
    test.until("third", "ready", is_ready).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_room_or_on_the_wrong_node_is_refused() {
    let test = Test::start().await;
    let large = || app(json!({"resources": {"requests": {"cpu": "3"}}}));
    test.create("first", large()).await;
    test.until("first", "ready", is_ready).await;
    test.create("second", large()).await;
    let pod = test.until("second", "refused", failed).await;
    assert_eq!(
        pod.status.unwrap().message.unwrap(),
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 3000, capacity: 4000"
    );
    let mut elsewhere = app(json!({}));
    elsewhere["nodeSelector"] = json!({"disk": "fast"});
    test.create("third", elsewhere).await;
    let pod = test.until("third", "refused", failed).await;
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("NodeAffinity"));
}
