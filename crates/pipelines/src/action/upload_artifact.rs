//! `actions/upload-artifact`.

use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;

use super::{Action, Call, Error, Input, counted};
use crate::store::Existing;

pub(super) struct Upload;

const INPUTS: &[Input] = &[
    Input::optional("name", "artifact"),
    Input::required("path"),
    Input::optional("if-no-files-found", "warn"),
    Input::optional("overwrite", "false"),
    Input::optional("include-hidden-files", "false"),
    Input::noted("retention-days", "artifacts stay until they are removed"),
    Input::noted("compression-level", "artifacts are kept as plain files"),
];

#[async_trait]
impl Action for Upload {
    fn name(&self) -> &'static str {
        "actions/upload-artifact"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let name = call.input("name").to_owned();
        let (base, files) = select(call)?;
        if files.is_empty() {
            return nothing(call);
        }
        let existing = if call.flag("overwrite")? {
            Existing::Replace
        } else {
            Existing::Keep
        };
        let run = &call.scope.run;
        let place = run
            .ports
            .store
            .put_artifact(&run.request.name, &name, &base, &files, existing)
            .map_err(|source| Error::Store(format!("cannot keep the artifact `{name}`"), source))?;
        let digest = crate::hash::files(&place, &["**".to_owned()])
            .map_err(|source| Error::File(format!("cannot read {}", place.display()), source))?;
        call.session.output("artifact-id", name.as_str());
        call.session.output("artifact-digest", digest);
        call.session
            .output("artifact-url", format!("file://{}", place.display()));
        call.session.say(&format!(
            "Kept {} as artifact `{name}`",
            counted(files.len(), "file")
        ));
        Ok(())
    }
}

fn nothing(call: &mut Call<'_>) -> Result<(), Error> {
    let paths = call.lines("path").join(", ");
    let message = format!("no files were found at {paths}: nothing was kept");
    match call.input("if-no-files-found") {
        "error" => return Err(Error::refused(message)),
        "ignore" => call.session.say(&message),
        "warn" | "" => call.session.warn(&message),
        other => {
            return Err(Error::refused(format!(
                "`if-no-files-found` is warn, error or ignore, not `{other}`"
            )));
        }
    }
    Ok(())
}

/// The files that the paths select, relative to the deepest directory that holds all of them.
fn select(call: &Call<'_>) -> Result<(PathBuf, Vec<PathBuf>), Error> {
    let workspace = call.scope.directories.workspace();
    let mut patterns = Vec::new();
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in call.lines("path") {
        let (sign, body) = path
            .strip_prefix('!')
            .map_or(("", path.as_str()), |rest| ("!", rest));
        let (fixed, pattern) = split(body);
        let place = call.resolve(&fixed)?;
        let below = place
            .strip_prefix(&workspace)
            .map_err(|_| Error::refused(format!("`path: {path}` is outside of the workspace")))?;
        let whole = below.join(pattern.trim_start_matches('/'));
        patterns.push(format!("{sign}{}", whole.to_string_lossy()));
        if sign.is_empty() {
            let is_file = pattern.is_empty() && place.is_file();
            let root = if is_file {
                below.parent().unwrap_or(below)
            } else {
                below
            };
            roots.push(root.to_owned());
        }
    }
    let found = crate::hash::matching(&workspace, &patterns)
        .map_err(|source| Error::File("cannot read the workspace".to_owned(), source))?;
    let hidden = call.flag("include-hidden-files")?;
    let base = common(&roots);
    let files = found
        .into_iter()
        .filter(|path| hidden || !is_hidden(path))
        .filter_map(|path| path.strip_prefix(&base).map(Path::to_owned).ok())
        .collect();
    Ok((workspace.join(base), files))
}

/// A path before its first part with a wildcard, and the rest.
fn split(path: &str) -> (String, String) {
    let Some(wildcard) = path.find(['*', '?', '[']) else {
        return (path.to_owned(), String::new());
    };
    let cut = path[..wildcard].rfind('/').map_or(0, |slash| slash + 1);
    let fixed = if cut == 0 { "." } else { &path[..cut] };
    (fixed.to_owned(), path[cut..].to_owned())
}

/// The deepest directory above all of them.
fn common(roots: &[PathBuf]) -> PathBuf {
    let mut roots = roots.iter();
    let mut shared: Vec<Component<'_>> = roots
        .next()
        .map(|root| root.components().collect())
        .unwrap_or_default();
    for root in roots {
        let same = shared
            .iter()
            .zip(root.components())
            .take_while(|(a, b)| *a == b)
            .count();
        shared.truncate(same);
    }
    shared.into_iter().collect()
}

fn is_hidden(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
}
