//! Webhooks that lie: every answer they can give leads to a change that is right, or to a refusal that says
//! which webhook it was.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use expect_test::expect;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seatrial_apiserver::tls;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Api, MAPS, config_map};

pub(crate) type Pieces =
    std::pin::Pin<Box<dyn futures::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

/// An answer as bytes, in pieces; the path says which.
fn answer(path: &str, request: &Value) -> Pieces {
    let uid = &request["uid"];
    let review = |response: Value| {
        let mut response = response;
        if response.get("uid").is_none() {
            response["uid"] = uid.clone();
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string()
    };
    let patch = |operations: &str| {
        review(
            json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations)}),
        )
    };
    let text = match path {
        "empty" => String::new(),
        "null" => "null".to_owned(),
        "no-response" => r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#.to_owned(),
        "other-kind" => json!({"apiVersion": "v1", "kind": "Pod", "response": {"uid": uid, "allowed": true}}).to_string(),
        "other-version" => json!({"apiVersion": "admission.k8s.io/v9", "kind": "AdmissionReview", "response": {"uid": uid, "allowed": true}}).to_string(),
        "no-uid" => review(json!({"uid": "", "allowed": true})),
        "allowed-text" => review(json!({"allowed": "yes"})),
        "no-patch-type" => review(json!({"allowed": true, "patch": STANDARD.encode("[]")})),
        "wrong-patch-type" => review(json!({"allowed": true, "patchType": "MergePatch", "patch": STANDARD.encode("{}")})),
        "no-base64" => review(json!({"allowed": true, "patchType": "JSONPatch", "patch": "%%%"})),
        "patch-garbage" => patch("<html>"),
        "patch-object" => patch("{}"),
        "patch-no-op" => patch(r#"[{"op":"boil","path":"/a"}]"#),
        "patch-misses" => patch(r#"[{"op":"remove","path":"/no/such"}]"#),
        "patch-root" => patch(r#"[{"op":"replace","path":"","value":[]}]"#),
        "patch-metadata" => patch(r#"[{"op":"remove","path":"/metadata"}]"#),
        "patch-name" => patch(r#"[{"op":"replace","path":"/metadata/name","value":"other"}]"#),
        "patch-namespace" => patch(r#"[{"op":"add","path":"/metadata/namespace","value":"kube-system"}]"#),
        "patch-kind" => patch(r#"[{"op":"replace","path":"/kind","value":"Secret"}]"#),
        "patch-type" => patch(r#"[{"op":"replace","path":"/data","value":7}]"#),
        "patch-deep" => patch(&json!([{"op": "add", "path": "/data/x", "value": nested(100)}]).to_string()),
        "patch-copies" => patch(&Value::from((0..60).map(|turn| json!({"op": "copy", "from": "", "path": format!("/data/{turn}")})).collect::<Vec<_>>()).to_string()),
        "code-odd" => review(json!({"allowed": false, "status": {"code": 99999, "message": "a\r\nb"}})),
        "code-ok" => review(json!({"allowed": false, "status": {"code": 200, "message": "fine"}})),
        "code-negative" => review(json!({"allowed": false, "status": {"code": -1}})),
        "warnings" => review(json!({"allowed": true, "warnings": ["a\r\nset-cookie: b", "\u{0}", "ü".repeat(5000), ""]})),
        "annotations" => review(json!({"allowed": true, "auditAnnotations": {"a/b/c": "x", "\u{0}": "y", "": "z"}})),
        "moved" => review(json!({"allowed": true})),
        "deep" => "[".repeat(200_000),
        "huge" => format!("{{\"a\":\"{}\"", "x".repeat(5 << 20)),
        "endless" => {
            let piece = Bytes::from(vec![b' '; 64 << 10]);
            return Box::pin(futures::stream::repeat(piece).map_frames());
        }
        "drip" => {
            let drops = futures::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Bytes::from_static(b" "), ()))
            });
            return Box::pin(drops.map_frames());
        }
        other => unreachable!("{other}"),
    };
    whole(text)
}

trait Frames: futures::Stream<Item = Bytes> + Sized {
    fn map_frames(self) -> impl futures::Stream<Item = Result<Frame<Bytes>, Infallible>> {
        futures::StreamExt::map(self, |bytes| Ok(Frame::data(bytes)))
    }
}

impl<S: futures::Stream<Item = Bytes>> Frames for S {}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

/// What a webhook answers to a request at a path.
pub(crate) type Answer = fn(&str, &Value) -> Pieces;

/// One answer in one piece.
pub(crate) fn whole(text: String) -> Pieces {
    Box::pin(futures::stream::iter([Bytes::from(text)]).map_frames())
}

async fn serve(
    request: Request<Incoming>,
    answer: Answer,
) -> Result<Response<StreamBody<Pieces>>, Infallible> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let mut response = Response::new(StreamBody::new(answer(&path, &review["request"])));
    if path == "moved" {
        *response.status_mut() = http::StatusCode::TEMPORARY_REDIRECT;
        let elsewhere = http::HeaderValue::from_static("https://127.0.0.1:1/allow");
        response.headers_mut().insert("location", elsewhere);
    }
    Ok(response)
}

/// Starts the server; its address and the certificates to trust.
pub(crate) async fn start(answer: Answer) -> (u16, String) {
    let authority = tls::authority().unwrap();
    let pair = tls::issue(&authority, &[]).unwrap();
    let acceptor = TlsAcceptor::from(tls::configuration(&pair).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http
                        .serve_connection(
                            TokioIo::new(stream),
                            service_fn(|request| serve(request, answer)),
                        )
                        .await;
                }
            });
        }
    });
    (port, STANDARD.encode(authority.certificate))
}

