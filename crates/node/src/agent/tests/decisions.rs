//! What is decided for a pod in a given state.

// The snapshots are written by a tool; JSON and snapshots read best when handed over whole.
#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)]

use std::net::{IpAddr, Ipv4Addr};

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::agent::decide::{Action, decide};
use crate::agent::world::{Activity, Sandbox, Slot, World};
use crate::status::{Course, Ended, Readiness, Startup};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": "web", "uid": "u"}, "spec": spec})).unwrap()
}

fn two() -> Pod {
    pod(json!({"containers": [{"name": "app"}, {"name": "log"}]}))
}

fn world(pod: &Pod) -> World {
    World::new(pod, IpAddr::from(Ipv4Addr::LOCALHOST), at(0))
}

fn ready(pod: &Pod) -> World {
    World {
        sandbox: Sandbox::Ready,
        ..world(pod)
    }
}

fn run(world: &mut World, slot: Slot, since: i64) {
    let unit = world.unit_mut(slot).unwrap();
    unit.started(
        "test://1".into(),
        at(since),
        Startup::Started,
        Readiness::Ready,
    );
}

fn end(world: &mut World, slot: Slot, code: i32, when: i64) {
    let unit = world.unit_mut(slot).unwrap();
    unit.failures += 1;
    unit.ended(Ended {
        code,
        signal: None,
        reason: "Error".into(),
        message: None,
        started_at: at(when),
        finished_at: at(when),
        id: "test://1".into(),
    });
}

fn check(pod: &Pod, world: &World, now: i64, expected: Expect) {
    let decision = decide(pod, world, at(now));
    let time = |time: Timestamp| format!("{}s", time.as_second());
    let mut lines: Vec<String> = decision
        .actions
        .iter()
        .map(|action| match action {
            Action::BackOff { slot, until, .. } => {
                format!("BackOff {slot:?} until {}", time(*until))
            }
            Action::Stop { slot, deadline } => format!("Stop {slot:?} by {}", time(*deadline)),
            other => format!("{other:?}"),
        })
        .collect();
    lines.extend(
        decision
            .wake
            .map(|wake| format!("look again at {}", time(wake))),
    );
    expected.assert_eq(&lines.join("; "));
}

#[test]
fn a_new_pod_gets_a_sandbox_and_then_its_containers() {
    let pod = two();
    check(&pod, &world(&pod), 0, expect!["CreateSandbox"]);
    let creating = World {
        sandbox: Sandbox::Creating { failures: 0 },
        ..world(&pod)
    };
    check(&pod, &creating, 0, expect![]);
    let mut world = ready(&pod);
    check(&pod, &world, 0, expect!["Start(Main(0)); Start(Main(1))"]);
    world.containers[0].activity = Activity::Starting;
    run(&mut world, Slot::Main(1), 1);
    check(&pod, &world, 1, expect![]);
}

#[test]
fn a_sandbox_that_failed_is_tried_again_later() {
    let pod = two();
    let failed = World {
        sandbox: Sandbox::Absent {
            retry: Some(at(10)),
            failures: 1,
        },
        ..world(&pod)
    };
    check(&pod, &failed, 5, expect!["look again at 10s"]);
    check(&pod, &failed, 10, expect!["CreateSandbox"]);
}

#[test]
fn init_containers_run_one_after_the_other() {
    let pod = pod(json!({
        "initContainers": [{"name": "one"}, {"name": "proxy", "restartPolicy": "Always"}, {"name": "two"}],
        "containers": [{"name": "app"}],
    }));
    let mut world = ready(&pod);
    check(&pod, &world, 0, expect!["Start(Init(0))"]);
    run(&mut world, Slot::Init(0), 0);
    check(&pod, &world, 1, expect![]);
    end(&mut world, Slot::Init(0), 1, 1);
    check(&pod, &world, 1, expect!["Start(Init(0))"]);
    run(&mut world, Slot::Init(0), 1);
    end(&mut world, Slot::Init(0), 0, 2);
    check(&pod, &world, 2, expect!["Start(Init(1))"]);
    run(&mut world, Slot::Init(1), 2);
    check(&pod, &world, 3, expect!["Start(Init(2))"]);
    run(&mut world, Slot::Init(2), 3);
    end(&mut world, Slot::Init(2), 0, 4);
    check(&pod, &world, 4, expect!["Start(Main(0))"]);
}

