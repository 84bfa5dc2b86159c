use super::joined;

pub(crate) const LAYER: &[&str] = &[
    "0 644 ",
    "5 755 ",
    "2 777 ",
    "1 644 ",
    "3 600 ",
    "L 0 ",
    "x 0 ",
    "g 0 ",
    "S 0 ",
    "7 0 ",
    " -> ",
    "../",
    "/",
    "./",
    "OUTSIDE",
    "OUTSIDE/new",
    ".wh.",
    ".wh..wh..opq",
    ".wh...",
    "etc/passwd",
    "bin",
    "a/b",
    "//",
    "\n",
    "0 4755 ",
    "5 0 ",
    "raw\u{1e}",
    "\u{1f}\u{8b}",
    "\u{0}",
    "30 mtime=1e99\n",
    "20 path=../../x\n",
    "25 linkpath=/etc/shadow\n",
    "20 size=99999999\n",
];

pub(crate) fn layer() -> Vec<Vec<u8>> {
    let mut samples = joined(&[
        &[
            "5 755 etc",
            "0 644 etc/passwd\nroot:x:0:0\n",
            "2 777 bin -> usr/bin",
            "5 755 usr/bin",
            "0 755 bin/sh\n#!",
        ],
        &[
            "0 644 a\nx",
            "1 644 b -> a",
            "0 644 .wh.a",
            "0 644 d/.wh..wh..opq",
            "0 600 d/e\ny",
        ],
        &[
            "2 777 out -> OUTSIDE",
            "0 644 out/new\nx",
            "1 644 taken -> out/canary",
            "0 644 taken\ngone",
        ],
        &[
            "2 777 up -> ../../../..",
            "5 755 up/new",
            "0 644 ../../x\nx",
            "0 644 /abs\nx",
            "0 644 OUTSIDE/new\nx",
        ],
        &[
            "2 777 a -> b",
            "2 777 b -> a",
            "0 644 a/c\nx",
            "1 644 c -> a/d",
        ],
        &[
            "5 0 locked",
            "0 644 locked/a\nx",
            "0 4755 su\nx",
            "3 600 null",
            "6 600 pipe",
        ],
        &[
            "0 644 .wh.\nx",
            "0 644 .wh...\nx",
            "0 644 a/.wh...\nx",
            "0 644 .wh..wh..opq\n",
        ],
        &[
            "L 0 ././@LongLink\nlong/../name",
            "0 644 short\nx",
            "x 0 PaxHeaders\n20 path=../../x\n",
            "0 644 pax\nx",
        ],
        &[
            "0 644 usr/lib/python3/x.dist-info/METADATA\nName: x\nVersion: 1\n",
            "0 644 var/lib/dpkg/status\nPackage: a\nVersion: 1\n",
        ],
        &["raw", ""],
    ]);
    samples.push(b"raw\x1e\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec());
    samples.push(b"raw\x1e\x28\xb5\x2f\xfd\x04\x00".to_vec());
    samples
}

pub(crate) const ADVISORY: &[&str] = &[
    "requirements.txt\n",
    "poetry.lock\n",
    "Pipfile.lock\n",
    "uv.lock\n",
    "a.dist-info/METADATA\n",
    "var/lib/dpkg/status\n",
    "lib/apk/db/installed\n",
    "etc/os-release\n",
    "advisories/a.json\n",
    "==",
    ">=",
    "~=",
    "; python_version",
    " --hash=sha256:",
    "-r requirements.txt\n",
    "1!2.0.post1+local",
    "1:2.36-9+deb12u1~",
    "1.2.3-r4_p5",
    "introduced",
    "fixed",
    "last_affected",
    "\"0\"",
    "ECOSYSTEM",
    "SEMVER",
    "GIT",
    "PyPI",
    "Debian:12",
    "Alpine:v3.19",
    "withdrawn",
    "severity",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
    "CVSS:4.0/",
    "database_specific",
    "aliases",
    "[[package]]\n",
    "name = \"",
    "version = \"",
    "Package: ",
    "Version: ",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY-----",
    "ghp_",
    "password=",
];

pub(crate) fn advisory() -> Vec<Vec<u8>> {
    let advisory = |ecosystem: &str, name: &str, events: &str| {
        format!(
            r#"advisories/{name}.json
{{"id":"X-1","aliases":["CVE-1"],"summary":"s","severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],"affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"versions":["1.0"],"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
        )
    };
    let open = r#"{"introduced":"0"},{"fixed":"2.2.5"}"#;
    let flask = advisory("PyPI", "flask", open);
    let debian = advisory(
        "Debian:12",
        "zlib",
        r#"{"introduced":"1:1.0"},{"last_affected":"1:1.2.13.dfsg-1"}"#,
    );
    let alpine = advisory(
        "Alpine:v3.19",
        "musl",
        r#"{"introduced":"0"},{"fixed":"1.2.4-r3"}"#,
    );
    let mut samples = joined(&[
        &[
            "requirements.txt\nFlask==2.2.4 ; python_version > '3' \\\n  --hash=sha256:00\n-r other.txt\nx @ file:///y\n",
            &flask,
        ],
        &[
            "poetry.lock\n[[package]]\nname = \"flask\"\nversion = \"1!2.0.post1+l\"\n",
            "Pipfile.lock\n{\"default\":{\"flask\":{\"version\":\"==1\"}}}",
            &flask,
        ],
        &[
            "etc/os-release\nID=debian\nVERSION_ID=\"12\"\n",
            "var/lib/dpkg/status\nPackage: zlib1g\nStatus: install ok installed\nSource: zlib (1:1.2)\nVersion: 1:1.2.13.dfsg-1\n",
            &debian,
        ],
        &[
            "etc/os-release\nID=alpine\nVERSION_ID=3.19.1\n",
            "lib/apk/db/installed\nP:musl\nV:1.2.4_git2023-r2\no:musl\n",
            &alpine,
        ],
        &[
            "a.dist-info/METADATA\nMetadata-Version: 2.1\nName: Flask\nVersion: 2.2.4\n\nbody",
            "k.pem\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\nAKIAIOSFODNN7EXAMPLE\n",
        ],
        &["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"],
    ]);
    samples.push(format!("advisories/d.json\n{}", "[".repeat(50_000)).into_bytes());
    samples.push(format!("Pipfile.lock\n{}", "{\"a\":".repeat(20_000)).into_bytes());
    samples.push(format!("uv.lock\na = {}", "[".repeat(50_000)).into_bytes());
    samples
}
