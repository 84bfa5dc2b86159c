//! Builds from nothing and on the built-in base, with commands executed by a stand-in.

mod mistakes;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use expect_test::{Expect, expect};

use super::*;
use crate::{Blobs, HostBase, ImageStore, Pull};

/// Understands `write PATH TEXT`, `env NAME` (prints it), and `exit N`, as words of the command or of the shell's text.
#[derive(Default)]
struct StandIn {
    seen: Mutex<Vec<String>>,
}

#[async_trait]
impl Executor for StandIn {
    async fn run(&self, step: RunStep) -> Result<Outcome, Unavailable> {
        let text = step.args.last().cloned().unwrap_or_default();
        let env: Vec<String> = step
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.seen.lock().unwrap().push(format!(
            "{} {:?} cwd={} user={} base={:?} layers={} {}",
            step.name,
            step.args,
            step.cwd,
            step.user,
            step.base,
            step.layers.len(),
            env.join(" ")
        ));
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["write", path, content] => {
                let path = step
                    .writable
                    .join("upper")
                    .join(path.trim_start_matches('/'));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
                (step.output)(Stream::Stdout, b"written\n");
                Ok(Outcome { code: 0 })
            }
            ["exit", code] => Ok(Outcome {
                code: code.parse().unwrap(),
            }),
            ["nothing"] => Ok(Outcome { code: 0 }),
            _ => Err(Unavailable {
                reason: "this machine has no runtime".to_owned(),
            }),
        }
    }
}

struct World {
    directory: tempfile::TempDir,
    store: ImageStore,
    executor: Arc<StandIn>,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("context")).unwrap();
    let store = ImageStore::new(
        Blobs::open(&directory.path().join("store")).unwrap(),
        Vec::new(),
    );
    World {
        store,
        executor: Arc::default(),
        directory,
    }
}

impl World {
    fn context(&self) -> std::path::PathBuf {
        self.directory.path().join("context")
    }

    fn file(&self, path: &str, content: &str) -> &Self {
        let path = self.context().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        for parent in path
            .ancestors()
            .skip(1)
            .take_while(|parent| parent.starts_with(self.context()))
        {
            fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        }
        self
    }

    fn request(&self) -> Request {
        Request {
            tags: vec!["shop:1".parse().unwrap()],
            ..Request::new(self.context())
        }
    }

    /// The progress as lines, with the error at the end.
    async fn build_with(&self, request: &Request) -> (Result<Built, Error>, String) {
        let lines = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&lines);
        let progress: Progress = Arc::new(move |event| {
            let mut lines = heard.lock().unwrap();
            match event {
                Event::Step(text) => *lines += &format!("{text}\n"),
                Event::Output(_, bytes) => {
                    *lines += &format!("  {}", String::from_utf8_lossy(bytes));
                }
                Event::Note(text) => *lines += &format!("note: {text}\n"),
            }
        });
        let builder = Builder::new(self.store.clone(), Arc::<StandIn>::clone(&self.executor));
        let built = builder.build(request, progress).await;
        let mut shown = lines.lock().unwrap().clone();
        if let Err(error) = &built {
            shown += &format!("{}\n", stage::chain(error));
        }
        (built, shown)
    }

    async fn build(&self, dockerfile: &str) -> (Result<Built, Error>, String) {
        self.file("Dockerfile", dockerfile);
        self.build_with(&self.request()).await
    }

    /// The files of `shop:1`, as `mode owner path content`.
    async fn files(&self) -> String {
        use std::os::unix::fs::MetadataExt as _;
        let image = self.store.resolve("shop:1", Pull::Never).await.unwrap();
        let view = crate::layer::View::new(&image.layers);
        let mut shown = String::new();
        view.walk(Path::new(""), &mut |path, found| {
            let mode = found.metadata.mode();
            let content = match found.metadata.file_type() {
                kind if kind.is_symlink() => {
                    format!("-> {}", fs::read_link(&found.source).unwrap().display())
                }
                kind if kind.is_dir() => "/".to_owned(),
                _ => fs::read_to_string(&found.source).unwrap(),
            };
            shown += &format!("{:o} {} {content:?}\n", mode & 0o7777, path.display());
        });
        shown
    }

    async fn refused(&self, dockerfile: &str, wanted: &Expect) {
        let (result, shown) = self.build(dockerfile).await;
        assert!(result.is_err());
        wanted.assert_eq(shown.lines().last().unwrap_or_default());
    }
}

