//! The file as a whole.

use super::fields::{Fields, mapping, scalar, template};
use super::node::{self, Node, Value};
use super::problem::Problems;
use super::types::{Concurrency, RunDefaults, Workflow};
use super::{Error, Position, graph, job, trigger};
use crate::suggest;

const KEYS: &[&str] = &[
    "name",
    "run-name",
    "on",
    "env",
    "defaults",
    "permissions",
    "concurrency",
    "jobs",
];

/// What `permissions` may name (GitHub, "Workflow syntax: permissions").
const PERMISSIONS: &[&str] = &[
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
];

impl Workflow {
    /// Reads a workflow file. `path` is its path in the repository, for messages.
    ///
    /// Everything that is wrong is reported together; only a file that is no YAML ends the
    /// reading early.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let mut problems = Problems::new(text);
        let root = match node::parse(text) {
            Ok(root) => root,
            Err((at, message)) => {
                problems.add(at, message);
                return problems.finish(path, None);
            }
        };
        let workflow = workflow(path, &root, &mut problems);
        problems.finish(path, workflow)
    }
}

fn workflow(path: &str, root: &Node, problems: &mut Problems<'_>) -> Option<Workflow> {
    if root.value == Value::Null {
        problems.add(
            Position { line: 1, column: 1 },
            "the file is empty: it needs `on` and `jobs`",
        );
        return None;
    }
    let fields = Fields::read(root, "the workflow", KEYS, problems)?;
    let on = match fields.get("on") {
        Some(node) if node.value != Value::Null => trigger::triggers(node, problems),
        Some(_) => {
            problems.add(
                fields.key_at("on"),
                "`on` is empty: name an event, such as `on: push`",
            );
            super::Triggers::default()
        }
        None => {
            problems.add(fields.at, "the workflow needs `on`, such as `on: push`");
            super::Triggers::default()
        }
    };
    if let Some(node) = fields.get("permissions") {
        permissions(node, problems);
    }
    let jobs = match fields.get("jobs") {
        Some(node) if node.value == Value::Null => {
            problems.add(
                fields.key_at("jobs"),
                "`jobs` is empty: a workflow needs at least one job",
            );
            Vec::new()
        }
        Some(node) => mapping(node, "`jobs`", problems)
            .unwrap_or_default()
            .iter()
            .filter_map(|(key, value)| job::job(key, value, problems))
            .collect(),
        None => {
            problems.add(
                fields.at,
                "a workflow without jobs does nothing: add `jobs`",
            );
            Vec::new()
        }
    };
    graph::check(fields.get("jobs"), &jobs, problems);
    Some(Workflow {
        path: path.to_owned(),
        name: fields.text("name", problems),
        run_name: fields.template("run-name", &["github", "inputs", "vars"], problems),
        on,
        env: fields.pairs("env", &["github", "secrets", "inputs", "vars"], problems),
        defaults: defaults(&fields, &["github", "inputs", "vars"], problems),
        concurrency: concurrency(&fields, &["github", "inputs", "vars"], problems),
        jobs,
    })
}

/// `defaults.run`.
pub(super) fn defaults(
    fields: &Fields<'_>,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> RunDefaults {
    fields
        .get("defaults")
        .and_then(|node| Fields::read(node, "`defaults`", &["run"], problems))
        .and_then(|defaults| defaults.get("run"))
        .and_then(|node| {
            Fields::read(
                node,
                "`defaults.run`",
                &["shell", "working-directory"],
                problems,
            )
        })
        .map(|run| RunDefaults {
            shell: run.template("shell", allowed, problems),
            working_directory: run.template("working-directory", allowed, problems),
        })
        .unwrap_or_default()
}

/// `concurrency`: a group, or a mapping.
pub(super) fn concurrency(
    fields: &Fields<'_>,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Concurrency> {
    let node = fields.get("concurrency")?;
    if !matches!(node.value, Value::Map(_)) {
        let group = template(node, "concurrency", allowed, problems)?;
        return Some(Concurrency {
            group,
            cancel_in_progress: None,
        });
    }
    let known = ["group", "cancel-in-progress"];
    let inner = Fields::read(node, "`concurrency`", &known, problems)?;
    let cancel_in_progress = inner.template("cancel-in-progress", allowed, problems);
    let Some(group) = inner.template("group", allowed, problems) else {
        if inner.get("group").is_none() {
            problems.add(node.at, "`concurrency` needs `group`");
        }
        return None;
    };
    Some(Concurrency {
        group,
        cancel_in_progress,
    })
}

/// Checks `permissions`. They grant nothing here: a run's token may push to its own repository,
/// and nothing else.
pub(super) fn permissions(node: &Node, problems: &mut Problems<'_>) {
    let Value::Map(entries) = &node.value else {
        let text = scalar(node, "permissions", problems).unwrap_or_default();
        if !["read-all", "write-all", ""].contains(&text.as_str()) {
            let message =
                format!("`permissions` is read-all, write-all or a mapping, not `{text}`");
            problems.add(node.at, message);
        }
        return;
    };
    for (key, value) in entries {
        if !PERMISSIONS.contains(&key.name.as_str()) {
            let hint = suggest::hint(&key.name, PERMISSIONS.iter().copied());
            problems.add(key.at, format!("unknown permission `{}`{hint}", key.name));
        }
        let level = scalar(value, &key.name, problems).unwrap_or_default();
        if !["read", "write", "none"].contains(&level.as_str()) {
            let name = &key.name;
            problems.add(
                value.at,
                format!("`permissions.{name}` is read, write or none, not `{level}`"),
            );
        }
    }
}

/// A list of nodes, or a note that it is none.
pub(super) fn list<'a>(
    node: &'a Node,
    what: &str,
    problems: &mut Problems<'_>,
) -> Option<&'a [Node]> {
    match &node.value {
        Value::List(items) => Some(items),
        other => {
            problems.add(
                node.at,
                format!("{what} must be a list, not {}", other.kind()),
            );
            None
        }
    }
}
