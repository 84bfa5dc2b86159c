use expect_test::expect;

use super::{COMMIT, Setup};
use crate::port::{Finding, Severity};

#[tokio::test]
async fn an_image_is_built_from_metadata_and_pushed() {
    let outcome = Setup::new(
        r"
name: CI
on: push
env: {REGISTRY: ghcr.io, IMAGE_NAME: '${{ github.repository }}'}
jobs:
  build:
    runs-on: ubuntu-latest
    outputs:
      image-tag: ${{ steps.meta.outputs.version }}
      digest: ${{ steps.build.outputs.digest }}
    steps:
      - uses: actions/checkout@v4
      - uses: docker/setup-buildx-action@v3
      - uses: docker/login-action@v3
        with:
          registry: ${{ env.REGISTRY }}
          username: ${{ github.actor }}
          password: ${{ secrets.GITHUB_TOKEN }}
      - id: meta
        uses: docker/metadata-action@v5
        with:
          images: ${{ env.REGISTRY }}/${{ env.IMAGE_NAME }}
          tags: |
            type=sha,prefix=
            type=ref,event=branch
            type=semver,pattern={{version}}
      - id: build
        uses: docker/build-push-action@v5
        with:
          context: .
          push: true
          tags: ${{ steps.meta.outputs.tags }}
          labels: ${{ steps.meta.outputs.labels }}
          build-args: |
            VERSION=${{ github.sha }}
          cache-from: type=gha
          platfroms: linux/amd64
      - uses: anchore/sbom-action@v0
        with:
          image: ${{ env.REGISTRY }}/${{ env.IMAGE_NAME }}@${{ steps.build.outputs.digest }}
",
    )
    .file("Dockerfile", "FROM seatrial/host\n")
    .run()
    .await;
    expect![[r#"
        Succeeded 1/1
        build Succeeded {"digest": "sha256:aa", "image-tag": "main"}
          Run actions/checkout@v4 Succeeded
          Run docker/setup-buildx-action@v3 Succeeded
          Run docker/login-action@v3 Succeeded
          Run docker/metadata-action@v5 Succeeded
          Run docker/build-push-action@v5 Succeeded
          Run anchore/sbom-action@v0 Succeeded
    "#]]
    .assert_eq(&outcome.summary());
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        build/0 notice runs on this machine (runs-on: ubuntu-latest)
        build/1 output Checked out shop at 0123456 (0123456789abcdef0123456789abcdef01234567)
        build/2 output Images are built by Seatrial's own builder: no daemon, nothing to set up
        build/3 output Logged in to ghcr.io as alice
        build/4 output ghcr.io/seatrial/shop:main
        build/4 output ghcr.io/seatrial/shop:0123456
        build/5 notice `cache-from` has no effect here: layers are cached on this machine
        build/5 warning docker/build-push-action has no input `platfroms`, did you mean `platforms`?
        build/5 output step 1/1: FROM seatrial/host
        build/5 output Pushed ghcr.io/seatrial/shop:main@sha256:aa
        build/5 output Pushed ghcr.io/seatrial/shop:0123456@sha256:aa
        build/6 output No `format` was given: writing cyclonedx-json
        build/6 output ghcr.io/seatrial/shop@sha256:aa: 2 components
        build/6 output Kept as artifact `shop-build.cyclonedx.json`
    "#]]
    .assert_eq(&outcome.log);
    let builds = outcome.images.builds.lock().unwrap();
    assert_eq!(
        builds[0].tags,
        [
            "ghcr.io/seatrial/shop:main",
            "ghcr.io/seatrial/shop:0123456"
        ]
    );
    assert!(builds[0].push);
    assert_eq!(
        builds[0].arguments,
        [("VERSION".to_owned(), COMMIT.to_owned())]
    );
    let checkout = &outcome.source.checkouts.lock().unwrap()[0];
    assert_eq!(checkout.branch.as_deref(), Some("main"));
    assert_eq!(checkout.depth, Some(1));
    assert_eq!(checkout.token.as_deref(), Some("run-token-7f3a"));
    let kept = outcome.store.artifacts("shop-ci-7").unwrap();
    assert_eq!(kept, ["shop-build.cyclonedx.json"]);
}

#[tokio::test]
async fn a_scan_fails_the_job_above_its_threshold() {
    let finding = |id: &str, severity| Finding {
        target: "requirements.txt".to_owned(),
        id: id.to_owned(),
        package: "jinja2".to_owned(),
        installed: "2.10".to_owned(),
        fixed: "2.10.1".to_owned(),
        severity,
        title: "Sandbox escape".to_owned(),
        line: None,
    };
    let mut setup = Setup::steps(
        "
      - uses: aquasecurity/trivy-action@master
        with: {scan-type: fs, scan-ref: ., severity: 'CRITICAL', exit-code: '1'}
      - uses: aquasecurity/trivy-action@master
        with: {scan-type: fs, format: json, output: report.json}
      - run: grep -c VulnerabilityID report.json
      - uses: aquasecurity/trivy-action@master
        with: {scan-type: fs, scan-ref: ., severity: 'CRITICAL,HIGH', exit-code: '1'}
",
    );
    setup.images.findings = vec![
        finding("GHSA-a", Severity::High),
        finding("GHSA-b", Severity::Low),
    ];
    let outcome = setup.run().await;
    expect![[r#"
        Failed 1/1: job `test`: step `Run aquasecurity/trivy-action@master`: 1 finding in ., the worst is HIGH: HIGH GHSA-a in jinja2 2.10 (requirements.txt)
        test Failed: step `Run aquasecurity/trivy-action@master`: 1 finding in ., the worst is HIGH: HIGH GHSA-a in jinja2 2.10 (requirements.txt)
          Run aquasecurity/trivy-action@master Succeeded
          Run aquasecurity/trivy-action@master Succeeded
          Run grep -c VulnerabilityID report.json Succeeded
          Run aquasecurity/trivy-action@master Failed
    "#]].assert_eq(&outcome.summary());
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 output .: nothing found
        test/1 output 2 more findings left out by severity or as ignored
        test/2 output Report written to report.json
        test/3 command grep -c VulnerabilityID report.json
        test/3 output 2
        test/4 output requirements.txt
        test/4 output Total: 1 (UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 1, CRITICAL: 0)
        test/4 output
        test/4 output Library  Vulnerability  Severity  Installed  Fixed   Title
        test/4 output jinja2   GHSA-a         HIGH      2.10       2.10.1  Sandbox escape
        test/4 output
        test/4 output 1 more finding left out by severity or as ignored
        test/4 error 1 finding in ., the worst is HIGH: HIGH GHSA-a in jinja2 2.10 (requirements.txt)
    "#]].assert_eq(&outcome.log);
}

#[tokio::test]
async fn artifacts_and_caches_travel() {
    let outcome = Setup::jobs(
        r#"
  make:
    runs-on: x
    steps:
      - id: cache
        uses: actions/cache@v4
        with: {path: deps, key: "deps-${{ runner.os }}-1", restore-keys: deps-}
      - run: echo "hit '${{ steps.cache.outputs.cache-hit }}'"; mkdir -p deps out/sub; echo d > deps/d; echo a > out/a.txt; echo b > out/sub/b.txt
      - uses: actions/upload-artifact@v4
        with: {name: result, path: out/}
      - uses: actions/upload-artifact@v4
        with: {name: text, path: "out/**/b.txt"}
      - uses: actions/upload-artifact@v4
        with: {name: none, path: nothing/}
  take:
    runs-on: x
    needs: make
    steps:
      - uses: actions/download-artifact@v4
        with: {name: result, path: got}
      - uses: actions/cache@v4
        id: cache
        with: {path: deps, key: deps-Linux-1}
      - run: find got deps -type f | sort; echo "hit ${{ steps.cache.outputs.cache-hit }}"
      - uses: actions/download-artifact@v4
        with: {name: nothing}
"#,
    )
    .run()
    .await;
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        make/0 notice runs on this machine (runs-on: x)
        make/1 output There is no cache for `deps-Linux-1` yet
        make/2 command echo "hit ''"; mkdir -p deps out/sub; echo d > deps/d; echo a > out/a.txt; echo b > out/sub/b.txt
        make/2 output hit ''
        make/3 output Kept 2 files as artifact `result`
        make/4 output Kept 1 file as artifact `text`
        make/5 warning no files were found at nothing/: nothing was kept
        make/6 output Saved 1 file as cache `deps-Linux-1`
        take/0 notice runs on this machine (runs-on: x)
        take/1 output Fetched artifact `result`: 2 files
        take/2 output Restored the cache `deps-Linux-1`
        take/3 command find got deps -type f | sort; echo "hit true"
        take/3 output deps/d
        take/3 output got/a.txt
        take/3 output got/sub/b.txt
        take/3 output hit true
        take/4 error cannot fetch the artifact `nothing`: there is no artifact `nothing` in this run; there are: result, text
    "#]].assert_eq(&outcome.log);
    expect![[r#"
        Failed 2/2: job `take`: step `Run actions/download-artifact@v4`: cannot fetch the artifact `nothing`: there is no artifact `nothing` in this run; there are: result, text
        make Succeeded
          Run actions/cache@v4 Succeeded
          Run echo "hit '${{ steps.cache.outputs.cache-hit }}'"; mkdir -p deps out/sub; echo d > deps/d; echo a > out/a.txt; echo b > out/sub/b.txt Succeeded
          Run actions/upload-artifact@v4 Succeeded
          Run actions/upload-artifact@v4 Succeeded
          Run actions/upload-artifact@v4 Succeeded
        take Failed: step `Run actions/download-artifact@v4`: cannot fetch the artifact `nothing`: there is no artifact `nothing` in this run; there are: result, text
          Run actions/download-artifact@v4 Succeeded
          Run actions/cache@v4 Succeeded
          Run find got deps -type f | sort; echo "hit ${{ steps.cache.outputs.cache-hit }}" Succeeded
          Run actions/download-artifact@v4 Failed
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn python_is_the_machines_own() {
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        seatrial_testkit::skipped("this machine has no python3");
        return;
    }
    let outcome = Setup::steps(
        r#"
      - id: python
        uses: actions/setup-python@v5
        with: {python-version: "2.7", cache: pip}
      - run: python -c 'import sys; print(sys.prefix != sys.base_prefix)'; command -v pip
"#,
    )
    .run()
    .await;
    assert!(
        outcome
            .log
            .contains("test/1 warning the workflow asks for Python 2.7, this machine has 3."),
        "{}",
        outcome.log
    );
    assert!(
        outcome.log.contains("nothing was installed"),
        "{}",
        outcome.log
    );
    assert!(
        outcome.log.contains("test/2 output True"),
        "{}",
        outcome.log
    );
    assert!(
        outcome.log.contains("tools/python/bin/pip"),
        "{}",
        outcome.log
    );
}

#[tokio::test]
async fn an_unknown_action_fails_the_job_before_its_first_step() {
    let outcome = Setup::steps(
        "
      - run: echo never
      - uses: actions/chekout@v4
      - uses: codecov/codecov-action@v4
",
    )
    .run()
    .await;
    expect![[r#"
        Failed 1/1: job `test`: .github/workflows/ci.yml:9:15: action `actions/chekout@v4` is not built in, did you mean `actions/checkout`?
        .github/workflows/ci.yml:10:15: action `codecov/codecov-action@v4` is not built in
        Seatrial downloads no actions: use a `run` step, a composite action of the repository (`uses: ./path`), or a built-in one: actions/checkout, actions/setup-python, docker/setup-buildx-action, docker/setup-qemu-action, docker/login-action, docker/metadata-action, docker/build-push-action, aquasecurity/trivy-action, anchore/sbom-action, actions/upload-artifact, actions/download-artifact, actions/cache, actions/cache/restore, actions/cache/save
        test Failed: .github/workflows/ci.yml:9:15: action `actions/chekout@v4` is not built in, did you mean `actions/checkout`?
        .github/workflows/ci.yml:10:15: action `codecov/codecov-action@v4` is not built in
        Seatrial downloads no actions: use a `run` step, a composite action of the repository (`uses: ./path`), or a built-in one: actions/checkout, actions/setup-python, docker/setup-buildx-action, docker/setup-qemu-action, docker/login-action, docker/metadata-action, docker/build-push-action, aquasecurity/trivy-action, anchore/sbom-action, actions/upload-artifact, actions/download-artifact, actions/cache, actions/cache/restore, actions/cache/save
          Run echo never Skipped
          Run actions/chekout@v4 Skipped
          Run codecov/codecov-action@v4 Skipped
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn inputs_are_checked_by_name() {
    for (step, part) in [
        (
            "{uses: docker/login-action@v3, with: {username: a}}",
            "needs the input `password`",
        ),
        (
            "{uses: docker/build-push-action@v5, with: {platforms: 'linux/s390x'}}",
            "linux/s390x",
        ),
        (
            "{uses: docker/build-push-action@v5, with: {push: maybe}}",
            "Dockerfile",
        ),
        (
            "{uses: actions/checkout@v4, with: {submodules: recursive}}",
            "`submodules: recursive`",
        ),
        (
            "{uses: actions/checkout@v4, with: {path: ../../../x}}",
            "outside of the job",
        ),
        (
            "{uses: anchore/sbom-action@v0, with: {format: spdx-json}}",
            "spdx-json",
        ),
        (
            "{uses: aquasecurity/trivy-action@0, with: {scan-type: fs, severity: BAD}}",
            "unknown severity `BAD`",
        ),
    ] {
        let outcome = Setup::steps(&format!("      - {step}\n")).run().await;
        let summary = outcome.summary();
        assert!(summary.starts_with("Failed"), "{step}: {summary}");
        assert!(summary.contains(part), "{step}: {summary}");
    }
}
