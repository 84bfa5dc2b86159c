//! Which analyses a rollout wants, and what the running ones mean for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use seatrial_controller::owner_reference;
use seatrial_resources::argoproj::{
    AnalysisArgument, AnalysisPhase, AnalysisRun, AnalysisRunReference, AnalysisRunSpec,
    AnalysisTemplateSpec, PauseReason, Rollout, RolloutAnalysis, RolloutStatus,
};
use serde_json::Value;

use super::Error;
use super::observe::World;
use super::spec::Spec;
use super::step::{self, Standing};

/// What an analysis is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It runs beside the steps.
    Background,
    /// A step waits for it.
    Step(usize),
}

impl Purpose {
    fn slot(self, status: &mut RolloutStatus) -> &mut Option<AnalysisRunReference> {
        match self {
            Self::Background => &mut status.canary.current_background_analysis_run_status,
            Self::Step(_) => &mut status.canary.current_step_analysis_run_status,
        }
    }

    /// The label by which upstream tells the two apart.
    fn label(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Step(_) => "Step",
        }
    }
}

/// Every analysis that the spec asks for, in order, with its field.
fn asked<'a>(spec: &Spec<'a>) -> Vec<(Purpose, &'a RolloutAnalysis, String)> {
    let background = spec.canary.analysis.iter().map(|background| {
        (
            Purpose::Background,
            &background.analysis,
            "spec.strategy.canary.analysis".to_owned(),
        )
    });
    let steps = spec.steps.iter().enumerate().filter_map(|(index, step)| {
        let field = format!("spec.strategy.canary.steps[{index}].analysis");
        step.analysis
            .as_ref()
            .map(|analysis| (Purpose::Step(index), analysis, field))
    });
    background.chain(steps).collect()
}

/// Finds templates and arguments of every analysis, so that a rollout that could never be judged is
/// refused before it starts.
pub(super) fn check(spec: &Spec<'_>, rollout: &Rollout, world: &World) -> Result<(), Error> {
    for (_, analysis, field) in asked(spec) {
        resolve(spec, rollout, world, analysis, &field, &Hashes::default())?;
    }
    Ok(())
}

/// The hashes that `podTemplateHashValue` may ask for.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    pub(super) latest: String,
    pub(super) stable: String,
}

fn resolve(
    spec: &Spec<'_>,
    rollout: &Rollout,
    world: &World,
    analysis: &RolloutAnalysis,
    field: &str,
    hashes: &Hashes,
) -> Result<AnalysisRunSpec, Error> {
    let mut run = AnalysisRunSpec {
        dry_run: analysis.dry_run.clone(),
        measurement_retention: analysis.measurement_retention.clone(),
        ..AnalysisRunSpec::default()
    };
    for (index, reference) in analysis.templates.iter().flatten().enumerate() {
        let name = &reference.template_name;
        let (kind, found) = if reference.cluster_scope == Some(true) {
            ("ClusterAnalysisTemplate", world.cluster_templates.get(name))
        } else {
            ("AnalysisTemplate", world.templates.get(name))
        };
        let template = found.ok_or_else(|| Error::Missing {
            name: spec.name.to_owned(),
            field: format!("{field}.templates[{index}].templateName"),
            value: name.clone(),
            detail: format!("{kind} '{name}' not found"),
        })?;
        if template
            .templates
            .as_ref()
            .is_some_and(|templates| !templates.is_empty())
        {
            return Err(Error::InvalidSpec {
                name: spec.name.to_owned(),
                field: format!("{field}.templates[{index}]"),
                detail: format!(
                    "{kind} '{name}' includes other templates, which is not supported yet; name them here instead"
                ),
            });
        }
        add(&mut run, template);
    }
    if run.metrics.is_none() {
        return Err(Error::InvalidSpec {
            name: spec.name.to_owned(),
            field: format!("{field}.templates"),
            detail: "no template with metrics is named".to_owned(),
        });
    }
    for argument in analysis.args.iter().flatten() {
        let value = argument_value(argument, rollout, hashes);
        let args = run.args.get_or_insert_default();
        match args.iter_mut().find(|known| known.name == argument.name) {
            Some(known) => known.value = value,
            None => args.push(AnalysisArgument {
                value,
                ..argument.clone()
            }),
        }
    }
    for argument in run.args.iter_mut().flatten() {
        argument.value_from = None;
        if argument.value.is_none() {
            return Err(Error::InvalidSpec {
                name: spec.name.to_owned(),
                field: format!("{field}.args"),
                detail: format!("args.{} was not resolved: give it a value", argument.name),
            });
        }
    }
    Ok(run)
}

