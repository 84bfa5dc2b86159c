//! The server against the machine's own `git`, over loopback.

#![allow(clippy::unwrap_used)] // Helpers of tests fail as tests do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use seatrial_clock::SystemClock;
use seatrial_git::{
    Access, Anonymous, Checkout, Configuration, Credentials, Depth, Error, Git, Journal, Name,
    Repositories, Server, router,
};
use seatrial_resources::seatrial_dev::PushSpec;

#[derive(Default)]
struct Notes {
    pushes: Mutex<Vec<PushSpec>>,
    declared: Mutex<Vec<String>>,
}

#[async_trait]
impl Journal for Notes {
    async fn declare(&self, name: &Name) -> Result<(), Error> {
        self.declared.lock().unwrap().push(name.to_string());
        Ok(())
    }

    async fn pushed(&self, pushes: Vec<PushSpec>) -> Result<(), Error> {
        self.pushes.lock().unwrap().extend(pushes);
        Ok(())
    }
}

struct World {
    directory: tempfile::TempDir,
    repositories: Repositories,
    notes: Arc<Notes>,
    authority: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    /// `None`, with the reason printed, where this machine has no `git`.
    async fn start(anonymous: Anonymous) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH");
        let git = match Git::locate(path.as_deref(), &directory.path().join("home")) {
            Ok(git) => git,
            Err(error) => {
                println!("skipped: {error}");
                return None;
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let base_url = format!("http://{authority}/git");
        let configuration = Configuration {
            directory: directory.path().join("data"),
            git,
            base_url,
        };
        let repositories = Repositories::open_directory(configuration).unwrap();
        let access = Access::new(anonymous);
        access.grant("ada", "secret");
        let notes = Arc::new(Notes::default());
        let server = Server::new(
            repositories.clone(),
            access,
            notes.clone(),
            Arc::new(SystemClock),
        );
        let app = axum::Router::new().nest("/git", router(server));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Some(Self {
            directory,
            repositories,
            notes,
            authority,
            server,
        })
    }

    fn url(&self, name: &str) -> String {
        format!("http://any:secret@{}/git/{name}.git", self.authority)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A working copy with one commit, whose `origin` is `name` on the server.
    async fn project(&self, directory: &str, name: &str) -> PathBuf {
        let path = self.path(directory);
        std::fs::create_dir_all(&path).unwrap();
        git(&path, ["init", "-q", "-b", "main"]).await;
        git(&path, ["remote", "add", "origin", &self.url(name)]).await;
        commit(&path, "README.md", "hello\n", "First\n\nBody of it").await;
        path
    }

    fn pushes(&self) -> Vec<PushSpec> {
        self.notes.pushes.lock().unwrap().clone()
    }
}

async fn attempt<A: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> (bool, String) {
    let output = tokio::process::Command::new("git")
        .args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "commit.gpgSign=false",
        ])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

async fn git<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    let (success, text) = attempt(directory, arguments).await;
    assert!(success, "git failed: {text}");
    text.trim().to_owned()
}

async fn commit(path: &Path, file: &str, content: &str, message: &str) -> String {
    std::fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
    std::fs::write(path.join(file), content).unwrap();
    git(path, ["add", "."]).await;
    git(path, ["commit", "-q", "-m", message]).await;
    git(path, ["rev-parse", "HEAD"]).await
}

#[tokio::test]
async fn a_push_makes_the_repository_and_is_recorded_and_cloned_again() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    let first = git(&work, ["rev-parse", "HEAD"]).await;
    git(&work, ["push", "-q", "-u", "origin", "main"]).await;
    let second = commit(&work, "src/app.py", "print(1)\n", "Second").await;
    git(&work, ["push", "-q"]).await;

    assert_eq!(*world.notes.declared.lock().unwrap(), ["shop"]);
    let pushes = world.pushes();
    assert_eq!(pushes.len(), 2);
    assert_eq!(pushes[0].before, "0".repeat(40));
    assert_eq!(
        (pushes[0].subject.as_str(), pushes[0].message.as_str()),
        ("First", "First\n\nBody of it")
    );
    assert_eq!(pushes[0].changed_paths, ["README.md"]);
    assert_eq!((&pushes[1].before, &pushes[1].after), (&first, &second));
    assert_eq!(pushes[1].changed_paths, ["src/app.py"]);
    assert_eq!(
        (pushes[1].author.as_str(), pushes[1].pusher.as_str()),
        ("Ada <ada@example.org>", "ada")
    );
    assert!(pushes[1].received_at.is_some());

    let anonymous = format!("http://{}/git/shop", world.authority);
    git(world.directory.path(), ["clone", "-q", &anonymous, "copy"]).await;
    assert_eq!(
        git(&world.path("copy"), ["rev-parse", "HEAD"]).await,
        second
    );
    git(
        world.directory.path(),
        ["clone", "-q", "--depth=1", &anonymous, "shallow"],
    )
    .await;
    assert_eq!(
        git(&world.path("shallow"), ["rev-list", "--count", "HEAD"]).await,
        "1"
    );

    let third = commit(&work, "src/app.py", "print(2)\n", "Third").await;
    git(&work, ["push", "-q"]).await;
    git(&world.path("copy"), ["pull", "-q"]).await;
    assert_eq!(git(&world.path("copy"), ["rev-parse", "HEAD"]).await, third);
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_nothing_is_made() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    for url in [
        format!("http://any:wrong@{}/git/shop.git", world.authority),
        format!("http://{}/git/shop.git", world.authority),
    ] {
        let (success, text) = attempt(&work, ["push", &url, "main"]).await;
        assert!(!success, "pushed with {url}");
        assert!(
            text.contains("Authentication failed") || text.contains("could not read Username"),
            "{text}"
        );
    }
    assert!(world.pushes().is_empty());
    assert!(world.repositories.names().unwrap().is_empty());
}