#[test]
fn failures_back_off_as_the_policy_says() {
    for (policy, code, expected) in [
        (
            "Always",
            0,
            expect!["BackOff Main(0) until 30s; look again at 30s"],
        ),
        ("OnFailure", 0, expect![]),
        (
            "OnFailure",
            1,
            expect!["BackOff Main(0) until 30s; look again at 30s"],
        ),
        ("Never", 1, expect![]),
    ] {
        let pod =
            pod(json!({"restartPolicy": policy, "containers": [{"name": "app"}, {"name": "log"}]}));
        let mut world = ready(&pod);
        run(&mut world, Slot::Main(1), 0);
        run(&mut world, Slot::Main(0), 0);
        end(&mut world, Slot::Main(0), code, 10);
        world.containers[0].failures = 3;
        check(&pod, &world, 10, expected);
    }
}

#[test]
fn a_container_that_backs_off_is_started_when_its_time_has_come() {
    let pod = two();
    let mut world = ready(&pod);
    run(&mut world, Slot::Main(1), 0);
    world.containers[0].waiting("CrashLoopBackOff", String::new(), at(30));
    check(&pod, &world, 29, expect!["look again at 30s"]);
    check(&pod, &world, 30, expect!["Start(Main(0))"]);
}

#[test]
fn a_finished_pod_gives_its_sandbox_back() {
    let pod = pod(json!({"restartPolicy": "Never", "containers": [{"name": "app"}]}));
    let mut world = ready(&pod);
    run(&mut world, Slot::Main(0), 0);
    end(&mut world, Slot::Main(0), 0, 5);
    check(&pod, &world, 5, expect!["StopSandbox"]);
    world.sandbox = Sandbox::Absent {
        retry: None,
        failures: 0,
    };
    check(&pod, &world, 6, expect![]);
}

#[test]
fn a_deleted_pod_ends_containers_then_sidecars_then_the_sandbox() {
    let pod = pod(json!({
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
        "containers": [{"name": "app"}, {"name": "log"}],
    }));
    let mut world = ready(&pod);
    for slot in [Slot::Init(0), Slot::Main(0), Slot::Main(1)] {
        run(&mut world, slot, 0);
    }
    world.course = Course::Ending;
    world.deadline = Some(at(40));
    check(
        &pod,
        &world,
        10,
        expect!["Stop Main(0) by 40s; Stop Main(1) by 40s"],
    );
    world.containers[0].activity = Activity::Stopping { deadline: at(40) };
    world.containers[1].activity = Activity::Stopping { deadline: at(40) };
    check(&pod, &world, 11, expect![]);
    world.deadline = Some(at(12));
    check(
        &pod,
        &world,
        11,
        expect!["Stop Main(0) by 12s; Stop Main(1) by 12s"],
    );
    end(&mut world, Slot::Main(0), 0, 12);
    end(&mut world, Slot::Main(1), 0, 12);
    check(&pod, &world, 12, expect!["Stop Init(0) by 12s"]);
    end(&mut world, Slot::Init(0), 0, 13);
    check(&pod, &world, 13, expect!["StopSandbox"]);
    world.sandbox = Sandbox::Stopping;
    check(&pod, &world, 13, expect![]);
    world.sandbox = Sandbox::Absent {
        retry: None,
        failures: 0,
    };
    check(&pod, &world, 13, expect!["Delete"]);
}

#[test]
fn a_pod_past_its_deadline_fails() {
    let pod = pod(json!({"activeDeadlineSeconds": 60, "containers": [{"name": "app"}]}));
    let mut world = ready(&pod);
    run(&mut world, Slot::Main(0), 0);
    check(&pod, &world, 10, expect!["look again at 60s"]);
    check(
        &pod,
        &world,
        60,
        expect![[
            r#"Fail { reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" }"#
        ]],
    );
    world.course = Course::Failed {
        reason: "DeadlineExceeded".into(),
        message: String::new(),
    };
    check(&pod, &world, 60, expect!["Stop Main(0) by 90s"]);
}

#[test]
fn what_ran_under_an_earlier_agent_is_started_again() {
    let mut pod = two();
    let running = json!({"running": {"startedAt": "1970-01-01T00:00:01Z"}});
    let status = |name: &str| {
        json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": 1,
        "started": true, "containerID": "test://1", "state": running})
    };
    let status = json!({"phase": "Running", "podIP": "10.244.0.9", "startTime": "1970-01-01T00:00:00Z",
        "containerStatuses": [status("app"), status("log")]});
    pod.status = serde_json::from_value(status).unwrap();
    let mut world = World::new(&pod, IpAddr::from(Ipv4Addr::LOCALHOST), at(100));
    assert_eq!(world.address.unwrap().to_string(), "10.244.0.9");
    check(&pod, &world, 100, expect!["CreateSandbox"]);
    world.sandbox = Sandbox::Ready;
    check(&pod, &world, 100, expect!["Start(Main(0)); Start(Main(1))"]);
    run(&mut world, Slot::Main(0), 101);
    let view = &world.containers[0].view;
    assert_eq!((view.restarts, view.last.as_ref().unwrap().code), (2, 137));
}
