//! Reads the part of the `.proto` language that Kubernetes' generated files use: messages of flat fields.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use regex::Regex;

use super::{SERVED, SHARED};

/// One field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) label: Label,
    /// The type, or the value type of a map: a scalar's name, or the full name of a message.
    pub(crate) of: String,
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Single,
    Repeated,
    Map,
}

/// The messages by full name, such as `api.core.v1.Pod`.
pub(crate) type Messages = BTreeMap<String, Vec<Field>>;

/// Reads the files of all served and shared packages below `root`.
pub(crate) fn read(root: &Path) -> Result<Messages> {
    let served = SERVED.iter().map(|served| served.directory);
    let mut messages = Messages::new();
    for directory in served.chain(SHARED.iter().copied()) {
        let path = root.join(directory).join("generated.proto");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        parse(&text, &mut messages).with_context(|| format!("in {}", path.display()))?;
    }
    Ok(messages)
}

fn parse(text: &str, messages: &mut Messages) -> Result<()> {
    let package = Regex::new(r"^package ([\w.]+);")?;
    let message = Regex::new(r"^message (\w+) \{")?;
    let map = Regex::new(r"^map<string, ([\w.]+)> (\w+) = (\d+)")?;
    let field = Regex::new(r"^(optional|repeated|required) ([\w.]+) (\w+) = (\d+)")?;
    let (mut prefix, mut current) = (String::new(), String::new());
    for line in text.lines().map(str::trim) {
        let new = if let Some(found) = package.captures(line) {
            found[1].clone_into(&mut prefix);
            continue;
        } else if let Some(found) = message.captures(line) {
            current = format!("{prefix}.{}", &found[1]);
            messages.insert(current.clone(), Vec::new());
            continue;
        } else if let Some(found) = map.captures(line) {
            (
                &found[2].to_owned(),
                found[3].parse()?,
                Label::Map,
                found[1].to_owned(),
            )
                .into()
        } else if let Some(found) = field.captures(line) {
            let label = if &found[1] == "repeated" {
                Label::Repeated
            } else {
                Label::Single
            };
            (
                &found[3].to_owned(),
                found[4].parse()?,
                label,
                found[2].to_owned(),
            )
                .into()
        } else {
            continue;
        };
        let new: Field = new;
        let fields = messages
            .get_mut(&current)
            .context("a field outside of a message")?;
        fields.push(Field {
            of: resolve(&new.of, &prefix),
            ..new
        });
    }
    Ok(())
}

impl From<(&String, u32, Label, String)> for Field {
    fn from((name, number, label, of): (&String, u32, Label, String)) -> Self {
        Self {
            name: name.clone(),
            number,
            label,
            of,
        }
    }
}

/// Makes the name of a type absolute; scalars stay as they are.
fn resolve(name: &str, package: &str) -> String {
    let scalar = [
        "string", "bytes", "bool", "int32", "int64", "uint32", "uint64", "double",
    ];
    match name.strip_prefix('.') {
        Some(absolute) => absolute.to_owned(),
        None if scalar.contains(&name) => name.to_owned(),
        None => format!("{package}.{name}"),
    }
}
