//! `action.yml` of a composite action in the repository itself.

use super::fields::{ANY, Fields, mapping, template};
use super::node::{self, Node, Value};
use super::problem::Problems;
use super::types::{Pairs, Step};
use super::{Error, step};
use crate::expression::Template;

/// A composite action.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeAction {
    /// `inputs`.
    pub inputs: Vec<Input>,
    /// `outputs`: names and values.
    pub outputs: Pairs,
    /// `runs.steps`.
    pub steps: Vec<Step>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// `default`.
    pub default: Option<Template>,
    /// `required`.
    pub required: bool,
}

impl CompositeAction {
    /// Reads an action file; `path` is its path in the repository.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let mut problems = Problems::new(text);
        let root = match node::parse(text) {
            Ok(root) => root,
            Err((at, message)) => {
                problems.add(at, message);
                return problems.finish(path, None);
            }
        };
        let action = action(&root, &mut problems);
        problems.finish(path, action)
    }
}

fn action(root: &Node, problems: &mut Problems<'_>) -> Option<CompositeAction> {
    let known = [
        "name",
        "description",
        "author",
        "branding",
        "inputs",
        "outputs",
        "runs",
    ];
    let fields = Fields::read(root, "the action", &known, problems)?;
    let Some(runs) = fields.get("runs") else {
        problems.add(fields.at, "the action needs `runs`");
        return None;
    };
    let known = [
        "using",
        "steps",
        "main",
        "pre",
        "post",
        "image",
        "args",
        "entrypoint",
        "env",
    ];
    let runs = Fields::read(runs, "`runs`", &known, problems)?;
    let using = runs.text("using", problems).unwrap_or_default();
    if using != "composite" {
        let message = format!("`using: {using}` is not supported: only composite actions are");
        problems.add(runs.key_at("using"), message);
        return None;
    }
    let steps = match runs.get("steps") {
        Some(node) => step::steps(node, "the action", problems),
        None => Vec::new(),
    };
    let inputs = entries(fields.get("inputs"), "`inputs`", problems)
        .into_iter()
        .filter_map(|(name, node)| input(name, node, problems))
        .collect();
    let mut outputs = Pairs::new();
    for (name, node) in entries(fields.get("outputs"), "`outputs`", problems) {
        let what = format!("output `{name}`");
        let value = Fields::read(node, &what, &["description", "value"], problems)
            .and_then(|fields| template(fields.get("value")?, &what, ANY, problems));
        outputs.extend(value.map(|value| (name.to_owned(), value)));
    }
    Some(CompositeAction {
        inputs,
        outputs,
        steps,
    })
}

fn entries<'a>(
    node: Option<&'a Node>,
    what: &str,
    problems: &mut Problems<'_>,
) -> Vec<(&'a str, &'a Node)> {
    node.filter(|node| node.value != Value::Null)
        .and_then(|node| mapping(node, what, problems))
        .unwrap_or_default()
        .iter()
        .map(|(key, value)| (key.name.as_str(), value))
        .collect()
}

fn input(name: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Input> {
    let input = Input {
        name: name.to_owned(),
        default: None,
        required: false,
    };
    if node.value == Value::Null {
        return Some(input);
    }
    let known = [
        "description",
        "required",
        "default",
        "type",
        "deprecationMessage",
    ];
    let fields = Fields::read(node, &format!("input `{name}`"), &known, problems)?;
    Some(Input {
        default: fields.template("default", &["github"], problems),
        required: fields.text("required", problems).as_deref() == Some("true"),
        ..input
    })
}
