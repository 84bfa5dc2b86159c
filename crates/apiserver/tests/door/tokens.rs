//! Tokens that are forged, late, early, for somebody else, or of what is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use expect_test::expect;
use jiff::Timestamp;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use seatrial_apiserver::{Server, SigningKey, State};
use seatrial_clock::{Clock, Random};
use seatrial_store::Store;
use serde_json::{Value, json};

use crate::support::door::{Caller, Served, serve_it};
use crate::support::{Still, pod};

const ADMIN: &str = "Bearer right";
const CORE: &str = "/api/v1/namespaces/default";
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// A clock that a test sets: seconds after [`Still`].
#[derive(Default)]
pub(crate) struct Hands(pub(crate) AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Still.now() + jiff::SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) async fn at(hands: Arc<Hands>) -> Served {
    let state = State::new(Store::memory(), hands, Random::seeded(7));
    serve_it(Server::start(state).await.unwrap()).await
}

/// The key of a server that a thief has got hold of, or another.
struct Thief {
    pair: EcdsaKeyPair,
    document: Vec<u8>,
}

impl Thief {
    fn new() -> Self {
        let document = SigningKey::generate().unwrap().document().to_owned();
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &random).unwrap();
        Self { pair, document }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), text.as_bytes())
            .unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

fn with(claims: &Value, field: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[field] = value;
    claims
}

/// What the door says to the token, and what a reviewer is told.
async fn outcome(caller: &mut Caller, token: &str) -> String {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (code, body) = caller
        .ask("POST", WHO, &format!("Bearer {token}"), Some(&review))
        .await;
    if code == 401 {
        // The client itself is told nothing of why.
        assert_eq!(
            (&body["kind"], &body["message"]),
            (&json!("Status"), &json!("Unauthorized"))
        );
    }
    let review = json!({"spec": {"token": token}});
    let (_, body) = caller.ask("POST", REVIEWS, ADMIN, Some(&review)).await;
    let status = &body["status"];
    let error = status["error"].as_str();
    assert_eq!(status["authenticated"] == true, code == 201, "{status}");
    format!("{code} {}", error.unwrap_or_default())
        .trim_end()
        .to_owned()
}

