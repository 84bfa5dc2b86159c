//! Somebody without rights, on every verb of every kind that discovery shows.

use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::{Api, MAPS, config_map};

/// What those who are known may do, whoever they are: upstream's `system:basic-user` and
/// `system:discovery`.
const EVERYBODY: [&str; 5] = [
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
    "clustertrustbundles",
    "servicecidrs",
];

async fn ask(router: &Router, method: &str, path: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from("{}")).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    if code == 200 {
        // It may be a watch without end.
        return (code, Value::Null);
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&body).unwrap_or_default())
}

/// Every kind and part of one, as `(prefix of the path, APIResource)`.
async fn resources(api: &Api) -> Vec<(String, Value)> {
    let mut versions = vec!["/api/v1".to_owned()];
    let groups = api.get("/apis").await.expect(200);
    for group in groups["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            versions.push(format!(
                "/apis/{}",
                version["groupVersion"].as_str().unwrap()
            ));
        }
    }
    let mut found = Vec::new();
    for version in versions {
        let list = api.get(&version).await.expect(200);
        for resource in list["resources"].as_array().unwrap() {
            found.push((version.clone(), resource.clone()));
        }
    }
    found
}

/// The requests that a verb of discovery stands for.
fn requests(prefix: &str, resource: &Value, verb: &str) -> Vec<(&'static str, String)> {
    let name = resource["name"].as_str().unwrap();
    let (plural, part) = name.split_once('/').unwrap_or((name, ""));
    let base = if resource["namespaced"] == true {
        format!("{prefix}/namespaces/default/{plural}")
    } else {
        format!("{prefix}/{plural}")
    };
    let one = if part.is_empty() {
        format!("{base}/some")
    } else {
        format!("{base}/some/{part}")
    };
    match verb {
        "get" => vec![("GET", one.clone()), ("HEAD", one)],
        "list" => vec![("GET", base), ("GET", format!("{prefix}/{plural}"))],
        "watch" => vec![
            ("GET", format!("{base}?watch=true")),
            ("GET", format!("{one}?watch=true")),
        ],
        "create" if part.is_empty() => vec![("POST", base)],
        "create" => vec![("POST", one)],
        "update" => vec![("PUT", one)],
        "patch" => vec![("PATCH", one)],
        "delete" => vec![("DELETE", one)],
        "deletecollection" => vec![("DELETE", base)],
        other => unreachable!("a verb {other}"),
    }
}

/// What upstream says: kind and name, then who cannot do what to which resource, and where.
fn words(user: &str, prefix: &str, resource: &Value, verb: &str, path: &str) -> String {
    let name = resource["name"].as_str().unwrap();
    let plural = name.split('/').next().unwrap();
    let group = match prefix.strip_prefix("/apis/") {
        Some(version) => version.split('/').next().unwrap(),
        None => "",
    };
    let qualified = if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    };
    let path = path.split('?').next().unwrap();
    // One object cannot be watched: there the parameter means nothing.
    let verb = if verb == "watch" && path.contains("/some") {
        "get"
    } else {
        verb
    };
    let object = if path.contains("/some") {
        " \"some\""
    } else {
        ""
    };
    let place = match path.split_once("/namespaces/") {
        // A namespace counts as in itself.
        Some((_, rest)) => format!("in the namespace {:?}", rest.split('/').next().unwrap()),
        None => "at the cluster scope".to_owned(),
    };
    format!(
        "{qualified}{object} is forbidden: User {user:?} cannot {verb} resource {name:?} in API group {group:?} {place}"
    )
}

