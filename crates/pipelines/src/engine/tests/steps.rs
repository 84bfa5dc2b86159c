use expect_test::expect;
use tokio_util::sync::CancellationToken;

use super::Setup;

#[tokio::test]
async fn steps_run_in_order_and_pass_values_on() {
    let outcome = Setup::new(
        r#"
name: CI
on: push
env: {GREETING: hello, WHO: "${{ github.actor }}"}
jobs:
  test:
    runs-on: ubuntu-latest
    env: {WHO: "${{ github.actor }}!"}
    outputs:
      tag: ${{ steps.meta.outputs.tag }}
    steps:
      - name: Greet ${{ env.WHO }}
        run: echo "$GREETING $WHO from $GITHUB_REPOSITORY at ${GITHUB_SHA:0:7} on $GITHUB_REF_NAME"
      - id: meta
        run: |
          echo "tag=v${{ github.run_number }}" >> "$GITHUB_OUTPUT"
          echo "LATER=set earlier" >> "$GITHUB_ENV"
          mkdir -p bin && printf '#!/bin/sh\necho from the path\n' > bin/mine && chmod +x bin/mine
          echo "$PWD/bin" >> "$GITHUB_PATH"
      - run: |
          echo "$LATER ${{ env.LATER }} ${{ steps.meta.outputs.tag }} ${{ steps.meta.outcome }}"
          mine
      - run: test "$PWD" = "$GITHUB_WORKSPACE/sub" && echo in sub
        working-directory: sub
        env: {LATER: "${{ env.GREETING }}"}
        if: hashFiles('bin/**') != ''
      - run: import os, json; print(json.load(open(os.environ['GITHUB_EVENT_PATH']))['head_commit']['message'])
        shell: python
"#
        .replace("      - run: test", "      - run: mkdir sub\n      - run: test")
        .as_str(),
    )
    .run()
    .await;
    expect![[r#"
        Succeeded 1/1
        test Succeeded {"tag": "v7"}
          Greet alice! Succeeded
          Run echo "tag=v${{ github.run_number }}" >> "$GITHUB_OUTPUT" Succeeded
          Run echo "$LATER ${{ env.LATER }} ${{ steps.meta.outputs.tag }} ${{ steps.meta.outcome }}" Succeeded
          Run mkdir sub Succeeded
          Run test "$PWD" = "$GITHUB_WORKSPACE/sub" && echo in sub Succeeded
          Run import os, json; print(json.load(open(os.environ['GITHUB_EVENT_PATH']))['head_commit']['message']) Succeeded
    "#]].assert_eq(&outcome.summary());
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 command echo "$GREETING $WHO from $GITHUB_REPOSITORY at ${GITHUB_SHA:0:7} on $GITHUB_REF_NAME"
        test/1 output hello alice! from seatrial/shop at 0123456 on main
        test/2 command echo "tag=v7" >> "$GITHUB_OUTPUT"
        test/2 command echo "LATER=set earlier" >> "$GITHUB_ENV"
        test/2 command mkdir -p bin && printf '#!/bin/sh\necho from the path\n' > bin/mine && chmod +x bin/mine
        test/2 command echo "$PWD/bin" >> "$GITHUB_PATH"
        test/3 command echo "$LATER set earlier v7 success"
        test/3 command mine
        test/3 output set earlier set earlier v7 success
        test/3 output from the path
        test/4 command mkdir sub
        test/5 command test "$PWD" = "$GITHUB_WORKSPACE/sub" && echo in sub
        test/5 output in sub
        test/6 command import os, json; print(json.load(open(os.environ['GITHUB_EVENT_PATH']))['head_commit']['message'])
        test/6 output First
    "#]].assert_eq(&outcome.log);
}

#[tokio::test]
async fn a_failing_step_skips_the_rest_but_what_always_runs() {
    let outcome = Setup::steps(
        r#"
      - id: tolerated
        run: exit 3
        continue-on-error: true
      - run: echo "${{ steps.tolerated.outcome }} ${{ steps.tolerated.conclusion }}"
      - name: Run tests
        run: |
          echo "2 tests"
          echo "AssertionError: 1 != 2" >&2
          exit 1
      - run: echo never
      - if: failure()
        run: echo after failure, ${{ job.status }}
      - if: ${{ always() }}
        run: echo always
      - if: cancelled()
        run: echo never
"#,
    )
    .run()
    .await;
    expect![[r#"
        Failed 1/1: job `test`: step `Run tests`: exit code 1: AssertionError: 1 != 2
        test Failed: step `Run tests`: exit code 1: AssertionError: 1 != 2
          Run exit 3 Failed [3]
          Run echo "${{ steps.tolerated.outcome }} ${{ steps.tolerated.conclusion }}" Succeeded
          Run tests Failed [1]
          Run echo never Skipped
          Run echo after failure, ${{ job.status }} Succeeded
          Run echo always Succeeded
          Run echo never Skipped
    "#]]
    .assert_eq(&outcome.summary());
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 command exit 3
        test/1 error failed with exit code 3
        test/2 command echo "failure success"
        test/2 output failure success
        test/3 command echo "2 tests"
        test/3 command echo "AssertionError: 1 != 2" >&2
        test/3 command exit 1
        test/3 output 2 tests
        test/3 output AssertionError: 1 != 2
        test/3 error failed with exit code 1
        test/5 command echo after failure, failure
        test/5 output after failure, failure
        test/6 command echo always
        test/6 output always
    "#]]
    .assert_eq(&outcome.log);
}

#[tokio::test]
async fn secrets_never_reach_the_log() {
    let outcome = Setup::steps(
        r#"
      - run: |
          echo "key: $KEY"
          printf %s "$KEY" | base64
          echo "::error file=a.py,line=2::leaked ${{ secrets.API_KEY }}"
          echo "token ${{ github.token }} ${{ secrets.GITHUB_TOKEN }}"
          echo "::add-mask::other"; echo "other things"
          exit 1
        env: {KEY: "${{ secrets.API_KEY }}"}
"#,
    )
    .run()
    .await;
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 command echo "key: $KEY"
        test/1 command printf %s "$KEY" | base64
        test/1 command echo "::error file=a.py,line=2::leaked ***"
        test/1 command echo "token *** ***"
        test/1 command echo "::add-mask::other"; echo "other things"
        test/1 command exit 1
        test/1 output key: ***
        test/1 output ***
        test/1 error a.py:2: leaked ***
        test/1 output token *** ***
        test/1 output *** things
        test/1 error failed with exit code 1
    "#]]
    .assert_eq(&outcome.log);
    assert!(
        !outcome.summary().contains("s3cr3t"),
        "{}",
        outcome.summary()
    );
}

#[tokio::test]
async fn workflow_commands_are_obeyed() {
    let outcome = Setup::steps(
        r##"
      - id: old
        run: |
          echo "::group::Details"
          echo inside
          echo "::endgroup::"
          echo "::warning file=app.py,line=3,col=1::careful"
          echo "::notice::note"
          echo "::debug::deep"
          echo "::set-output name=old::way"
          echo "::stop-commands::pause"
          echo "::error::not an error"
          echo "::pause::"
          echo "# Report" >> "$GITHUB_STEP_SUMMARY"
      - run: echo "${{ steps.old.outputs.old }}"
      - run: echo nonsense >> "$GITHUB_OUTPUT"
"##,
    )
    .run()
    .await;
    expect![[r##"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 command echo "::group::Details"
        test/1 command echo inside
        test/1 command echo "::endgroup::"
        test/1 command echo "::warning file=app.py,line=3,col=1::careful"
        test/1 command echo "::notice::note"
        test/1 command echo "::debug::deep"
        test/1 command echo "::set-output name=old::way"
        test/1 command echo "::stop-commands::pause"
        test/1 command echo "::error::not an error"
        test/1 command echo "::pause::"
        test/1 command echo "# Report" >> "$GITHUB_STEP_SUMMARY"
        test/1 group Details
        test/1 output inside
        test/1 endgroup
        test/1 warning app.py:3: careful
        test/1 notice note
        test/1 debug deep
        test/1 output ::error::not an error
        test/1 group Summary
        test/1 output # Report
        test/1 endgroup
        test/2 command echo "way"
        test/2 output way
        test/3 command echo nonsense >> "$GITHUB_OUTPUT"
        test/3 error GITHUB_OUTPUT line 1: `nonsense` is neither NAME=value nor NAME<<END
    "##]]
    .assert_eq(&outcome.log);
    expect![[r#"
        Failed 1/1: job `test`: step `Run echo nonsense >> "$GITHUB_OUTPUT"`: GITHUB_OUTPUT line 1: `nonsense` is neither NAME=value nor NAME<<END
        test Failed: step `Run echo nonsense >> "$GITHUB_OUTPUT"`: GITHUB_OUTPUT line 1: `nonsense` is neither NAME=value nor NAME<<END
          Run echo "::group::Details" Succeeded
          Run echo "${{ steps.old.outputs.old }}" Succeeded
          Run echo nonsense >> "$GITHUB_OUTPUT" Failed
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn time_limits_stop_steps_and_jobs() {
    let outcome = Setup::jobs(
        r#"
  step:
    runs-on: x
    steps:
      - run: sleep 30
        timeout-minutes: 0.005
      - if: always()
        run: echo cleaned
  job:
    runs-on: x
    timeout-minutes: 0.005
    steps:
      - run: sleep 30
      - run: echo never
      - if: always()
        run: echo cleaned
  wrong:
    runs-on: x
    steps:
      - run: echo never
        timeout-minutes: ${{ 'soon' }}
"#,
    )
    .run()
    .await;
    expect![[r#"
        Failed 3/3: job `step`: step `Run sleep 30`: its time limit passed
        step Failed: step `Run sleep 30`: its time limit passed
          Run sleep 30 Failed
          Run echo cleaned Succeeded
        job Cancelled: the job's time limit passed (timeout-minutes)
          Run sleep 30 Cancelled
          Run echo never Skipped
          Run echo cleaned Succeeded
        wrong Failed: step `Run echo never`: .github/workflows/ci.yml:24:26: `timeout-minutes` must be a number above 0, not `soon`
          Run echo never Failed
    "#]].assert_eq(&outcome.summary());
}

#[tokio::test]
async fn a_cancelled_run_cleans_up() {
    let mut setup = Setup::jobs(
        r#"
  first:
    runs-on: x
    steps:
      - run: sleep 30
      - if: always()
        run: echo cleaned
  second:
    runs-on: x
    needs: first
    steps: [{run: echo never}]
"#,
    );
    let cancel = CancellationToken::new();
    setup.cancel = cancel.clone();
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(setup.run(), stop);
    expect![[r#"
        Cancelled 2/2: cancelled
        first Cancelled: cancelled
          Run sleep 30 Cancelled
          Run echo cleaned Succeeded
        second Cancelled: the run was cancelled
    "#]]
    .assert_eq(&outcome.summary());
}

#[tokio::test]
async fn local_composite_actions_run_their_steps() {
    let outcome = Setup::steps(
        r#"
      - uses: actions/checkout@v4
      - id: call
        uses: ./.github/actions/greet
        with: {who: world, wrong: x}
      - run: echo "${{ steps.call.outputs.said }} $SHARED ${{ steps.inner.outputs.x }}"
      - uses: ./missing
"#,
    )
    .file(
        ".github/actions/greet/action.yml",
        r#"
name: Greet
inputs:
  who: {required: true}
  how: {default: hello}
outputs:
  said: {value: "${{ steps.inner.outputs.x }}"}
runs:
  using: composite
  steps:
    - id: inner
      shell: bash
      run: |
        echo "x=${{ inputs.how }} ${{ inputs.who }}" >> "$GITHUB_OUTPUT"
        echo "SHARED=by all" >> "$GITHUB_ENV"
    - uses: ./.github/actions/inner
"#,
    )
    .file(
        ".github/actions/inner/action.yml",
        "runs:\n  using: composite\n  steps: [{run: echo deep inside, shell: sh}]\n",
    )
    .run()
    .await;
    expect![[r#"
        /0 notice CI: push of refs/heads/main at 0123456789abcdef0123456789abcdef01234567
        test/0 notice runs on this machine (runs-on: ubuntu-latest)
        test/1 output Checked out shop at 0123456 (0123456789abcdef0123456789abcdef01234567)
        test/2 warning the action has no input `wrong`
        test/2 command echo "x=hello world" >> "$GITHUB_OUTPUT"
        test/2 command echo "SHARED=by all" >> "$GITHUB_ENV"
        test/2 command echo deep inside
        test/2 output deep inside
        test/3 command echo "hello world $SHARED "
        test/3 output hello world by all
        test/4 error there is no action at `./missing`: neither action.yml nor action.yaml is there; check out the repository first (actions/checkout)
    "#]].assert_eq(&outcome.log);
    expect![[r#"
        Failed 1/1: job `test`: step `Run ./missing`: there is no action at `./missing`: neither action.yml nor action.yaml is there; check out the repository first (actions/checkout)
        test Failed: step `Run ./missing`: there is no action at `./missing`: neither action.yml nor action.yaml is there; check out the repository first (actions/checkout)
          Run actions/checkout@v4 Succeeded
          Run ./.github/actions/greet Succeeded
          Run echo "${{ steps.call.outputs.said }} $SHARED ${{ steps.inner.outputs.x }}" Succeeded
          Run ./missing Failed
    "#]].assert_eq(&outcome.summary());
}