fn add(run: &mut AnalysisRunSpec, template: &AnalysisTemplateSpec) {
    let metrics = template.metrics.iter().flatten().cloned();
    run.metrics.get_or_insert_default().extend(metrics);
    for argument in template.args.iter().flatten() {
        let args = run.args.get_or_insert_default();
        if args.iter().all(|known| known.name != argument.name) {
            args.push(argument.clone());
        }
    }
    for (target, more) in [(&mut run.dry_run, &template.dry_run)] {
        if let Some(more) = more {
            target.get_or_insert_default().extend(more.iter().cloned());
        }
    }
    if let Some(more) = &template.measurement_retention {
        run.measurement_retention
            .get_or_insert_default()
            .extend(more.iter().cloned());
    }
}

fn argument_value(
    argument: &AnalysisArgument,
    rollout: &Rollout,
    hashes: &Hashes,
) -> Option<String> {
    if argument.value.is_some() {
        return argument.value.clone();
    }
    let source = argument.value_from.as_ref()?;
    match source.pod_template_hash_value.as_deref() {
        Some("Latest") => return Some(hashes.latest.clone()),
        Some("Stable") => return Some(hashes.stable.clone()),
        _ => {}
    }
    let path = &source.field_ref.as_ref()?.field_path;
    let object = serde_json::to_value(rollout).ok()?;
    // `metadata.labels['region']` or `spec.replicas`.
    let pointer = path.replace("['", "/").replace("']", "").replace('.', "/");
    match object.pointer(&format!("/{pointer}"))? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Takes over what the runs say. A failed one aborts, an inconclusive one pauses; returns the
/// reason of an abort.
pub(super) fn follow(status: &mut RolloutStatus, world: &World, now: Timestamp) -> Option<String> {
    let mut abort = None;
    for purpose in [Purpose::Background, Purpose::Step(0)] {
        let Some(reference) = purpose.slot(status) else {
            continue;
        };
        let run = world
            .runs
            .iter()
            .find(|run| run.metadata.name.as_deref() == Some(&reference.name));
        let Some(found) = run.and_then(|run| run.status.as_ref()) else {
            continue;
        };
        reference.status = found.phase;
        reference.message.clone_from(&found.message);
        match found.phase {
            AnalysisPhase::Failed | AnalysisPhase::Error if !status.abort => {
                let why = found.message.clone().unwrap_or_default();
                let kind = match purpose {
                    Purpose::Background => "Metrics analysis",
                    Purpose::Step(_) => "Step-based analysis",
                };
                abort = Some(format!("{kind} phase error/failed: {why}"));
            }
            AnalysisPhase::Inconclusive => {
                step::add_pause(status, PauseReason::InconclusiveAnalysisRun, now);
            }
            _ => {}
        }
    }
    if abort.is_some() {
        status.abort = true;
        status.aborted_at = Some(Time(now));
    }
    abort
}

/// What to do about analyses.
#[derive(Debug, Default)]
pub(super) struct Analyses {
    pub(super) start: Vec<AnalysisRun>,
    /// Names of runs to stop.
    pub(super) stop: Vec<String>,
}

/// Starts what the standing asks for and stops the rest.
pub(super) fn plan(
    spec: &Spec<'_>,
    rollout: &Rollout,
    world: &World,
    status: &mut RolloutStatus,
    standing: Standing,
    revision: i64,
) -> Result<Analyses, Error> {
    let mut analyses = Analyses::default();
    let stable = status.stable_rs.clone().unwrap_or_default();
    let hashes = Hashes {
        latest: status.current_pod_hash.clone().unwrap_or_default(),
        stable,
    };
    for (purpose, analysis, field) in asked(spec) {
        if !is_wanted(spec, purpose, standing) || purpose.slot(status).is_some() {
            continue;
        }
        let resolved = resolve(spec, rollout, world, analysis, &field, &hashes)?;
        let name = name(spec, world, &hashes.latest, revision, purpose);
        *purpose.slot(status) = Some(AnalysisRunReference {
            name: name.clone(),
            status: AnalysisPhase::Pending,
            message: None,
        });
        analyses.start.push(build(
            rollout,
            analysis,
            resolved,
            name,
            &hashes.latest,
            purpose,
        ));
    }
    if !matches!(standing, Standing::Step(_) | Standing::Done) {
        for purpose in [Purpose::Background, Purpose::Step(0)] {
            // An aborted rollout keeps showing what it was aborted by.
            if standing != Standing::Aborted {
                *purpose.slot(status) = None;
            }
        }
    }
    let kept = [Purpose::Background, Purpose::Step(0)]
        .map(|purpose| purpose.slot(status).as_ref().map(|run| run.name.clone()));
    let ends = !matches!(standing, Standing::Step(_) | Standing::Done);
    for run in &world.runs {
        let name = run.metadata.name.clone();
        let over = run
            .status
            .as_ref()
            .is_some_and(|status| status.phase.is_final());
        if !over && run.spec.terminate != Some(true) && (ends || !kept.contains(&name)) {
            analyses.stop.extend(name);
        }
    }
    Ok(analyses)
}

fn is_wanted(spec: &Spec<'_>, purpose: Purpose, standing: Standing) -> bool {
    match (purpose, standing) {
        (Purpose::Step(wanted), Standing::Step(index)) => wanted == index,
        (Purpose::Background, Standing::Step(index)) => {
            let start = spec
                .canary
                .analysis
                .as_ref()
                .and_then(|analysis| analysis.starting_step);
            index >= usize::try_from(start.unwrap_or(0)).unwrap_or(0)
        }
        _ => false,
    }
}

/// `<rollout>-<hash>-<revision>[-<step>]`, with a count behind it where a retry took the name.
fn name(spec: &Spec<'_>, world: &World, hash: &str, revision: i64, purpose: Purpose) -> String {
    let step = match purpose {
        Purpose::Background => String::new(),
        Purpose::Step(index) => format!("-{index}"),
    };
    let base = format!("{}-{hash}-{revision}{step}", spec.name);
    let taken = |name: &str| {
        world
            .runs
            .iter()
            .any(|run| run.metadata.name.as_deref() == Some(name))
    };
    let mut name = base.clone();
    let mut count = 0;
    while taken(&name) {
        count += 1;
        name = format!("{base}.{count}");
    }
    name
}

fn build(
    rollout: &Rollout,
    analysis: &RolloutAnalysis,
    spec: AnalysisRunSpec,
    name: String,
    hash: &str,
    purpose: Purpose,
) -> AnalysisRun {
    let extra = analysis.analysis_run_metadata.clone().unwrap_or_default();
    let mut labels: BTreeMap<String, String> = extra.labels.unwrap_or_default();
    labels.insert(super::fleet::HASH.to_owned(), hash.to_owned());
    labels.insert("rollout-type".to_owned(), purpose.label().to_owned());
    if let Purpose::Step(index) = purpose {
        labels.insert("step-index".to_owned(), index.to_string());
    }
    AnalysisRun {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: rollout.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: extra.annotations,
            owner_references: Some(vec![owner_reference(rollout)]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}
