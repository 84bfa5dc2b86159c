//! `on`: which events start the workflow.

use super::Position;
use super::fields::{Fields, mapping, scalar, texts};
use super::glob::{Pattern, admits};
use super::node::{Node, Value};
use super::problem::Problems;
use crate::suggest;

/// GitHub's events. Here only `push` happens by itself and `workflow_dispatch` on request;
/// the others may be named, and never happen.
const EVENTS: &[&str] = &[
    "push",
    "pull_request",
    "workflow_dispatch",
    "schedule",
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "registry_package",
    "release",
    "repository_dispatch",
    "status",
    "watch",
    "workflow_call",
    "workflow_run",
];

const FILTERS: &[&str] = &[
    "branches",
    "branches-ignore",
    "tags",
    "tags-ignore",
    "paths",
    "paths-ignore",
    "types",
];

/// The whole of `on`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Triggers {
    /// The events in the order of the file.
    pub events: Vec<Trigger>,
}

/// One event and its filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The event's name.
    pub event: String,
    /// `branches` or `branches-ignore`.
    pub branches: Filter,
    /// `tags` or `tags-ignore`.
    pub tags: Filter,
    /// `paths` or `paths-ignore`.
    pub paths: Filter,
    /// Defaults of `workflow_dispatch` inputs (`inputs.NAME`), by name.
    pub inputs: Vec<(String, String)>,
}

/// A filter on names.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Filter {
    /// No filter written.
    #[default]
    None,
    /// Only what the patterns admit.
    Only(Vec<Pattern>),
    /// All but what the patterns admit.
    Except(Vec<Pattern>),
}

/// An event that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Its name, such as `push`.
    pub name: &'a str,
    /// The full ref name.
    pub reference: &'a str,
    /// Paths that changed; empty where that is not known (a new branch).
    pub changed_paths: &'a [String],
}

/// The most changed paths that a push lists: where there are as many, the list may be cut, and path
/// filters let the push through (as at GitHub, where a diff that is too large always runs).
const PATHS_LISTED: usize = 1000;

impl Triggers {
    /// Whether the event starts the workflow.
    pub fn starts(&self, event: Event<'_>) -> bool {
        self.events
            .iter()
            .any(|trigger| trigger.event == event.name && trigger.admits(event))
    }
}

impl Trigger {
    fn admits(&self, event: Event<'_>) -> bool {
        if let Some(tag) = event.reference.strip_prefix("refs/tags/") {
            // A filter on branches alone shuts tags out; paths are not looked at for tags.
            return match (&self.tags, &self.branches) {
                (Filter::None, Filter::None) => true,
                (Filter::None, _) => false,
                (tags, _) => tags.admits(tag),
            };
        }
        let branch = event
            .reference
            .strip_prefix("refs/heads/")
            .unwrap_or(event.reference);
        let branch_admitted = match (&self.branches, &self.tags) {
            (Filter::None, Filter::None) => true,
            (Filter::None, _) => false,
            (branches, _) => branches.admits(branch),
        };
        branch_admitted && self.paths.admits_paths(event.changed_paths)
    }
}

impl Filter {
    fn admits(&self, name: &str) -> bool {
        match self {
            Self::None => true,
            Self::Only(patterns) => admits(patterns, name),
            Self::Except(patterns) => !admits(patterns, name),
        }
    }

    fn admits_paths(&self, paths: &[String]) -> bool {
        if paths.is_empty() || paths.len() >= PATHS_LISTED {
            return true;
        }
        paths.iter().any(|path| self.admits(path))
    }
}

/// Reads `on`: an event, a list of them, or a mapping with filters.
pub(super) fn triggers(node: &Node, problems: &mut Problems<'_>) -> Triggers {
    let events = match &node.value {
        Value::Map(entries) => entries
            .iter()
            .filter_map(|(key, value)| trigger(&key.name, key.at, Some(value), problems))
            .collect(),
        _ => texts(node, "on", problems)
            .into_iter()
            .filter_map(|(name, at)| trigger(&name, at, None, problems))
            .collect(),
    };
    Triggers { events }
}

fn unknown(name: &str, at: Position, problems: &mut Problems<'_>) {
    let hint = suggest::nearest(name, EVENTS).map_or_else(
        || "; Seatrial starts workflows on push and workflow_dispatch".to_owned(),
        |near| format!(", did you mean `{near}`?"),
    );
    problems.add(at, format!("unknown event `{name}` in `on`{hint}"));
}

