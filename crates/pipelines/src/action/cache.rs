//! `actions/cache`, `actions/cache/restore` and `actions/cache/save`: directories kept between
//! runs of a repository, on this machine.

use async_trait::async_trait;

use super::{Action, Call, Error, Input, counted};

pub(super) struct Cache;
pub(super) struct Restore;
pub(super) struct Save;

const ONE_KIND: &str = "the cache is of this machine alone";
const FILES: &str = "files are copied in one piece";

const RESTORE: &[Input] = &[
    Input::required("path"),
    Input::required("key"),
    Input::optional("restore-keys", ""),
    Input::optional("fail-on-cache-miss", "false"),
    Input::optional("lookup-only", "false"),
    Input::noted("enableCrossOsArchive", ONE_KIND),
    Input::noted("upload-chunk-size", FILES),
    Input::noted("save-always", "use actions/cache/save with `if: always()`"),
];

const SAVE: &[Input] = &[
    Input::required("path"),
    Input::required("key"),
    Input::noted("enableCrossOsArchive", ONE_KIND),
    Input::noted("upload-chunk-size", FILES),
];

#[async_trait]
impl Action for Cache {
    fn name(&self) -> &'static str {
        "actions/cache"
    }

    fn inputs(&self) -> &'static [Input] {
        RESTORE
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        restore(call)
    }

    fn has_post(&self) -> bool {
        true
    }

    async fn post(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let hit = call
            .session
            .outputs
            .get("cache-hit")
            .is_some_and(|hit| hit == "true");
        if hit || call.flag("lookup-only")? {
            return Ok(());
        }
        save(call)
    }
}

#[async_trait]
impl Action for Restore {
    fn name(&self) -> &'static str {
        "actions/cache/restore"
    }

    fn inputs(&self) -> &'static [Input] {
        RESTORE
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        restore(call)
    }
}

#[async_trait]
impl Action for Save {
    fn name(&self) -> &'static str {
        "actions/cache/save"
    }

    fn inputs(&self) -> &'static [Input] {
        SAVE
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        save(call)
    }
}

fn restore(call: &mut Call<'_>) -> Result<(), Error> {
    let run = call.scope.run.clone();
    let key = call.input("key").to_owned();
    let prefixes = call.lines("restore-keys");
    let target = if call.flag("lookup-only")? {
        // Looking is restoring to a place that nobody sees.
        call.scope.directories.temp().join("cache-lookup")
    } else {
        call.scope.directories.root().to_owned()
    };
    let found = run
        .ports
        .store
        .restore_cache(&run.request.repository, &key, &prefixes, &target)
        .map_err(|source| Error::Store(format!("cannot restore the cache `{key}`"), source))?;
    call.session.output("cache-primary-key", key.as_str());
    match &found {
        Some(matched) => {
            call.session
                .output("cache-hit", (*matched == key).to_string());
            call.session.output("cache-matched-key", matched.as_str());
            call.session.say(&format!("Restored the cache `{matched}`"));
        }
        None if call.flag("fail-on-cache-miss")? => {
            return Err(Error::refused(format!("there is no cache for `{key}`")));
        }
        None => {
            call.session.output("cache-hit", "");
            call.session
                .say(&format!("There is no cache for `{key}` yet"));
        }
    }
    Ok(())
}

fn save(call: &mut Call<'_>) -> Result<(), Error> {
    let run = call.scope.run.clone();
    let key = call.input("key").to_owned();
    let root = call.scope.directories.root().to_owned();
    let mut patterns = Vec::new();
    for path in call.lines("path") {
        let (sign, body) = path
            .strip_prefix('!')
            .map_or(("", path.as_str()), |rest| ("!", rest));
        let place = call.resolve(body)?;
        let below = place.strip_prefix(&root).unwrap_or(&place);
        patterns.push(format!("{sign}{}", below.to_string_lossy()));
    }
    let files = crate::hash::matching(&root, &patterns)
        .map_err(|source| Error::File("cannot read what is to be cached".to_owned(), source))?;
    if files.is_empty() {
        call.session
            .warn(&format!("nothing to cache for `{key}`: no path exists"));
        return Ok(());
    }
    run.ports
        .store
        .save_cache(&run.request.repository, &key, &root, &files)
        .map_err(|source| Error::Store(format!("cannot save the cache `{key}`"), source))?;
    call.session.say(&format!(
        "Saved {} as cache `{key}`",
        counted(files.len(), "file")
    ));
    Ok(())
}
