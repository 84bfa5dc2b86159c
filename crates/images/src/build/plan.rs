//! Which stages are needed, and what the arguments before the first `FROM` are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Request};
use crate::dockerfile::{Dockerfile, Instruction, expand};
use crate::image::Platform;

/// What a build has to do.
pub(super) struct Plan {
    /// Stages in the order of the file.
    pub(super) needed: BTreeSet<usize>,
    /// The stage whose image is wanted.
    pub(super) target: usize,
    /// Global arguments with their values.
    pub(super) globals: BTreeMap<String, String>,
    /// Every argument that some `ARG` declares.
    pub(super) declared: BTreeSet<String>,
}

/// Arguments that need no `ARG` to be taken.
const PREDEFINED: [&str; 9] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SOURCE_DATE_EPOCH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

pub(super) fn plan(file: &Dockerfile, request: &Request) -> Result<Plan, Error> {
    let mut declared: BTreeSet<String> = PREDEFINED.iter().map(|name| (*name).to_owned()).collect();
    let globals = globals(file, request, &mut declared)?;
    for step in file.stages.iter().flat_map(|stage| &stage.steps) {
        if let Instruction::Arg(list) = &step.instruction {
            declared.extend(list.iter().map(|(name, _)| name.clone()));
        }
    }
    let target = match &request.target {
        None => file.stages.len() - 1,
        Some(name) => file.stage(name).ok_or_else(|| {
            let known: Vec<&str> = file
                .stages
                .iter()
                .filter_map(|stage| stage.name.as_deref())
                .collect();
            let problem = format!(
                "there is no stage {name:?} to build (stages: {})",
                known.join(", ")
            );
            Error::dockerfile(&file.name, 0, problem)
        })?,
    };
    let mut needed = BTreeSet::new();
    let mut open = vec![target];
    while let Some(index) = open.pop() {
        if needed.insert(index) {
            open.extend(dependencies(file, index, &globals));
        }
    }
    Ok(Plan {
        needed,
        target,
        globals,
        declared,
    })
}

/// Earlier stages that a stage starts from or copies from.
fn dependencies(file: &Dockerfile, index: usize, globals: &BTreeMap<String, String>) -> Vec<usize> {
    let value = |name: &str| globals.get(name).cloned();
    let stage = &file.stages[index];
    let copied = stage
        .steps
        .iter()
        .filter_map(|step| match &step.instruction {
            Instruction::Copy(copy) => copy.from.clone(),
            _ => None,
        });
    let base = expand::word(&stage.base, file.escape, &value).ok();
    let named = base
        .into_iter()
        .chain(copied)
        .filter_map(|name| file.stage(&name));
    named.filter(|other| *other < index).collect()
}

fn globals(
    file: &Dockerfile,
    request: &Request,
    declared: &mut BTreeSet<String>,
) -> Result<BTreeMap<String, String>, Error> {
    let machine = Platform::of_this_machine();
    let platform = format!("{}/{}", machine.os, machine.architecture);
    let mut globals: BTreeMap<String, String> = BTreeMap::new();
    for side in ["TARGET", "BUILD"] {
        globals.insert(format!("{side}PLATFORM"), platform.clone());
        globals.insert(format!("{side}OS"), machine.os.clone());
        globals.insert(format!("{side}ARCH"), machine.architecture.clone());
        globals.insert(format!("{side}VARIANT"), String::new());
    }
    for step in &file.arguments {
        let Instruction::Arg(list) = &step.instruction else {
            continue;
        };
        for (name, default) in list {
            declared.insert(name.clone());
            let value = |name: &str| globals.get(name).cloned();
            let default = default
                .as_deref()
                .map(|text| expand::word(text, file.escape, &value))
                .transpose();
            let default =
                default.map_err(|problem| Error::dockerfile(&file.name, step.line, problem))?;
            if let Some(value) = request.arguments.get(name).cloned().or(default) {
                globals.insert(name.clone(), value);
            }
        }
    }
    Ok(globals)
}
