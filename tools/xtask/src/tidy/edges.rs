//! Who may import whom. Read from Cargo itself, so that a renamed crate cannot slip through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Each crate and what it may import, without the prefix `seatrial-`. Tests may also use `testkit`.
const ALLOWED: &[(&str, &[&str])] = &[
    // Floor 0: pure, no tokio.
    ("clock", &[]),
    ("schema", &[]),
    ("expr", &[]),
    ("resources", &[]),
    ("render", &["schema"]),
    // Floor 1: platform.
    ("store", &[]),
    (
        "apiserver",
        &["clock", "expr", "resources", "schema", "store"],
    ),
    ("controller", &["clock", "resources"]),
    // Floor 2: domain. These never import each other: they meet through API objects.
    ("workloads", DOMAIN),
    ("scheduler", DOMAIN),
    ("node", DOMAIN),
    ("network", DOMAIN),
    ("git", DOMAIN),
    ("images", DOMAIN),
    ("pipelines", DOMAIN),
    ("gitops", DOMAIN),
    ("rollouts", DOMAIN),
    ("telemetry", DOMAIN),
    // Floor 3: the binary knows everyone.
    (
        "seatrial",
        &[
            "apiserver",
            "clock",
            "controller",
            "expr",
            "git",
            "gitops",
            "images",
            "network",
            "node",
            "pipelines",
            "render",
            "resources",
            "rollouts",
            "scheduler",
            "schema",
            "store",
            "telemetry",
            "workloads",
        ],
    ),
    (
        "testkit",
        &[
            "apiserver",
            "clock",
            "controller",
            "resources",
            "schema",
            "store",
        ],
    ),
    (
        "fuzz",
        &[
            "apiserver",
            "clock",
            "expr",
            "git",
            "images",
            "network",
            "pipelines",
            "render",
            "schema",
            "store",
            "telemetry",
            "workloads",
        ],
    ),
    ("xtask", &["schema"]),
];

const DOMAIN: &[&str] = &[
    "clock",
    "controller",
    "expr",
    "render",
    "resources",
    "schema",
];

/// Crates that must stay free of I/O, whatever they import.
const PURE: &[&str] = &["clock", "schema", "expr", "resources", "render"];

/// What a pure crate must not even reach through others.
const IMPURE: &[&str] = &["tokio", "hyper", "axum", "kube-client"];

pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("cannot read cargo metadata")?;
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, edges)| (*name, edges.iter().copied().collect()))
        .collect();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = bare(&package["name"]);
        let Some(edges) = allowed.get(name) else {
            findings.push(format!("crate {name} is not in the table of allowed edges"));
            continue;
        };
        seen.insert(name);
        findings.extend(wrong_edges(name, package, edges));
    }
    findings.extend(
        allowed
            .keys()
            .filter(|name| !seen.contains(*name))
            .map(|name| format!("the table of allowed edges names {name}, which does not exist")),
    );
    Ok(findings)
}

/// What benches measure beyond their own crate: the scheduler's runs the whole chain from Deployments
/// to Ready pods.
const MEASURED: &[(&str, &str)] = &[
    ("scheduler", "node"),
    ("scheduler", "store"),
    ("scheduler", "workloads"),
];

fn bare(name: &Value) -> &str {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix("seatrial-").unwrap_or(name)
}

fn wrong_edges(name: &str, package: &Value, edges: &BTreeSet<&str>) -> Vec<String> {
    let mut findings = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let full = dependency["name"].as_str().unwrap_or_default();
        let for_tests = dependency["kind"] == "dev";
        if PURE.contains(&name) && !for_tests && IMPURE.contains(&full) {
            findings.push(format!("{name} is pure and must not import {full}"));
        }
        if !full.starts_with("seatrial-") {
            continue;
        }
        let target = bare(&dependency["name"]);
        let measured = MEASURED.contains(&(name, target));
        let may = edges.contains(target) || (for_tests && (target == "testkit" || measured));
        if !may {
            findings.push(format!("{name} must not import {target}"));
        }
    }
    findings
}
