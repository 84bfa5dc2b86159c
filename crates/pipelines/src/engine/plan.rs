//! What a workflow will run, before anything runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Request;
use super::context::Instance;
use super::matrix::{self, Combination};
use crate::expression::Scope;
use crate::workflow::{Job, Matrix};

/// The jobs of a run in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The jobs, matrices expanded as far as that can be known before the run.
    pub jobs: Vec<PlannedJob>,
}

/// One job of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedJob {
    /// Its key, with its matrix values.
    pub id: String,
    /// The keys of the jobs it waits for.
    pub needs: Vec<String>,
    /// How many waits lie before it: jobs of one stage can run side by side.
    pub stage: usize,
}

impl Plan {
    /// Plans a run's jobs. A matrix that needs the outputs of other jobs, or that cannot be
    /// evaluated, stays one job here.
    pub fn new(request: &Request) -> Self {
        let contexts = super::context::Contexts::from([(
            "github",
            serde_json::json!({ "ref": request.reference, "sha": request.commit }),
        )]);
        let scope = Scope {
            contexts: &contexts,
            status: crate::expression::Status::Success,
            files: None,
        };
        let jobs = &request.workflow.jobs;
        let stages = stages(jobs);
        let planned = jobs.iter().flat_map(|job| {
            let stage = stages.get(job.id.as_str()).copied().unwrap_or(0);
            instances(job, &scope)
                .unwrap_or_else(|_| vec![lone(job)])
                .into_iter()
                .map(move |instance| PlannedJob {
                    id: instance.id,
                    needs: job.needs.clone(),
                    stage,
                })
        });
        Self {
            jobs: planned.collect(),
        }
    }
}

/// The longest chain of needs before each job. `needs` has no cycle: the parser has seen to that,
/// so each round settles at least one more job.
fn stages(jobs: &[Job]) -> BTreeMap<&str, usize> {
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in jobs {
        for job in jobs {
            let before = job
                .needs
                .iter()
                .filter_map(|need| stages.get(need.as_str()));
            let stage = before.map(|stage| stage + 1).max().unwrap_or(0);
            stages.insert(&job.id, stage);
        }
    }
    stages
}

/// Whether a job's matrix can be known only when the jobs it needs have ended.
pub(crate) fn is_deferred(job: &Job) -> bool {
    let mut templates = Vec::new();
    match &job.strategy.matrix {
        None => {}
        Some(Matrix::Expression(template)) => templates.push(template),
        Some(Matrix::Axes {
            axes,
            include,
            exclude,
        }) => {
            let all = axes
                .iter()
                .map(|(_, data)| data)
                .chain(include)
                .chain(exclude);
            all.for_each(|data| data.templates(&mut templates));
        }
    }
    templates
        .iter()
        .any(|t| t.expressions().any(|expression| expression.reads("needs")))
}

/// The one instance of a job without a matrix.
pub(crate) fn lone(job: &Job) -> Instance {
    Instance {
        id: job.id.clone(),
        combination: Combination::default(),
        index: 0,
        total: 1,
    }
}

/// A job's instances: one, or one for each combination of its matrix.
pub(crate) fn instances(job: &Job, scope: &Scope<'_>) -> Result<Vec<Instance>, matrix::Error> {
    let Some(matrix) = &job.strategy.matrix else {
        return Ok(vec![lone(job)]);
    };
    let combinations = matrix::expand(matrix, scope)?;
    let total = combinations.len();
    let mut seen = std::collections::BTreeSet::new();
    Ok(combinations
        .into_iter()
        .enumerate()
        .map(|(index, combination)| {
            let mut id = format!("{}{}", job.id, combination.suffix());
            // Combinations that differ only in lists or mappings would share a name.
            if !seen.insert(id.clone()) {
                id = format!("{id} #{}", index + 1);
                seen.insert(id.clone());
            }
            Instance {
                id,
                combination,
                index,
                total,
            }
        })
        .collect())
}

/// A job's outputs and result as `needs.<id>` shows them.
pub(crate) fn need(result: super::Conclusion, outputs: &BTreeMap<String, String>) -> Value {
    serde_json::json!({ "result": result.as_str(), "outputs": outputs })
}
