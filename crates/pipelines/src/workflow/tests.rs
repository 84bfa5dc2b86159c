//! Workflow files and what is read from them, or said about them.

use expect_test::{Expect, expect};

use super::{Event, Work, Workflow};

/// A user's pipeline, unchanged.
const GITOPS: &str = include_str!("../../fixtures/gitops-pipeline.yml");

fn problems(text: &str, expected: &Expect) {
    let message = match Workflow::parse("ci.yml", text) {
        Ok(_) => "no problem".to_owned(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&message);
}

fn job(body: &str) -> String {
    format!("on: push\njobs:\n  test:\n    runs-on: x\n{body}")
}

#[test]
fn the_gitops_pipeline_is_read_unchanged() {
    let workflow = Workflow::parse(".github/workflows/ci.yml", GITOPS).unwrap();
    let mut seen = format!("{}\n", workflow.title());
    for job in &workflow.jobs {
        let condition = job
            .condition
            .as_ref()
            .map_or("-", |condition| condition.source());
        seen += &format!("{} needs {:?} if {condition}\n", job.id, job.needs);
        for step in &job.steps {
            let work = match &step.work {
                Work::Run { script, .. } => {
                    format!("run {}", script.source().lines().next().unwrap_or_default())
                }
                Work::Uses { action, with, .. } => {
                    let with: Vec<&str> = with.iter().map(|(name, _)| name.as_str()).collect();
                    format!("uses {action} {with:?}")
                }
            };
            seen += &format!("  {work}\n");
        }
    }
    expect![[r#"
        CI/CD Pipeline
        test needs [] if -
          uses actions/checkout@v4 []
          uses actions/setup-python@v5 ["python-version", "cache"]
          run pip install -r requirements.txt
          run ruff check .
          run pytest tests/ \
          uses codecov/codecov-action@v4 ["files", "fail_ci_if_error"]
        security needs ["test"] if -
          uses actions/checkout@v4 []
          uses aquasecurity/trivy-action@master ["scan-type", "scan-ref", "severity", "exit-code"]
          uses returntocorp/semgrep-action@v1 ["config"]
        build needs ["test", "security"] if -
          uses actions/checkout@v4 []
          uses docker/setup-buildx-action@v3 []
          uses docker/login-action@v3 ["registry", "username", "password"]
          uses docker/metadata-action@v5 ["images", "tags"]
          uses docker/build-push-action@v5 ["context", "push", "tags", "labels", "cache-from", "cache-to"]
          uses anchore/sbom-action@v0 ["image"]
        deploy-staging needs ["build"] if github.ref == 'refs/heads/develop'
          uses actions/checkout@v4 []
          run cd k8s/overlays/staging
          run git config user.name "GitHub Actions"
        deploy-production needs ["build"] if github.ref == 'refs/heads/main'
          uses actions/checkout@v4 []
          run cd k8s/overlays/production
          run # Deploy to 10% of traffic initially
          run # Check error rate for 5 minutes
          run kubectl apply -f k8s/overlays/production/
    "#]].assert_eq(&seen);
}

#[test]
fn events_start_what_the_filters_admit() {
    let starts = |on: &str, reference: &str, paths: &[&str]| {
        let text = format!("on: {on}\njobs: {{a: {{runs-on: x, steps: [{{run: x}}]}}}}\n");
        let workflow = Workflow::parse("ci.yml", &text).unwrap();
        let changed_paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        workflow.on.starts(Event {
            name: "push",
            reference,
            changed_paths: &changed_paths,
        })
    };
    let (main, tag) = ("refs/heads/main", "refs/tags/v1.2.0");
    let table: &[(&str, &str, &[&str], bool)] = &[
        ("push", main, &[], true),
        ("push", tag, &[], true),
        ("[pull_request, push]", main, &[], true),
        ("pull_request", main, &[], false),
        ("{push: }", main, &[], true),
        ("{push: {branches: [main, 'releases/**']}}", main, &[], true),
        (
            "{push: {branches: [main]}}",
            "refs/heads/develop",
            &[],
            false,
        ),
        ("{push: {branches: [main]}}", tag, &[], false),
        ("{push: {branches-ignore: [main]}}", main, &[], false),
        (
            "{push: {branches-ignore: [main]}}",
            "refs/heads/develop",
            &[],
            true,
        ),
        ("{push: {tags: ['v*']}}", tag, &[], true),
        ("{push: {tags: ['v*']}}", main, &[], false),
        ("{push: {tags: ['v*'], branches: [main]}}", main, &[], true),
        ("{push: {branches: ['**', '!main']}}", main, &[], false),
        ("{push: {paths: ['src/**']}}", main, &["README.md"], false),
        (
            "{push: {paths: ['src/**']}}",
            main,
            &["README.md", "src/a/b.py"],
            true,
        ),
        (
            "{push: {paths: ['**', '!docs/**']}}",
            main,
            &["docs/a.md"],
            false,
        ),
        (
            "{push: {paths-ignore: ['docs/**']}}",
            main,
            &["docs/a.md"],
            false,
        ),
        (
            "{push: {paths-ignore: ['docs/**']}}",
            main,
            &["docs/a.md", "a"],
            true,
        ),
        ("{push: {paths: ['src/**']}}", main, &[], true),
    ];
    for (on, reference, paths, expected) in table {
        assert_eq!(
            starts(on, reference, paths),
            *expected,
            "{on} at {reference} {paths:?}"
        );
    }
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    problems(
        &format!(
            "nmae: x\n{}",
            job(
                "    need: build\n    steps:\n      - rnu: x\n      - run: x\n        wiht: {a: b}\n"
            )
        ),
        &expect![[r#"
            ci.yml:1:1: unknown key `nmae` in the workflow, did you mean `name`?
            ci.yml:6:5: unknown key `need` in job `test`, did you mean `needs`?
            ci.yml:8:9: step 1 of job `test` has neither `run` nor `uses`
            ci.yml:8:9: unknown key `rnu` in step 1 of job `test`, did you mean `run`?
            ci.yml:10:9: unknown key `wiht` in step 2 of job `test`, did you mean `with`?"#]],
    );
}

#[test]
fn a_cycle_is_named() {
    problems(
        "on: push\njobs:\n  a: {needs: b, runs-on: x, steps: [{run: x}]}\n  b: {needs: [c, a], runs-on: x, steps: [{run: x}]}\n  c: {needs: missing, runs-on: x, steps: [{run: x}]}\n",
        &expect![[r#"
            ci.yml:3:14: jobs a → b → a need each other
            ci.yml:5:14: job `c` needs `missing`, which does not exist; there are a, b"#]],
    );
    problems(
        "on: push\njobs:\n  a:\n    needs: a\n    runs-on: x\n    steps: [{run: x}]\n",
        &expect!["ci.yml:4:12: job `a` needs itself"],
    );
}

#[test]
fn expressions_are_found_at_their_own_line() {
    problems(
        &job(
            "    if: githb.ref == 'x'\n    steps:\n      - run: |\n          echo one\n          echo ${{ stesp.x }} ${{ github.ref == }}\n      - name: ${{ open\n        run: x\n      - run: x\n        if: secrets.A\n    env:\n      A: ${{ steps.x.outputs.y }}\n",
        ),
        &expect![[r#"
            ci.yml:5:9: there is no context `githb`, did you mean `github`? (character 1 of `githb.ref == 'x'`)
            ci.yml:9:20: there is no context `stesp`, did you mean `steps`? (character 1 of `stesp.x`)
            ci.yml:10:15: `${{` at character 1 has no closing `}}`
            ci.yml:13:13: `if` cannot read `secrets`; it can read github, env, vars, needs, steps, job, matrix, strategy, runner, inputs
            ci.yml:15:10: `env.A` cannot read `steps`; it can read github, needs, strategy, matrix, vars, secrets, inputs"#]],
    );
}

#[test]
fn what_seatrial_does_not_honour_is_refused_by_name() {
    problems(
        &job(
            "    container: node:20\n    services: {db: {image: postgres}}\n    steps:\n      - uses: docker://alpine\n      - uses: actions/checkout\n      - uses: ./local\n        shell: bash\n      - run: x\n        uses: a/b@c\n      - name: nothing\n",
        ),
        &expect![[r#"
            ci.yml:5:5: `container` in job `test` is not supported: jobs run in Seatrial's own sandbox on this machine's tools; remove `container`
            ci.yml:6:5: `services` in job `test` is not supported: start what the job needs in a step, or as a Deployment in the cluster
            ci.yml:8:15: `uses: docker://alpine`: container actions are not supported; run the tool in a `run` step
            ci.yml:9:15: `uses: actions/checkout` is no action: write owner/repository@version or ./path (the version is missing, such as `actions/checkout@v4`)
            ci.yml:11:9: `shell` in step 3 of job `test` goes only with `run`
            ci.yml:13:9: step 4 of job `test` has both `run` and `uses`: keep one
            ci.yml:14:9: step 5 of job `test` has neither `run` nor `uses`"#]],
    );
}

#[test]
fn ids_and_shapes_are_checked() {
    problems(
        "on:\n  push:\n    branches: [main]\n    branches-ignore: [x]\n  psuh:\n  schedule: [{cron: daily}]\npermissions: {contnts: read, packages: yes}\nconcurrency: {cancel-in-progress: true}\njobs:\n  1st:\n    steps:\n      - {id: a, run: x}\n      - {id: A, run: x}\n  second:\n    runs-on: x\n    strategy: {matrix: {os: linux, n: 1}}\n    steps: {}\n",
        &expect![[r#"
            ci.yml:4:22: `branches` and `branches-ignore` exclude each other: keep one, with `!` patterns
            ci.yml:5:3: unknown event `psuh` in `on`, did you mean `push`?
            ci.yml:6:21: `daily` is no cron schedule: it needs five fields
            ci.yml:7:15: unknown permission `contnts`, did you mean `contents`?
            ci.yml:7:40: `permissions.packages` is read, write or none, not `yes`
            ci.yml:8:14: `concurrency` needs `group`
            ci.yml:10:3: `1st` is no job id: it begins with a letter or `_` and holds letters, digits, `-` and `_`
            ci.yml:11:5: job `1st` needs `runs-on`, such as `runs-on: ubuntu-latest`
            ci.yml:13:9: step id `A` is already used at line 12: ids must differ within a job
            ci.yml:16:39: `matrix.n` must be a list, not a number
            ci.yml:17:12: `steps` of job `second` must be a list, not a mapping"#]],
    );
}

#[test]
fn files_that_are_no_workflow() {
    problems(
        "",
        &expect!["ci.yml:1:1: the file is empty: it needs `on` and `jobs`"],
    );
    problems(
        "on: push\n",
        &expect!["ci.yml:1:1: a workflow without jobs does nothing: add `jobs`"],
    );
    problems(
        "on: push\njobs:\n",
        &expect!["ci.yml:2:1: `jobs` is empty: a workflow needs at least one job"],
    );
    problems(
        "- a\n",
        &expect!["ci.yml:1:1: the workflow must be a mapping, not a list"],
    );
    problems(
        "on: push\njobs: {a: [\n",
        &expect!["ci.yml:2:11: unclosed bracket '['"],
    );
    problems(
        "on: push\non: pull_request\njobs: {}\n",
        &expect!["ci.yml:2:1: duplicate mapping key: on"],
    );
    problems(
        "jobs:\n\ta: b\n",
        &expect!["ci.yml:2:2: tabs disallowed within this context (block indentation)"],
    );
}

#[test]
fn no_text_brings_the_parser_down() {
    let random = seatrial_clock::Random::seeded(11);
    let inserts = [
        "", "\n", ":", "- ", "[", "}", "'", "${{", "}}", "&a ", "*a", "!", "\t", "é", "|",
    ];
    let starts: Vec<usize> = GITOPS.char_indices().map(|(index, _)| index).collect();
    for _ in 0..400 {
        let mut text = GITOPS.to_owned();
        for _ in 0..=random.below(3) {
            let at = starts[random.below(starts.len() as u64) as usize];
            let insert = inserts[random.below(inserts.len() as u64) as usize];
            if text.is_char_boundary(at) && at < text.len() {
                let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
                text.replace_range(at..end, insert);
            }
        }
        if let Err(error) = Workflow::parse("ci.yml", &text) {
            assert!(!error.problems.is_empty() && error.to_string().starts_with("ci.yml:"));
        }
    }
}

#[test]
fn deep_and_wide_files_are_refused_or_read_in_time() {
    let deep = format!(
        "on: push\njobs: {}{}\n",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    assert!(Workflow::parse("ci.yml", &deep).is_err());
    // Every job needs all before it: a path count that would never end if it were walked.
    let mut wide = String::from("on: push\njobs:\n");
    let mut before: Vec<String> = Vec::new();
    for index in 0..60 {
        let needs = before.join(", ");
        wide += &format!("  j{index}: {{needs: [{needs}], runs-on: x, steps: [{{run: x}}]}}\n");
        before.push(format!("j{index}"));
    }
    assert_eq!(Workflow::parse("ci.yml", &wide).unwrap().jobs.len(), 60);
}
