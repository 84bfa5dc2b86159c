//! `docker/login-action`.

use async_trait::async_trait;

use super::{Action, Call, Error, Input};
use crate::port;

pub(super) struct Login;

const INPUTS: &[Input] = &[
    Input::optional("registry", "docker.io"),
    Input::required("username"),
    Input::required("password"),
    Input::noted("logout", "the login ends with the job"),
    Input::noted("ecr", "the registry is taken as any other"),
    Input::only("registry-auth", "", "log in to one registry per step"),
];

#[async_trait]
impl Action for Login {
    fn name(&self) -> &'static str {
        "docker/login-action"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let registry = match call.input("registry") {
            "" => "docker.io",
            given => given.trim_start_matches("https://").trim_end_matches('/'),
        }
        .to_owned();
        let username = call.input("username").to_owned();
        let password = call.input("password").to_owned();
        for (name, value) in [("username", &username), ("password", &password)] {
            if value.is_empty() {
                return Err(Error::refused(format!(
                    "`{name}` is empty: does the secret exist? Secrets are kept in Secret/pipeline-secrets-{}",
                    call.scope.run.request.repository
                )));
            }
        }
        call.session.mask(&password);
        let run_token = call.scope.run.token.clone();
        let login = port::Login {
            registry,
            username,
            password,
            run_token,
        };
        let images = &call.scope.run.ports.images;
        images.login(&login).await.map_err(|source| {
            let port::Login {
                registry, username, ..
            } = &login;
            Error::Port(format!("cannot log in to {registry} as {username}"), source)
        })?;
        call.session.say(&format!(
            "Logged in to {} as {}",
            login.registry, login.username
        ));
        Ok(())
    }
}
