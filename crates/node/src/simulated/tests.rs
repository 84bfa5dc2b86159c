//! The lives of simulated pods, told line by line.

// The snapshots are written by a tool; JSON and snapshots read best when handed over whole.
#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_clock::Random;
use serde_json::{Value, json};

use super::behaviour::{Behaviour, Delay};
use super::fleet::{Effect, Fleet, Node, Written};
use crate::address::{Pool, Range};

fn fleet(behaviour: Behaviour, capacity: u32) -> Fleet {
    let addresses = Pool::new(Range::of_node(0, 1, 110).unwrap());
    let node = Node {
        host: IpAddr::from(Ipv4Addr::new(172, 16, 0, 1)),
        addresses,
        capacity,
        pods: 0,
        ports: BTreeMap::new(),
    };
    Fleet::new(
        BTreeMap::from([("node".to_owned(), node)]),
        behaviour,
        Random::seeded(1),
    )
}

fn pod(name: &str, annotations: Value, spec: Value) -> Pod {
    let annotations: BTreeMap<String, Value> = serde_json::from_value(annotations).unwrap();
    let annotations: BTreeMap<_, _> = annotations
        .into_iter()
        .map(|(key, value)| (format!("simulated.seatrial.dev/{key}"), value))
        .collect();
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "annotations": annotations},
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "shop:1"}]},
    });
    if let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], spec) {
        into.extend(from);
    }
    serde_json::from_value(pod).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// One line about a status: phase, readiness, state and restarts.
fn line(status: &PodStatus) -> String {
    let ready = status
        .conditions
        .iter()
        .flatten()
        .find(|it| it.type_ == "Ready")
        .unwrap();
    let container = &status.container_statuses.as_ref().unwrap()[0];
    let state = container.state.as_ref().unwrap();
    let state = if let Some(waiting) = &state.waiting {
        let message = waiting
            .message
            .as_deref()
            .map(|message| format!(" ({message})"));
        format!(
            "{}{}",
            waiting.reason.as_deref().unwrap(),
            message.unwrap_or_default()
        )
    } else if let Some(ended) = &state.terminated {
        format!("{} {}", ended.reason.as_deref().unwrap(), ended.exit_code)
    } else {
        "Running".to_owned()
    };
    let phase = status.phase.as_deref().unwrap();
    let restarts = container.restart_count;
    let ip = status.pod_ip.as_deref().unwrap_or("no address");
    format!(
        "{phase}, Ready={}, {state}, {restarts} restarts, {ip}",
        ready.status
    )
}

/// Plays the fleet until `end`, answering every write at once.
fn play(fleet: &mut Fleet, from: Timestamp, end: Timestamp) -> String {
    let mut story = String::new();
    let mut now = from;
    loop {
        while let Some(effect) = fleet.next_effect() {
            let time = now.as_millisecond() as f64 / 1_000.0;
            let pod = match effect {
                Effect::Status(pod, status, notices) => {
                    writeln!(story, "at {time:>5}s {}", line(&status)).unwrap();
                    for notice in notices {
                        writeln!(story, "    event {}: {}", notice.reason, notice.message).unwrap();
                    }
                    pod
                }
                Effect::Delete(pod) => {
                    writeln!(story, "at {time:>5}s deleted").unwrap();
                    pod
                }
            };
            fleet.written(&pod, Written::Settled, now);
        }
        match fleet.due() {
            Some(due) if due <= end => now = due,
            _ => return story,
        }
        fleet.fire(now);
    }
}

fn check(annotations: Value, spec: Value, seconds: i64, expected: Expect) {
    let mut fleet = fleet(Behaviour::default(), 110);
    fleet.applied(&Arc::new(pod("web", annotations, spec)), at(0));
    expected.assert_eq(&play(&mut fleet, at(0), at(seconds)));
}