const PATHS: &[&str] = &[
    "empty",
    "null",
    "no-response",
    "other-kind",
    "other-version",
    "no-uid",
    "allowed-text",
    "no-patch-type",
    "wrong-patch-type",
    "no-base64",
    "patch-garbage",
    "patch-object",
    "patch-no-op",
    "patch-misses",
    "patch-root",
    "patch-metadata",
    "patch-name",
    "patch-namespace",
    "patch-kind",
    "patch-type",
    "patch-deep",
    "patch-copies",
    "code-odd",
    "code-ok",
    "code-negative",
    "warnings",
    "annotations",
    "moved",
    "deep",
    "huge",
    "endless",
    "drip",
];

#[tokio::test]
async fn every_lie_of_a_mutating_webhook_is_seen_through() {
    let (port, bundle) = start(answer).await;
    let api = Api::start().await;
    let configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    // With failurePolicy Ignore, with Fail, and what is said then.
    let mut table = String::new();
    for path in PATHS {
        let configuration = json!({"metadata": {"name": "liar"}, "webhooks": [{
            "name": "liar.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "timeoutSeconds": 2,
            "clientConfig": {"url": format!("https://127.0.0.1:{port}/{path}"), "caBundle": bundle},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}],
        }]});
        let mut configuration = configuration;
        configuration["webhooks"][0]["failurePolicy"] = json!("Ignore");
        api.post(configurations, configuration.clone())
            .await
            .expect(201);
        let ignored = api.post(MAPS, config_map("ignored")).await.code;
        api.delete(&format!("{configurations}/liar"))
            .await
            .expect(200);
        configuration["webhooks"][0]["failurePolicy"] = json!("Fail");
        api.post(configurations, configuration).await.expect(201);
        let reply = api.post(MAPS, config_map("a")).await;
        let message = match reply.code {
            201 => {
                let metadata = &reply.body["metadata"];
                format!("stored {}/{}", metadata["namespace"], metadata["name"])
            }
            _ => reply.message().replace(&port.to_string(), "PORT"),
        };
        let message: String = message
            .split("uid=")
            .next()
            .unwrap()
            .chars()
            .take(210)
            .collect();
        table += &format!(
            "{path:<17} {ignored} {} {}\n",
            reply.code,
            message.replace(['\r', '\n'], " ")
        );
        api.delete(&format!("{configurations}/liar"))
            .await
            .expect(200);
        for name in ["a", "other", "ignored"] {
            api.delete(&format!("{MAPS}/{name}")).await;
        }
    }
    expect![[r#"
        empty             201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: couldn't decode the response: EOF while parsing a value at line 1 column 0
        null              201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=
        no-response       201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: webhook response was absent
        other-kind        201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /v1, Kind=Pod
        other-version     201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v9, Kind=Admis
        no-uid            201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: expected response.
        allowed-text      201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: couldn't decode the response: response.allowed is no boolean
        no-patch-type     201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: webhook returned response.patch but not response.patchType
        wrong-patch-type  201 500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: webhook returned invalid response.patchType of "MergePatch", expected "JSONPatch"
        no-base64         201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: response.patch is not base64: Invalid symbol 37, offset 0.
        patch-garbage     500 500 Internal error occurred: error decoding patch: expected value at line 1 column 1
        patch-object      500 500 Internal error occurred: error decoding patch: invalid type: map, expected a sequence
        patch-no-op       500 500 Internal error occurred: error decoding patch: unknown variant `boil`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test`
        patch-misses      500 500 Internal error occurred: remove operation does not apply: doc is missing path: "/no/such": missing value
        patch-root        500 500 Internal error occurred: a patch does not leave an object
        patch-metadata    500 500 Internal error occurred: admission has changed metadata.namespace from "default" to "", which is not supported
        patch-name        500 500 Internal error occurred: admission has changed metadata.name from "a" to "other", which is not supported
        patch-namespace   500 500 Internal error occurred: admission has changed metadata.namespace from "default" to "kube-system", which is not supported
        patch-kind        500 500 Internal error occurred: admission has changed kind from "ConfigMap" to "Secret", which is not supported
        patch-type        500 500 Internal error occurred: ConfigMap in version "v1" cannot be handled as a ConfigMap: data: Invalid value: 7: must be an object, not an integer
        patch-deep        500 500 Internal error occurred: ConfigMap in version "v1" cannot be handled as a ConfigMap: data.x: Invalid value: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]
        patch-copies      500 500 Internal error occurred: Unable to complete the copy, the accumulated size increase of copy is 6258247, exceeding the limit 3145728
        code-odd          400 400 admission webhook "liar.example.com" denied the request: a  b
        code-ok           400 400 admission webhook "liar.example.com" denied the request: fine
        code-negative     400 400 admission webhook "liar.example.com" denied the request without explanation
        warnings          201 201 stored "default"/"a"
        annotations       201 201 stored "default"/"a"
        moved             201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: an error on the server ("{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{\"allowed\
        deep              201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: couldn't decode the response: recursion limit exceeded at line 1 column 128
        huge              201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: Post "https://127.0.0.1:PORT/huge?timeout=2s": length limit exceeded
        endless           201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: Post "https://127.0.0.1:PORT/endless?timeout=2s": length limit exceeded
        drip              201 500 Internal error occurred: failed calling webhook "liar.example.com": failed to call webhook: Post "https://127.0.0.1:PORT/drip?timeout=2s": context deadline exceeded
    "#]].assert_eq(&table);
}
