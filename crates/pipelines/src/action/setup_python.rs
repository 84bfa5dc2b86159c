//! `actions/setup-python`: the machine's own Python, in an environment of the job's own.

use std::time::Duration;

use async_trait::async_trait;

use super::{Action, Call, Error, Input};
use crate::port::{Command, Exit};

pub(super) struct SetupPython;

const INPUTS: &[Input] = &[
    Input::optional("python-version", ""),
    Input::optional("python-version-file", ""),
    Input::noted(
        "cache",
        "packages are kept in the home directory of the job",
    ),
    Input::noted(
        "cache-dependency-path",
        "packages are kept in the home directory of the job",
    ),
    Input::noted("architecture", "the machine's own Python is used"),
    Input::noted("check-latest", "nothing is downloaded"),
    Input::noted("token", "nothing is downloaded"),
    Input::noted("update-environment", "the environment is the job's own"),
    Input::noted("allow-prereleases", "the machine's own Python is used"),
    Input::noted("freethreaded", "the machine's own Python is used"),
    Input::noted("pip-version", "the machine's own pip is used"),
];

/// Makes an environment for the job, without installing anything: `pip install` then writes there
/// and not into the machine's Python. Prints the version first.
const SCRIPT: &str = r#"
python3 -c 'import platform, sys; print(platform.python_version()); print(sys.executable)' || exit 9
# The interpreter's own file: an environment made through a link looks for the library beside the link.
real=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))') || exit 8
"$real" -m venv --without-pip --system-site-packages "$1" || exit 8
if [ ! -e "$1/bin/pip" ]; then
  printf '#!/bin/sh\nexec "%s/bin/python3" -m pip "$@"\n' "$1" > "$1/bin/pip"
  chmod +x "$1/bin/pip"
  cp "$1/bin/pip" "$1/bin/pip3"
fi
"#;

/// Long enough for a machine under load.
const PATIENCE: Duration = Duration::from_mins(2);

#[async_trait]
impl Action for SetupPython {
    fn name(&self) -> &'static str {
        "actions/setup-python"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let wanted = wanted(call)?;
        let place = call.scope.directories.inside("tools/python");
        let command = Command {
            arguments: ["sh", "-c", SCRIPT, "sh", &place]
                .map(str::to_owned)
                .to_vec(),
            environment: call.environment.clone(),
            directory: call.scope.directories.working_directory(""),
            timeout: PATIENCE,
            cancel: call.scope.cancel.clone(),
        };
        let mut lines = Vec::new();
        let exit = call
            .scope
            .sandbox
            .run(command, &mut |line| lines.push(line.to_owned()))
            .await;
        let exit =
            exit.map_err(|source| Error::Port("cannot look for python3".to_owned(), source))?;
        let version = lines.first().cloned().unwrap_or_default();
        match exit {
            Exit::Code(0) => {
                call.session.paths.push(format!("{place}/bin"));
                call.session
                    .exports
                    .push(("VIRTUAL_ENV".to_owned(), place.clone()));
                call.session
                    .output("python-path", format!("{place}/bin/python3"));
            }
            Exit::Code(8) => {
                let why = lines.get(2..).unwrap_or_default().join(" ");
                call.session.warn(&format!(
                    "no environment for the job could be made ({why}): packages go to the machine's own Python"
                ));
                let path = lines.get(1).cloned().unwrap_or_default();
                call.session.output("python-path", path);
            }
            _ => {
                return Err(Error::refused(
                    "there is no python3 on this machine: install it, for Seatrial installs nothing",
                ));
            }
        }
        call.session.output("python-version", version.as_str());
        call.session.output("cache-hit", "false");
        call.session.say(&format!(
            "Using this machine's Python {version}; nothing was installed"
        ));
        if !wanted.is_empty() && !wanted.iter().any(|wanted| satisfies(&version, wanted)) {
            let wanted = wanted.join(", ");
            call.session.warn(&format!(
                "the workflow asks for Python {wanted}, this machine has {version}: going on with that"
            ));
        }
        Ok(())
    }
}

fn wanted(call: &Call<'_>) -> Result<Vec<String>, Error> {
    let versions = call.lines("python-version");
    let file = call.input("python-version-file");
    if !versions.is_empty() || file.is_empty() {
        return Ok(versions);
    }
    let text = std::fs::read_to_string(call.resolve(file)?)
        .map_err(|source| Error::File(format!("cannot read `{file}`"), source))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(1)
        .map(str::to_owned)
        .collect())
}

/// Whether a version is in a range such as `3.11`, `3.x`, `>=3.9 <3.13` or `~3.10`.
fn satisfies(version: &str, range: &str) -> bool {
    let found = numbers(version);
    range.split("||").any(|alternative| {
        let mut parts = alternative.split_whitespace().peekable();
        parts.peek().is_some() && parts.all(|part| meets(&found, part))
    })
}

fn meets(found: &[u64], part: &str) -> bool {
    type Holds = fn(std::cmp::Ordering) -> bool;
    const COMPARISONS: [(&str, Holds); 5] = [
        (">=", std::cmp::Ordering::is_ge),
        ("<=", std::cmp::Ordering::is_le),
        (">", std::cmp::Ordering::is_gt),
        ("<", std::cmp::Ordering::is_lt),
        ("==", std::cmp::Ordering::is_eq),
    ];
    for (sign, holds) in COMPARISONS {
        if let Some(rest) = part.strip_prefix(sign) {
            let wanted = numbers(rest);
            let compared = found.iter().take(wanted.len()).cmp(wanted.iter());
            return holds(compared);
        }
    }
    let caret = part.starts_with('^');
    let wanted = numbers(part.trim_start_matches(['^', '~', '=', 'v']));
    if caret {
        return found.first() == wanted.first() && found >= wanted.as_slice();
    }
    found.iter().take(wanted.len()).eq(wanted.iter())
}

/// The numbers of a version, up to the first part that is none (`x`, `13-dev`).
fn numbers(version: &str) -> Vec<u64> {
    version
        .trim()
        .split(['.', '-'])
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::satisfies;

    #[test]
    fn versions_satisfy_ranges() {
        let table = [
            ("3.11.7", "3.11", true),
            ("3.11.7", "3.11.7", true),
            ("3.11.7", "3.12", false),
            ("3.11.7", "3.x", true),
            ("3.11.7", "3", true),
            ("3.11.7", "3.1", false),
            ("3.11.7", ">=3.9", true),
            ("3.11.7", ">=3.9 <3.11", false),
            ("3.11.7", ">=3.9 <3.13", true),
            ("3.11.7", "^3.8", true),
            ("3.11.7", "2.7 || 3.11", true),
            ("3.11.7", "pypy3.10", true),
        ];
        for (version, range, expected) in table {
            // A name such as pypy has no numbers and so asks for nothing that could be missing.
            assert_eq!(satisfies(version, range), expected, "{version} in {range}");
        }
    }
}