#[tokio::test]
async fn reading_needs_a_token_where_it_is_told_to() {
    let Some(world) = World::start(Anonymous::MayNotRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    let anonymous = format!("http://{}/git/shop", world.authority);
    let (success, _) = attempt(world.directory.path(), ["clone", "-q", &anonymous, "a"]).await;
    assert!(!success);
    git(
        world.directory.path(),
        ["clone", "-q", &world.url("shop"), "b"],
    )
    .await;
}

#[tokio::test]
async fn force_pushes_tags_and_deleted_branches_are_each_one_push() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    git(&work, ["push", "-q", "origin", "main", "main:feature/x"]).await;
    git(&work, ["commit", "-q", "--amend", "-m", "Amended"]).await;
    let amended = git(&work, ["rev-parse", "HEAD"]).await;
    let (success, _) = attempt(&work, ["push", "origin", "main"]).await;
    assert!(!success, "a push that loses commits needs --force");
    git(&work, ["push", "-q", "--force", "origin", "main"]).await;
    git(&work, ["tag", "-a", "v1.0", "-m", "One"]).await;
    git(&work, ["push", "-q", "origin", "v1.0"]).await;
    git(&work, ["push", "-q", "origin", ":feature/x"]).await;

    let pushes = world.pushes();
    let seen: Vec<_> = pushes
        .iter()
        .map(|push| (push.reference.as_str(), push.subject.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("refs/heads/main", "First"),
            ("refs/heads/feature/x", "First"),
            ("refs/heads/main", "Amended"),
            ("refs/tags/v1.0", "Amended"),
            ("refs/heads/feature/x", ""),
        ]
    );
    assert_eq!(pushes[3].after, amended, "a tag's push names the commit");
    assert_eq!(pushes[4].after, "0".repeat(40));
}

#[tokio::test]
async fn many_pushers_at_once_are_all_recorded() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    let push = |number: usize| {
        let (work, branch) = (work.clone(), format!("HEAD:refs/heads/b{number}"));
        async move { git(&work, ["push", "-q", "origin", &branch]).await }
    };
    futures::future::join_all((0..8).map(push)).await;
    let mut refs: Vec<_> = world
        .pushes()
        .into_iter()
        .skip(1)
        .map(|push| push.reference)
        .collect();
    refs.sort();
    assert_eq!(
        refs,
        (0..8)
            .map(|number| format!("refs/heads/b{number}"))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_large_pack_passes_in_both_directions() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    let mut random = fastrand_bytes(6 << 20);
    std::fs::write(work.join("big.bin"), &random).unwrap();
    git(&work, ["add", "."]).await;
    git(&work, ["commit", "-q", "-m", "Big"]).await;
    // Larger than http.postBuffer: git probes, then sends chunks.
    git(&work, ["push", "-q", "origin", "main"]).await;
    git(
        world.directory.path(),
        ["clone", "-q", &world.url("shop"), "copy"],
    )
    .await;
    let copy = std::fs::read(world.path("copy/big.bin")).unwrap();
    assert_eq!(std::mem::take(&mut random), copy);
}

/// Bytes that do not compress (xorshift), the same in every run.
fn fastrand_bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn a_fetch_with_many_wants_is_compressed_and_understood() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    git(
        world.directory.path(),
        ["clone", "-q", &world.url("shop"), "copy"],
    )
    .await;
    // Over a kilobyte of haves makes git send the request with gzip.
    for number in 0..60 {
        git(
            &world.path("copy"),
            [
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                &format!("local {number}"),
            ],
        )
        .await;
    }
    let newest = commit(&work, "b.txt", "b", "Newer").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    git(&world.path("copy"), ["fetch", "-q", "origin"]).await;
    assert_eq!(
        git(&world.path("copy"), ["rev-parse", "origin/main"]).await,
        newest
    );
}

