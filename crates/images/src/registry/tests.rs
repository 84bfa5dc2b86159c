//! The registry as its clients use it, without a socket.

use axum::body::Body;
use axum::http::{Request, Response};
use expect_test::expect;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::{Blobs, Digest};

struct World {
    _directory: tempfile::TempDir,
    registry: Registry,
}

fn world(access: Access) -> World {
    let directory = tempfile::tempdir().unwrap();
    let store = ImageStore::new(
        Blobs::open(directory.path()).unwrap(),
        vec!["127.0.0.1:5000".to_owned()],
    );
    World {
        registry: Registry::new(store, access, Random::seeded(1)),
        _directory: directory,
    }
}

impl World {
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        router(self.registry.clone())
            .oneshot(request)
            .await
            .unwrap()
    }

    async fn line(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> String {
        let response = self.send(method, path, headers, body).await;
        let status = response.status().as_u16();
        let mut shown = String::new();
        for name in ["location", "range", "content-range", "content-type", "link"] {
            if let Some(value) = response.headers().get(name) {
                shown += &format!(" {name}={}", value.to_str().unwrap());
            }
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        format!(
            "{method} {path} -> {status}{shown} {}\n",
            String::from_utf8_lossy(&body)
        )
    }

    async fn blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        assert_eq!(self.send("POST", &path, &[], bytes).await.status(), 201);
        digest
    }

    async fn image(&self, name: &str, tag: &str) -> Digest {
        let config =
            br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let digest = self.blob(name, config).await;
        let manifest = json_manifest(&digest, config.len());
        let response = self
            .send(
                "PUT",
                &format!("/v2/{name}/manifests/{tag}"),
                &[],
                manifest.as_bytes(),
            )
            .await;
        assert_eq!(response.status(), 201);
        Digest::of(manifest.as_bytes())
    }
}

fn json_manifest(config: &Digest, size: usize) -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": crate::image::media::MANIFEST,
        "config": {"mediaType": crate::image::media::CONFIG, "digest": config, "size": size},
        "layers": [],
    })
    .to_string()
}

#[tokio::test]
async fn an_upload_in_chunks_is_checked_and_read_back_in_parts() {
    let world = world(Access::Open);
    let digest = Digest::of(b"hello world");
    let started = world
        .send("POST", "/v2/acme/shop/blobs/uploads/", &[], b"")
        .await;
    let location = started.headers()["location"].to_str().unwrap().to_owned();
    let mut seen = String::new();
    seen += &world
        .line("PATCH", &location, &[("content-range", "0-4")], b"hello")
        .await;
    seen += &world
        .line("PATCH", &location, &[("content-range", "9-10")], b"xx")
        .await;
    seen += &world.line("GET", &location, &[], b"").await;
    seen += &world.line("PATCH", &location, &[], b" wor").await;
    seen += &world
        .line("PUT", &format!("{location}?digest={digest}"), &[], b"ld")
        .await;
    let blob = format!("/v2/acme/shop/blobs/{digest}");
    seen += &world
        .line("GET", &blob, &[("range", "bytes=6-")], b"")
        .await;
    seen += &world
        .line("GET", &blob, &[("range", "bytes=99-")], b"")
        .await;
    seen += &world.line("PATCH", &location, &[], b"").await;
    let seen = seen
        .replace(location.rsplit('/').next().unwrap(), "ID")
        .replace(digest.as_str(), "DIGEST");
    expect![[r#"
        PATCH /v2/acme/shop/blobs/uploads/ID -> 202 location=/v2/acme/shop/blobs/uploads/ID range=0-4 
        PATCH /v2/acme/shop/blobs/uploads/ID -> 416 content-type=application/json {"errors":[{"code":"BLOB_UPLOAD_INVALID","detail":null,"message":"the next chunk must start at byte 5"}]}
        GET /v2/acme/shop/blobs/uploads/ID -> 204 location=/v2/acme/shop/blobs/uploads/ID range=0-4 
        PATCH /v2/acme/shop/blobs/uploads/ID -> 202 location=/v2/acme/shop/blobs/uploads/ID range=0-8 
        PUT /v2/acme/shop/blobs/uploads/ID?digest=DIGEST -> 201 location=/v2/acme/shop/blobs/DIGEST 
        GET /v2/acme/shop/blobs/DIGEST -> 206 content-range=bytes 6-10/11 content-type=application/octet-stream world
        GET /v2/acme/shop/blobs/DIGEST -> 416 content-range=bytes */11 
        PATCH /v2/acme/shop/blobs/uploads/ID -> 404 content-type=application/json {"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","detail":null,"message":"there is no such upload, or another request is writing to it"}]}
    "#]]
    .assert_eq(&seen);
}

