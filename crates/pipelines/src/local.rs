//! Ports for tests: real processes in a temporary directory, everything else made up.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::port::*;

/// Runs commands as they are, in a process group of their own.
pub(crate) struct LocalExecutor;

struct LocalSandbox {
    directory: String,
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn open(&self, request: SandboxRequest) -> Result<Arc<dyn Sandbox>, Error> {
        Ok(Arc::new(LocalSandbox {
            directory: request.directory.to_string_lossy().into_owned(),
        }))
    }
}

#[async_trait]
impl Sandbox for LocalSandbox {
    fn directory(&self) -> &str {
        &self.directory
    }

    fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())])
    }

    async fn run(&self, command: Command, line: Line<'_>) -> Result<Exit, Error> {
        let mut child = tokio::process::Command::new(&command.arguments[0])
            .args(&command.arguments[1..])
            .env_clear()
            .envs(&command.environment)
            .current_dir(&command.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Error::because(format!("cannot start {}", command.arguments[0]), error)
            })?;
        let group = format!("-{}", child.id().unwrap());
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut out_open, mut err_open) = (true, true);
        let deadline = tokio::time::sleep(command.timeout);
        tokio::pin!(deadline);
        let mut killed = None;
        while out_open || err_open {
            tokio::select! {
                biased;
                () = command.cancel.cancelled(), if killed.is_none() => {
                    killed = Some(Exit::Cancelled);
                    kill(&group).await;
                }
                () = &mut deadline, if killed.is_none() => {
                    killed = Some(Exit::TimedOut);
                    kill(&group).await;
                }
                next = out.next_line(), if out_open => match next.unwrap() {
                    Some(text) => line(&text),
                    None => out_open = false,
                },
                next = err.next_line(), if err_open => match next.unwrap() {
                    Some(text) => line(&text),
                    None => err_open = false,
                },
            }
        }
        let status = child.wait().await.unwrap();
        Ok(killed.unwrap_or(Exit::Code(status.code().unwrap_or(137))))
    }

    async fn close(&self) {}
}

async fn kill(group: &str) {
    let _ = tokio::process::Command::new("kill")
        .args(["-KILL", "--", group])
        .status()
        .await;
}

/// A repository whose files are given.
pub(crate) struct FakeSource {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) checkouts: Mutex<Vec<Checkout>>,
}

#[async_trait]
impl Source for FakeSource {
    async fn checkout(&self, checkout: Checkout) -> Result<CheckedOut, Error> {
        for (path, text) in &self.files {
            let path = checkout.directory.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let commit = checkout.revision.clone();
        self.checkouts.lock().unwrap().push(checkout);
        Ok(CheckedOut { commit })
    }

    async fn workflows(&self, _: &str, _: &str) -> Result<Vec<WorkflowFile>, Error> {
        let files = self
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(".github/workflows/"));
        Ok(files
            .map(|(path, text)| WorkflowFile {
                path: path.clone(),
                text: text.clone(),
            })
            .collect())
    }

    async fn token(&self, _: &str) -> Result<String, Error> {
        Ok("run-token-7f3a".to_owned())
    }

    fn server_url(&self) -> String {
        "http://git.local".to_owned()
    }
}

/// Notes what it is asked to build, and finds what it is told to find.
#[derive(Default)]
pub(crate) struct FakeImages {
    pub(crate) builds: Mutex<Vec<Build>>,
    pub(crate) findings: Vec<Finding>,
}

#[async_trait]
impl Images for FakeImages {
    async fn login(&self, login: &Login) -> Result<(), Error> {
        if login.password == login.run_token {
            Ok(())
        } else {
            Err(Error::new("the registry does not know this user"))
        }
    }

    async fn build(&self, build: &Build, line: Line<'_>) -> Result<Built, Error> {
        line("step 1/1: FROM seatrial/host");
        self.builds.lock().unwrap().push(build.clone());
        Ok(Built {
            digest: "sha256:aa".to_owned(),
            image_id: "sha256:bb".to_owned(),
        })
    }

    async fn sbom(&self, _: &Subject, _: SbomFormat) -> Result<String, Error> {
        Ok(r#"{"bomFormat": "CycloneDX", "components": [{}, {}]}"#.to_owned())
    }

    async fn scan(&self, _: &Subject, _: Line<'_>) -> Result<Vec<Finding>, Error> {
        Ok(self.findings.clone())
    }
}

/// Secrets from a table.
pub(crate) struct FakeSecrets;

#[async_trait]
impl SecretSource for FakeSecrets {
    async fn settings(&self, _: &str) -> Result<Settings, Error> {
        Ok(Settings {
            secrets: BTreeMap::from([("API_KEY".to_owned(), "s3cr3t-value".to_owned())]),
            variables: BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]),
        })
    }
}

/// Keeps lines in memory.
#[derive(Default)]
pub(crate) struct MemoryLogs(pub(crate) Mutex<Vec<Entry>>);

impl Logs for MemoryLogs {
    fn start(&self, _: &str) {}

    fn forget(&self, _: &str) {}

    fn append(&self, _: &str, entry: &Entry) {
        self.0.lock().unwrap().push(entry.clone());
    }

    fn finish(&self, _: &str) {}
}

impl MemoryLogs {
    /// The log without times: `job/step kind text`.
    pub(crate) fn text(&self, root: &Path) -> String {
        let root = root.to_string_lossy();
        let entries = self.0.lock().unwrap();
        entries
            .iter()
            .map(|entry| {
                let kind = format!("{:?}", entry.kind).to_lowercase();
                let text = entry.text.replace(&*root, "ROOT");
                format!("{}/{} {kind} {text}", entry.job, entry.step)
                    .trim_end()
                    .to_owned()
                    + "\n"
            })
            .collect()
    }
}
