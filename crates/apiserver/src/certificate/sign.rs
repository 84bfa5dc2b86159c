//! What the cluster's authority signs: for each purpose what a request must and must not ask for, in upstream's words.

use std::ops::Range;

use jiff::Timestamp;
use rcgen::{
    CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::{Error, Wanted, read_request};
use crate::identity::NODES;
use crate::tls::Pair;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody says to the API server who they are (`kubernetes.io/kube-apiserver-client`).
    Client,
    /// A node's agent says to the API server that it is one (`kubernetes.io/kube-apiserver-client-kubelet`).
    NodeClient,
    /// A node's agent is asked by others (`kubernetes.io/kubelet-serving`).
    NodeServer,
}

const SIGNATURE: &str = "digital signature";
const ENCIPHERMENT: &str = "key encipherment";
const CLIENT: &str = "client auth";
const SERVER: &str = "server auth";

/// Signs a request for a certificate that is good during `lifetime`.
///
/// # Errors
/// Where the request cannot be read, asks for what its purpose does not give, or the authority is damaged.
pub fn sign(
    authority: &Pair,
    purpose: Purpose,
    request: &str,
    usages: &[String],
    lifetime: Range<Timestamp>,
) -> Result<String, Error> {
    let unreadable = |error: rcgen::Error| Error::Read(error.to_string());
    let wanted = read_request(request.as_bytes()).map_err(Error::Read)?;
    let mut request = CertificateSigningRequestParams::from_pem(request).map_err(unreadable)?;
    let parameters = &mut request.params;
    check(purpose, &wanted, &parameters.subject_alt_names, usages).map_err(Error::Refused)?;
    let moment = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    parameters.not_before = moment(lifetime.start);
    parameters.not_after = moment(lifetime.end);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = [
        (SIGNATURE, KeyUsagePurpose::DigitalSignature),
        (ENCIPHERMENT, KeyUsagePurpose::KeyEncipherment),
    ]
    .into_iter()
    .filter(|(name, _)| usages.iter().any(|usage| usage == name))
    .map(|(_, usage)| usage)
    .collect();
    parameters.extended_key_usages = vec![match purpose {
        Purpose::Client | Purpose::NodeClient => ExtendedKeyUsagePurpose::ClientAuth,
        Purpose::NodeServer => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    let key = KeyPair::from_pem(&authority.key).map_err(Error::Sign)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, key).map_err(Error::Sign)?;
    let signed = request.signed_by(&issuer).map_err(Error::Sign)?;
    Ok(signed.pem())
}

/// Refuses what the purpose does not give.
fn check(
    purpose: Purpose,
    wanted: &Wanted,
    names: &[SanType],
    usages: &[String],
) -> Result<(), String> {
    match purpose {
        Purpose::Client => client(wanted, names, usages),
        Purpose::NodeClient => {
            of_a_node(wanted)?;
            if let Some(name) = names.first() {
                return Err(format!("{} subjectAltNames are not allowed", form(name)));
            }
            node_name(wanted)?;
            exactly(usages, CLIENT)
        }
        Purpose::NodeServer => {
            of_a_node(wanted)?;
            let reachable = |name: &&SanType| matches!(form(name), "DNS" | "IP");
            if !names.iter().any(|name| reachable(&name)) {
                return Err("DNS or IP subjectAltName is required".to_owned());
            }
            if let Some(name) = names.iter().find(|name| !reachable(name)) {
                return Err(format!("{} subjectAltNames are not allowed", form(name)));
            }
            exactly(usages, SERVER)?;
            node_name(wanted)
        }
    }
}

fn client(wanted: &Wanted, names: &[SanType], usages: &[String]) -> Result<(), String> {
    if wanted.user.is_empty() {
        return Err("the request names no user: its subject has no common name".to_owned());
    }
    if !names.is_empty() {
        return Err("a client's certificate has no alternative names".to_owned());
    }
    let known = [SIGNATURE, ENCIPHERMENT, CLIENT];
    if let Some(other) = usages.iter().find(|usage| !known.contains(&usage.as_str())) {
        return Err(format!("invalid usage for client certificate: {other}"));
    }
    if !usages.iter().any(|usage| usage == CLIENT) {
        return Err(format!(
            "missing required usage for client certificate: {CLIENT}"
        ));
    }
    Ok(())
}

fn form(name: &SanType) -> &'static str {
    match name {
        SanType::DnsName(_) => "DNS",
        SanType::IpAddress(_) => "IP",
        SanType::Rfc822Name(_) => "Email",
        SanType::URI(_) => "URI",
        _ => "Other",
    }
}

fn of_a_node(wanted: &Wanted) -> Result<(), String> {
    if wanted.groups == [NODES] {
        return Ok(());
    }
    Err(format!("subject organization is not {NODES}"))
}

