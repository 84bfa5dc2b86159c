//! `examples/shop`: its workflow runs from end to end, and its own tests pass.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use expect_test::expect;
use seatrial_pipelines::engine::{Conclusion, Engine, Request};
use seatrial_pipelines::port::{
    Build, Built, CheckedOut, Checkout, Command, Entry, Error, Executor, Exit, Finding, Images,
    Kind, Line, Login, Logs, Ports, Sandbox, SandboxRequest, SbomFormat, SecretSource, Settings,
    Source, Subject, WorkflowFile,
};
use seatrial_pipelines::store::Store;
use seatrial_pipelines::workflow::Workflow;
use seatrial_resources::seatrial_dev::PipelineRunStatus;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WORKFLOW: &str = ".github/workflows/ci.yml";

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop")
}

/// The world outside: every command succeeds; what matters is noted.
#[derive(Default)]
struct Outside {
    notes: Mutex<Vec<String>>,
}

impl Outside {
    fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push(text.into());
    }
}

struct Place {
    directory: String,
    outside: Arc<Outside>,
}

struct Opener(Arc<Outside>);

#[async_trait]
impl Executor for Opener {
    async fn open(&self, request: SandboxRequest) -> Result<Arc<dyn Sandbox>, Error> {
        Ok(Arc::new(Place {
            directory: request.directory.to_string_lossy().into_owned(),
            outside: Arc::clone(&self.0),
        }))
    }
}

#[async_trait]
impl Sandbox for Place {
    fn directory(&self) -> &str {
        &self.directory
    }

    fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])
    }

    async fn run(&self, command: Command, _: Line<'_>) -> Result<Exit, Error> {
        let script = command.arguments.last().unwrap();
        let script = std::fs::read_to_string(script).unwrap_or_default();
        let telling = ["unittest", "set image", "git push", "kubectl"];
        for line in script.lines() {
            if telling.iter().any(|word| line.contains(word)) {
                self.outside.note(line);
            }
        }
        Ok(Exit::Code(0))
    }

    async fn close(&self) {}
}

#[async_trait]
impl Source for Outside {
    async fn checkout(&self, checkout: Checkout) -> Result<CheckedOut, Error> {
        let branch = checkout.branch.unwrap_or_default();
        self.note(format!("checkout {} on {branch}", checkout.revision));
        std::fs::copy(
            shop().join("Dockerfile"),
            checkout.directory.join("Dockerfile"),
        )
        .unwrap();
        Ok(CheckedOut {
            commit: COMMIT.to_owned(),
        })
    }

    async fn workflows(&self, _: &str, _: &str) -> Result<Vec<WorkflowFile>, Error> {
        Ok(Vec::new())
    }

    async fn token(&self, _: &str) -> Result<String, Error> {
        Ok("token".to_owned())
    }

    fn server_url(&self) -> String {
        "http://git.local".to_owned()
    }
}

#[async_trait]
impl Images for Outside {
    async fn login(&self, login: &Login) -> Result<(), Error> {
        assert_eq!(login.password, login.run_token);
        Ok(())
    }

    async fn build(&self, build: &Build, _: Line<'_>) -> Result<Built, Error> {
        self.note(format!("build {:?} push {}", build.tags, build.push));
        Ok(Built {
            digest: "sha256:aa".to_owned(),
            image_id: "sha256:bb".to_owned(),
        })
    }

    async fn sbom(&self, subject: &Subject, _: SbomFormat) -> Result<String, Error> {
        self.note(format!("sbom {subject:?}"));
        Ok(json!({ "components": [] }).to_string())
    }

    async fn scan(&self, _: &Subject, _: Line<'_>) -> Result<Vec<Finding>, Error> {
        self.note("scan");
        Ok(Vec::new())
    }
}

#[async_trait]
impl SecretSource for Outside {
    async fn settings(&self, _: &str) -> Result<Settings, Error> {
        Ok(Settings::default())
    }
}

impl Logs for Outside {
    fn start(&self, _: &str) {}

    fn append(&self, _: &str, entry: &Entry) {
        if matches!(entry.kind, Kind::Error) || entry.text.contains("has no input") {
            self.note(entry.line());
        }
    }

