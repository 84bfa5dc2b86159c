//! Certificates of clients that are not, not yet or no longer good.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    date_time_ymd,
};
use seatrial_apiserver::tls::{self, Pair};
use seatrial_clock::Clock as _;
use serde_json::json;

use crate::support::Still;
use crate::support::door::{Served, served};

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A certificate for `user` by `authority`, good from `begins` to `ends`, in hours from now.
fn certificate(
    authority: &Pair,
    user: &str,
    (begins, ends): (i64, i64),
    usage: ExtendedKeyUsagePurpose,
) -> Pair {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "system:masters");
    if !user.is_empty() {
        parameters.distinguished_name.push(DnType::CommonName, user);
    }
    let moment = |hours| {
        let at: Timestamp = Still.now() + SignedDuration::from_hours(hours);
        let seconds = u64::try_from(at.as_second()).unwrap();
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    (parameters.not_before, parameters.not_after) = (moment(begins), moment(ends));
    parameters.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let authority_key = KeyPair::from_pem(&authority.key).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, authority_key).unwrap();
    let signed = parameters.signed_by(&key, &issuer).unwrap();
    Pair {
        certificate: signed.pem(),
        key: key.serialize_pem(),
    }
}

/// Who the server takes the bearer of the certificate for.
async fn outcome(served: &Served, certificate: &Pair, token: &str) -> String {
    let mut caller = served.open(Some(certificate)).await;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (code, body) = caller.ask("POST", WHO, token, Some(&review)).await;
    let user = body["status"]["userInfo"]["username"].as_str();
    let reason = body["reason"].as_str().unwrap_or_default();
    if user.is_none() {
        assert_eq!(body["kind"], "Status", "{body}");
    }
    format!("{code} {}", user.unwrap_or(reason))
}

#[tokio::test]
async fn who_shows_a_certificate_that_is_no_good_is_nobody_and_told_so() {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let served = served().await;
    let ours = &served.authority;
    let other = tls::authority().unwrap();
    let good = (-1, 1);
    let table = [
        (
            "good",
            certificate(ours, "jane", good, ClientAuth),
            "",
            "201 jane",
        ),
        (
            "ended",
            certificate(ours, "jane", (-2, -1), ClientAuth),
            "",
            "401 Unauthorized",
        ),
        (
            "not yet",
            certificate(ours, "jane", (1, 2), ClientAuth),
            "",
            "401 Unauthorized",
        ),
        (
            "another authority's",
            certificate(&other, "jane", good, ClientAuth),
            "",
            "401 Unauthorized",
        ),
        (
            "a server's",
            certificate(ours, "jane", good, ServerAuth),
            "",
            "401 Unauthorized",
        ),
        // It says nobody's name: as if none was shown.
        (
            "nameless",
            certificate(ours, "", good, ClientAuth),
            "",
            "403 Forbidden",
        ),
        // The certificate counts first, and a good token makes up for a bad one.
        (
            "good, bad token",
            certificate(ours, "jane", good, ClientAuth),
            "Bearer x",
            "201 jane",
        ),
        (
            "ended, good token",
            certificate(ours, "jane", (-2, -1), ClientAuth),
            "Bearer right",
            "201 seatrial-admin",
        ),
        (
            "ended, bad token",
            certificate(ours, "jane", (-2, -1), ClientAuth),
            "Bearer x",
            "401 Unauthorized",
        ),
        (
            "nameless, good token",
            certificate(ours, "", good, ClientAuth),
            "Bearer right",
            "201 seatrial-admin",
        ),
    ];
    for (what, certificate, token, expected) in table {
        assert_eq!(
            outcome(&served, &certificate, token).await,
            expected,
            "{what}"
        );
    }
    served.stop().await;
}

#[tokio::test]
async fn a_connection_does_not_outlast_its_certificate() {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    let hands = Arc::new(crate::tokens::Hands::default());
    let served = crate::tokens::at(Arc::clone(&hands)).await;
    let short = certificate(
        &served.authority,
        "jane",
        (-1, 1),
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    let mut caller = served.open(Some(&short)).await;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    assert_eq!(caller.ask("POST", WHO, "", Some(&review)).await.0, 201);
    hands.0.fetch_add(3601, Ordering::Relaxed);
    assert_eq!(caller.ask("POST", WHO, "", Some(&review)).await.0, 401);
    served.stop().await;
}