fn node_name(wanted: &Wanted) -> Result<(), String> {
    if wanted.user.starts_with("system:node:") {
        return Ok(());
    }
    Err("subject common name does not begin with system:node:".to_owned())
}

/// Keys that only sign need not encipher keys.
fn exactly(usages: &[String], own: &str) -> Result<(), String> {
    let has = |wanted: &str| usages.iter().any(|usage| usage == wanted);
    let known = |usage: &String| usage == own || usage == SIGNATURE || usage == ENCIPHERMENT;
    if has(own) && has(SIGNATURE) && usages.iter().all(known) {
        return Ok(());
    }
    let mut all = [SIGNATURE, ENCIPHERMENT, own];
    all.sort_unstable();
    Err(format!("usages did not match [{}]", all.join(" ")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use rcgen::{CertificateParams, DistinguishedName, DnType};

    use super::*;
    use crate::certificate::identity;
    use crate::identity::Identity;

    fn request(user: &str, group: &str, names: &[SanType]) -> String {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        let name = &mut parameters.distinguished_name;
        name.push(DnType::OrganizationName, group);
        name.push(DnType::CommonName, user);
        parameters.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        parameters.serialize_request(&key).unwrap().pem().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn signed(purpose: Purpose, request: &str, usages: &[&str]) -> Result<String, String> {
        let authority = crate::tls::authority().unwrap();
        let usages: Vec<String> = usages.iter().map(|&usage| usage.to_owned()).collect();
        let lifetime = at(1_767_225_600)..at(1_767_312_000);
        sign(&authority, purpose, request, &usages, lifetime).map_err(|error| error.to_string())
    }

    #[test]
    fn a_signed_request_says_who_somebody_is() {
        let request = request("jane", "devs", &[]);
        let signed = signed(Purpose::Client, &request, &[CLIENT, SIGNATURE]).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(signed.as_bytes()).unwrap();
        assert_eq!(
            identity(&pem.contents),
            Some((Identity::user("jane", &["devs"]), at(1_767_312_000)))
        );
        let (_, parsed) = x509_parser::parse_x509_certificate(&pem.contents).unwrap();
        assert_eq!(parsed.validity().not_after.timestamp(), 1_767_312_000);
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
    }

    #[test]
    fn a_node_serves_under_its_names() {
        let names = [
            SanType::DnsName("worker".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 7].into()),
        ];
        let request = request("system:node:worker", NODES, &names);
        let signed = signed(Purpose::NodeServer, &request, &[SERVER, SIGNATURE]).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(signed.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&pem.contents).unwrap();
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth);
        let names = parsed.subject_alternative_name().unwrap().unwrap().value;
        assert_eq!(names.general_names.len(), 2);
    }

    #[test]
    fn what_a_purpose_does_not_give_is_refused_in_upstreams_words() {
        let dns = SanType::DnsName("worker".try_into().unwrap());
        let mail = SanType::Rfc822Name("a@b.c".try_into().unwrap());
        let node = "system:node:worker";
        let (serving, client) = (Purpose::NodeServer, Purpose::NodeClient);
        let lines: Vec<String> = [
            (
                serving,
                request(node, "devs", std::slice::from_ref(&dns)),
                vec![SERVER, SIGNATURE],
            ),
            (serving, request(node, NODES, &[]), vec![SERVER, SIGNATURE]),
            (
                serving,
                request(node, NODES, &[dns.clone(), mail]),
                vec![SERVER, SIGNATURE],
            ),
            (
                serving,
                request(node, NODES, std::slice::from_ref(&dns)),
                vec![CLIENT, SIGNATURE],
            ),
            (
                serving,
                request("jane", NODES, std::slice::from_ref(&dns)),
                vec![SERVER, SIGNATURE],
            ),
            (
                client,
                request(node, NODES, &[dns]),
                vec![CLIENT, SIGNATURE],
            ),
            (client, request(node, NODES, &[]), vec![SERVER, SIGNATURE]),
            (Purpose::Client, request("jane", "devs", &[]), vec![SERVER]),
            (
                Purpose::Client,
                request("jane", "devs", &[]),
                vec![SIGNATURE],
            ),
            (Purpose::Client, "x".to_owned(), vec![CLIENT]),
        ]
        .into_iter()
        .map(|(purpose, request, usages)| signed(purpose, &request, &usages).unwrap_err())
        .collect();
        expect![[r#"
            subject organization is not system:nodes
            DNS or IP subjectAltName is required
            Email subjectAltNames are not allowed
            usages did not match [digital signature key encipherment server auth]
            subject common name does not begin with system:node:
            DNS subjectAltNames are not allowed
            usages did not match [client auth digital signature key encipherment]
            invalid usage for client certificate: server auth
            missing required usage for client certificate: client auth
            the request cannot be read: PEM block type must be CERTIFICATE REQUEST"#]]
        .assert_eq(&lines.join("\n"));
    }
}
