use expect_test::expect;

use super::{Setup, request};
use crate::engine::Plan;

/// A user's pipeline, unchanged.
const GITOPS: &str = include_str!("../../../fixtures/gitops-pipeline.yml");

#[test]
fn the_gitops_pipeline_is_planned() {
    let plan = Plan::new(&request(GITOPS, "refs/heads/main", "unused".into()));
    let lines: String = plan
        .jobs
        .iter()
        .map(|job| format!("{} {} after {:?}\n", job.stage, job.id, job.needs))
        .collect();
    expect![[r#"
        0 test after []
        1 security after ["test"]
        2 build after ["test", "security"]
        3 deploy-staging after ["build"]
        3 deploy-production after ["build"]
    "#]]
    .assert_eq(&lines);
}

#[tokio::test]
async fn the_gitops_pipeline_names_the_actions_it_cannot_have() {
    let outcome = Setup::new(GITOPS).run().await;
    expect![[r#"
        Failed 5/5: job `test`: .github/workflows/ci.yml:48:15: action `codecov/codecov-action@v4` is not built in
        Seatrial downloads no actions: use a `run` step, a composite action of the repository (`uses: ./path`), or a built-in one: actions/checkout, actions/setup-python, docker/setup-buildx-action, docker/setup-qemu-action, docker/login-action, docker/metadata-action, docker/build-push-action, aquasecurity/trivy-action, anchore/sbom-action, actions/upload-artifact, actions/download-artifact, actions/cache, actions/cache/restore, actions/cache/save
        test Failed: .github/workflows/ci.yml:48:15: action `codecov/codecov-action@v4` is not built in
        Seatrial downloads no actions: use a `run` step, a composite action of the repository (`uses: ./path`), or a built-in one: actions/checkout, actions/setup-python, docker/setup-buildx-action, docker/setup-qemu-action, docker/login-action, docker/metadata-action, docker/build-push-action, aquasecurity/trivy-action, anchore/sbom-action, actions/upload-artifact, actions/download-artifact, actions/cache, actions/cache/restore, actions/cache/save
          Run actions/checkout@v4 Skipped
          Set up Python Skipped
          Install dependencies Skipped
          Run linting Skipped
          Run tests with coverage Skipped
          Upload coverage Skipped
        security Skipped: it needs `test`, which ended with failure
        build Skipped: it needs `test`, which ended with failure
        deploy-staging Skipped: its condition is false: github.ref == 'refs/heads/develop'
        deploy-production Skipped: its condition is false: github.ref == 'refs/heads/main'
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn needs_order_jobs_and_carry_outputs() {
    let outcome = Setup::jobs(
        r#"
  deploy:
    runs-on: x
    needs: [build, test]
    if: github.ref == 'refs/heads/main'
    steps:
      - run: echo "deploy ${{ needs.build.outputs.digest }} ${{ needs.test.result }}"
  build:
    runs-on: x
    needs: test
    outputs: {digest: "${{ steps.b.outputs.digest }}", leak: "${{ secrets.API_KEY }}"}
    steps:
      - id: b
        run: echo "digest=sha256:1" >> "$GITHUB_OUTPUT"
  test:
    runs-on: x
    steps: [{run: echo test}]
  staging:
    runs-on: x
    needs: build
    if: github.ref == 'refs/heads/develop'
    steps: [{run: echo never}]
"#,
    )
    .run()
    .await;
    expect![[r#"
        Succeeded 4/4
        deploy Succeeded
          Run echo "deploy ${{ needs.build.outputs.digest }} ${{ needs.test.result }}" Succeeded
        build Succeeded {"digest": "sha256:1"}
          Run echo "digest=sha256:1" >> "$GITHUB_OUTPUT" Succeeded
        test Succeeded
          Run echo test Succeeded
        staging Skipped: its condition is false: github.ref == 'refs/heads/develop'
    "#]]
    .assert_eq(&outcome.summary());
    assert!(
        outcome
            .log
            .contains("deploy/1 output deploy sha256:1 success"),
        "{}",
        outcome.log
    );
}

#[tokio::test]
async fn a_failure_skips_what_needs_it_down_the_chain() {
    let outcome = Setup::jobs(
        r#"
  a: {runs-on: x, steps: [{run: exit 2}]}
  b: {runs-on: x, needs: a, steps: [{run: echo never}]}
  c: {runs-on: x, needs: b, if: always(), steps: [{run: "echo c saw ${{ needs.b.result }}"}]}
  d: {runs-on: x, needs: c, steps: [{run: echo never}]}
  e: {runs-on: x, needs: a, if: failure(), steps: [{run: echo cleanup}]}
  f: {runs-on: x, steps: [{run: exit 1}], continue-on-error: true}
  g: {runs-on: x, needs: f, steps: [{run: "echo g saw ${{ needs.f.result }}"}]}
  h: {runs-on: x, if: "${{ fromJSON('nope') }}", steps: [{run: echo never}]}
"#,
    )
    .run()
    .await;
    expect![[r#"
        Failed 8/8: job `a`: step `Run exit 2`: exit code 2
        a Failed: step `Run exit 2`: exit code 2
          Run exit 2 Failed [2]
        b Skipped: it needs `a`, which ended with failure
        c Succeeded
          Run echo c saw ${{ needs.b.result }} Succeeded
        d Skipped: a job before those it needs did not succeed
        e Succeeded
          Run echo cleanup Succeeded
        f Failed: step `Run exit 1`: exit code 1
          Run exit 1 Failed [1]
        g Succeeded
          Run echo g saw ${{ needs.f.result }} Succeeded
        h Failed: .github/workflows/ci.yml:12:23: `if`: fromJSON: 'nope' is no JSON: expected ident at line 1 column 2 (in `fromJSON('nope')`)
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn a_matrix_makes_jobs() {
    let outcome = Setup::jobs(
        r#"
  plan:
    runs-on: x
    outputs: {list: "${{ steps.p.outputs.list }}"}
    steps:
      - id: p
        run: echo 'list=["a", "b"]' >> "$GITHUB_OUTPUT"
  test:
    runs-on: ${{ matrix.os }}
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix:
        os: [linux, mac]
        v: [1, 2]
        exclude: [{os: mac, v: 1}]
        include: [{os: linux, v: 2, extra: "yes"}]
    steps:
      - run: test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes
  late:
    needs: plan
    runs-on: x
    strategy: {matrix: {name: "${{ fromJSON(needs.plan.outputs.list) }}"}}
    outputs: {last: "${{ matrix.name }}"}
    steps: [{run: "echo ${{ matrix.name }} ${{ strategy.job-index }}/${{ strategy.job-total }}"}]
"#,
    )
    .run()
    .await;
    expect![[r#"
        Failed 6/6: job `test`: step `Run test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes`: exit code 1
        plan Succeeded {"list": "[\"a\", \"b\"]"}
          Run echo 'list=["a", "b"]' >> "$GITHUB_OUTPUT" Succeeded
        test (linux, 1) Succeeded
          Run test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes Succeeded
        test (linux, 2, yes) Succeeded
          Run test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes Succeeded
        test (mac, 2) Failed: step `Run test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes`: exit code 1
          Run test "${{ matrix.v }}" != 2 || test "${{ matrix.extra }}" = yes Failed [1]
        late (a) Succeeded {"last": "a"}
          Run echo ${{ matrix.name }} ${{ strategy.job-index }}/${{ strategy.job-total }} Succeeded
        late (b) Succeeded {"last": "b"}
          Run echo ${{ matrix.name }} ${{ strategy.job-index }}/${{ strategy.job-total }} Succeeded
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn jobs_of_a_concurrency_group_run_one_after_another() {
    let outcome = Setup::jobs(
        r#"
  a: {runs-on: x, concurrency: deploy, steps: [{run: "echo begin a; sleep 0.2; echo end a"}]}
  b: {runs-on: x, concurrency: "${{ 'Deploy' }}", steps: [{run: "echo begin b; sleep 0.2; echo end b"}]}
"#,
    )
    .run()
    .await;
    let lines: Vec<&str> = outcome
        .log
        .lines()
        .filter_map(|line| line.split_once("output ").map(|(_, text)| text))
        .collect();
    assert_eq!(lines, ["begin a", "end a", "begin b", "end b"]);
}

#[tokio::test]
async fn fail_fast_stops_the_rest_of_a_matrix() {
    let outcome = Setup::jobs(
        r#"
  test:
    runs-on: x
    strategy: {matrix: {n: [1, 2, 3], include: []}, max-parallel: 2}
    steps:
      - run: if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; fi; sleep 30
"#,
    )
    .run()
    .await;
    expect![[r#"
        Failed 3/3: job `test`: step `Run if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; fi; sleep 30`: exit code 1
        test (1) Failed: step `Run if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; fi; sleep 30`: exit code 1
          Run if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; fi; sleep 30 Failed [1]
        test (2) Cancelled: cancelled
          Run if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; fi; sleep 30 Cancelled
        test (3) Cancelled: cancelled before it started
    "#]].assert_eq(&outcome.summary());
}
