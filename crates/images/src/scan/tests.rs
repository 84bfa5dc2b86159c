use std::fs;

use expect_test::expect;

use super::*;

fn write(directory: &std::path::Path, path: &str, content: &str) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn advisory(id: &str, ecosystem: &str, name: &str, events: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"{id}","aliases":["CVE-{id}"],"summary":"Trouble in {name}","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]{rest}}}"#
    )
}

fn world() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(
        root,
        "app/requirements.txt",
        "Flask==2.2.4\nrequests==2.31.0\nsafe==1.0\n",
    );
    write(root, "app/etc/os-release", "ID=debian\nVERSION_ID=12\n");
    write(
        root,
        "app/var/lib/dpkg/status",
        "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.9-1\n",
    );
    let critical = r#","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#;
    write(
        root,
        "db/a.json",
        &advisory(
            "1",
            "PyPI",
            "flask",
            r#"{"introduced":"0"},{"fixed":"2.2.5"},{"introduced":"2.3.0"},{"fixed":"2.3.2"}"#,
            critical,
        ),
    );
    write(
        root,
        "db/b.json",
        &advisory(
            "2",
            "PyPI",
            "Requests",
            r#"{"introduced":"2.3"},{"last_affected":"2.31.0"}"#,
            r#","database_specific":{"severity":"MODERATE"}"#,
        ),
    );
    write(
        root,
        "db/c.json",
        &advisory(
            "3",
            "PyPI",
            "safe",
            r#"{"introduced":"0"},{"fixed":"1.0"}"#,
            "",
        ),
    );
    write(
        root,
        "db/deep/d.json",
        &advisory(
            "4",
            "Debian:12",
            "openssl",
            r#"{"introduced":"0"},{"fixed":"3.0.11-1~deb12u1"}"#,
            "",
        ),
    );
    write(
        root,
        "db/e.json",
        &advisory("5", "Debian:11", "openssl", r#"{"introduced":"0"}"#, ""),
    );
    write(
        root,
        "db/f.json",
        &advisory(
            "6",
            "PyPI",
            "flask",
            r#"{"introduced":"0"}"#,
            r#","withdrawn":"2024-01-01T00:00:00Z""#,
        ),
    );
    write(root, "db/broken.json", "{\"id\":1}");
    directory
}

#[test]
fn packages_are_held_against_the_advisories() {
    let world = world();
    let subject = Subject::directory(&world.path().join("app")).unwrap();
    let mut options = Options {
        advisories: Some(world.path().join("db")),
        ..Options::default()
    };
    let report = scan(&subject, &options).unwrap();
    expect![[r"
        app: 4 packages
        Vulnerabilities: 3 (CRITICAL: 1, MEDIUM: 1, UNKNOWN: 1)  [5 advisories]
          SEVERITY  PACKAGE   INSTALLED  FIXED             ADVISORY  TITLE
          CRITICAL  flask     2.2.4      2.2.5             1         Trouble in flask
          MEDIUM    requests  2.31.0     -                 2         Trouble in Requests
          UNKNOWN   libssl3   3.0.9-1    3.0.11-1~deb12u1  4         Trouble in openssl
        Secrets: none found
        Note: advisory /db/broken.json cannot be read: invalid type: integer `1`, expected a string at line 1 column 7
    "]].assert_eq(&report.table().replace(world.path().to_str().unwrap(), ""));
    assert_eq!(report.exit_code(1), 1);

    let ids = |options: &Options| {
        let report = scan(&subject, options).unwrap();
        report
            .findings
            .vulnerabilities
            .iter()
            .map(|found| found.id.clone())
            .collect::<Vec<_>>()
    };
    options.unfixed = Unfixed::Ignored;
    assert_eq!(ids(&options), ["1", "4"]);
    options.severities = [Severity::Critical, Severity::High].into();
    assert_eq!(ids(&options), ["1"]);
    options.accepted = ["CVE-1".to_owned()].into();
    assert!(ids(&options).is_empty());
    assert_eq!(scan(&subject, &options).unwrap().exit_code(1), 0);
}

#[test]
fn without_a_database_the_report_says_so() {
    let world = world();
    let subject = Subject::directory(&world.path().join("app")).unwrap();
    let report = scan(&subject, &Options::default()).unwrap();
    expect![[r"
        app: 4 packages
        Vulnerabilities: not looked for (no advisory database)
        Secrets: none found
        Note: no advisory database was given, so vulnerabilities were not looked for; name a directory of OSV files with --advisories
    "]].assert_eq(&report.table());
    assert_eq!(report.json()["database"]["given"], false);
    let empty = tempfile::tempdir().unwrap();
    let options = Options {
        advisories: Some(empty.path().to_owned()),
        ..Options::default()
    };
    assert!(scan(&subject, &options).unwrap().notes[0].contains("holds no advisory"));
    let missing = Options {
        advisories: Some(empty.path().join("none")),
        ..Options::default()
    };
    assert!(scan(&subject, &missing).is_err());
}

#[test]
fn secrets_are_found_and_masked() {
    let directory = tempfile::tempdir().unwrap();
    // Put together here, so that scanners of this repository find nothing.
    let aws = format!("AKIA{}", "Q3EGRTZ5MVKD7WXN");
    let github = format!("ghp_{}", "a8Fj2kLmP9qRsT4uVwXyZ1bC3dE5gH7iJ0nO");
    let text = format!(
        "key = \"{aws}\"\ntoken: {github}\n# seatrial:allow-secret\nother = \"{aws}\"\nallowed = \"{aws}\" # gitleaks:allow\n-----BEGIN RSA {}-----\n",
        "PRIVATE KEY"
    );
    write(directory.path(), "config/app.ini", &text);
    write(
        directory.path(),
        "app.py",
        "API_KEY = 'kJ8sdf7SDFkj23lkSDFlkj9'\nPASSWORD = os.environ['PASSWORD']\npassword = 'changeme-please-now'\nDATABASE = 'postgres://shop:s3cr3tPa55@db/shop'\nurl = 'http://user:${TOKEN}@host'\n",
    );
    write(directory.path(), "poetry.lock", &text);
    write(directory.path(), ".git/config", &text);
    fs::write(
        directory.path().join("binary"),
        [b"\0".as_slice(), text.as_bytes()].concat(),
    )
    .unwrap();
    let report = scan(
        &Subject::directory(directory.path()).unwrap(),
        &Options::default(),
    )
    .unwrap();
    let shown: String = report
        .findings
        .secrets
        .iter()
        .map(|found| {
            format!(
                "{} {}:{} {} {}\n",
                found.severity.name(),
                found.file,
                found.line,
                found.rule,
                found.masked
            )
        })
        .collect();
    expect![[r"
        MEDIUM app.py:1 generic-secret kJ8s********
        HIGH app.py:4 password-in-url s********
        CRITICAL config/app.ini:1 aws-access-key-id AKIA********
        CRITICAL config/app.ini:2 github-token ghp_********
        HIGH config/app.ini:6 private-key -----BEGIN RSA PRIVATE KEY-----
    "]]
    .assert_eq(&shown);
    assert!(!report.table().contains(&aws));
}
