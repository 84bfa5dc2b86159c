//! The environment that every step finds.

use std::collections::BTreeMap;

use super::context::{JobScope, architecture, full_name, reference_type, short_name};

/// Variables by name.
pub(crate) type Environment = BTreeMap<String, String>;

/// GitHub's default variables for a job ("Store information in variables"), on top of what the
/// sandbox itself provides.
pub(crate) fn defaults(scope: &JobScope) -> Environment {
    let run = &scope.run;
    let request = &run.request;
    let directories = &scope.directories;
    let server = run.ports.source.server_url();
    let mut environment = scope.sandbox.environment();
    let table = [
        ("CI", "true".to_owned()),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_ACTOR", request.actor.clone()),
        ("GITHUB_API_URL", format!("{server}/api")),
        ("GITHUB_BASE_REF", String::new()),
        ("GITHUB_EVENT_NAME", request.event.clone()),
        ("GITHUB_EVENT_PATH", directories.inside("temp/event.json")),
        ("GITHUB_HEAD_REF", String::new()),
        ("GITHUB_JOB", scope.job.id.clone()),
        ("GITHUB_REF", request.reference.clone()),
        ("GITHUB_REF_NAME", short_name(&request.reference).to_owned()),
        ("GITHUB_REF_PROTECTED", "false".to_owned()),
        (
            "GITHUB_REF_TYPE",
            reference_type(&request.reference).to_owned(),
        ),
        ("GITHUB_REPOSITORY", full_name(request)),
        ("GITHUB_REPOSITORY_OWNER", request.owner.clone()),
        ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
        ("GITHUB_RUN_ID", request.id.to_string()),
        ("GITHUB_RUN_NUMBER", request.number.to_string()),
        ("GITHUB_SERVER_URL", server),
        ("GITHUB_SHA", request.commit.clone()),
        ("GITHUB_TRIGGERING_ACTOR", request.actor.clone()),
        ("GITHUB_WORKFLOW", request.workflow.title().to_owned()),
        ("GITHUB_WORKSPACE", directories.workspace_inside()),
        ("HOME", directories.inside("home")),
        ("RUNNER_ARCH", architecture().to_owned()),
        ("RUNNER_ENVIRONMENT", "self-hosted".to_owned()),
        ("RUNNER_NAME", "seatrial".to_owned()),
        ("RUNNER_OS", "Linux".to_owned()),
        ("RUNNER_TEMP", directories.inside("temp")),
        ("RUNNER_TOOL_CACHE", directories.inside("tools")),
        ("TMPDIR", directories.inside("temp")),
    ];
    environment.extend(table.map(|(name, value)| (name.to_owned(), value)));
    environment
}

/// Puts directories before `PATH`, the last one first.
pub(crate) fn prepend(environment: &mut Environment, paths: &[String]) {
    let path = environment.entry("PATH".to_owned()).or_default();
    for directory in paths {
        *path = if path.is_empty() {
            directory.clone()
        } else {
            format!("{directory}:{path}")
        };
    }
}