async fn token(caller: &mut Caller, account: &str, spec: Value) -> String {
    let path = format!("{CORE}/serviceaccounts/{account}/token");
    let (code, body) = caller
        .ask("POST", &path, ADMIN, Some(&json!({"spec": spec})))
        .await;
    assert_eq!(code, 201, "{body}");
    body["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn forged_tokens_are_nobodys() {
    let served = at(Arc::default()).await;
    let thief = Thief::new();
    served
        .server
        .state()
        .authentication
        .sign_with(SigningKey::read(&thief.document).unwrap());
    let mut caller = served.open(None).await;
    let caller = &mut caller;
    let good = token(caller, "default", json!({})).await;
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let issued = claims["iat"].as_i64().unwrap();
    let alg = |alg: &str| with(&header, "alg", json!(alg));
    let none = |name: &str| format!("{}.", unsigned(&alg(name), &claims));
    let signature = good.rsplit('.').next().unwrap();
    let hs256 = |secret: &[u8]| {
        let text = unsigned(&alg("HS256"), &claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let (_, keys) = caller.ask("GET", "/openid/v1/jwks", ADMIN, None).await;
    let mut own = claims["kubernetes.io"].clone();
    own["serviceaccount"]["name"] = json!("admin");
    let of = |claims: &Value| thief.sign(&header, claims);
    let at = |field: &str, seconds: i64| of(&with(&claims, field, json!(issued + seconds)));
    let escalated = with(
        &claims,
        "sub",
        json!("system:serviceaccount:kube-system:admin"),
    );
    let mut stretched = URL_SAFE_NO_PAD.decode(signature).unwrap();
    stretched.push(0);
    let text = good.rsplit_once('.').unwrap().0;
    let table = [
        ("good", good.clone()),
        ("signed by hand", of(&claims)),
        ("another's key", Thief::new().sign(&header, &claims)),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg empty", none("")),
        ("alg none, signed", thief.sign(&alg("none"), &claims)),
        ("no alg", thief.sign(&json!({}), &claims)),
        (
            "HS256, public key as JSON",
            hs256(keys["keys"][0].to_string().as_bytes()),
        ),
        (
            "HS256, public key as bytes",
            hs256(thief.pair.public_key().as_ref()),
        ),
        ("ES384", thief.sign(&alg("ES384"), &claims)),
        ("truncated", good[..good.len() - 3].to_owned()),
        ("no signature", text.to_owned()),
        ("empty signature", format!("{text}.")),
        (
            "longer signature",
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(stretched)),
        ),
        (
            "zero signature",
            format!("{text}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        ),
        ("padded", format!("{good}=")),
        ("four parts", format!("{good}.x")),
        (
            "other claims",
            format!("{}.{signature}", unsigned(&header, &escalated)),
        ),
        (
            "another issuer",
            of(&with(&claims, "iss", json!("https://example.com"))),
        ),
        ("another subject", of(&escalated)),
        ("another account", of(&with(&claims, "kubernetes.io", own))),
        (
            "another audience",
            of(&with(&claims, "aud", json!(["vault"]))),
        ),
        ("no audience", of(&with(&claims, "aud", json!([])))),
        (
            "one audience as text",
            of(&with(&claims, "aud", claims["aud"][0].clone())),
        ),
        ("expired", at("exp", -61)),
        ("within the leeway", at("exp", -60)),
        ("expiry of text", of(&with(&claims, "exp", json!("never")))),
        ("no expiry", of(&with(&claims, "exp", Value::Null))),
        (
            "expiry beyond time",
            of(&with(&claims, "exp", json!(i64::MAX))),
        ),
        (
            "expiry beyond numbers",
            of(&with(&claims, "exp", json!(u64::MAX))),
        ),
        ("not yet", at("nbf", 61)),
        ("made tomorrow", at("iat", 86_400)),
        ("claims of nothing", of(&json!({}))),
        ("claims of text", of(&json!("x"))),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("long", "x".repeat(8000)),
    ];
    let mut text = String::new();
    for (what, token) in table {
        text += &format!("{what:<28}{}\n", outcome(caller, &token).await);
    }
    expect![[r#"
        good                        201
        signed by hand              201
        another's key               401 invalid bearer token
        alg none                    401 invalid bearer token
        alg None                    401 invalid bearer token
        alg empty                   401 invalid bearer token
        alg none, signed            401 invalid bearer token
        no alg                      401 invalid bearer token
        HS256, public key as JSON   401 invalid bearer token
        HS256, public key as bytes  401 invalid bearer token
        ES384                       401 invalid bearer token
        truncated                   401 invalid bearer token
        no signature                401 invalid bearer token
        empty signature             401 invalid bearer token
        longer signature            401 invalid bearer token
        zero signature              401 invalid bearer token
        padded                      401 invalid bearer token
        four parts                  401 invalid bearer token
        other claims                401 invalid bearer token
        another issuer              401 invalid bearer token
        another subject             401 invalid bearer token
        another account             401 invalid bearer token
        another audience            401 token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc.cluster.local"]
        no audience                 401 token audiences [] is invalid for the target audiences ["https://kubernetes.default.svc.cluster.local"]
        one audience as text        401 invalid bearer token
        expired                     401 service account token has expired
        within the leeway           201
        expiry of text              401 invalid bearer token
        no expiry                   401 invalid bearer token
        expiry beyond time          201
        expiry beyond numbers       401 invalid bearer token
        not yet                     401 service account token is not valid yet
        made tomorrow               401 service account token is issued in the future
        claims of nothing           401 invalid bearer token
        claims of text              401 invalid bearer token
        empty                       403 invalid bearer token
        dots                        401 invalid bearer token
        long                        401 invalid bearer token
    "#]].assert_eq(&text);
    served.stop().await;
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_its_key() {
    let hands = Arc::new(Hands::default());
    let served = at(Arc::clone(&hands)).await;
    let mut caller = served.open(None).await;
    let token = token(&mut caller, "default", json!({"expirationSeconds": 600})).await;
    // It is remembered now as well signed.
    assert_eq!(outcome(&mut caller, &token).await, "201");
    hands.0.store(660, Ordering::Relaxed);
    assert_eq!(outcome(&mut caller, &token).await, "201");
    hands.0.store(661, Ordering::Relaxed);
    assert_eq!(
        outcome(&mut caller, &token).await,
        "401 service account token has expired"
    );
    hands.0.store(-61, Ordering::Relaxed);
    assert_eq!(
        outcome(&mut caller, &token).await,
        "401 service account token is not valid yet"
    );
    hands.0.store(0, Ordering::Relaxed);
    assert_eq!(outcome(&mut caller, &token).await, "201");
    served
        .server
        .state()
        .authentication
        .sign_with(SigningKey::generate().unwrap());
    assert_eq!(
        outcome(&mut caller, &token).await,
        "401 invalid bearer token"
    );
    served.stop().await;
}

#[tokio::test]
async fn a_token_ends_with_what_it_is_bound_to() {
    let hands = Arc::new(Hands::default());
    let served = at(Arc::clone(&hands)).await;
    let mut caller = served.open(None).await;
    let caller = &mut caller;
    let mut text = String::new();
    let secret = json!({"metadata": {"name": "one"}});
    let mut held = pod("one");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    for (plural, kind, object, body) in [
        ("pods", "Pod", "one", pod("one")),
        ("secrets", "Secret", "one", secret),
        (
            "serviceaccounts",
            "",
            "robot",
            json!({"metadata": {"name": "robot"}}),
        ),
        ("pods", "Pod", "one", held),
    ] {
        let (collection, path) = (
            format!("{CORE}/{plural}"),
            format!("{CORE}/{plural}/{object}"),
        );
        let (code, made) = caller.ask("POST", &collection, ADMIN, Some(&body)).await;
        assert_eq!(code, 201, "{made}");
        let account = if kind.is_empty() { object } else { "default" };
        let spec = if kind.is_empty() {
            json!({})
        } else {
            json!({"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": object}})
        };
        let token = token(caller, account, spec).await;
        text += &format!("{plural}: {}\n", outcome(caller, &token).await);
        let now = json!({"gracePeriodSeconds": 0});
        let (code, _) = caller.ask("DELETE", &path, ADMIN, Some(&now)).await;
        assert_eq!(code, 200);
        text += &format!("  deleted: {}\n", outcome(caller, &token).await);
        hands.0.fetch_add(61, Ordering::Relaxed);
        text += &format!("  a minute later: {}\n", outcome(caller, &token).await);
        let (code, again) = caller.ask("POST", &collection, ADMIN, Some(&body)).await;
        text += &format!("  made again ({code}): {}\n", {
            let said = outcome(caller, &token).await;
            let uids = [("OLD", &made), ("NEW", &again)];
            uids.iter().fold(
                said,
                |said, (name, object)| match object["metadata"]["uid"].as_str() {
                    Some(uid) => said.replace(uid, name),
                    None => said,
                },
            )
        });
        caller.ask("DELETE", &path, ADMIN, Some(&now)).await;
    }
    expect![[r#"
        pods: 201
          deleted: 401 service account token has been invalidated
          a minute later: 401 service account token has been invalidated
          made again (201): 401 pod UID (NEW) does not match service account pod ref claim (OLD)
        secrets: 201
          deleted: 401 service account token has been invalidated
          a minute later: 401 service account token has been invalidated
          made again (201): 401 secret UID (NEW) does not match service account secret ref claim (OLD)
        serviceaccounts: 201
          deleted: 401 service account default/robot has been deleted
          a minute later: 401 service account default/robot has been deleted
          made again (201): 401 service account UID (NEW) does not match claim (OLD)
        pods: 201
          deleted: 201
          a minute later: 401 service account token has been invalidated
          made again (409): 401 service account token has been invalidated
    "#]].assert_eq(&text);
    served.stop().await;
}

#[tokio::test]
async fn headers_that_are_no_bearer_tokens_let_nobody_in() {
    let served = at(Arc::default()).await;
    let mut caller = served.open(None).await;
    let mut text = String::new();
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  right",
        "bearer right",
        "BEARER right",
        "Bearer right x",
        "Bearer Right",
        "Basic cmlnaHQ6cmlnaHQ=",
        "right",
        "Bearer,right",
        "Negotiate right",
    ] {
        let (code, body) = caller.ask("GET", "/api/v1/nodes", header, None).await;
        let reason = body["reason"].as_str().unwrap_or_default();
        text += format!("{header:<24}{code} {reason}").trim_end();
        text += "\n";
    }
    expect![[r#"
                                403 Forbidden
        Bearer                  403 Forbidden
        Bearer                  403 Forbidden
        Bearer  right           403 Forbidden
        bearer right            200
        BEARER right            200
        Bearer right x          200
        Bearer Right            401 Unauthorized
        Basic cmlnaHQ6cmlnaHQ=  403 Forbidden
        right                   403 Forbidden
        Bearer,right            403 Forbidden
        Negotiate right         403 Forbidden
    "#]]
    .assert_eq(&text);
    served.stop().await;
}
