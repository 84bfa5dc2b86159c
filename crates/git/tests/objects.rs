//! The server and its controller against a cluster in this process.

#![allow(clippy::unwrap_used)] // Helpers of tests fail as tests do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use seatrial_controller::Context;
use seatrial_git::{
    Access, Anonymous, ApiJournal, Configuration, Git, KEPT_PUSHES, Name, Repositories,
    RepositoryController, Server, router,
};
use seatrial_resources::seatrial_dev::{
    Push, PushSpec, Repository, RepositorySpec, SYSTEM_NAMESPACE,
};
use seatrial_testkit::{Cluster, cluster, eventually};

struct World {
    directory: tempfile::TempDir,
    cluster: Cluster,
    repositories: Repositories,
    base_url: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.cluster.server.stop();
    }
}

const LIMIT: Duration = Duration::from_secs(10);

impl World {
    /// `None`, with the reason printed, where this machine has no `git`.
    async fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH");
        let git = Git::locate(path.as_deref(), &directory.path().join("home"));
        let git = git.map_err(|error| println!("skipped: {error}")).ok()?;
        let cluster = cluster().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let configuration = Configuration {
            directory: directory.path().join("data"),
            git,
            base_url: base_url.clone(),
        };
        let repositories = Repositories::open_directory(configuration).unwrap();
        let access = Access::new(Anonymous::MayRead);
        access.grant("ada", "secret");
        let journal = Arc::new(ApiJournal::new(cluster.client.clone()));
        let app = router(Server::new(
            repositories.clone(),
            access,
            journal,
            cluster.clock.clone(),
        ));
        let context = Context::with_identities(
            cluster.controllers(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let controller =
            seatrial_controller::run(RepositoryController::new(repositories.clone()), context);
        let tasks = vec![
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
            tokio::spawn(controller),
        ];
        Some(Self {
            directory,
            cluster,
            repositories,
            base_url,
            tasks,
        })
    }

    fn objects(&self) -> Api<Repository> {
        Api::namespaced(self.cluster.client.clone(), SYSTEM_NAMESPACE)
    }

    fn pushes(&self) -> Api<Push> {
        Api::namespaced(self.cluster.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Pushes a new commit to `name` from a working copy made on first use.
    async fn push(&self, name: &str, branch: &str) {
        let work = self.directory.path().join("work");
        let host = self.base_url.trim_start_matches("http://");
        let url = format!("http://any:secret@{host}/{name}.git");
        let script = "git init -q -b main . 2>/dev/null; git commit -q --allow-empty -m \"$0\" && git push -q \"$1\" \"HEAD:refs/heads/$2\"";
        std::fs::create_dir_all(&work).unwrap();
        sh(
            &work,
            script,
            &[&format!("Commit for {branch}"), &url, branch],
        )
        .await;
    }
}

async fn sh(directory: &Path, script: &str, arguments: &[&str]) {
    let output = tokio::process::Command::new("sh")
        .args(["-c", script])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org")
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn an_object_becomes_a_repository_and_takes_it_along() {
    let Some(world) = World::start().await else {
        return;
    };
    let spec = RepositorySpec {
        default_branch: "trunk".to_owned(),
        stands_in_for: vec!["https://github.com/org/app-manifests.git".to_owned()],
    };
    let object = Repository::new("shop", spec);
    world
        .objects()
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let status = eventually("status", LIMIT, async || {
        world.objects().get("shop").await.unwrap().status
    })
    .await;
    assert_eq!(status.url, Some(format!("{}/shop.git", world.base_url)));
    assert!(status.refs.is_empty());

    world.push("shop", "trunk").await;
    let (_, commit) = world
        .repositories
        .resolve("https://github.com/org/app-manifests", "HEAD")
        .await
        .unwrap();
    let refs = eventually("refs", LIMIT, async || {
        world
            .objects()
            .get("shop")
            .await
            .unwrap()
            .status
            .map(|status| status.refs)
            .filter(|refs| !refs.is_empty())
    })
    .await;
    assert_eq!(
        (refs[0].name.as_str(), &refs[0].commit),
        ("refs/heads/trunk", &commit)
    );

    world
        .objects()
        .delete("shop", &DeleteParams::default())
        .await
        .unwrap();
    eventually("deletion", LIMIT, async || {
        let is_gone = world.objects().get_opt("shop").await.unwrap().is_none();
        (is_gone && !world.repositories.exists(&Name::parse("shop").unwrap())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_push_is_an_object_when_git_push_returns() {
    let Some(world) = World::start().await else {
        return;
    };
    // Nobody declared the repository.
    world.push("demo", "main").await;
    let pushes = world
        .pushes()
        .list(&ListParams::default())
        .await
        .unwrap()
        .items;
    assert_eq!(pushes.len(), 1);
    let push = &pushes[0];
    assert!(
        push.metadata
            .name
            .as_ref()
            .unwrap()
            .starts_with(&format!("demo-{}-", &push.spec.after[..8]))
    );
    assert_eq!(
        (push.spec.subject.as_str(), push.spec.pusher.as_str()),
        ("Commit for main", "ada")
    );
    let object = world.objects().get("demo").await.unwrap();
    assert_eq!(object.spec.default_branch, "main");
}

#[tokio::test]
async fn only_the_newest_pushes_are_kept() {
    let Some(world) = World::start().await else {
        return;
    };
    world.push("demo", "main").await;
    let newest = world
        .pushes()
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .remove(0);
    for number in 0..KEPT_PUSHES {
        let time = newest.spec.received_at.as_ref().unwrap().0
            - jiff::Span::new().minutes(number as i64 + 1);
        let received_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(
            time,
        ));
        let push = Push::new(
            &format!("old-{number}"),
            PushSpec {
                received_at,
                ..newest.spec.clone()
            },
        );
        world
            .pushes()
            .create(&PostParams::default(), &push)
            .await
            .unwrap();
    }
    eventually("pruning", LIMIT, async || {
        let pushes = world
            .pushes()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items;
        (pushes.len() == KEPT_PUSHES).then_some(())
    })
    .await;
    let oldest = format!("old-{}", KEPT_PUSHES - 1);
    assert!(world.pushes().get_opt(&oldest).await.unwrap().is_none());
}
