//! Runs as text. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use seatrial_resources::seatrial_dev::{PipelineRun, RunPhase};

use super::phase;
use crate::client::duration::{age, span};
use crate::client::output::Format;
use crate::client::style::{Paint, Tone, short};
use crate::client::table::Table;

/// How long something took, or has taken so far.
fn took(start: Option<&MicroTime>, end: Option<&MicroTime>, now: Timestamp) -> String {
    let Some(start) = start else {
        return "-".to_owned();
    };
    let length = end.map_or(now, |end| end.0).duration_since(start.0);
    if length.as_secs() < 10 {
        return format!("{:.1}s", length.as_secs_f64().max(0.0));
    }
    span(length.as_secs())
}

fn branch(reference: &str) -> &str {
    let names = ["refs/heads/", "refs/tags/"];
    names
        .iter()
        .find_map(|prefix| reference.strip_prefix(prefix))
        .unwrap_or(reference)
}

/// The table of `pipeline list`.
pub(super) fn list(runs: &[PipelineRun], format: Format, paint: Paint, now: Timestamp) -> String {
    if runs.is_empty() {
        return "No pipeline runs. Push a commit with a workflow in .github/workflows\n".to_owned();
    }
    let mut header = vec![
        "NAME", "WORKFLOW", "PHASE", "PROGRESS", "REF", "COMMIT", "TOOK", "AGE",
    ];
    if format == Format::Wide {
        header.extend(["NAMESPACE", "ACTOR", "MESSAGE"]);
    }
    let mut table = Table::new(&header);
    for run in runs {
        let status = run.status.clone().unwrap_or_default();
        let made = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let mut row = vec![
            run.metadata.name.clone().unwrap_or_default(),
            if status.workflow.is_empty() {
                run.spec.workflow_path.clone()
            } else {
                status.workflow
            },
            paint.word(&format!("{:?}", phase(run))),
            if status.progress.is_empty() {
                "-".to_owned()
            } else {
                status.progress
            },
            branch(&run.spec.reference).to_owned(),
            short(&run.spec.commit).to_owned(),
            took(status.started_at.as_ref(), status.finished_at.as_ref(), now),
            age(made, now),
        ];
        if format == Format::Wide {
            let subject = run.spec.message.lines().next().unwrap_or_default();
            row.extend([
                run.metadata.namespace.clone().unwrap_or_default(),
                run.spec.actor.clone(),
                status.message.unwrap_or_else(|| subject.to_owned()),
            ]);
        }
        table.row(row);
    }
    table.render()
}

fn sign(phase: RunPhase) -> (&'static str, Tone) {
    match phase {
        RunPhase::Succeeded => ("✔", Tone::Good),
        RunPhase::Failed | RunPhase::Cancelled => ("✖", Tone::Bad),
        RunPhase::Running => ("◌", Tone::Busy),
        RunPhase::Pending => ("·", Tone::Faint),
        RunPhase::Skipped => ("–", Tone::Faint),
    }
}

/// The text of `pipeline get`.
pub(super) fn details(run: &PipelineRun, paint: Paint, now: Timestamp) -> String {
    let status = run.status.clone().unwrap_or_default();
    let mut text = String::new();
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{:<12}{value}\n", format!("{label}:")));
        }
    };
    fact("Name", run.metadata.name.as_deref().unwrap_or_default());
    fact("Repository", &run.spec.repository);
    fact(
        "Workflow",
        &format!("{} ({})", status.workflow, run.spec.workflow_path),
    );
    fact(
        "Ref",
        &format!(
            "{} ({})",
            branch(&run.spec.reference),
            short(&run.spec.commit)
        ),
    );
    fact(
        "Commit",
        run.spec.message.lines().next().unwrap_or_default(),
    );
    fact("Actor", &run.spec.actor);
    fact("Phase", &paint.word(&format!("{:?}", status.phase)));
    fact("Message", status.message.as_deref().unwrap_or_default());
    fact(
        "Took",
        &took(status.started_at.as_ref(), status.finished_at.as_ref(), now),
    );
    if status.jobs.is_empty() {
        return text;
    }
    let mut table = Table::new(&["JOB", "PHASE", "TOOK", "MESSAGE"]);
    let row = |name: String, phase: RunPhase, took: String, message: Option<&String>| {
        let (sign, tone) = sign(phase);
        let name = match name.strip_prefix("  ") {
            Some(step) => format!("  {} {step}", paint.tint(tone, sign)),
            None => format!("{} {name}", paint.tint(tone, sign)),
        };
        let message = message.cloned().unwrap_or_default();
        [name, paint.word(&format!("{phase:?}")), took, message]
    };
    for job in &status.jobs {
        let time = took(job.started_at.as_ref(), job.finished_at.as_ref(), now);
        let name = if job.name.is_empty() {
            job.id.clone()
        } else {
            job.name.clone()
        };
        table.row(row(name, job.phase, time, job.message.as_ref()));
        for step in &job.steps {
            let time = took(step.started_at.as_ref(), step.finished_at.as_ref(), now);
            table.row(row(
                format!("  {}", step.name),
                step.phase,
                time,
                step.message.as_ref(),
            ));
        }
    }
    text.push_str(&format!("\n{}", table.render()));
    text
}
