use super::{joined, texts};

pub(crate) const TOKEN: &[&str] = &[
    "eyJhbGciOiJub25lIn0",
    ".",
    "\"alg\"",
    "\"ES256\"",
    "\"none\"",
    "\"HS256\"",
    "\"kid\"",
    "\"iss\"",
    "\"sub\"",
    "\"aud\"",
    "\"exp\"",
    "\"nbf\"",
    "\"iat\"",
    "\"jti\"",
    "\"kubernetes.io\"",
    "\"namespace\"",
    "\"serviceaccount\"",
    "\"pod\"",
    "\"secret\"",
    "\"node\"",
    "\"name\"",
    "\"uid\"",
    "UID",
    "\"default\"",
    "system:serviceaccount:default:default",
    "https://kubernetes.default.svc.cluster.local",
    "9223372036854775807",
    "-9223372036854775808",
    "1767225600",
    "\u{0}",
    "/",
    "..",
];

pub(crate) fn token() -> Vec<Vec<u8>> {
    let header = r#"{"alg":"ES256","kid":"k"}"#;
    let claims = r#"{"aud":["https://kubernetes.default.svc.cluster.local"],"exp":1767229200,"iat":1767225600,"nbf":1767225600,"iss":"https://kubernetes.default.svc.cluster.local","jti":"j","sub":"system:serviceaccount:default:default","kubernetes.io":{"namespace":"default","serviceaccount":{"name":"default","uid":"UID"}}}"#;
    let bound = claims.replace(
        "}}}",
        r#"},"pod":{"name":"p","uid":"u"},"node":{"name":"n"}}}"#,
    );
    let far = claims
        .replace("1767229200", "9223372036854775807")
        .replace("1767225600", "-9223372036854775808");
    let mut samples = joined(&[
        &[header, claims],
        &[header, &bound],
        &[header, &far],
        &["{}", "{}"],
        &[r#"{"alg":"none"}"#, claims],
    ]);
    samples.extend(texts(&[
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c",
        "..",
        "",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
        "Bearer x",
    ]));
    samples
}

pub(crate) fn csr() -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let pem = include_str!("../../../../crates/apiserver/tests/support/request.pem");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body);
    vec![
        pem.as_bytes().to_vec(),
        der.unwrap_or_default(),
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    ]
}

pub(crate) const AUDIT: &[&str] = &[
    "apiVersion: audit.k8s.io/v1\n",
    "kind: Policy\n",
    "rules:\n",
    "- level: ",
    "None",
    "Metadata",
    "Request",
    "RequestResponse",
    "  users: [a]\n",
    "  userGroups: ['system:nodes']\n",
    "  verbs: [get, '*']\n",
    "  resources:\n  - group: ''\n    resources: [pods/log, '*/status']\n    resourceNames: [a]\n",
    "  namespaces: ['', kube-system]\n",
    "  nonResourceURLs: ['/healthz*', '/a*b']\n",
    "  omitStages: [RequestReceived]\n",
    "omitManagedFields: true\n",
    "&a ",
    "*a",
    "<<: ",
];

pub(crate) fn audit() -> Vec<Vec<u8>> {
    let mut samples = texts(&[
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: None\n  users: [probe]\n- level: Metadata\n  resources: [{group: '', resources: [secrets, pods/log]}]\n- level: RequestResponse\n  nonResourceURLs: ['/api*']\n- level: Request\n",
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n",
        "{\"apiVersion\":\"audit.k8s.io/v1\",\"kind\":\"Policy\",\"rules\":[{\"level\":\"Metadata\"}]}",
    ]);
    samples.extend(
        ["[", "{a: ", "- ", "&a [*a, "].map(|open| open.repeat(40_000 / open.len()).into_bytes()),
    );
    samples
}

pub(crate) const DNS: &[&str] = &[
    "\u{3}web\u{7}default\u{3}svc\u{7}cluster\u{5}local\u{0}",
    "\u{0}\u{1}\u{0}\u{1}",
    "\u{0}\u{1c}\u{0}\u{1}",
    "\u{0}!\u{0}\u{1}",
    "\u{5}_http\u{4}_tcp",
    "\u{0}\u{c}\u{0}\u{1}",
    "\u{7}in-addr\u{4}arpa\u{0}",
];

pub(crate) fn dns() -> Vec<Vec<u8>> {
    let name = b"\x03web\x07default\x03svc\x07cluster\x05local\x00";
    let question = |flags: [u8; 2], kind: u8, more: &[u8]| {
        let counts = [0, 1, 0, 0, 0, 0, 0, u8::from(!more.is_empty())];
        [
            &[0x12, 0x34][..],
            &flags,
            &counts,
            name,
            &[0, kind, 0, 1],
            more,
        ]
        .concat()
    };
    let option = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0];
    let answer = [
        &[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0][..],
        name,
        &[0, 1, 0, 1],
        &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'a', 0xc0, 16],
        &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1],
    ]
    .concat();
    vec![
        question([1, 0], 1, &[]),
        question([1, 0], 33, &option),
        question([1, 0], 255, &[]),
        question([0x81, 0x80], 1, &[]),
        answer,
        [
            &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
            &[0xc0, 12, 0, 1, 0, 1],
        ]
        .concat(),
        [
            &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
            &b"\x3f".repeat(200),
        ]
        .concat(),
    ]
}
