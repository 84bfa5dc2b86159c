use super::{joined, texts};

pub(crate) const WORKFLOW: &[&str] = &[
    "on: push\n",
    "on:\n  push:\n",
    "    branches: [main, 'release/**']\n",
    "    paths-ignore: ['*.md']\n",
    "jobs:\n",
    "  a:\n",
    "    runs-on: ubuntu-latest\n",
    "    steps:\n",
    "      - run: echo\n",
    "      - uses: actions/checkout@v4\n",
    "        with: {}\n",
    "    needs: [a, b]\n",
    "    needs: a\n",
    "    if: ${{ always() }}\n",
    "    strategy:\n      matrix:\n        x: [1, 2]\n",
    "        include: [{x: 3}]\n",
    "    timeout-minutes: 99999999999\n",
    "    env:\n",
    "      A: ${{ github.sha }}\n",
    "permissions: write-all\n",
    "concurrency: g\n",
    "&a ",
    "*a",
    "<<: *a",
    "schedule:\n    - cron: '* * * * *'\n",
    "workflow_dispatch:\n",
    "inputs:\n",
    "runs:\n  using: composite\n",
    "**",
    "?",
    "!",
    "[a-z]",
    "+",
    "\t",
    "- ",
    ": ",
];

pub(crate) fn workflow() -> Vec<Vec<u8>> {
    let mut samples = texts(&[
        include_str!("../../../../examples/shop/.github/workflows/ci.yml"),
        include_str!("../../../../crates/pipelines/fixtures/gitops-pipeline.yml"),
        "on: [push, pull_request]\njobs:\n  a:\n    runs-on: x\n    needs: b\n    steps: [{run: a}]\n  b:\n    needs: a\n    runs-on: x\n    steps: [{run: b}]\n",
        "name: n\ndescription: d\ninputs:\n  a: {default: 1, required: true}\noutputs:\n  o: {value: '${{ steps.x.outputs.y }}'}\nruns:\n  using: composite\n  steps:\n    - {id: x, run: echo, shell: bash}\n",
        "release/**[0-9]+?.x",
    ]);
    samples.extend(
        ["[", "{a: ", "- ", "${{ (", "a:\n "]
            .map(|open| open.repeat(60_000 / open.len()).into_bytes()),
    );
    samples
}

pub(crate) const EXPRESSION: &[&str] = &[
    "${{ ",
    " }}",
    "github",
    ".event",
    ".*",
    "[0]",
    "['a']",
    "contains(",
    "startsWith(",
    "endsWith(",
    "format('",
    "{0}",
    "{{",
    "}}",
    "join(",
    "toJSON(",
    "fromJSON(",
    "hashFiles(",
    "success()",
    "always()",
    "failure()",
    "cancelled()",
    "env.A",
    "env.JSON",
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    ">=",
    "(",
    ")",
    "'",
    "''",
    "0x1f",
    "1e308",
    "-",
    "NaN",
    "null",
    "true",
    ",",
];

pub(crate) fn expression() -> Vec<Vec<u8>> {
    let mut samples = texts(&[
        "github.ref == 'refs/heads/main' && success()",
        "a ${{ format('{0} {1}', env.A, github.event.commits.*.id) }} b ${{ 'x' }}",
        "contains(fromJSON(env.JSON).a, 2) || !startsWith(github.ref, 'x')",
        "toJSON(github)",
        "join(github.event.commits.*.id, ', ')",
        "format('{9999999999}', 1)",
    ]);
    samples.extend(
        ["(", "!", "a[", "f(", "a.", "'", "${{ "]
            .map(|open| open.repeat(60_000 / open.len()).into_bytes()),
    );
    samples
}

pub(crate) const DOCKERFILE: &[&str] = &[
    "FROM ",
    "scratch",
    " AS a\n",
    "RUN ",
    "RUN <<EOF\n",
    "EOF\n",
    "COPY --from=a ",
    "COPY --chown=1:2 ",
    "ADD ",
    "ENV A=b ",
    "ENV A b\n",
    "ARG A=b\n",
    "WORKDIR /\n",
    "USER 1\n",
    "EXPOSE 80/tcp\n",
    "CMD [\"a\"]\n",
    "ENTRYPOINT a\n",
    "HEALTHCHECK --interval=5s CMD a\n",
    "SHELL [\"a\"]\n",
    "ONBUILD RUN a\n",
    "LABEL a=b\n",
    "VOLUME /a\n",
    "STOPSIGNAL 9\n",
    "# syntax=x\n",
    "# escape=`\n",
    "\\\n",
    "$A",
    "${A:-",
    "${A:+",
    "${A:?",
    "}",
    "--mount=type=cache",
    "\"",
    "'",
];

