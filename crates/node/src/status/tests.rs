//! Phases, conditions and classes, as upstream computes them.

// The snapshots are written by a tool; JSON and snapshots read best when handed over whole.
#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)]

use std::net::{IpAddr, Ipv4Addr};

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn ended(code: i32) -> Ended {
    Ended {
        code,
        signal: None,
        reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
        message: None,
        started_at: at(1),
        finished_at: at(2),
        id: "test://1".to_owned(),
    }
}

fn container(name: &str, state: State) -> ContainerView {
    let running = matches!(state, State::Running { .. });
    ContainerView {
        id: "test://1".to_owned(),
        readiness: if running {
            Readiness::Ready
        } else {
            Readiness::Unready
        },
        startup: if running {
            Startup::Started
        } else {
            Startup::Pending
        },
        state,
        ..ContainerView::waiting(name, CREATING)
    }
}

fn view(init: Vec<ContainerView>, containers: Vec<ContainerView>) -> PodView {
    PodView {
        init,
        containers,
        ephemeral: Vec::new(),
        address: Some(IpAddr::from(Ipv4Addr::new(10, 244, 0, 5))),
        host: IpAddr::from(Ipv4Addr::LOCALHOST),
        started_at: at(0),
        course: Course::Living,
    }
}

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}))
        .unwrap()
}

fn spec(spec: Value) -> PodSpec {
    pod(spec).spec.unwrap()
}

fn running() -> State {
    State::Running { since: at(1) }
}

#[test]
fn phases_follow_the_containers_and_the_policy() {
    let phase_of = |policy: &str, states: Vec<State>| {
        let names: Vec<_> = (0..states.len())
            .map(|n| json!({"name": n.to_string()}))
            .collect();
        let spec = spec(json!({"restartPolicy": policy, "containers": names}));
        phase(
            &spec,
            &view(
                vec![],
                states
                    .into_iter()
                    .map(|state| container("c", state))
                    .collect(),
            ),
        )
        .as_str()
    };
    let done = |code| State::Terminated(ended(code));
    let waiting = || State::Waiting {
        reason: CREATING,
        message: None,
    };
    assert_eq!(phase_of("Always", vec![running(), waiting()]), "Pending");
    assert_eq!(phase_of("Always", vec![running(), done(1)]), "Running");
    assert_eq!(phase_of("Always", vec![done(0)]), "Running");
    assert_eq!(phase_of("OnFailure", vec![done(0), done(0)]), "Succeeded");
    assert_eq!(phase_of("OnFailure", vec![done(0), done(1)]), "Running");
    assert_eq!(phase_of("Never", vec![done(0), done(1)]), "Failed");
    assert_eq!(phase_of("Never", vec![done(0), running()]), "Running");
}