fn trigger(
    event: &str,
    at: Position,
    node: Option<&Node>,
    problems: &mut Problems<'_>,
) -> Option<Trigger> {
    if !EVENTS.contains(&event) {
        unknown(event, at, problems);
        return None;
    }
    let mut trigger = Trigger {
        event: event.to_owned(),
        branches: Filter::None,
        tags: Filter::None,
        paths: Filter::None,
        inputs: Vec::new(),
    };
    let Some(node) = node.filter(|node| node.value != Value::Null) else {
        return Some(trigger);
    };
    match event {
        "push" | "pull_request" | "pull_request_target" => {
            if let Some(fields) = Fields::read(node, &format!("`on.{event}`"), FILTERS, problems) {
                trigger.branches = filter(&fields, "branches", problems);
                trigger.tags = filter(&fields, "tags", problems);
                trigger.paths = filter(&fields, "paths", problems);
            }
        }
        "schedule" => schedule(node, problems),
        "workflow_dispatch" => trigger.inputs = inputs(node, problems),
        // Their settings are GitHub's affair: they never happen here.
        _ => {
            mapping(node, &format!("`on.{event}`"), problems);
        }
    }
    Some(trigger)
}

/// The inputs that have a default.
fn inputs(node: &Node, problems: &mut Problems<'_>) -> Vec<(String, String)> {
    let known = [
        "description",
        "required",
        "default",
        "type",
        "options",
        "deprecationMessage",
    ];
    let Some(fields) = Fields::read(node, "`on.workflow_dispatch`", &["inputs"], problems) else {
        return Vec::new();
    };
    let Some(node) = fields
        .get("inputs")
        .filter(|node| node.value != Value::Null)
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in mapping(node, "`inputs`", problems).unwrap_or_default() {
        if value.value == Value::Null {
            continue;
        }
        let what = format!("input `{}`", key.name);
        let default = Fields::read(value, &what, &known, problems)
            .and_then(|input| input.text("default", problems));
        found.extend(default.map(|default| (key.name.clone(), default)));
    }
    found
}

fn filter(fields: &Fields<'_>, name: &str, problems: &mut Problems<'_>) -> Filter {
    let ignore = format!("{name}-ignore");
    match (fields.get(name), fields.get(&ignore)) {
        (None, None) => Filter::None,
        (Some(node), None) => {
            let patterns = patterns(node, name, problems);
            if !patterns.is_empty() && patterns.iter().all(Pattern::is_negative) {
                let message = format!(
                    "`{name}` has only `!` patterns, so nothing would match: add one without `!`, or use `{ignore}`"
                );
                problems.add(node.at, message);
            }
            Filter::Only(patterns)
        }
        (None, Some(node)) => Filter::Except(patterns(node, &ignore, problems)),
        (Some(_), Some(node)) => {
            let message =
                format!("`{name}` and `{ignore}` exclude each other: keep one, with `!` patterns");
            problems.add(node.at, message);
            Filter::None
        }
    }
}

fn patterns(node: &Node, what: &str, problems: &mut Problems<'_>) -> Vec<Pattern> {
    texts(node, what, problems)
        .into_iter()
        .filter_map(|(source, at)| {
            Pattern::parse(&source)
                .map_err(|message| problems.add(at, message))
                .ok()
        })
        .collect()
}

fn schedule(node: &Node, problems: &mut Problems<'_>) {
    let Value::List(items) = &node.value else {
        let kind = node.value.kind();
        problems.add(
            node.at,
            format!("`on.schedule` must be a list of `cron`, not {kind}"),
        );
        return;
    };
    for item in items {
        let Some(fields) = Fields::read(item, "`on.schedule`", &["cron", "timezone"], problems)
        else {
            continue;
        };
        match fields
            .get("cron")
            .and_then(|cron| Some((cron.at, scalar(cron, "cron", problems)?)))
        {
            Some((at, cron)) if cron.split_whitespace().count() != 5 => {
                problems.add(
                    at,
                    format!("`{cron}` is no cron schedule: it needs five fields"),
                );
            }
            Some(_) => {}
            None => problems.add(item.at, "`on.schedule` needs `cron`"),
        }
    }
}
