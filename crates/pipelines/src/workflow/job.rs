//! One job.

use super::fields::{Fields, data, mapping, template, texts};
use super::node::{Key, Node, Value};
use super::parse::{concurrency, defaults, permissions};
use super::problem::Problems;
use super::step;
use super::types::{Job, Matrix, Strategy};
use crate::expression::Template;

const KEYS: &[&str] = &[
    "name",
    "needs",
    "if",
    "runs-on",
    "permissions",
    "env",
    "outputs",
    "strategy",
    "timeout-minutes",
    "continue-on-error",
    "environment",
    "concurrency",
    "defaults",
    "steps",
    "container",
    "services",
    "uses",
    "with",
    "secrets",
];

/// Keys that GitHub knows and Seatrial does not honour, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "container",
        "jobs run in Seatrial's own sandbox on this machine's tools; remove `container`",
    ),
    (
        "services",
        "start what the job needs in a step, or as a Deployment in the cluster",
    ),
    (
        "uses",
        "reusable workflows are not supported; copy the jobs into this file",
    ),
    (
        "with",
        "reusable workflows are not supported; copy the jobs into this file",
    ),
    (
        "secrets",
        "reusable workflows are not supported; copy the jobs into this file",
    ),
];

const BEFORE: &[&str] = &["github", "needs", "vars", "inputs"];
const WITH_MATRIX: &[&str] = &["github", "needs", "strategy", "matrix", "vars", "inputs"];
const ENV: &[&str] = &[
    "github", "needs", "strategy", "matrix", "vars", "secrets", "inputs",
];

/// Reads one entry of `jobs`.
pub(super) fn job(key: &Key, node: &Node, problems: &mut Problems<'_>) -> Option<Job> {
    check_id("job", key, problems);
    let what = format!("job `{}`", key.name);
    let fields = Fields::read(node, &what, KEYS, problems)?;
    for (name, advice) in UNSUPPORTED {
        if fields.get(name).is_some() {
            let message = format!("`{name}` in {what} is not supported: {advice}");
            problems.add(fields.key_at(name), message);
        }
    }
    if let Some(node) = fields.get("permissions") {
        permissions(node, problems);
    }
    let is_call = fields.get("uses").is_some();
    let runs_on = runs_on(&fields, &what, is_call, problems);
    let steps = match fields.get("steps") {
        Some(node) => step::steps(node, &what, problems),
        None if is_call => Vec::new(),
        None => {
            problems.add(key.at, format!("{what} has no `steps`"));
            Vec::new()
        }
    };
    Some(Job {
        id: key.name.clone(),
        at: key.at,
        name: fields.template("name", WITH_MATRIX, problems),
        needs: needs(&fields, problems),
        condition: fields.condition(BEFORE, problems),
        runs_on,
        env: fields.pairs("env", ENV, problems),
        outputs: fields.pairs("outputs", super::fields::ANY, problems),
        strategy: strategy(&fields, &what, problems),
        timeout_minutes: fields.template("timeout-minutes", WITH_MATRIX, problems),
        continue_on_error: fields.template("continue-on-error", WITH_MATRIX, problems),
        environment: environment(&fields, problems),
        concurrency: concurrency(&fields, WITH_MATRIX, problems),
        defaults: defaults(&fields, &[WITH_MATRIX, &["env"]].concat(), problems),
        steps,
    })
}

/// GitHub's rule for ids: a letter or `_`, then letters, digits, `-` and `_`.
pub(super) fn check_id(what: &str, key: &Key, problems: &mut Problems<'_>) {
    let name = &key.name;
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !(starts && rest) {
        let message = format!(
            "`{name}` is no {what} id: it begins with a letter or `_` and holds letters, digits, `-` and `_`"
        );
        problems.add(key.at, message);
    }
}

fn needs(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    let Some(node) = fields.get("needs") else {
        return Vec::new();
    };
    texts(node, "needs", problems)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn runs_on(
    fields: &Fields<'_>,
    what: &str,
    is_call: bool,
    problems: &mut Problems<'_>,
) -> Vec<Template> {
    let Some(node) = fields.get("runs-on") else {
        if !is_call {
            problems.add(
                fields.at,
                format!("{what} needs `runs-on`, such as `runs-on: ubuntu-latest`"),
            );
        }
        return Vec::new();
    };
    let node = match &node.value {
        Value::Map(_) => {
            let known = ["group", "labels"];
            match Fields::read(node, "`runs-on`", &known, problems).and_then(|f| f.get("labels")) {
                Some(labels) => labels,
                None => return Vec::new(),
            }
        }
        _ => node,
    };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items
        .iter()
        .filter_map(|item| template(item, "runs-on", WITH_MATRIX, problems))
        .collect()
}

fn environment(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Template> {
    let node = fields.get("environment")?;
    if !matches!(node.value, Value::Map(_)) {
        return template(node, "environment", WITH_MATRIX, problems);
    }
    let known = ["name", "url", "deployment"];
    let inner = Fields::read(node, "`environment`", &known, problems)?;
    // The address may be taken from a step's output; it is shown nowhere yet, but must be readable.
    inner.template("url", super::fields::ANY, problems);
    inner.template("name", WITH_MATRIX, problems)
}

fn strategy(fields: &Fields<'_>, what: &str, problems: &mut Problems<'_>) -> Strategy {
    let what = format!("`strategy` of {what}");
    let known = ["matrix", "fail-fast", "max-parallel"];
    let Some(inner) = fields
        .get("strategy")
        .and_then(|node| Fields::read(node, &what, &known, problems))
    else {
        return Strategy::default();
    };
    Strategy {
        matrix: inner.get("matrix").and_then(|node| matrix(node, problems)),
        fail_fast: inner.template("fail-fast", BEFORE, problems),
        max_parallel: inner.template("max-parallel", BEFORE, problems),
    }
}

fn matrix(node: &Node, problems: &mut Problems<'_>) -> Option<Matrix> {
    if matches!(node.value, Value::Text(_)) {
        return template(node, "matrix", BEFORE, problems).map(Matrix::Expression);
    }
    let mut axes = Vec::new();
    let mut include = None;
    let mut exclude = None;
    for (key, value) in mapping(node, "`matrix`", problems)? {
        let what = format!("matrix.{}", key.name);
        let is_list = matches!(value.value, Value::List(_) | Value::Text(_));
        if !is_list {
            problems.add(
                value.at,
                format!("`{what}` must be a list, not {}", value.value.kind()),
            );
            continue;
        }
        let Some(values) = data(value, &what, BEFORE, problems) else {
            continue;
        };
        match key.name.as_str() {
            "include" => include = Some(values),
            "exclude" => exclude = Some(values),
            _ => axes.push((key.name.clone(), values)),
        }
    }
    if axes.is_empty() && include.is_none() {
        problems.add(
            node.at,
            "`matrix` has no axis and no `include`: it would make no job",
        );
    }
    Some(Matrix::Axes {
        axes,
        include,
        exclude,
    })
}