pub(crate) fn dockerfile() -> Vec<Vec<u8>> {
    let mut samples = texts(&[
        include_str!("../../../../examples/shop/Dockerfile"),
        "# escape=`\nARG V=1\nFROM a:${V:-2} AS b\nRUN <<EOF\necho $A\nEOF\nCOPY --from=b --chmod=755 [\"x y\", \"/z\"]\nHEALTHCHECK --interval=5s --retries=3 CMD true\nONBUILD RUN x\n",
        "FROM scratch\nENV A=b C='d e' F=\"g\\\"h\"\nCMD [\"a\", \"b\"]\n",
        "${A:-${B:-${C:+x}}}",
    ]);
    samples.extend(
        ["${A:-", "\\\n", "FROM a\n", "ONBUILD ", "<<E "]
            .map(|open| open.repeat(60_000 / open.len()).into_bytes()),
    );
    samples
}

pub(crate) const KUSTOMIZE: &[&str] = &[
    "\x1eoverlay/kustomization.yaml\n",
    "resources:\n",
    "- ../base\n",
    "- .\n",
    "- a.yaml\n",
    "namePrefix: p-\n",
    "nameSuffix: -s\n",
    "namespace: n\n",
    "patches:\n",
    "- path: p.yaml\n",
    "- patch: |-\n    ",
    "  target: {kind: Deployment}\n",
    "images:\n",
    "- name: a\n  newTag: b\n",
    "configMapGenerator:\n",
    "- name: c\n  literals: [a=b]\n",
    "  files: [x=a.yaml]\n",
    "  envs: [e]\n",
    "secretGenerator:\n",
    "labels:\n",
    "- pairs: {a: b}\n  includeSelectors: true\n",
    "commonAnnotations: {a: b}\n",
    "replicas:\n- name: a\n  count: 3\n",
    "generatorOptions:\n  disableNameSuffixHash: true\n",
    "behavior: merge\n",
    "op: replace\n",
    "$patch: delete\n",
    "apiVersion: v1\n",
    "kind: List\nitems:\n",
    "metadata:\n  name: a\n",
    "---\n",
];

pub(crate) fn kustomize() -> Vec<Vec<u8>> {
    let rollout = concat!(
        "base/rollout.yaml\n",
        include_str!("../../../../examples/shop/k8s/base/rollout.yaml")
    );
    let base = concat!(
        "base/kustomization.yaml\n",
        include_str!("../../../../examples/shop/k8s/base/kustomization.yaml")
    );
    let service = concat!(
        "base/service.yaml\n",
        include_str!("../../../../examples/shop/k8s/base/service.yaml")
    );
    joined(&[
        &[
            rollout,
            base,
            service,
            "overlay/kustomization.yaml\nresources: [../base]\nnamePrefix: p-\nnamespace: n\nimages: [{name: shop, newTag: v2}]\nreplicas: [{name: shop, count: 3}]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\npatches:\n- target: {kind: Rollout}\n  patch: |-\n    - {op: add, path: /metadata/annotations, value: {x: y}}\n",
        ],
        &[
            "kustomization.yaml\nresources: [a.yaml]\nconfigMapGenerator: [{name: c, literals: [a=b], files: [x=a.yaml]}]\nsecretGenerator: [{name: s, envs: [e]}]\n",
            "a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: a, image: b, envFrom: [{configMapRef: {name: c}}]}]\n",
            "e\nA=b\n# c\nD\n",
        ],
        &[
            "kustomization.yaml\nresources: [overlay]\n",
            "overlay/kustomization.yaml\nresources: [..]\n",
        ],
        &[
            "a.yaml\napiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '1', b: \"\\n\", c: |2\n   x}}]\n---\n",
            "kustomization.yaml\nresources: [a.yaml]\ncommonLabels: {a: b}\n",
        ],
    ])
}

pub(crate) const REFERENCE: &[&str] = &[
    "docker.io/",
    "localhost:5000/",
    "library/",
    "shop",
    ":latest",
    "@sha256:",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "..",
    "/",
    ":",
    "@",
    "_",
    "__",
    "-",
    ".git",
    "http://",
    "git@a:b",
    "[::1]:5000/",
    "A",
];

pub(crate) fn reference() -> Vec<Vec<u8>> {
    texts(&[
        "shop",
        "docker.io/library/shop:latest",
        "localhost:5000/a/b-c__d:v1.2_3",
        "ghcr.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "shop.git",
        "https://user@host:80/a/b.git/",
        "git@github.com:a/b.git",
    ])
}

pub(crate) const MANIFEST: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "digest",
    "size",
    "manifests",
    "platform",
    "rootfs",
    "diff_ids",
    "history",
    "Env",
    "ExposedPorts",
    "annotations",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

pub(crate) fn manifest() -> Vec<Vec<u8>> {
    let digest = format!("sha256:{}", "0a".repeat(32));
    texts(&[
        &format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":7}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":9}}]}}"#
        ),
        &format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{digest}","size":1,"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#
        ),
        &format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{"Env":["A=b"],"Cmd":["c"],"ExposedPorts":{{"80/tcp":{{}}}},"Labels":{{"a":"b"}}}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"history":[{{"created_by":"x","empty_layer":true}}]}}"#
        ),
    ])
}
