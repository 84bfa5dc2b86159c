//! Rollouts as text, in the manner of the upstream plugin. Pure.

use jiff::Timestamp;
use seatrial_resources::argoproj::Rollout;

use super::info::{self, Info};
use super::tree::{self, Node};
use crate::client::style::{Paint, Tone};
use crate::client::table::Table;

/// The sign before a state.
fn sign(status: &str) -> &'static str {
    match status {
        "Healthy" | "Running" | "Successful" | "Completed" | "Succeeded" => "✔",
        "Paused" => "॥",
        "Progressing" | "Pending" | "ContainerCreating" | "PodInitializing" | "Terminating" => "◌",
        "ScaledDown" => "•",
        "Unknown" | "Inconclusive" => "?",
        "Error" => "⚠",
        _ => "✖",
    }
}

fn tone(sign: &str) -> Tone {
    match sign {
        "✔" => Tone::Good,
        "✖" | "⚠" => Tone::Bad,
        "•" => Tone::Faint,
        _ => Tone::Busy,
    }
}

/// A state with its sign.
pub(super) fn marked(status: &str, paint: Paint) -> String {
    let sign = sign(status);
    // An analysis that runs has not said anything yet.
    paint.tint(tone(sign), &format!("{sign} {status}"))
}

/// The text of `rollout get`.
pub(super) fn details(info: &Info, paint: Paint) -> String {
    let mut text = String::new();
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<17}{value}\n"));
        }
    };
    fact("Name:", &info.name);
    fact("Namespace:", &info.namespace);
    fact("Status:", &marked(&info.status, paint));
    fact("Message:", &info.message);
    fact("Strategy:", info.strategy);
    if info.strategy == "Canary" {
        if let Some(step) = &info.step {
            fact("  Step:", step);
            fact("  SetWeight:", &info.set_weight.to_string());
        }
        fact("  ActualWeight:", &info.actual_weight.to_string());
    }
    for (index, image) in info.images.iter().enumerate() {
        let roles = if image.roles.is_empty() {
            String::new()
        } else {
            format!(" ({})", image.roles.join(", "))
        };
        fact(
            if index == 0 { "Images:" } else { "" },
            &format!("{}{roles}", image.image),
        );
    }
    text.push_str("Replicas:\n");
    let counts = [
        ("Desired", info.desired),
        ("Current", info.current),
        ("Updated", info.updated),
        ("Ready", info.ready),
        ("Available", info.available),
    ];
    for (label, count) in counts {
        text.push_str(&format!("  {:<15}{count}\n", format!("{label}:")));
    }
    text.push_str(&format!("\n{}", tree(info, paint)));
    text
}

fn tree(info: &Info, paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "KIND", "STATUS", "AGE", "INFO"]);
    let status = marked(&info.status, paint);
    table.row([
        format!("⟳ {}", info.name),
        "Rollout".to_owned(),
        status,
        info.age.clone(),
    ]);
    let last = info.revisions.len().saturating_sub(1);
    for (index, revision) in info.revisions.iter().enumerate() {
        let is_last = index == last;
        table.row([format!(
            "{}# revision:{}",
            branch("", is_last),
            revision.revision
        )]);
        let trunk = below("", is_last);
        branches(&mut table, &revision.nodes, &trunk, paint);
    }
    table.render()
}

fn branch(trunk: &str, is_last: bool) -> String {
    format!("{trunk}{}", if is_last { "└──" } else { "├──" })
}

fn below(trunk: &str, is_last: bool) -> String {
    format!("{trunk}{}", if is_last { "   " } else { "│  " })
}

fn branches(table: &mut Table, nodes: &[Node], trunk: &str, paint: Paint) {
    for (index, node) in nodes.iter().enumerate() {
        let is_last = index + 1 == nodes.len();
        let icon = match node.kind {
            "ReplicaSet" => "⧉",
            "AnalysisRun" => "α",
            _ => "□",
        };
        let status = match (node.kind, node.status.as_str()) {
            ("AnalysisRun", "Running") => paint.tint(Tone::Busy, "◌ Running"),
            (_, status) => marked(status, paint),
        };
        table.row([
            format!("{}{icon} {}", branch(trunk, is_last), node.name),
            node.kind.to_owned(),
            status,
            node.age.clone(),
            node.info.clone(),
        ]);
        branches(table, &node.children, &below(trunk, is_last), paint);
    }
}

/// A change on one line, for output that is no terminal.
pub(super) fn one_line(info: &Info) -> String {
    let step = info
        .step
        .as_ref()
        .map(|step| format!("  step {step}"))
        .unwrap_or_default();
    let message = match info.message.as_str() {
        "" => String::new(),
        message => format!("  {message}"),
    };
    format!(
        "{}{step}  weight {}/{}  updated {}  available {}/{}{message}",
        info.status,
        info.actual_weight,
        info.set_weight,
        info.updated,
        info.available,
        info.desired
    )
}

/// The table of `rollout list`.
pub(super) fn list(
    rollouts: &[Rollout],
    namespace: Option<&str>,
    paint: Paint,
    now: Timestamp,
) -> String {
    if rollouts.is_empty() {
        return match namespace {
            Some(namespace) => {
                format!("No rollouts in namespace {namespace}; look in all of them with -A\n")
            }
            None => "No rollouts\n".to_owned(),
        };
    }
    let mut header = vec!["NAMESPACE"];
    header.extend([
        "NAME",
        "STRATEGY",
        "STATUS",
        "STEP",
        "SET-WEIGHT",
        "READY",
        "DESIRED",
    ]);
    header.extend(["UP-TO-DATE", "AVAILABLE", "AGE"]);
    let skipped = usize::from(namespace.is_some());
    let mut table = Table::new(&header[skipped..]);
    for rollout in rollouts {
        table.row(list_row(rollout, paint, now).into_iter().skip(skipped));
    }
    table.render()
}

fn list_row(rollout: &Rollout, paint: Paint, now: Timestamp) -> Vec<String> {
    let status = rollout.status.clone().unwrap_or_default();
    let (phase, _) = info::phase(rollout);
    let steps = info::steps(rollout);
    let canary = rollout.spec.strategy.blue_green.is_none();
    let step = match steps {
        0 => "-".to_owned(),
        steps => format!("{}/{steps}", status.current_step_index.unwrap_or_default()),
    };
    vec![
        rollout.metadata.namespace.clone().unwrap_or_default(),
        rollout.metadata.name.clone().unwrap_or_default(),
        if canary { "Canary" } else { "BlueGreen" }.to_owned(),
        marked(&format!("{phase:?}"), paint),
        step,
        if canary {
            info::set_weight(rollout, &status).to_string()
        } else {
            "-".to_owned()
        },
        format!("{}/{}", status.ready_replicas, status.replicas),
        rollout.spec.replicas.unwrap_or(1).to_string(),
        status.updated_replicas.to_string(),
        status.available_replicas.to_string(),
        tree::age_of(&rollout.metadata, now),
    ]
}