#[tokio::test]
async fn a_multi_stage_build_takes_only_what_it_needs() {
    let world = world();
    world
        .file("src/app.py", "print(1)\n")
        .file("src/lib/a.py", "a")
        .file("requirements.txt", "x==1\n");
    let (built, shown) = world
        .build(
            r#"
ARG BASE=seatrial/host
FROM $BASE AS build
ARG VERSION=dev
WORKDIR /app
ENV APP_VERSION=${VERSION:-none}
COPY requirements.txt ./
RUN write /app/site/x.py ok
FROM scratch AS unused
COPY src /never
FROM ${BASE}
WORKDIR /srv
COPY --from=build /app/site ./site/
COPY src/ ./src/
LABEL version="$VERSION" kind=app
EXPOSE 8080
USER 1000
ENTRYPOINT ["python3", "-u"]
CMD ["src/app.py"]
"#,
        )
        .await;
    expect![[r"
        [build 1/4] FROM $BASE AS build
        [build 2/4] WORKDIR /app
        [build 3/4] COPY requirements.txt ./
        [build 4/4] RUN write /app/site/x.py ok
          written
        [stage-2 1/4] FROM ${BASE}
        [stage-2 2/4] WORKDIR /srv
        [stage-2 3/4] COPY --from=build /app/site ./site/
        [stage-2 4/4] COPY src/ ./src/
    "]]
    .assert_eq(&shown);
    expect![[r#"
        755 srv "/"
        755 srv/site "/"
        644 srv/site/x.py "ok"
        755 srv/src "/"
        644 srv/src/app.py "print(1)\n"
        755 srv/src/lib "/"
        644 srv/src/lib/a.py "a"
    "#]]
    .assert_eq(&world.files().await);
    let image = world.store.resolve("shop:1", Pull::Never).await.unwrap();
    assert_eq!(image.base, HostBase::Present);
    assert_eq!(image.digest, built.unwrap().digest);
    expect![[r#"
        {
          "User": "1000",
          "ExposedPorts": {
            "8080/tcp": {}
          },
          "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
          ],
          "Entrypoint": [
            "python3",
            "-u"
          ],
          "Cmd": [
            "src/app.py"
          ],
          "WorkingDir": "/srv",
          "Labels": {
            "dev.seatrial.base": "host",
            "kind": "app",
            "version": ""
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&image.config.config).unwrap());
    expect![[r#"
        build 4/4 ["/bin/sh", "-c", "write /app/site/x.py ok"] cwd=/app user= base=Present layers=2 APP_VERSION=dev HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin VERSION=dev"#]]
    .assert_eq(&world.executor.seen.lock().unwrap().join("\n"));
}

#[tokio::test]
async fn the_same_input_gives_the_same_digest_and_is_cached() {
    let dockerfile = "FROM seatrial/host\nCOPY a b/\nRUN write /x y\nCOPY c /c\n";
    let (first, second) = (world(), world());
    for world in [&first, &second] {
        world.file("a", "one").file("c", "two");
    }
    let (one, _) = first.build(dockerfile).await;
    let (two, _) = second.build(dockerfile).await;
    let one = one.unwrap();
    assert_eq!(one.digest, two.unwrap().digest);

    let (again, shown) = first.build(dockerfile).await;
    let again = again.unwrap();
    assert_eq!((again.digest, again.cached), (one.digest.clone(), 3));
    expect![[r"
        [stage-0 1/4] FROM seatrial/host
        CACHED [stage-0 2/4] COPY a b/
        CACHED [stage-0 3/4] RUN write /x y
        CACHED [stage-0 4/4] COPY c /c
    "]]
    .assert_eq(&shown);

    first.file("a", "changed");
    let (changed, shown) = first.build(dockerfile).await;
    assert_ne!(changed.unwrap().digest, one.digest);
    expect![[r"
        [stage-0 1/4] FROM seatrial/host
        [stage-0 2/4] COPY a b/
        [stage-0 3/4] RUN write /x y
          written
        CACHED [stage-0 4/4] COPY c /c
    "]]
    .assert_eq(&shown);
    let fresh = Request {
        cache: Cache::Ignored,
        ..first.request()
    };
    assert_eq!(first.build_with(&fresh).await.0.unwrap().cached, 0);
}

#[tokio::test]
async fn arguments_labels_and_targets_are_taken_from_the_request() {
    let world = world();
    world.file("Dockerfile", "ARG TAG=none\nFROM scratch AS base\nARG TAG\nARG B=default-$TAG\nLABEL t=$TAG b=$B c=$C p=$TARGETARCH\nFROM base AS other\nRUN exit 1\n");
    let request = Request {
        target: Some("base".to_owned()),
        arguments: [("TAG", "v1"), ("NOPE", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        labels: [("d".to_owned(), "e".to_owned())].into(),
        modified: 1_700_000_000,
        ..world.request()
    };
    let (built, shown) = world.build_with(&request).await;
    built.unwrap();
    expect![[r"
        note: build argument NOPE is not used: no ARG declares it
        [base 1/1] FROM scratch AS base
    "]]
    .assert_eq(&shown);
    let image = world.store.resolve("shop:1", Pull::Never).await.unwrap();
    let labels: Vec<String> = image
        .config
        .config
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(labels, ["b=default-v1", "c=", "d=e", "p=", "t=v1"]);
    assert_eq!(
        image.config.created.as_deref(),
        Some("2023-11-14T22:13:20Z")
    );
    assert_eq!(image.base, HostBase::Absent);
}

#[tokio::test]
async fn copy_follows_the_rules_for_destinations() {
    let world = world();
    world
        .file("a.txt", "a")
        .file("b.txt", "b")
        .file("dir/sub/c", "c")
        .file("secret/key", "k")
        .file("keep.md", "m");
    world.file(".dockerignore", "secret\n*.md\n!keep.md\n");
    symlink("a.txt", world.context().join("link")).unwrap();
    symlink("../../a.txt", world.context().join("dir/sub/up")).unwrap();
    let (built, shown) = world
        .build(
            "FROM scratch
COPY a.txt /one
COPY a.txt /two/
COPY *.txt /many/
COPY --chmod=700 dir /dir
COPY dir/sub/ /dir/more/
COPY link /followed
COPY . /all
WORKDIR /w/x
COPY b.txt .
COPY <<one <<'two' ./
$HOME ${A:-x}
one
$HOME
two
ENV A=here
COPY <<EOF /text
a=$A
EOF
",
        )
        .await;
    built.unwrap_or_else(|_| panic!("{shown}"));
    expect![[r#"
        755 all "/"
        644 all/.dockerignore "secret\n*.md\n!keep.md\n"
        644 all/Dockerfile "FROM scratch\nCOPY a.txt /one\nCOPY a.txt /two/\nCOPY *.txt /many/\nCOPY --chmod=700 dir /dir\nCOPY dir/sub/ /dir/more/\nCOPY link /followed\nCOPY . /all\nWORKDIR /w/x\nCOPY b.txt .\nCOPY <<one <<'two' ./\n$HOME ${A:-x}\none\n$HOME\ntwo\nENV A=here\nCOPY <<EOF /text\na=$A\nEOF\n"
        644 all/a.txt "a"
        644 all/b.txt "b"
        755 all/dir "/"
        755 all/dir/sub "/"
        644 all/dir/sub/c "c"
        777 all/dir/sub/up "-> ../../a.txt"
        644 all/keep.md "m"
        777 all/link "-> a.txt"
        700 dir "/"
        755 dir/more "/"
        644 dir/more/c "c"
        777 dir/more/up "-> ../../a.txt"
        700 dir/sub "/"
        700 dir/sub/c "c"
        777 dir/sub/up "-> ../../a.txt"
        644 followed "a"
        755 many "/"
        644 many/a.txt "a"
        644 many/b.txt "b"
        644 one "a"
        644 text "a=here\n"
        755 two "/"
        644 two/a.txt "a"
        755 w "/"
        755 w/x "/"
        644 w/x/b.txt "b"
        644 w/x/one " x\n"
        644 w/x/two "$HOME\n"
    "#]].assert_eq(&world.files().await);
}

#[tokio::test]
async fn links_and_modes_of_the_image_below_are_kept() {
    let world = world();
    world.file("a", "a");
    fs::create_dir_all(world.context().join("root/usr/bin")).unwrap();
    fs::create_dir_all(world.context().join("root/tmp")).unwrap();
    fs::set_permissions(
        world.context().join("root/tmp"),
        fs::Permissions::from_mode(0o1777),
    )
    .unwrap();
    symlink("usr/bin", world.context().join("root/bin")).unwrap();
    let (built, shown) = world
        .build("FROM scratch\nCOPY root /\nCOPY a /bin/tool\nCOPY a /tmp/a\n")
        .await;
    built.unwrap_or_else(|_| panic!("{shown}"));
    expect![[r#"
        777 bin "-> usr/bin"
        1777 tmp "/"
        644 tmp/a "a"
        755 usr "/"
        755 usr/bin "/"
        644 usr/bin/tool "a"
    "#]]
    .assert_eq(&world.files().await);
}

#[tokio::test]
async fn archives_are_unpacked_by_add() {
    let world = world();
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_size(2);
    tar.append_data(&mut header, "d/f", &b"hi"[..]).unwrap();
    fs::write(
        world.context().join("x.tar.gz"),
        tar.into_inner().unwrap().finish().unwrap(),
    )
    .unwrap();
    let (built, shown) = world.build("FROM scratch\nADD x.tar.gz /opt/\n").await;
    built.unwrap_or_else(|_| panic!("{shown}"));
    expect![[r#"
        755 opt "/"
        755 opt/d "/"
        640 opt/d/f "hi"
    "#]]
    .assert_eq(&world.files().await);
}

#[tokio::test]
async fn a_base_image_gives_its_configuration_and_triggers() {
    let world = world();
    world.file("a", "a");
    world.file("Dockerfile", "FROM scratch\nENV A=1\nCMD [\"old\"]\nONBUILD COPY a /from-trigger\nSHELL [\"/bin/bash\", \"-ec\"]\n");
    let base = Request {
        tags: vec!["ghcr.io/acme/base:v1".parse().unwrap()],
        ..world.request()
    };
    world.build_with(&base).await.0.unwrap();
    let (built, shown) = world
        .build("FROM ghcr.io/acme/base:v1\nENTRYPOINT run $A\n")
        .await;
    built.unwrap_or_else(|_| panic!("{shown}"));
    expect![[r"
        [stage-0 1/1] FROM ghcr.io/acme/base:v1
        [stage-0 2/2] COPY a /from-trigger
    "]]
    .assert_eq(&shown);
    let image = world.store.resolve("shop:1", Pull::Never).await.unwrap();
    assert_eq!(
        image.config.config.entrypoint,
        ["/bin/bash", "-ec", "run $A"]
    );
    assert!(image.config.config.cmd.is_empty());
    assert!(image.config.config.on_build.is_empty());
    assert!(world.files().await.contains("from-trigger"));
}

#[tokio::test]
async fn here_documents_run_as_scripts() {
    let world = world();
    let dockerfile = "FROM seatrial/host\nRUN <<EOF\nnothing\nEOF\nRUN [\"nothing\"]\n";
    world.build(dockerfile).await.0.unwrap();
    let seen = world.executor.seen.lock().unwrap().join("\n");
    assert!(seen.contains(r#"["/bin/sh", "-c", "nothing\n"]"#), "{seen}");
    assert!(seen.contains(r#"["nothing"] cwd=/"#), "{seen}");
}
