//! Pulling over HTTP from another registry: ours, on loopback, behind a token server.

#![allow(clippy::unwrap_used)] // Helpers of tests fail as tests do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use seatrial_clock::Random;
use seatrial_images::build::{Builder, Executor, Outcome, Request as Build, RunStep, Unavailable};
use seatrial_images::registry::{Access, Registry, router};
use seatrial_images::{Blobs, ImageStore, Origin, Pull};

struct NoRuntime;

#[async_trait]
impl Executor for NoRuntime {
    async fn run(&self, _: RunStep) -> Result<Outcome, Unavailable> {
        Err(Unavailable {
            reason: "tests run nothing".to_owned(),
        })
    }
}

struct World {
    directory: tempfile::TempDir,
    there: ImageStore,
    here: ImageStore,
    authority: String,
    requests: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn token_needed(host: String, headers: HeaderMap, request: Request, next: Next) -> Response {
    if headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value == "Bearer good")
    {
        return next.run(request).await;
    }
    let challenge = format!(r#"Bearer realm="http://{host}/token",service="test""#);
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, challenge)],
    )
        .into_response()
}

async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let there = ImageStore::new(
        Blobs::open(&directory.path().join("there")).unwrap(),
        vec![authority.clone()],
    );
    let here = ImageStore::new(
        Blobs::open(&directory.path().join("here")).unwrap(),
        Vec::new(),
    );
    let requests = Arc::new(AtomicUsize::new(0));
    let (host, count) = (authority.clone(), Arc::clone(&requests));
    let guard = middleware::from_fn(move |headers: HeaderMap, request: Request, next: Next| {
        count.fetch_add(1, Ordering::Relaxed);
        token_needed(host.clone(), headers, request, next)
    });
    let app = router(Registry::new(
        there.clone(),
        Access::Open,
        Random::seeded(1),
    ))
    .layer(guard);
    let token = axum::routing::get(|| async { Json(serde_json::json!({"token": "good"})) });
    let app = app.route("/token", token);
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    World {
        directory,
        there,
        here,
        authority,
        requests,
        server,
    }
}

impl World {
    async fn build(&self, content: &str) {
        let context = self.directory.path().join("context");
        std::fs::create_dir_all(&context).unwrap();
        std::fs::write(
            context.join("Dockerfile"),
            "FROM scratch\nCOPY file /file\nCMD [\"/file\"]\n",
        )
        .unwrap();
        std::fs::write(context.join("file"), content).unwrap();
        let builder = Builder::new(self.there.clone(), Arc::new(NoRuntime));
        let tags = vec![self.reference().parse().unwrap()];
        builder
            .build(
                &Build {
                    tags,
                    ..Build::new(context)
                },
                Arc::new(|_| {}),
            )
            .await
            .unwrap();
    }

    fn reference(&self) -> String {
        format!("{}/acme/shop:v1", self.authority)
    }

    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_image_is_pulled_once_and_again_only_when_asked() {
    let world = world().await;
    world.build("one").await;
    let image = world
        .here
        .resolve(&world.reference(), Pull::IfMissing)
        .await
        .unwrap();
    assert_eq!(image.origin, Origin::Pulled);
    assert_eq!(image.config.config.cmd, ["/file"]);
    assert_eq!(
        std::fs::read_to_string(image.layers[0].join("file")).unwrap(),
        "one"
    );
    // Without a token, with it; configuration; layer.
    assert_eq!(world.requests(), 4);

    world.build("two").await;
    let same = world
        .here
        .resolve(&world.reference(), Pull::IfMissing)
        .await
        .unwrap();
    assert_eq!(
        (same.origin, &same.digest),
        (Origin::Present, &image.digest)
    );
    assert_eq!(world.requests(), 0);
    let newer = world
        .here
        .resolve(&world.reference(), Pull::Always)
        .await
        .unwrap();
    assert_eq!(newer.origin, Origin::Pulled);
    assert_eq!(
        std::fs::read_to_string(newer.layers[0].join("file")).unwrap(),
        "two"
    );

    let fixed = format!("{}/acme/shop@{}", world.authority, image.digest);
    let old = world.here.resolve(&fixed, Pull::IfMissing).await.unwrap();
    assert_eq!(old.digest, image.digest);
}

#[tokio::test]
async fn an_image_that_is_nowhere_says_who_was_asked() {
    let world = world().await;
    let reference = format!("{}/acme/none:v1", world.authority);
    let error = world
        .here
        .resolve(&reference, Pull::IfMissing)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "image {reference} is not in the local registry, and {} does not have it, or wants a login (404 Not Found)",
            world.authority
        )
    );
    let error = world
        .here
        .resolve(&reference, Pull::Never)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("image {reference} is not in the local registry")
    );
}

#[tokio::test]
async fn a_layer_that_was_tampered_with_is_not_kept() {
    let world = world().await;
    world.build("one").await;
    let stored = world
        .there
        .find(&world.reference().parse().unwrap())
        .unwrap()
        .1;
    let layer = world.there.stored("x", &stored).unwrap().manifest.layers[0].clone();
    let mut bytes = world.there.blobs().read(&layer.digest).unwrap();
    bytes[20] ^= 1;
    std::fs::write(world.there.blobs().path(&layer.digest), bytes).unwrap();
    let error = world
        .here
        .resolve(&world.reference(), Pull::IfMissing)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sent a layer that cannot be used: its digest is"),
        "{error}"
    );
    assert_eq!(world.here.blobs().size(&layer.digest), None);
}

#[tokio::test]
async fn of_an_index_the_image_for_this_machine_is_taken() {
    let world = world().await;
    world.build("mine").await;
    let reference: seatrial_images::Reference = world.reference().parse().unwrap();
    let (name, digest) = world.there.find(&reference).unwrap();
    let platform = seatrial_images::image::Platform::of_this_machine();
    let index = |architecture: &str| {
        serde_json::json!({
            "schemaVersion": 2,
            "mediaType": seatrial_images::image::media::INDEX,
            "manifests": [{
                "mediaType": seatrial_images::image::media::MANIFEST, "digest": digest,
                "size": world.there.blobs().size(&digest).unwrap(),
                "platform": {"os": "linux", "architecture": architecture},
            }],
        })
        .to_string()
    };
    let blobs = world.there.blobs();
    let media_type = seatrial_images::image::media::INDEX;
    blobs
        .add_manifest(
            &name,
            media_type,
            index(&platform.architecture).as_bytes(),
            &["multi"],
        )
        .unwrap();
    blobs
        .add_manifest(&name, media_type, index("s390x").as_bytes(), &["other"])
        .unwrap();
    let multi = world.reference().replace(":v1", ":multi");
    assert_eq!(
        world
            .here
            .resolve(&multi, Pull::IfMissing)
            .await
            .unwrap()
            .digest,
        digest
    );
    let other = world.reference().replace(":v1", ":other");
    let error = world
        .here
        .resolve(&other, Pull::IfMissing)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("(it has linux/s390x)"),
        "{error}"
    );
}
