//! `needs` as a graph: every name exists, and there is no cycle.

use super::Position;
use super::fields::mapping;
use super::node::{Node, Value};
use super::problem::Problems;
use super::types::Job;
use crate::suggest;

/// Notes unknown jobs and cycles. `node` is the value of `jobs`, for the places.
pub(super) fn check(node: Option<&Node>, jobs: &[Job], problems: &mut Problems<'_>) {
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    for job in jobs {
        for need in &job.needs {
            if !ids.contains(&need.as_str()) && !written(node, need) {
                let at = place(node, job, need).unwrap_or(job.at);
                let hint = suggest::hint(need, ids.iter().copied().filter(|id| *id != job.id));
                problems.add(
                    at,
                    format!(
                        "job `{}` needs `{need}`, which does not exist{hint}",
                        job.id
                    ),
                );
            }
        }
    }
    if let Some(cycle) = cycle(jobs) {
        let at = jobs
            .iter()
            .find(|job| job.id == cycle[0])
            .map_or(Position::default(), |job| {
                cycle
                    .get(1)
                    .and_then(|need| place(node, job, need))
                    .unwrap_or(job.at)
            });
        let message = match cycle.as_slice() {
            [only, _] => format!("job `{only}` needs itself"),
            path => format!("jobs {} need each other", path.join(" → ")),
        };
        problems.add(at, message);
    }
}

/// Whether a job of that id is written at all (it may have been dropped for its own problems).
fn written(node: Option<&Node>, id: &str) -> bool {
    matches!(node.map(|node| &node.value), Some(Value::Map(entries))
        if entries.iter().any(|(key, _)| key.name == id))
}

/// Where `need` is written in the job's `needs`.
fn place(node: Option<&Node>, job: &Job, need: &str) -> Option<Position> {
    let mut ignored = Problems::new("");
    let entries = mapping(node?, "`jobs`", &mut ignored)?;
    let (_, body) = entries.iter().find(|(key, _)| key.name == job.id)?;
    let (_, needs) = mapping(body, "", &mut ignored)?
        .iter()
        .find(|(key, _)| key.name == "needs")?;
    let items = match &needs.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(needs),
    };
    items
        .iter()
        .find(|item| item.value.scalar().as_deref() == Some(need))
        .map(|item| item.at)
}

/// A cycle with its first job repeated at the end, found from the first job in file order that is
/// on one: from there the first need that leads on into a cycle is followed.
fn cycle(jobs: &[Job]) -> Option<Vec<String>> {
    jobs.iter().find_map(|start| {
        let mut path = vec![start.id.clone()];
        let mut dead = Vec::new();
        returns_to(jobs, &start.id, &mut path, &mut dead).then_some(path)
    })
}

fn returns_to(jobs: &[Job], start: &str, path: &mut Vec<String>, dead: &mut Vec<String>) -> bool {
    let Some(job) = path
        .last()
        .and_then(|id| jobs.iter().find(|job| job.id == *id))
    else {
        return false;
    };
    for need in &job.needs {
        if need == start {
            path.push(need.clone());
            return true;
        }
        if path.contains(need) || dead.contains(need) {
            continue;
        }
        path.push(need.clone());
        if returns_to(jobs, start, path, dead) {
            return true;
        }
        path.pop();
        dead.push(need.clone());
    }
    false
}
