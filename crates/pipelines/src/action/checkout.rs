//! `actions/checkout`: the repository's files, with a `.git` that can push.

use std::path::Path;

use async_trait::async_trait;

use super::{Action, Call, Error, Input};
use crate::port;

pub(super) struct Checkout;

const INPUTS: &[Input] = &[
    Input::optional("repository", ""),
    Input::optional("ref", ""),
    Input::optional("token", ""),
    Input::optional("path", "."),
    Input::optional("fetch-depth", "1"),
    Input::optional("persist-credentials", "true"),
    Input::noted("clean", "the directory is always emptied first"),
    Input::noted("show-progress", "there is none to show"),
    Input::noted("set-safe-directory", "the workspace belongs to the job"),
    Input::noted(
        "fetch-tags",
        "tags are fetched with the history they are on",
    ),
    Input::only("submodules", "false", "check them out in a `run` step"),
    Input::only(
        "lfs",
        "false",
        "the embedded Git server has no large file storage",
    ),
    Input::only("sparse-checkout", "", "the whole tree is checked out"),
    Input::only("filter", "", "the whole tree is checked out"),
    Input::only("ssh-key", "", "the embedded Git server speaks HTTP"),
];

#[async_trait]
impl Action for Checkout {
    fn name(&self) -> &'static str {
        "actions/checkout"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let run = &call.scope.run;
        let request = &run.request;
        let repository = repository(call)?;
        let is_own = repository == request.repository;
        let (revision, branch) = revision(call, is_own);
        let directory = call.resolve(call.input("path"))?;
        clear(&directory).map_err(|source| {
            Error::File(format!("cannot make {}", directory.display()), source)
        })?;
        let token = match call.input("token") {
            "" => run.token.clone(),
            token => token.to_owned(),
        };
        let token = call.flag("persist-credentials")?.then_some(token);
        let checkout = port::Checkout {
            repository: repository.clone(),
            revision: revision.clone(),
            branch,
            depth: depth(call.input("fetch-depth"))?,
            directory,
            token,
        };
        let done = run
            .ports
            .source
            .checkout(checkout)
            .await
            .map_err(|source| {
                Error::Port(
                    format!("cannot check out `{revision}` of `{repository}`"),
                    source,
                )
            })?;
        call.session.output("commit", done.commit.as_str());
        call.session.output("ref", revision.as_str());
        let short = done.commit.get(..7).unwrap_or(&done.commit).to_owned();
        call.session
            .say(&format!("Checked out {repository} at {short} ({revision})"));
        Ok(())
    }
}

/// An empty directory: what an earlier checkout left is removed, as the original does.
fn clear(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The Repository object's name: the input may be owner/name.
fn repository(call: &Call<'_>) -> Result<String, Error> {
    let given = call.input("repository");
    if given.is_empty() {
        return Ok(call.scope.run.request.repository.clone());
    }
    match given.rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::refused(format!(
            "`repository: {given}` is not owner/name"
        ))),
    }
}

/// What to check out, and the branch to be on.
fn revision(call: &Call<'_>, is_own: bool) -> (String, Option<String>) {
    let request = &call.scope.run.request;
    let branch_of = |reference: &str| reference.strip_prefix("refs/heads/").map(str::to_owned);
    match call.input("ref") {
        "" if is_own => (request.commit.clone(), branch_of(&request.reference)),
        "" => ("HEAD".to_owned(), None),
        given => {
            let is_commit = given.len() == 40 && given.bytes().all(|b| b.is_ascii_hexdigit());
            let is_other = given.starts_with("refs/") && !given.starts_with("refs/heads/");
            let name = given.strip_prefix("refs/heads/").unwrap_or(given);
            (
                given.to_owned(),
                (!is_commit && !is_other).then(|| name.to_owned()),
            )
        }
    }
}

fn depth(text: &str) -> Result<Option<u32>, Error> {
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(depth) => Ok(Some(depth)),
        Err(_) => Err(Error::refused(format!(
            "`fetch-depth` must be a number, not `{text}`"
        ))),
    }
}
