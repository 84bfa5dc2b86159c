//! `actions/download-artifact`.

use async_trait::async_trait;

use super::{Action, Call, Error, Input, counted};

pub(super) struct Download;

const INPUTS: &[Input] = &[
    Input::optional("name", ""),
    Input::optional("path", "."),
    Input::optional("pattern", ""),
    Input::optional("merge-multiple", "false"),
    Input::only("run-id", "", "only artifacts of this run can be fetched"),
    Input::only(
        "repository",
        "",
        "only artifacts of this run can be fetched",
    ),
    Input::only("artifact-ids", "", "name the artifact with `name`"),
    Input::noted("github-token", "artifacts of this run need none"),
];

#[async_trait]
impl Action for Download {
    fn name(&self) -> &'static str {
        "actions/download-artifact"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let target = call.resolve(call.input("path"))?;
        let run = call.scope.run.clone();
        let (store, key) = (&run.ports.store, run.request.name.as_str());
        let failed = |name: &str| {
            let message = format!("cannot fetch the artifact `{name}`");
            move |source| Error::Store(message, source)
        };
        let name = call.input("name").to_owned();
        if name.is_empty() {
            let pattern = match call.input("pattern") {
                "" => "*",
                pattern => pattern,
            };
            let pattern = crate::workflow::Pattern::parse(pattern).map_err(Error::Refused)?;
            let merge = call.flag("merge-multiple")?;
            let names = store.artifacts(key).map_err(failed("*"))?;
            for name in names.iter().filter(|name| pattern.covers(name)) {
                let target = if merge {
                    target.clone()
                } else {
                    target.join(name)
                };
                let count = store
                    .get_artifact(key, name, &target)
                    .map_err(failed(name))?;
                call.session.say(&format!(
                    "Fetched artifact `{name}`: {}",
                    counted(count, "file")
                ));
            }
        } else {
            let count = store
                .get_artifact(key, &name, &target)
                .map_err(failed(&name))?;
            call.session.say(&format!(
                "Fetched artifact `{name}`: {}",
                counted(count, "file")
            ));
        }
        call.session
            .output("download-path", call.input("path").to_owned());
        Ok(())
    }
}
