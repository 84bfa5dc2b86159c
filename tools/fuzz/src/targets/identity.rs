//! Who somebody says they are, and what is written down about it.

use std::cell::OnceCell;
use std::str::from_utf8;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use seatrial_apiserver::audit::Policy;
use seatrial_apiserver::certificate::{self, Purpose};
use seatrial_apiserver::{SigningKey, tls};
use seatrial_store::Key;
use serde_json::{Value, json};

use super::request::Api;
use crate::parts;

const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

struct Signer {
    api: Api,
    pair: EcdsaKeyPair,
    /// The uid of the account `default`, for which the inputs say `UID`.
    uid: String,
}

thread_local! {
    static SIGNER: OnceCell<Signer> = const { OnceCell::new() };
    static AUTHORITY: OnceCell<tls::Pair> = const { OnceCell::new() };
}

impl Signer {
    fn start() -> Self {
        let key = SigningKey::generate().unwrap();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.document(), &SystemRandom::new());
        let api = Api::start();
        api.state().authentication.sign_with(key);
        let pair = pair.unwrap();
        let account = Key::new("serviceaccounts", "default", "default");
        let uid = api
            .state()
            .store
            .get(&account)
            .unwrap()
            .metadata
            .uid
            .clone();
        Self {
            api,
            pair,
            uid: uid.into(),
        }
    }
}

/// Tokens: one part is a token as it is, two are a header and claims that are signed with the right key.
/// Nobody is anybody but through claims that the key has signed.
pub fn token(data: &[u8]) {
    let Some(name) = who(data) else { return };
    assert_eq!(
        parts(data).count(),
        2,
        "a token without the key's signature was taken"
    );
    assert!(name.starts_with("system:serviceaccount:"), "{name}");
}

/// Whose token it is, as a reviewer is told.
fn who(data: &[u8]) -> Option<String> {
    let all: Vec<&[u8]> = parts(data).collect();
    SIGNER.with(|signer| {
        let signer = signer.get_or_init(Signer::start);
        let token = match all[..] {
            [header, claims] => {
                let claims = String::from_utf8_lossy(claims).replace("UID", &signer.uid);
                let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                let text = format!("{}.{}", part(header), part(claims.as_bytes()));
                let signature = signer
                    .pair
                    .sign(&SystemRandom::new(), text.as_bytes())
                    .unwrap();
                format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
            }
            _ => String::from_utf8_lossy(data).into_owned(),
        };
        let review = json!({"spec": {"token": token, "audiences": []}});
        let (code, answer) = signer.api.post(REVIEWS, &review);
        let text = String::from_utf8_lossy(&answer);
        assert!(code == 201 || (400..500).contains(&code), "{code} {text}");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let status = &answer["status"];
        let name = status["user"]["username"].as_str().unwrap_or_default();
        (status["authenticated"] == true).then(|| name.to_owned())
    })
}

/// Requests for certificates, as PEM and as what is in it.
pub fn csr(data: &[u8]) {
    AUTHORITY.with(|authority| {
        let authority = authority.get_or_init(|| tls::authority().unwrap());
        let (begins, ends) = (Timestamp::UNIX_EPOCH, Timestamp::constant(4_000_000_000, 0));
        let wrapped = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            STANDARD.encode(data)
        );
        for text in [from_utf8(data).unwrap_or_default(), &wrapped] {
            for (purpose, usage) in [
                (Purpose::Client, "client auth"),
                (Purpose::NodeClient, "client auth"),
                (Purpose::NodeServer, "server auth"),
            ] {
                let usages = [usage.to_owned(), "digital signature".to_owned()];
                match certificate::sign(authority, purpose, text, &usages, begins..ends) {
                    Ok(signed) => assert!(signed.starts_with("-----BEGIN CERTIFICATE-----")),
                    Err(error) => drop(error.to_string()),
                }
            }
        }
    });
}

/// Policies of the audit log.
pub fn audit(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Err(error) = Policy::read(text) {
        let _ = error.to_string();
    }
}

/// Questions to the cluster's name server, and answers to its own.
pub fn dns(data: &[u8]) {
    if let Some(answer) = seatrial_network::probe(data) {
        assert_eq!(
            answer.get(..2),
            data.get(..2),
            "the answer is to another question"
        );
        assert!(
            answer.len() >= 12 && answer[2] & 0x80 != 0,
            "it is no answer: {answer:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_inputs_that_tokens_begin_with_reach_an_account() {
        let first = &crate::samples::identity::token()[0];
        let name = super::who(first);
        assert_eq!(
            name.as_deref(),
            Some("system:serviceaccount:default:default")
        );
    }
}