#[tokio::test]
async fn manifests_are_found_by_tag_and_digest_and_deleted() {
    let world = world(Access::Open);
    let digest = world.image("acme/shop", "v1").await;
    for selector in ["v1", digest.as_str()] {
        let response = world
            .send(
                "HEAD",
                &format!("/v2/acme/shop/manifests/{selector}"),
                &[],
                b"",
            )
            .await;
        assert_eq!(response.headers()["docker-content-digest"], digest.as_str());
    }
    world.image("acme/shop", "v2").await;
    let mut seen = world
        .line("GET", "/v2/acme/shop/tags/list?n=1", &[], b"")
        .await;
    seen += &world
        .line("GET", "/v2/acme/shop/tags/list?n=1&last=v1", &[], b"")
        .await;
    seen += &world.line("GET", "/v2/_catalog", &[], b"").await;
    seen += &world
        .line(
            "DELETE",
            &format!("/v2/acme/shop/manifests/{digest}"),
            &[],
            b"",
        )
        .await;
    seen += &world
        .line("GET", "/v2/acme/shop/manifests/v1", &[], b"")
        .await;
    seen += &world.line("GET", "/v2/_catalog", &[], b"").await;
    seen += &world.line("GET", "/v2/none/tags/list", &[], b"").await;
    expect![[r#"
        GET /v2/acme/shop/tags/list?n=1 -> 200 content-type=application/json link=</v2/acme/shop/tags/list?last=v1&n=1>; rel="next" {"name":"acme/shop","tags":["v1"]}
        GET /v2/acme/shop/tags/list?n=1&last=v1 -> 200 content-type=application/json {"name":"acme/shop","tags":["v2"]}
        GET /v2/_catalog -> 200 content-type=application/json {"repositories":["acme/shop"]}
        DELETE /v2/acme/shop/manifests/DIGEST -> 202 
        GET /v2/acme/shop/manifests/v1 -> 404 content-type=application/json {"errors":[{"code":"MANIFEST_UNKNOWN","detail":null,"message":"repository acme/shop has no manifest v1"}]}
        GET /v2/_catalog -> 200 content-type=application/json {"repositories":[]}
        GET /v2/none/tags/list -> 404 content-type=application/json {"errors":[{"code":"NAME_UNKNOWN","detail":null,"message":"there is no repository none"}]}
    "#]]
    .assert_eq(&seen.replace(digest.as_str(), "DIGEST"));
}

#[tokio::test]
async fn wrong_content_is_refused_by_code() {
    let world = world(Access::Open);
    let wrong = Digest::of(b"other");
    let mut seen = world
        .line(
            "POST",
            &format!("/v2/a/blobs/uploads/?digest={wrong}"),
            &[],
            b"this",
        )
        .await;
    seen += &world.line("PUT", "/v2/a/manifests/v1", &[], b"{").await;
    seen += &world
        .line(
            "PUT",
            "/v2/a/manifests/v1",
            &[],
            json_manifest(&wrong, 1).as_bytes(),
        )
        .await;
    seen += &world.line("PUT", "/v2/a/manifests/-v1", &[], b"{}").await;
    seen += &world.line("GET", "/v2/A/manifests/v1", &[], b"").await;
    seen += &world.line("GET", "/v2/a/../../b/blobs/x", &[], b"").await;
    seen += &world.line("GET", "/v2/a/blobs/sha256:zz", &[], b"").await;
    seen += &world.line("POST", "/v2/a/manifests/v1", &[], b"").await;
    let seen = seen
        .replace(wrong.as_str(), "WRONG")
        .replace(Digest::of(b"this").as_str(), "THIS");
    expect![[r#"
        POST /v2/a/blobs/uploads/?digest=WRONG -> 400 content-type=application/json {"errors":[{"code":"DIGEST_INVALID","detail":null,"message":"the content's digest is THIS, not WRONG"}]}
        PUT /v2/a/manifests/v1 -> 400 content-type=application/json {"errors":[{"code":"MANIFEST_INVALID","detail":null,"message":"the manifest is no JSON: EOF while parsing an object at line 1 column 1"}]}
        PUT /v2/a/manifests/v1 -> 404 content-type=application/json {"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","detail":null,"message":"the manifest names WRONG, which is not here"}]}
        PUT /v2/a/manifests/-v1 -> 400 content-type=application/json {"errors":[{"code":"MANIFEST_INVALID","detail":null,"message":"schemaVersion must be 2"}]}
        GET /v2/A/manifests/v1 -> 400 content-type=application/json {"errors":[{"code":"NAME_INVALID","detail":null,"message":"the repository name must be in lower case; use \"a\""}]}
        GET /v2/a/../../b/blobs/x -> 400 content-type=application/json {"errors":[{"code":"NAME_INVALID","detail":null,"message":"\"..\" in the repository name must start and end with a letter or digit"}]}
        GET /v2/a/blobs/sha256:zz -> 400 content-type=application/json {"errors":[{"code":"DIGEST_INVALID","detail":null,"message":"\"sha256:zz\" is not a digest of the form sha256:<64 hexadecimal digits>"}]}
        POST /v2/a/manifests/v1 -> 405 content-type=application/json {"errors":[{"code":"UNSUPPORTED","detail":null,"message":"the endpoint does not have this method"}]}
    "#]]
    .assert_eq(&seen);
}

#[tokio::test]
async fn a_mount_shares_content_and_garbage_goes() {
    let world = world(Access::Open);
    let digest = world.blob("a", b"shared").await;
    let path = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
    assert_eq!(world.send("POST", &path, &[], b"").await.status(), 201);
    world.image("a", "v1").await;
    let collected = world.registry.store.blobs().collect_garbage().unwrap();
    assert_eq!((collected.blobs, collected.bytes), (1, 6));
    assert_eq!(
        world
            .send("GET", "/v2/a/manifests/v1", &[], b"")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_token_is_needed_where_it_is_told_to() {
    let world = world(Access::PushNeedsToken(["secret".to_owned()].into()));
    assert_eq!(world.send("GET", "/v2/", &[], b"").await.status(), 200);
    let refused = world.send("POST", "/v2/a/blobs/uploads/", &[], b"").await;
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let basic = [("authorization", "Basic dXNlcjpzZWNyZXQ=")];
    assert_eq!(
        world
            .send("POST", "/v2/a/blobs/uploads/", &basic, b"")
            .await
            .status(),
        202
    );
    let bearer = [("authorization", "Bearer secrets")];
    assert_eq!(
        world
            .send("POST", "/v2/a/blobs/uploads/", &bearer, b"")
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn what_was_pushed_for_any_registry_is_resolved_locally() {
    let world = world(Access::Open);
    let digest = world.image("ghcr.io/acme/shop", "abc").await;
    let other = world.image("acme/web", "v1").await;
    let store = &world.registry.store;
    for (reference, wanted) in [
        ("ghcr.io/acme/shop:abc", &digest),
        ("quay.io/acme/web:v1", &other),
        ("127.0.0.1:5000/acme/web:v1", &other),
        (&format!("ghcr.io/acme/shop@{digest}"), &digest),
    ] {
        let resolved = store.resolve(reference, crate::Pull::Never).await.unwrap();
        assert_eq!(&resolved.digest, wanted, "{reference}");
    }
    let error = store
        .resolve("127.0.0.1:5000/acme/none:v1", crate::Pull::IfMissing)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "image 127.0.0.1:5000/acme/none:v1 is not in the local registry"
    );
}
