//! `docker/metadata-action`: tags and labels from the event.

mod rule;
#[cfg(test)]
mod tests;
mod version;

use async_trait::async_trait;
use serde_json::json;

use super::{Action, Call, Error, Input};
use rule::{Event, tags};

pub(super) struct Metadata;

const INPUTS: &[Input] = &[
    Input::required("images"),
    Input::optional("tags", ""),
    Input::optional("flavor", ""),
    Input::optional("labels", ""),
    Input::optional("sep-tags", "\n"),
    Input::optional("sep-labels", "\n"),
    Input::noted("annotations", "labels are written, annotations are not"),
    Input::noted("sep-annotations", "labels are written, annotations are not"),
    Input::noted("context", "the event of the run is used"),
    Input::noted("github-token", "nothing is asked of GitHub"),
    Input::noted("bake-target", "there is no bake"),
];

#[async_trait]
impl Action for Metadata {
    fn name(&self) -> &'static str {
        "docker/metadata-action"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let run = call.scope.run.clone();
        let request = &run.request;
        let event = Event {
            reference: request.reference.clone(),
            commit: request.commit.clone(),
            default_branch: request.payload["repository"]["default_branch"]
                .as_str()
                .unwrap_or("main")
                .to_owned(),
            now: run.ports.clock.now(),
        };
        let found =
            tags(&event, &call.lines("tags"), &call.lines("flavor")).map_err(Error::Refused)?;
        let images = images(call)?;
        let references: Vec<String> = images
            .iter()
            .flat_map(|image| found.tags.iter().map(move |tag| format!("{image}:{tag}")))
            .collect();
        if references.is_empty() {
            call.session
                .warn("no rule gives a tag for this event: the outputs are empty");
        }
        let labels = labels(call, &event, &found.version)?;
        publish(call, &references, &labels, &found.version);
        Ok(())
    }
}

/// The images' names, in lower case as registries want them.
fn images(call: &Call<'_>) -> Result<Vec<String>, Error> {
    let mut images = Vec::new();
    for line in call.lines("images") {
        let mut enabled = true;
        let mut name = String::new();
        for part in line.split(',').map(str::trim) {
            match part.split_once('=') {
                Some(("name", value)) => value.clone_into(&mut name),
                Some(("enable", value)) => enabled = value != "false",
                Some((other, _)) => {
                    return Err(Error::refused(format!(
                        "`images`: unknown attribute `{other}`"
                    )));
                }
                None if name.is_empty() => part.clone_into(&mut name),
                // Several names on one line, separated by commas.
                None => images.push(std::mem::replace(&mut name, part.to_owned()).to_lowercase()),
            }
        }
        if enabled && !name.is_empty() {
            images.push(name.to_lowercase());
        }
    }
    Ok(images)
}

/// The OCI labels that the original sets, and then the user's own.
fn labels(call: &Call<'_>, event: &Event, version: &str) -> Result<Vec<(String, String)>, Error> {
    let request = &call.scope.run.request;
    let server = call.scope.run.ports.source.server_url();
    let url = format!("{server}/{}/{}", request.owner, request.repository);
    let table = [
        (
            "created",
            event.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        ),
        ("description", String::new()),
        ("licenses", String::new()),
        ("revision", event.commit.clone()),
        ("source", url.clone()),
        ("title", request.repository.clone()),
        ("url", url),
        ("version", version.to_owned()),
    ];
    let mut labels: Vec<(String, String)> = table
        .into_iter()
        .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value))
        .collect();
    for (name, value) in call.pairs("labels")? {
        labels.retain(|(known, _)| *known != name);
        labels.push((name, value));
    }
    Ok(labels)
}

fn publish(call: &mut Call<'_>, tags: &[String], labels: &[(String, String)], version: &str) {
    let separator = |name: &str| {
        let given = call.inputs.get(name).map_or("\n", String::as_str);
        if given.is_empty() {
            "\n".to_owned()
        } else {
            given.to_owned()
        }
    };
    let label_lines: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let tag_text = tags.join(&separator("sep-tags"));
    let label_text = label_lines.join(&separator("sep-labels"));
    let by_name: serde_json::Map<String, serde_json::Value> = labels
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let document = json!({ "tags": tags, "labels": by_name, "annotations": [] }).to_string();
    for (name, value) in [
        ("version", version),
        ("tags", &tag_text),
        ("labels", &label_text),
        ("json", &document),
    ] {
        call.session.output(name, value);
        let variable = format!("DOCKER_METADATA_OUTPUT_{}", name.to_uppercase());
        call.session.exports.push((variable, value.to_owned()));
    }
    call.session.output("annotations", "");
    for tag in tags {
        call.session.say(tag);
    }
}