#[test]
fn without_delays_one_write_makes_a_pod_ready() {
    check(
        json!({}),
        json!({}),
        3600,
        expect![[r#"
        at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
    "#]],
    );
}

#[test]
fn delays_and_probes_are_waited_for() {
    check(
        json!({"pull-delay": "2s", "start-delay": "500ms", "ready-delay": "1s"}),
        json!({"containers": [{"name": "app", "image": "shop:1",
            "readinessProbe": {"initialDelaySeconds": 5, "periodSeconds": 3, "successThreshold": 2}}]}),
        3600,
        expect![[r#"
            at     0s Pending, Ready=False, ContainerCreating, 0 restarts, 10.244.0.1
            at   2.5s Running, Ready=False, Running, 0 restarts, 10.244.0.1
            at  11.5s Running, Ready=True, Running, 0 restarts, 10.244.0.1
        "#]],
    );
}

#[test]
fn crashes_back_off() {
    check(
        json!({"crash-after": "5s", "crash-code": "3"}),
        json!({}),
        90,
        expect![[r#"
            at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
            at     5s Running, Ready=True, Running, 1 restarts, 10.244.0.1
            at    10s Running, Ready=False, CrashLoopBackOff (back-off 10s restarting failed container=app pod=web_shop(uid-web)), 1 restarts, 10.244.0.1
                event BackOff: Back-off restarting failed container app in pod web_shop(uid-web)
            at    20s Running, Ready=True, Running, 2 restarts, 10.244.0.1
            at    25s Running, Ready=False, CrashLoopBackOff (back-off 20s restarting failed container=app pod=web_shop(uid-web)), 2 restarts, 10.244.0.1
                event BackOff: Back-off restarting failed container app in pod web_shop(uid-web)
            at    45s Running, Ready=True, Running, 3 restarts, 10.244.0.1
            at    50s Running, Ready=False, CrashLoopBackOff (back-off 40s restarting failed container=app pod=web_shop(uid-web)), 3 restarts, 10.244.0.1
                event BackOff: Back-off restarting failed container app in pod web_shop(uid-web)
            at    90s Running, Ready=True, Running, 4 restarts, 10.244.0.1
        "#]],
    );
}

#[test]
fn a_job_completes() {
    check(
        json!({"complete-after": "3s"}),
        json!({"restartPolicy": "Never"}),
        90,
        expect![[r#"
            at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
            at     3s Succeeded, Ready=False, Completed 0, 0 restarts, 10.244.0.1
        "#]],
    );
}

#[test]
fn a_failing_job_pod_fails() {
    check(
        json!({"complete-after": "3s", "exit-code": "2"}),
        json!({"restartPolicy": "Never"}),
        90,
        expect![[r#"
            at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
            at     3s Failed, Ready=False, Error 2, 0 restarts, 10.244.0.1
        "#]],
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_as_upstream() {
    check(
        json!({"image-pull-error": "manifest unknown"}),
        json!({}),
        90,
        expect![[r#"
            at     0s Pending, Ready=False, ErrImagePull (failed to pull image "shop:1": manifest unknown), 0 restarts, 10.244.0.1
                event Failed: Failed to pull image "shop:1": manifest unknown
                event Failed: Error: ErrImagePull
            at    10s Pending, Ready=False, ImagePullBackOff (Back-off pulling image "shop:1": ErrImagePull: failed to pull image "shop:1": manifest unknown), 0 restarts, 10.244.0.1
        "#]],
    );
}

#[test]
fn a_pod_may_never_become_ready() {
    check(
        json!({"never-ready": "true"}),
        json!({}),
        3600,
        expect![[r#"
        at     0s Running, Ready=False, Running, 0 restarts, 10.244.0.1
    "#]],
    );
}

#[test]
fn a_bad_annotation_is_said_in_the_status() {
    check(
        json!({"crash-afer": "5s"}),
        json!({}),
        90,
        expect![[r#"
        at     0s Pending, Ready=False, CreateContainerConfigError (annotation simulated.seatrial.dev/crash-afer: "5s" is set, but no such annotation is known; known are pull-delay, start-delay, ready-delay, stop-delay, never-ready, image-pull-error, crash-after, crash-code, complete-after, exit-code, cpu-usage and memory-usage), 0 restarts, 10.244.0.1
            event Failed: Error: annotation simulated.seatrial.dev/crash-afer: "5s" is set, but no such annotation is known; known are pull-delay, start-delay, ready-delay, stop-delay, never-ready, image-pull-error, crash-after, crash-code, complete-after, exit-code, cpu-usage and memory-usage
    "#]],
    );
}

#[test]
fn a_deleted_pod_goes_after_its_delay_or_its_grace() {
    let behaviour = Behaviour {
        stop: Delay::exactly(Duration::from_secs(20)),
        ..Behaviour::default()
    };
    for (grace, expected) in [
        (30, "at    30s deleted\n"),
        (5, "at    15s deleted\n"),
        (0, "at    10s deleted\n"),
    ] {
        let mut fleet = fleet(behaviour.clone(), 110);
        let mut pod = pod("web", json!({}), json!({}));
        fleet.applied(&Arc::new(pod.clone()), at(0));
        play(&mut fleet, at(0), at(9));
        pod.metadata.deletion_timestamp = Some(Time(at(10)));
        pod.metadata.deletion_grace_period_seconds = Some(grace);
        fleet.applied(&Arc::new(pod), at(10));
        assert_eq!(play(&mut fleet, at(10), at(100)), expected);
    }
}

#[test]
fn a_full_node_turns_pods_away() {
    let mut fleet = fleet(Behaviour::default(), 1);
    fleet.applied(&Arc::new(pod("first", json!({}), json!({}))), at(0));
    fleet.applied(&Arc::new(pod("second", json!({}), json!({}))), at(0));
    expect![[r#"
        at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
        at     0s Failed, Ready=False, ContainerCreating, 0 restarts, no address
    "#]]
    .assert_eq(&play(&mut fleet, at(0), at(10)));
}

#[test]
fn a_restart_of_the_process_takes_running_pods_over() {
    let mut first = fleet(Behaviour::default(), 110);
    let mut pod = pod("web", json!({"crash-after": "1m"}), json!({}));
    first.applied(&Arc::new(pod.clone()), at(0));
    let Some(Effect::Status(_, status, _)) = first.next_effect() else {
        panic!("no status")
    };
    pod.status = Some(*status);
    let mut second = fleet(Behaviour::default(), 110);
    second.claim(&pod);
    second.applied(&Arc::new(pod), at(30));
    expect![[r#"
        at    60s Running, Ready=True, Running, 1 restarts, 10.244.0.1
    "#]]
    .assert_eq(&play(&mut second, at(30), at(61)));
}

#[test]
fn one_seed_gives_one_story() {
    let story = || {
        let delay = Delay {
            least: Duration::from_secs(1),
            most: Duration::from_secs(20),
        };
        let behaviour = Behaviour {
            pull: delay,
            ready: delay,
            ..Behaviour::default()
        };
        let mut fleet = fleet(behaviour, 110);
        for number in 0..50 {
            fleet.applied(
                &Arc::new(pod(&format!("web-{number}"), json!({}), json!({}))),
                at(0),
            );
        }
        play(&mut fleet, at(0), at(100))
    };
    assert_eq!(story(), story());
}

#[test]
fn a_pod_past_its_deadline_fails() {
    check(
        json!({}),
        json!({"activeDeadlineSeconds": 60}),
        3600,
        expect![[r#"
            at     0s Running, Ready=True, Running, 0 restarts, 10.244.0.1
            at    60s Failed, Ready=False, Error 137, 0 restarts, 10.244.0.1
                event DeadlineExceeded: Pod was active on the node longer than the specified deadline
        "#]],
    );
}
