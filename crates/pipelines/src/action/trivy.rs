//! `aquasecurity/trivy-action`: Seatrial's own scan, with Trivy's inputs and reports.

mod report;

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Action, Call, Error, Input, counted};
use crate::port::{Finding, Severity, Subject};

pub(super) struct Trivy;

const INPUTS: &[Input] = &[
    Input::optional("scan-type", "image"),
    Input::optional("image-ref", ""),
    Input::optional("scan-ref", "."),
    Input::optional("severity", "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL"),
    Input::optional("exit-code", "0"),
    Input::optional("format", "table"),
    Input::optional("output", ""),
    Input::optional("ignore-unfixed", "false"),
    Input::optional("trivyignores", ".trivyignore"),
    Input::optional("skip-dirs", ""),
    Input::optional("skip-files", ""),
    Input::noted("scanners", "packages and secrets are always scanned"),
    Input::noted(
        "vuln-type",
        "every kind of package that is known is scanned",
    ),
    Input::noted("hide-progress", "there is none to show"),
    Input::noted("timeout", "use the step's timeout-minutes"),
    Input::noted("cache", "advisories are kept on this machine"),
    Input::noted("cache-dir", "advisories are kept on this machine"),
    Input::noted("version", "the scanner is Seatrial's own"),
    Input::noted("skip-setup-trivy", "the scanner is Seatrial's own"),
    Input::noted(
        "limit-severities-for-sarif",
        "a report holds the severities asked for",
    ),
    Input::noted("github-pat", "nothing is sent to GitHub"),
    Input::only("input", "", "scan an image by reference with `image-ref`"),
    Input::only("template", "", "reports are table, json or sarif"),
    Input::only("trivy-config", "", "give the settings in `with`"),
    Input::only("ignore-policy", "", "name what to ignore in .trivyignore"),
    Input::only(
        "list-all-pkgs",
        "false",
        "anchore/sbom-action lists packages",
    ),
];

#[async_trait]
impl Action for Trivy {
    fn name(&self) -> &'static str {
        "aquasecurity/trivy-action"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let (subject, shown) = subject(call)?;
        let severities = severities(call.input("severity"))?;
        let exit_code = exit_code(call.input("exit-code"))?;
        let format = report::Format::parse(call.input("format")).map_err(Error::Refused)?;
        let images = call.scope.run.ports.images.clone();
        let session = &*call.session;
        let all = images
            .scan(&subject, &mut |note| session.warn(note))
            .await
            .map_err(|source| Error::Port(format!("cannot scan {shown}"), source))?;
        let total = all.len();
        let only_fixed = call.flag("ignore-unfixed")?;
        let ignored = ignored(call)?;
        let skipped = [call.list("skip-dirs"), call.list("skip-files")].concat();
        let found: Vec<Finding> = all
            .into_iter()
            .filter(|finding| severities.contains(&finding.severity))
            .filter(|finding| {
                !only_fixed || !finding.fixed.is_empty() || finding.package.is_empty()
            })
            .filter(|finding| !ignored.contains(&finding.id))
            .filter(|finding| !is_skipped(&finding.target, &skipped))
            .collect();
        write(call, &format.render(&shown, &found))?;
        let left_out = total - found.len();
        if left_out > 0 {
            call.session.say(&format!(
                "{} left out by severity or as ignored",
                counted(left_out, "more finding")
            ));
        }
        if found.is_empty() || exit_code == 0 {
            return Ok(());
        }
        let worst = found
            .iter()
            .map(|finding| finding.severity)
            .max()
            .map_or("", Severity::name);
        Err(Error::refused(format!(
            "{} in {shown}, the worst is {worst}: {}",
            counted(found.len(), "finding"),
            found
                .iter()
                .take(3)
                .map(report::short)
                .collect::<Vec<_>>()
                .join("; ")
        )))
    }
}

fn subject(call: &Call<'_>) -> Result<(Subject, String), Error> {
    match call.input("scan-type") {
        "fs" | "filesystem" | "rootfs" | "repo" => {
            let written = call.input("scan-ref");
            let path = call.resolve(written)?;
            if !path.exists() {
                return Err(Error::refused(format!(
                    "`scan-ref: {written}` does not exist"
                )));
            }
            Ok((Subject::Path(path), written.to_owned()))
        }
        "image" => match call.input("image-ref") {
            "" => Err(Error::refused("`scan-type: image` needs `image-ref`")),
            image => Ok((Subject::Image(image.to_owned()), image.to_owned())),
        },
        other => Err(Error::refused(format!(
            "`scan-type: {other}` is not supported: use fs or image"
        ))),
    }
}

fn severities(text: &str) -> Result<BTreeSet<Severity>, Error> {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            Severity::parse(name).ok_or_else(|| {
                let names: Vec<&str> = Severity::ALL.iter().map(|s| s.name()).collect();
                Error::refused(format!(
                    "unknown severity `{name}`: use {}",
                    names.join(", ")
                ))
            })
        })
        .collect()
}

fn exit_code(text: &str) -> Result<i32, Error> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
        .map_err(|_| Error::refused(format!("`exit-code` must be a number, not `{text}`")))
}

/// The identifiers in the ignore files; a file that is not there ignores nothing.
fn ignored(call: &Call<'_>) -> Result<BTreeSet<String>, Error> {
    let mut identifiers = BTreeSet::new();
    for file in call.list("trivyignores") {
        let Ok(text) = std::fs::read_to_string(call.resolve(&file)?) else {
            continue;
        };
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        identifiers.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(identifiers)
}

fn is_skipped(target: &str, skipped: &[String]) -> bool {
    skipped.iter().any(|path| {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        target == path || target.starts_with(&format!("{path}/"))
    })
}

fn write(call: &mut Call<'_>, report: &str) -> Result<(), Error> {
    let output = call.input("output").to_owned();
    if output.is_empty() {
        for line in report.lines() {
            call.session.say(line);
        }
        return Ok(());
    }
    let path = call.resolve(&output)?;
    std::fs::write(&path, report)
        .map_err(|source| Error::File(format!("cannot write `{output}`"), source))?;
    call.session.say(&format!("Report written to {output}"));
    Ok(())
}