#[test]
fn init_containers_hold_a_pod_pending_or_fail_it() {
    let phase_of = |policy: &str, init: State| {
        let spec = spec(
            json!({"restartPolicy": policy, "initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}),
        );
        let mut waiting = ContainerView::waiting("c", INITIALIZING);
        waiting.id.clear();
        phase(&spec, &view(vec![container("i", init)], vec![waiting])).as_str()
    };
    assert_eq!(phase_of("Always", running()), "Pending");
    assert_eq!(phase_of("Always", State::Terminated(ended(1))), "Pending");
    assert_eq!(phase_of("Never", State::Terminated(ended(1))), "Failed");
    assert_eq!(phase_of("Never", State::Terminated(ended(0))), "Pending");
}

fn check_conditions(pod: &Pod, view: &PodView, now: i64, expected: Expect) -> Pod {
    let status = pod_status(pod, view, at(now));
    let lines: Vec<String> = status
        .conditions
        .iter()
        .flatten()
        .map(|it| {
            let since = it
                .last_transition_time
                .as_ref()
                .map(|time| time.0.as_second())
                .unwrap();
            let why = [it.reason.as_deref(), it.message.as_deref()]
                .into_iter()
                .flatten();
            let why = why.collect::<Vec<_>>().join(": ");
            format!("{}={} since {since} {why}", it.type_, it.status)
                .trim_end()
                .to_owned()
        })
        .collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
    Pod {
        status: Some(status),
        ..pod.clone()
    }
}

#[test]
fn conditions_keep_their_times_and_those_of_others() {
    let mut web = pod(json!({
        "initContainers": [{"name": "setup"}],
        "containers": [{"name": "app"}, {"name": "log"}],
        "readinessGates": [{"conditionType": "example.com/open"}],
    }));
    web.status = serde_json::from_value(json!({"conditions": [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "1970-01-01T00:00:03Z"},
    ]}))
    .unwrap();
    let waiting = || {
        vec![
            ContainerView::waiting("app", INITIALIZING),
            ContainerView::waiting("log", INITIALIZING),
        ]
    };
    let first = view(vec![container("setup", running())], waiting());
    let web = check_conditions(
        &web,
        &first,
        5,
        expect![[r#"
        PodReadyToStartContainers=True since 5
        Initialized=False since 5 ContainersNotInitialized: containers with incomplete status: [setup]
        Ready=False since 5 ContainersNotReady: containers with unready status: [app log]
        ContainersReady=False since 5 ContainersNotReady: containers with unready status: [app log]
        PodScheduled=True since 3
    "#]],
    );
    let second = view(
        vec![container("setup", State::Terminated(ended(0)))],
        vec![container("app", running()), container("log", running())],
    );
    let mut web = check_conditions(
        &web,
        &second,
        9,
        expect![[r#"
        PodReadyToStartContainers=True since 5
        Initialized=True since 9
        Ready=False since 5 ReadinessGatesNotReady: corresponding condition of pod readiness gate "example.com/open" does not exist.
        ContainersReady=True since 9
        PodScheduled=True since 3
    "#]],
    );
    let conditions = web.status.as_mut().unwrap().conditions.as_mut().unwrap();
    conditions.push(serde_json::from_value(json!({"type": "example.com/open", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z"})).unwrap());
    check_conditions(
        &web,
        &second,
        11,
        expect![[r#"
        PodReadyToStartContainers=True since 5
        Initialized=True since 9
        Ready=True since 11
        ContainersReady=True since 9
        PodScheduled=True since 3
        example.com/open=True since 10
    "#]],
    );
}

#[test]
fn a_finished_pod_says_so() {
    let job = pod(json!({"restartPolicy": "Never", "containers": [{"name": "app"}]}));
    let done = view(vec![], vec![container("app", State::Terminated(ended(0)))]);
    check_conditions(
        &job,
        &done,
        5,
        expect![[r#"
        PodReadyToStartContainers=True since 5
        Initialized=True since 5 PodCompleted
        Ready=False since 5 PodCompleted
        ContainersReady=False since 5 PodCompleted
        PodScheduled=True since 5
    "#]],
    );
}

#[test]
fn a_status_is_read_back_as_it_was_written() {
    let mut view = container("app", State::Terminated(ended(137)));
    view.restarts = 4;
    view.last = Some(ended(1));
    assert_eq!(
        ContainerView::from_status(&view.status(Some("shop:1"))),
        ContainerView {
            image: "shop:1".to_owned(),
            ..view
        }
    );
}

#[test]
fn quality_of_service_follows_requests_and_limits() {
    let class = |resources: Value| {
        qos_class(&spec(
            json!({"containers": [{"name": "a", "resources": resources}]}),
        ))
    };
    assert_eq!(class(json!({})), "BestEffort");
    assert_eq!(class(json!({"requests": {"cpu": "100m"}})), "Burstable");
    assert_eq!(
        class(json!({"limits": {"cpu": "1", "memory": "1Gi"}})),
        "Guaranteed"
    );
    let equal = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}});
    assert_eq!(class(equal), "Guaranteed");
    let less = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "0.5", "memory": "1Gi"}});
    assert_eq!(class(less), "Burstable");
}