#[tokio::test]
async fn who_has_no_rights_is_refused_on_every_verb_of_every_kind() {
    let api = Api::start().await;
    let nobody = |identity: Identity| api.server.router().layer(Extension(identity));
    let known = ["system:authenticated".to_owned()];
    let groups: Vec<&str> = known.iter().map(String::as_str).collect();
    let somebodies = [
        ("jane", "jane", nobody(Identity::user("jane", &groups))),
        (
            "anonymous",
            "system:anonymous",
            nobody(Identity::anonymous()),
        ),
        (
            "an account",
            "system:serviceaccount:default:default",
            nobody(Identity::user(
                "system:serviceaccount:default:default",
                &[
                    "system:serviceaccounts",
                    "system:serviceaccounts:default",
                    "system:authenticated",
                ],
            )),
        ),
    ];
    let mut asked = 0;
    for (prefix, resource) in resources(&api).await {
        let name = resource["name"].as_str().unwrap();
        let everybody = EVERYBODY.iter().any(|open| name.starts_with(open));
        for verb in resource["verbs"].as_array().unwrap() {
            let verb = verb.as_str().unwrap();
            for (method, path) in requests(&prefix, &resource, verb) {
                for (who, user, router) in &somebodies {
                    let (code, body) = ask(router, method, &path).await;
                    let open = everybody && matches!(*who, "jane" | "an account");
                    assert!(
                        code == 403 || (open && code < 500),
                        "{who}: {method} {path}: {code} {body}"
                    );
                    if code == 403 && method != "HEAD" {
                        assert_eq!(body["reason"], "Forbidden", "{who}: {method} {path}");
                        let words = words(user, &prefix, &resource, verb, &path);
                        assert_eq!(body["message"], words, "{who}: {method} {path}");
                    }
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 1100, "only {asked} requests");
    // Who said nothing at all is not even nobody.
    let unsaid = api.server.router();
    assert_eq!(
        ask(&unsaid, "GET", "/api/v1/namespaces/default/pods")
            .await
            .0,
        403
    );
}

/// Whether an object is there is told to nobody who may not see it.
#[tokio::test]
async fn refusals_do_not_tell_what_exists() {
    let api = Api::start().await;
    let there = "/api/v1/namespaces/default/configmaps/same";
    let elsewhere = "/api/v1/namespaces/nowhere/configmaps/same";
    let identity = Identity::user("jane", &["system:authenticated"]);
    let router = api.server.router().layer(Extension(identity));
    let mut before = Vec::new();
    let methods = ["GET", "PUT", "PATCH", "DELETE"];
    for method in methods {
        before.push(ask(&router, method, there).await);
    }
    api.post(MAPS, config_map("same")).await.expect(201);
    for (method, before) in methods.into_iter().zip(before) {
        let after = ask(&router, method, there).await;
        assert_eq!(after, before, "{method}");
        let (code, body) = ask(&router, method, elsewhere).await;
        let text = body.to_string().replace("nowhere", "default");
        assert_eq!((code, text), (before.0, before.1.to_string()), "{method}");
    }
    // A name that is taken, one that is free, and one that cannot be.
    let mut said = Vec::new();
    for name in ["same", "free", "No Name"] {
        let request = Request::builder().method("POST").uri(MAPS);
        let body = config_map(name).to_string();
        let request = request
            .header("content-type", "application/json")
            .body(Body::from(body));
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        said.push((
            response.status(),
            response.into_body().collect().await.unwrap().to_bytes(),
        ));
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
}

#[tokio::test]
async fn who_has_no_rights_learns_nothing_from_other_paths() {
    let api = Api::start().await;
    let router = api.server.router().layer(Extension(Identity::anonymous()));
    for path in [
        "/api",
        "/apis",
        "/api/v1",
        "/apis/apps/v1",
        "/openapi/v2",
        "/openapi/v3",
        "/metrics",
        "/logs",
        "/debug/pprof",
        "/api/v1/namespaces/default/pods/x/proxy",
        "/api/v1/nosuchkind",
        "/apis/no.such.group/v1/things",
        "/nothing",
    ] {
        let (code, body) = ask(&router, "GET", path).await;
        assert_eq!(code, 403, "{path}: {body}");
    }
}