    fn finish(&self, _: &str) {}

    fn forget(&self, _: &str) {}
}

fn workflow() -> Workflow {
    let text = std::fs::read_to_string(shop().join(WORKFLOW)).unwrap();
    Workflow::parse(WORKFLOW, &text).unwrap()
}

fn request(directory: PathBuf) -> Request {
    Request {
        workflow: workflow(),
        name: "shop-ci-1".to_owned(),
        id: 1,
        number: 1,
        repository: "shop".to_owned(),
        owner: "acme".to_owned(),
        commit: COMMIT.to_owned(),
        reference: "refs/heads/main".to_owned(),
        event: "push".to_owned(),
        actor: "ada".to_owned(),
        payload: json!({ "head_commit": { "message": "First" } }),
        directory,
    }
}

#[tokio::test]
async fn the_workflow_runs_from_test_to_production() {
    let directory = tempfile::tempdir().unwrap();
    let outside = Arc::new(Outside::default());
    let ports = Ports {
        executor: Arc::new(Opener(Arc::clone(&outside))),
        source: Arc::clone(&outside) as _,
        images: Arc::clone(&outside) as _,
        secrets: Arc::clone(&outside) as _,
        logs: Arc::clone(&outside) as _,
        store: Store::new(directory.path().join("store")),
        clock: Arc::new(seatrial_clock::SystemClock),
    };
    let (sender, receiver) = watch::channel(PipelineRunStatus::default());
    let conclusion = Engine::new(ports, 2)
        .run(
            request(directory.path().join("run")),
            sender,
            CancellationToken::new(),
        )
        .await;
    let status = receiver.borrow();
    assert_eq!(conclusion, Conclusion::Success, "{status:?}");
    expect![[r#"
        checkout 0123456789abcdef0123456789abcdef01234567 on main
        python3 -m unittest discover
        checkout 0123456789abcdef0123456789abcdef01234567 on main
        scan
        checkout 0123456789abcdef0123456789abcdef01234567 on main
        build ["ghcr.io/acme/shop:0123456"] push true
        sbom Image("ghcr.io/acme/shop@sha256:aa")
        checkout main on main
        kustomize edit set image app=ghcr.io/acme/shop:0123456
        git push
        kubectl apply -f deploy/shop-staging.yaml
        kubectl -n argocd wait --for=jsonpath='{.status.sync.revision}'="$commit" --timeout=90s application/shop-staging
        kubectl -n argocd wait --for=jsonpath='{.status.sync.status}'=Synced --timeout=90s application/shop-staging
        kubectl -n argocd wait --for=jsonpath='{.status.health.status}'=Healthy --timeout=90s application/shop-staging
        checkout main on main
        kustomize edit set image app=ghcr.io/acme/shop:0123456
        git push
        kubectl apply -f deploy/shop-production.yaml"#]]
    .assert_eq(&outside.notes.lock().unwrap().join("\n"));
}

/// The three releases that a demonstration pushes differ in `version.py` only, and all pass the
/// tests: that the third one fails its customers is found in production.
#[test]
fn every_release_passes_its_own_tests() {
    if Process::new("python3").arg("--version").output().is_err() {
        println!("skipped: this machine has no python3");
        return;
    }
    let current = std::fs::read(shop().join("src/shop/version.py")).unwrap();
    assert_eq!(
        current,
        std::fs::read(shop().join("versions/v1.py")).unwrap()
    );
    for release in ["v1", "v2", "v3"] {
        let copy = tempfile::tempdir().unwrap();
        let copied = Process::new("cp")
            .arg("-R")
            .args([shop().join("src"), shop().join("tests")])
            .arg(copy.path())
            .status();
        assert!(copied.unwrap().success());
        let version = shop().join(format!("versions/{release}.py"));
        std::fs::copy(version, copy.path().join("src/shop/version.py")).unwrap();
        let tested = Process::new("python3")
            .args(["-B", "-m", "unittest", "discover"])
            .current_dir(copy.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success(), "{release}: {said}");
        assert!(!said.contains("Ran 0 tests"), "{said}");
    }
}
