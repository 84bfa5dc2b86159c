#![allow(
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)] // Reads as a table of cases.

use expect_test::{Expect, expect};
use seatrial_resources::argoproj::OperationPhase;
use serde_json::{Value, json};

use super::*;
use crate::live::Pair;
use crate::reference::Reference;
use crate::sync::task::{HookNames, tasks};
use crate::sync_option::SyncOptions;
use crate::target::Target;

fn reference(kind: &str, name: &str) -> Reference {
    Reference {
        group: String::new(),
        kind: kind.to_owned(),
        namespace: "test".to_owned(),
        name: name.to_owned(),
    }
}

fn value(wave: i64) -> Value {
    json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": wave.to_string()}}})
}

fn wanted(kind: &str, name: &str, wave: i64) -> Pair {
    Pair {
        reference: reference(kind, name),
        api_version: "v1".to_owned(),
        kind: None,
        target: Some(value(wave)),
        live: None,
    }
}

fn unwanted(name: &str, wave: i64) -> Pair {
    Pair {
        target: None,
        live: Some(value(wave)),
        ..wanted("ConfigMap", name, wave)
    }
}

fn hook(name: &str, phases: &[Phase]) -> Target {
    Target {
        reference: reference("Job", name),
        api_version: "batch/v1".to_owned(),
        value: json!({"metadata": {"generateName": "run-"}}),
        kind: None,
        hooks: phases.to_vec(),
    }
}

fn arranged(pairs: &[Pair], hooks: &[Target], options: &[&str]) -> Vec<Task> {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    let options = SyncOptions::parse(&options).unwrap();
    let names = HookNames {
        revision: "0123456789abcdef",
        started: 42,
    };
    tasks(pairs.iter(), hooks.iter(), &names, &options, &[])
}

/// Plays a sync in which every task ends as `ends` says, and prints its steps.
fn play(mut tasks: Vec<Task>, ends: impl Fn(&Task) -> OperationPhase, expected: Expect) {
    let mut said = String::new();
    loop {
        let step = decide(&tasks);
        match &step {
            Step::Run(wave) => {
                let names = wave.iter().map(|index| {
                    let task = &tasks[*index];
                    let verb = if task.action == Action::Prune {
                        "-"
                    } else {
                        "+"
                    };
                    format!("{verb}{} ", task.reference)
                });
                said += &format!("run {}\n", names.collect::<String>());
                for index in wave {
                    tasks[*index].progress = Some(OperationPhase::Running);
                }
            }
            Step::Wait(what) => {
                said += &format!("{what}\n");
                let end = |task: &mut Task| task.progress = Some(ends(task));
                let running = |task: &&mut Task| task.progress == Some(OperationPhase::Running);
                tasks.iter_mut().filter(running).for_each(end);
            }
            Step::Succeed(message) | Step::Fail(message) => {
                said += &format!("{message}\n");
                break;
            }
        }
    }
    expected.assert_eq(&said);
}

#[test]
fn waves_and_kinds_go_in_order_and_prunes_in_reverse() {
    let pairs = [
        wanted("Deployment", "web", 0),
        wanted("Service", "web", 0),
        wanted("Widget", "late", 5),
        unwanted("old-first", 0),
        unwanted("old-last", 3),
    ];
    play(
        arranged(&pairs, &[], &[]),
        |_| OperationPhase::Succeeded,
        expect![[r#"
            run -/ConfigMap/old-last +/Service/web +/Deployment/web 
            waiting for deletion of /ConfigMap/old-last and 2 more resources
            run -/ConfigMap/old-first 
            waiting for deletion of /ConfigMap/old-first
            run +/Widget/late 
            waiting for healthy state of /Widget/late
            successfully synced (all tasks run)
        "#]],
    );
    play(
        arranged(&pairs, &[], &["PruneLast=true"]),
        |_| OperationPhase::Succeeded,
        expect![[r#"
            run +/Service/web +/Deployment/web 
            waiting for healthy state of /Service/web and 1 more resources
            run +/Widget/late 
            waiting for healthy state of /Widget/late
            run -/ConfigMap/old-first -/ConfigMap/old-last 
            waiting for deletion of /ConfigMap/old-first and 1 more resources
            successfully synced (all tasks run)
        "#]],
    );
}

#[test]
fn hooks_surround_the_objects() {
    let hooks = [
        hook("", &[Phase::PreSync, Phase::PostSync]),
        hook("alarm", &[Phase::SyncFail]),
    ];
    let pairs = [wanted("ConfigMap", "settings", 0)];
    play(
        arranged(&pairs, &hooks, &[]),
        |_| OperationPhase::Succeeded,
        expect![[r#"
            run +/Job/run-0123456-presync-42 
            waiting for completion of hook /Job/run-0123456-presync-42
            run +/ConfigMap/settings 
            waiting for healthy state of /ConfigMap/settings
            run +/Job/run-0123456-postsync-42 
            waiting for completion of hook /Job/run-0123456-postsync-42
            successfully synced (all tasks run)
        "#]],
    );
}

#[test]
fn a_failed_hook_stops_the_sync_and_raises_the_alarm() {
    let hooks = [
        hook("migrate", &[Phase::PreSync]),
        hook("alarm", &[Phase::SyncFail]),
    ];
    let pairs = [wanted("ConfigMap", "settings", 0)];
    let ends = |task: &Task| match task.phase {
        Phase::PreSync => OperationPhase::Failed,
        _ => OperationPhase::Succeeded,
    };
    play(
        arranged(&pairs, &hooks, &[]),
        ends,
        expect![[r#"
        run +/Job/migrate 
        waiting for completion of hook /Job/migrate
        run +/Job/alarm 
        waiting for completion of hook /Job/alarm
        one or more synchronization tasks completed unsuccessfully
    "#]],
    );
}
