//! `docker/build-push-action`: by Seatrial's own builder.

use async_trait::async_trait;
use serde_json::json;

use super::docker_setup::platform;
use super::{Action, Call, Error, Input};
use crate::port::Build;

pub(super) struct BuildPush;

const BUILDER: &str = "Seatrial's own builder decides that itself";
const CACHE: &str = "layers are cached on this machine";

const INPUTS: &[Input] = &[
    Input::optional("context", "."),
    Input::optional("file", ""),
    Input::optional("push", "false"),
    Input::optional("tags", ""),
    Input::optional("labels", ""),
    Input::optional("build-args", ""),
    Input::optional("target", ""),
    Input::optional("no-cache", "false"),
    Input::optional("platforms", ""),
    Input::noted(
        "load",
        "every image built is kept in the embedded registry's store",
    ),
    Input::noted("cache-from", CACHE),
    Input::noted("cache-to", CACHE),
    Input::noted("pull", BUILDER),
    Input::noted("builder", BUILDER),
    Input::noted("network", BUILDER),
    Input::noted("provenance", "anchore/sbom-action describes what is inside"),
    Input::noted("sbom", "anchore/sbom-action makes one"),
    Input::noted("annotations", "labels are written, annotations are not"),
    Input::only(
        "secrets",
        "",
        "build secrets do not exist yet; use build-args, or a `run` step",
    ),
    Input::only("secret-files", "", "build secrets do not exist yet"),
    Input::only("ssh", "", "builds see no SSH agent"),
    Input::only("outputs", "", "an image is the only output"),
    Input::only("build-contexts", "", "there is one context"),
    Input::only("add-hosts", "", "builds have the machine's own names"),
    Input::only("allow", "", "builds get no more rights than others"),
];

#[async_trait]
impl Action for BuildPush {
    fn name(&self) -> &'static str {
        "docker/build-push-action"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let build = build(call)?;
        let images = call.scope.run.ports.images.clone();
        let session = &mut *call.session;
        let built = images
            .build(&build, &mut |line| session.say(line))
            .await
            .map_err(|source| Error::Port("the build failed".to_owned(), source))?;
        let metadata = json!({
            "containerimage.digest": built.digest,
            "containerimage.config.digest": built.image_id,
            "image.name": build.tags.join(","),
        });
        session.output("digest", built.digest.as_str());
        session.output("imageid", built.image_id.as_str());
        session.output("metadata", metadata.to_string());
        let verb = if build.push { "Pushed" } else { "Built" };
        for tag in &build.tags {
            session.say(&format!("{verb} {tag}@{}", built.digest));
        }
        Ok(())
    }
}

fn build(call: &Call<'_>) -> Result<Build, Error> {
    let written = call.input("context");
    if written.contains("://") || written.starts_with("git@") {
        return Err(Error::refused(format!(
            "`context: {written}`: only directories are built; check the repository out and use `context: .`"
        )));
    }
    let own = platform();
    if let Some(other) = call
        .list("platforms")
        .into_iter()
        .find(|platform| *platform != own)
    {
        return Err(Error::refused(format!(
            "`platforms: {other}` cannot be built: this machine builds {own} only"
        )));
    }
    let context = call.resolve(written)?;
    let dockerfile = match call.input("file") {
        "" => context.join("Dockerfile"),
        file => call.resolve(file)?,
    };
    if !dockerfile.is_file() {
        let shown = match call.input("file") {
            "" => format!("{}/Dockerfile", written.trim_end_matches('/')),
            file => file.to_owned(),
        };
        return Err(Error::refused(format!(
            "there is no Dockerfile at `{shown}`: is the repository checked out (actions/checkout), and is `context` or `file` right?"
        )));
    }
    let (tags, push) = (call.list("tags"), call.flag("push")?);
    if push && tags.is_empty() {
        return Err(Error::refused(
            "`push: true` needs `tags`: an image is pushed under a name",
        ));
    }
    Ok(Build {
        context,
        dockerfile,
        target: Some(call.input("target"))
            .filter(|target| !target.is_empty())
            .map(str::to_owned),
        arguments: call.pairs("build-args")?,
        labels: call.pairs("labels")?,
        tags,
        cache: !call.flag("no-cache")?,
        push,
    })
}
