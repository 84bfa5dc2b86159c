//! Python packages: installed ones, and those that lists pin.

use serde_json::Value;

use super::{Ecosystem, Package, package};

/// The form in which names are compared (PEP 503): lower case, one `-` for any run of `-`, `_` and `.`.
pub(crate) fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' => {
                if !normal.ends_with('-') {
                    normal.push('-');
                }
            }
            other => normal.extend(other.to_lowercase()),
        }
    }
    normal
}

fn python(name: &str, version: &str) -> Package {
    package(Ecosystem::PyPi, &normal_name(name), version.trim())
}

/// `METADATA` and `PKG-INFO`: headers as in an e-mail.
#[allow(clippy::unnecessary_wraps)] // The form all readers have.
pub(super) fn metadata(text: &str) -> Result<Vec<Package>, String> {
    let headers: Vec<(&str, &str)> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.split_once(": "))
        .collect();
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let (Some(name), Some(version)) = (header("Name"), header("Version")) else {
        return Ok(Vec::new());
    };
    let mut found = python(name, version);
    let license = header("License-Expression").or_else(|| header("License"));
    let is_short = |license: &&str| license.len() < 100 && *license != "UNKNOWN";
    license
        .filter(is_short)
        .unwrap_or_default()
        .clone_into(&mut found.license);
    Ok(vec![found])
}

/// `requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`, `constraints.txt`.
pub(super) fn is_requirements(name: &str) -> bool {
    let is_list = name.contains("requirements") || name.starts_with("constraints");
    is_list
        && std::path::Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "txt")
}

/// Exact pins only (`name==1.2`): what a looser line would install is not known.
#[allow(clippy::unnecessary_wraps)] // The form all readers have.
pub(super) fn requirements(text: &str) -> Result<Vec<Package>, String> {
    let pin = |line: &str| {
        let line = line
            .split(" #")
            .next()?
            .split(';')
            .next()?
            .split(" --")
            .next()?
            .trim()
            .trim_end_matches('\\')
            .trim();
        if line.starts_with(['#', '-']) {
            return None;
        }
        let (name, version) = line.split_once("==")?;
        let name = name.split('[').next()?.trim();
        let version = version.trim_start_matches('=').split(',').next()?.trim();
        let is_exact = !name.is_empty() && !version.is_empty() && !version.contains('*');
        is_exact.then(|| python(name, version))
    };
    Ok(text.lines().filter_map(pin).collect())
}

/// `[[package]]` tables with `name` and `version`, as Poetry, uv and PDM write them.
#[allow(clippy::unnecessary_wraps)] // The form all readers have.
pub(super) fn toml_lock(text: &str) -> Result<Vec<Package>, String> {
    let mut found = Vec::new();
    let (mut name, mut version) = (None, None);
    let mut is_package = false;
    for line in text.lines().chain(["[end]"]) {
        let line = line.trim();
        if line.starts_with('[') {
            if let (true, Some(name), Some(version)) = (is_package, name.take(), version.take()) {
                found.push(python(name, version));
            }
            is_package = line == "[[package]]";
            (name, version) = (None, None);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match key.trim() {
            "name" if name.is_none() => name = Some(value),
            "version" if version.is_none() => version = Some(value),
            _ => {}
        }
    }
    Ok(found)
}

/// `Pipfile.lock`: JSON with `default` and `develop`.
pub(super) fn pipfile_lock(text: &str) -> Result<Vec<Package>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let sections = ["default", "develop"]
        .into_iter()
        .filter_map(|section| lock.get(section)?.as_object());
    let pins = sections.flatten().filter_map(|(name, entry)| {
        let version = entry.get("version")?.as_str()?.strip_prefix("==")?;
        Some(python(name, version))
    });
    Ok(pins.collect())
}
