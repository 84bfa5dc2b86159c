//! `anchore/sbom-action`: what is inside.

use async_trait::async_trait;

use super::{Action, Call, Error, Input, counted};
use crate::port::{SbomFormat, Subject};
use crate::store::Existing;

pub(super) struct Sbom;

const INPUTS: &[Input] = &[
    Input::optional("image", ""),
    Input::optional("path", ""),
    Input::optional("file", ""),
    Input::optional("format", ""),
    Input::optional("output-file", ""),
    Input::optional("artifact-name", ""),
    Input::optional("upload-artifact", "true"),
    Input::noted(
        "upload-artifact-retention",
        "artifacts stay until they are removed",
    ),
    Input::noted("upload-release-assets", "there are no releases"),
    Input::noted("dependency-snapshot", "nothing is sent to GitHub"),
    Input::noted(
        "registry-username",
        "the login of docker/login-action is used",
    ),
    Input::noted(
        "registry-password",
        "the login of docker/login-action is used",
    ),
    Input::noted("syft-version", "the bill is made by Seatrial itself"),
    Input::noted("github-token", "nothing is sent to GitHub"),
    Input::only("config", "", "give the settings in `with`"),
];

#[async_trait]
impl Action for Sbom {
    fn name(&self) -> &'static str {
        "anchore/sbom-action"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let format = format(call)?;
        let (subject, shown) = subject(call)?;
        let images = call.scope.run.ports.images.clone();
        let bill = images
            .sbom(&subject, format)
            .await
            .map_err(|source| Error::Port(format!("cannot describe {shown}"), source))?;
        let file = match call.input("output-file") {
            "" => None,
            file => Some(file.to_owned()),
        };
        if let Some(file) = &file {
            let path = call.resolve(file)?;
            std::fs::write(&path, &bill)
                .map_err(|source| Error::File(format!("cannot write `{file}`"), source))?;
        }
        let components = serde_json::from_str::<serde_json::Value>(&bill)
            .ok()
            .and_then(|bill| bill["components"].as_array().map(Vec::len))
            .unwrap_or(0);
        call.session
            .say(&format!("{shown}: {}", counted(components, "component")));
        if call.flag("upload-artifact")? {
            keep(call, &bill)?;
        }
        Ok(())
    }
}

fn format(call: &mut Call<'_>) -> Result<SbomFormat, Error> {
    match call.input("format") {
        "cyclonedx-json" | "cyclonedx" => Ok(SbomFormat::CycloneDx),
        "" => {
            call.session
                .say("No `format` was given: writing cyclonedx-json");
            Ok(SbomFormat::CycloneDx)
        }
        other => Err(Error::refused(format!(
            "`format: {other}` is not supported: use cyclonedx-json"
        ))),
    }
}

fn subject(call: &Call<'_>) -> Result<(Subject, String), Error> {
    let (image, path, file) = (call.input("image"), call.input("path"), call.input("file"));
    if !image.is_empty() {
        return Ok((Subject::Image(image.to_owned()), image.to_owned()));
    }
    let written = [path, file]
        .into_iter()
        .find(|given| !given.is_empty())
        .unwrap_or(".");
    let found = call.resolve(written)?;
    if !found.exists() {
        return Err(Error::refused(format!("`path: {written}` does not exist")));
    }
    Ok((Subject::Path(found), written.to_owned()))
}

/// Keeps the bill as an artifact, named as the original does: repository, job, format.
fn keep(call: &mut Call<'_>, bill: &str) -> Result<(), Error> {
    let run = &call.scope.run;
    let name = match call.input("artifact-name") {
        "" => format!(
            "{}-{}.cyclonedx.json",
            run.request.repository, call.scope.job.id
        ),
        given => given.to_owned(),
    };
    let base = call.scope.directories.temp();
    let file = std::path::PathBuf::from(name.replace('/', "-"));
    std::fs::write(base.join(&file), bill)
        .map_err(|source| Error::File(format!("cannot write {}", file.display()), source))?;
    run.ports
        .store
        .put_artifact(&run.request.name, &name, &base, &[file], Existing::Replace)
        .map_err(|source| Error::Store(format!("cannot keep the artifact `{name}`"), source))?;
    call.session.say(&format!("Kept as artifact `{name}`"));
    Ok(())
}
