//! What a sync does next: a pure function of its tasks.

use seatrial_resources::argoproj::OperationPhase;

use super::task::{Action, Phase, Task};

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Carry out these tasks.
    Run(Vec<usize>),
    /// Something has to be ready first.
    Wait(String),
    /// All is done.
    Succeed(String),
    /// It has failed, and all that had to follow has been done.
    Fail(String),
}

fn has_failed(task: &Task) -> bool {
    matches!(
        task.progress,
        Some(OperationPhase::Failed | OperationPhase::Error)
    )
}

/// Decides.
pub(super) fn decide(tasks: &[Task]) -> Step {
    let failed: Vec<&Task> = tasks
        .iter()
        .filter(|task| task.phase != Phase::SyncFail && has_failed(task))
        .collect();
    if let Some(waiting) = waiting(tasks, failed.is_empty()) {
        return Step::Wait(waiting);
    }
    if failed.is_empty() {
        let ordinary = |task: &Task| task.phase != Phase::SyncFail;
        return match next_wave(tasks, ordinary) {
            Some(wave) => Step::Run(wave),
            None => Step::Succeed("successfully synced (all tasks run)".to_owned()),
        };
    }
    match next_wave(tasks, |task| task.phase == Phase::SyncFail) {
        Some(wave)
            if !tasks
                .iter()
                .any(|task| task.phase == Phase::SyncFail && has_failed(task)) =>
        {
            Step::Run(wave)
        }
        _ => Step::Fail(failure(&failed)),
    }
}

/// Why a sync failed.
fn failure(failed: &[&Task]) -> String {
    let refused = failed.iter().any(|task| task.action != Action::Hook);
    let what = if refused {
        "one or more objects failed to apply"
    } else {
        "one or more synchronization tasks completed unsuccessfully"
    };
    let reasons: Vec<&str> = failed
        .iter()
        .map(|task| task.message.as_str())
        .filter(|message| !message.is_empty())
        .collect();
    if reasons.is_empty() {
        what.to_owned()
    } else {
        format!("{what}, reason: {}", reasons.join(","))
    }
}

/// The tasks that have not begun of the earliest phase and wave that has such.
fn next_wave(tasks: &[Task], of: impl Fn(&Task) -> bool) -> Option<Vec<usize>> {
    let pending = |task: &Task| of(task) && task.progress.is_none();
    let first = tasks.iter().find(|task| pending(task))?;
    let now = |task: &Task| (task.phase, task.wave) == (first.phase, first.wave);
    let wave = tasks
        .iter()
        .enumerate()
        .filter(|(_, task)| pending(task) && now(task));
    Some(wave.map(|(index, _)| index).collect())
}

/// What is waited for, if anything.
fn waiting(tasks: &[Task], healthy: bool) -> Option<String> {
    let running: Vec<&Task> = tasks
        .iter()
        .filter(|task| task.progress == Some(OperationPhase::Running))
        // After a failure only hooks are waited for.
        .filter(|task| healthy || task.action == Action::Hook)
        .collect();
    let first = running.first()?;
    let (what, plural) = match first.action {
        Action::Hook => ("completion of hook", "hooks"),
        Action::Apply => ("healthy state of", "resources"),
        Action::Prune => ("deletion of", "resources"),
    };
    let more = match running.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more {plural}"),
    };
    Some(format!("waiting for {what} {}{more}", first.reference))
}

/// Whether a wave is the last of a sync without hooks in it: then nothing waits for it.
pub(super) fn is_last(tasks: &[Task], wave: &[usize]) -> bool {
    let Some(first) = wave.first().and_then(|index| tasks.get(*index)) else {
        return true;
    };
    let ordinary = || tasks.iter().filter(|task| task.phase != Phase::SyncFail);
    let last = ordinary().all(|task| (task.phase, task.wave) <= (first.phase, first.wave));
    last && !wave
        .iter()
        .any(|index| tasks[*index].action == Action::Hook)
}

#[cfg(test)]
mod tests;
