//! The steps of a job or of a composite action.

use std::collections::BTreeMap;

use super::Position;
use super::fields::{ANY, Fields, STEP_CONDITION};
use super::job::check_id;
use super::node::{Key, Node};
use super::parse::list;
use super::problem::Problems;
use super::types::{ActionReference, Step, Work};

const KEYS: &[&str] = &[
    "id",
    "name",
    "if",
    "uses",
    "with",
    "run",
    "shell",
    "working-directory",
    "env",
    "timeout-minutes",
    "continue-on-error",
];

/// Reads `steps`; `what` names whose they are.
pub(crate) fn steps(node: &Node, what: &str, problems: &mut Problems<'_>) -> Vec<Step> {
    let Some(items) = list(node, &format!("`steps` of {what}"), problems) else {
        return Vec::new();
    };
    if items.is_empty() {
        problems.add(node.at, format!("`steps` of {what} is empty"));
    }
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    let mut steps = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let what = format!("step {} of {what}", index + 1);
        let Some(step) = step(item, &what, problems) else {
            continue;
        };
        if let Some(id) = &step.id {
            // Ids are compared without case, since contexts are read so.
            if let Some(first) = seen.insert(id.to_lowercase(), step.at) {
                let message = format!(
                    "step id `{id}` is already used at line {}: ids must differ within a job",
                    first.line
                );
                problems.add(step.at, message);
            }
        }
        steps.push(step);
    }
    steps
}

fn step(node: &Node, what: &str, problems: &mut Problems<'_>) -> Option<Step> {
    let fields = Fields::read(node, what, KEYS, problems)?;
    let id = fields.text("id", problems);
    if let (Some(id), Some(at)) = (&id, fields.get("id").map(|node| node.at)) {
        check_id(
            "step",
            &Key {
                at,
                name: id.clone(),
            },
            problems,
        );
    }
    let name = fields.template("name", ANY, problems);
    let condition = fields.condition(STEP_CONDITION, problems);
    let env = fields.pairs("env", ANY, problems);
    let timeout_minutes = fields.template("timeout-minutes", ANY, problems);
    let continue_on_error = fields.template("continue-on-error", ANY, problems);
    let work = work(&fields, what, problems)?;
    Some(Step {
        id,
        at: fields.at,
        name,
        condition,
        env,
        timeout_minutes,
        continue_on_error,
        work,
    })
}

fn work(fields: &Fields<'_>, what: &str, problems: &mut Problems<'_>) -> Option<Work> {
    match (fields.get("run").is_some(), fields.get("uses").is_some()) {
        (true, false) => {
            misplaced(fields, &["with"], "uses", what, problems);
            Some(Work::Run {
                script: fields.template("run", ANY, problems)?,
                shell: fields.template("shell", ANY, problems),
                working_directory: fields.template("working-directory", ANY, problems),
            })
        }
        (false, true) => {
            misplaced(
                fields,
                &["shell", "working-directory"],
                "run",
                what,
                problems,
            );
            let at = fields.get("uses").map_or(fields.at, |node| node.at);
            let with = fields.pairs("with", ANY, problems);
            let text = fields.text("uses", problems)?;
            match ActionReference::parse(&text) {
                Ok(action) => Some(Work::Uses { action, at, with }),
                Err(message) => {
                    problems.add(at, message);
                    None
                }
            }
        }
        (true, true) => {
            problems.add(
                fields.key_at("uses"),
                format!("{what} has both `run` and `uses`: keep one"),
            );
            None
        }
        (false, false) => {
            problems.add(fields.at, format!("{what} has neither `run` nor `uses`"));
            None
        }
    }
}

fn misplaced(
    fields: &Fields<'_>,
    keys: &[&str],
    owner: &str,
    what: &str,
    problems: &mut Problems<'_>,
) {
    for key in keys.iter().filter(|key| fields.get(key).is_some()) {
        problems.add(
            fields.key_at(key),
            format!("`{key}` in {what} goes only with `{owner}`"),
        );
    }
}

impl ActionReference {
    /// Reads what stands after `uses:`; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("./") || text == "." {
            return Ok(Self::Local(text.to_owned()));
        }
        if text.starts_with("docker://") {
            return Err(format!(
                "`uses: {text}`: container actions are not supported; run the tool in a `run` step"
            ));
        }
        let shape =
            || format!("`uses: {text}` is no action: write owner/repository@version or ./path");
        let (name, version) = text
            .split_once('@')
            .ok_or_else(|| format!("{} (the version is missing, such as `{text}@v4`)", shape()))?;
        let mut parts = name.splitn(3, '/');
        let (owner, repository) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if owner.is_empty() || repository.is_empty() || version.is_empty() {
            return Err(shape());
        }
        Ok(Self::Repository {
            repository: format!("{owner}/{repository}"),
            path: parts.next().unwrap_or("").to_owned(),
            version: version.to_owned(),
        })
    }
}