#[tokio::test]
async fn revisions_files_and_history_are_read() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    let second = commit(&work, "k8s/base/app.yaml", "kind: X\n", "Second").await;
    git(&work, ["tag", "v1"]).await;
    git(&work, ["push", "-q", "origin", "main", "v1"]).await;
    let name = Name::parse("shop").unwrap();
    world.repositories.stand_in(
        &name,
        &["https://github.com/org/app-manifests.git".to_owned()],
    );

    for url in [
        "https://github.com/org/app-manifests",
        "shop",
        &world.url("shop"),
    ] {
        for revision in [
            "HEAD",
            "",
            "main",
            "refs/heads/main",
            "v1",
            &second,
            &second[..8],
        ] {
            let (_, commit) = world.repositories.resolve(url, revision).await.unwrap();
            assert_eq!(commit, second, "{url} {revision}");
        }
    }
    let (repository, _) = world.repositories.resolve("shop", "main").await.unwrap();
    let error = repository.resolve("nope").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"revision "nope" does not exist in repository shop (branches: main)"#
    );
    assert!(repository.resolve("--help").await.is_err());

    let all = repository.tree(&second, "").await.unwrap();
    assert_eq!(
        all.keys().collect::<Vec<_>>(),
        ["README.md", "k8s/base/app.yaml"]
    );
    let part = repository.tree(&second, "./k8s/base/").await.unwrap();
    assert_eq!(&part["k8s/base/app.yaml"].bytes[..], b"kind: X\n");
    let error = repository.tree(&second, "k8s/prod").await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(r#"path "k8s/prod" does not exist in commit"#),
        "{error}"
    );

    let log = repository.log(&second, 10).await.unwrap();
    assert_eq!(
        log.iter()
            .map(|entry| entry.subject.as_str())
            .collect::<Vec<_>>(),
        ["Second", "First"]
    );
    assert!(matches!(
        world.repositories.resolve("other", "main").await,
        Err(Error::UnknownRepository { .. })
    ));
}

#[tokio::test]
async fn a_checkout_can_commit_and_push_back() {
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let work = world.project("work", "shop").await;
    let head = commit(&work, "a.txt", "a", "Second").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    let (repository, _) = world.repositories.resolve("shop", "main").await.unwrap();
    for (depth, count) in [(Depth::Commits(1), "1"), (Depth::Full, "2")] {
        let directory = world.path(&format!("checkout{count}"));
        let wanted = Checkout {
            commit: head.clone(),
            reference: "refs/heads/main".to_owned(),
            directory: directory.clone(),
            origin: format!("http://{}/git/shop.git", world.authority),
            depth,
            credentials: Some(Credentials {
                user: "bot".to_owned(),
                token: "secret".to_owned(),
            }),
        };
        repository.checkout(&wanted).await.unwrap();
        assert_eq!(
            git(&directory, ["rev-list", "--count", "HEAD"]).await,
            count
        );
        assert_eq!(
            git(&directory, ["status", "--porcelain", "-b"]).await,
            "## main...origin/main"
        );
    }
    let directory = world.path("checkout1");
    let deployed = commit(&directory, "k8s/image", "v2", "Deploy").await;
    git(&directory, ["push", "-q"]).await;
    assert_eq!(repository.resolve("main").await.unwrap(), deployed);
}

#[tokio::test]
async fn a_repository_elsewhere_is_fetched_and_refreshed() {
    let (Some(here), Some(there)) = (
        World::start(Anonymous::MayRead).await,
        World::start(Anonymous::MayRead).await,
    ) else {
        return;
    };
    let work = there.project("work", "lib").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    let url = format!("http://{}/git/lib.git", there.authority);
    let (repository, first) = here.repositories.resolve(&url, "main").await.unwrap();
    assert!(
        repository
            .tree(&first, "")
            .await
            .unwrap()
            .contains_key("README.md")
    );
    let second = commit(&work, "b", "b", "Second").await;
    git(&work, ["push", "-q", "origin", "main"]).await;
    assert_eq!(
        here.repositories.resolve(&url, "main").await.unwrap().1,
        second
    );

    let missing = format!("http://{}/git/nothing.git", there.authority);
    let error = here
        .repositories
        .resolve(&missing, "main")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Remote { url, .. } if *url == missing),
        "{error}"
    );
}

#[tokio::test]
async fn odd_paths_are_refused() {
    use tower::ServiceExt as _;
    let Some(world) = World::start(Anonymous::MayRead).await else {
        return;
    };
    let access = Access::new(Anonymous::MayRead);
    let server = Server::new(
        world.repositories.clone(),
        access,
        world.notes.clone(),
        Arc::new(SystemClock),
    );
    for (path, wanted) in [
        ("/..%2fetc/info/refs?service=git-upload-pack", 400),
        ("/.git/info/refs?service=git-upload-pack", 400),
        ("/none/info/refs?service=git-upload-pack", 404),
        ("/none/info/refs", 403),
        ("/none/info/refs?service=git-other", 403),
        ("/none/info/refs?service=git-receive-pack", 401),
        ("/none/objects/info/packs", 404),
    ] {
        let request = http::Request::get(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router(server.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), wanted, "{path}");
    }
}

#[test]
fn a_machine_without_git_is_told_what_to_do() {
    let error = Git::locate(Some(OsStr::new("/nonexistent")), &std::env::temp_dir()).unwrap_err();
    assert!(error.to_string().contains("apt-get install git"), "{error}");
}
