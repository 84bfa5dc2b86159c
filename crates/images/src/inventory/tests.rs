use expect_test::expect;

use super::*;

#[test]
fn packages_are_found_by_the_files_that_list_them() {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in [
        (
            "etc/os-release",
            "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n",
        ),
        (
            "var/lib/dpkg/status",
            "Package: libc6\nStatus: install ok installed\nSource: glibc (2.36-9)\nVersion: 2.36-9+deb12u4\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
        ),
        (
            "lib/apk/db/installed",
            "P:musl\nV:1.2.5-r0\nL:MIT\n\nP:libcrypto3\nV:3.3.0-r1\no:openssl\n",
        ),
        (
            "app/site-packages/Flask_Thing-2.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: Flask_Thing\nVersion: 2.0\nLicense: BSD-3-Clause\n\nName: not this\n",
        ),
        (
            "app/requirements.txt",
            "# pins\nflask.thing==2.0\nRequests[socks]==2.31.0 ; python_version > '3'\nurllib3>=1\n-r other.txt\nidna==3.* # no\njinja2===3.1.2 --hash=sha256:aa\n",
        ),
        (
            "app/poetry.lock",
            "[[package]]\nname = \"attrs\"\nversion = \"23.1\"\n\n[package.extras]\nname = \"no\"\n\n[metadata]\nversion = \"2\"\n",
        ),
        (
            "app/Pipfile.lock",
            r#"{"default":{"six":{"version":"==1.16.0"}},"develop":{"x":{"git":"y"}}}"#,
        ),
        ("broken/Pipfile.lock", "{"),
        (".git/requirements.txt", "hidden==1\n"),
    ] {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let found = inventory(&Subject::directory(directory.path()).unwrap());
    let mut shown: String = found
        .packages
        .iter()
        .map(|p| {
            format!(
                "{:?} {} {} source={} license={} {}\n",
                p.ecosystem, p.name, p.version, p.source, p.license, p.location
            )
        })
        .collect();
    shown += &found.problems.join("\n");
    expect![[r#"
        PyPi attrs 23.1 source=attrs license= app/poetry.lock
        PyPi flask-thing 2.0 source=flask-thing license=BSD-3-Clause app/site-packages/Flask_Thing-2.0.dist-info/METADATA
        PyPi jinja2 3.1.2 source=jinja2 license= app/requirements.txt
        PyPi requests 2.31.0 source=requests license= app/requirements.txt
        PyPi six 1.16.0 source=six license= app/Pipfile.lock
        Debian { distribution: "debian", release: "12" } libc6 2.36-9+deb12u4 source=glibc license= var/lib/dpkg/status
        Alpine { release: "12" } libcrypto3 3.3.0-r1 source=openssl license= lib/apk/db/installed
        Alpine { release: "12" } musl 1.2.5-r0 source=musl license=MIT lib/apk/db/installed
        broken/Pipfile.lock: EOF while parsing an object at line 1 column 1"#]].assert_eq(&shown);
}
