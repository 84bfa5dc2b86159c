use expect_test::expect;

use super::*;

fn show(text: &str) -> String {
    match parse("Dockerfile", text) {
        Err(error) => format!("{error}\n"),
        Ok(file) => {
            let mut shown = String::new();
            for step in &file.arguments {
                shown += &format!("{} {:?}\n", step.line, step.instruction);
            }
            for stage in &file.stages {
                shown += &format!("{} FROM {} AS {:?}\n", stage.line, stage.base, stage.name);
                for step in &stage.steps {
                    shown += &format!("{} {:?}\n", step.line, step.instruction);
                }
            }
            shown
        }
    }
}

#[test]
fn stages_lines_and_forms_are_read() {
    let text = r#"# syntax=docker/dockerfile:1
# A comment

ARG BASE=seatrial/host
FROM ${BASE} AS Build
ENV A=1 B="two words" \
    # in the middle

    C=x\ y
ENV OLD form of it
LABEL a.b="c d" e=f
WORKDIR /app
COPY --chown=1000:1000 --chmod=755 a b* ./
copy ["with blank", "/x/"]
RUN ["python3", "-c", "print(1)"]
RUN pip install \
      --no-cache x && \
    echo done
FROM scratch
COPY --from=build /app /app
EXPOSE 8080 9090/udp
VOLUME /data /more
USER 1000
HEALTHCHECK --interval=30s --timeout=1m30s --retries=3 CMD curl -f http://localhost/
STOPSIGNAL SIGINT
ONBUILD RUN echo hi
MAINTAINER Ada
SHELL ["/bin/bash", "-c"]
ENTRYPOINT ["python3"]
CMD python3 -m http.server
"#;
    expect![[r#"
        4 Arg([("BASE", Some("seatrial/host"))])
        5 FROM ${BASE} AS Some("build")
        6 Env([("A", "1"), ("B", "\"two words\""), ("C", "x\\ y")])
        10 Env([("OLD", "form of it")])
        11 Label([("a.b", "\"c d\""), ("e", "f")])
        12 Workdir("/app")
        13 Copy(Copy { from: None, owner: Some("1000:1000"), mode: Some("755"), sources: [Path("a"), Path("b*")], destination: "./" })
        14 Copy(Copy { from: None, owner: None, mode: None, sources: [Path("with blank")], destination: "/x/" })
        15 Run(Exec(["python3", "-c", "print(1)"]), [])
        16 Run(Shell("pip install       --no-cache x &&     echo done"), [])
        19 FROM scratch AS None
        20 Copy(Copy { from: Some("build"), owner: None, mode: None, sources: [Path("/app")], destination: "/app" })
        21 Expose(["8080", "9090/udp"])
        22 Volume(["/data", "/more"])
        23 User("1000")
        24 Healthcheck(Healthcheck { test: [], interval: 30000000000, timeout: 90000000000, start_period: 0, start_interval: 0, retries: 3 }, Some(Shell("curl -f http://localhost/")))
        25 StopSignal("SIGINT")
        26 OnBuild("RUN echo hi")
        27 Maintainer("Ada")
        28 Shell(["/bin/bash", "-c"])
        29 Entrypoint(Exec(["python3"]))
        30 Cmd(Shell("python3 -m http.server"))
    "#]].assert_eq(&show(text));
}

#[test]
fn here_documents_belong_to_their_instruction() {
    let text = "FROM scratch
RUN <<EOF
echo a
  echo b
EOF
RUN python3 - <<-'PY' > out
\tprint('$x')
\tPY
COPY <<one <<\"two\" /dir/
1 $A
one
2 $A
two
";
    expect![[r#"
        1 FROM scratch AS None
        2 Run(Shell("<<EOF"), [Heredoc { name: "EOF", body: "echo a\n  echo b\n", is_literal: false }])
        6 Run(Shell("python3 - <<-'PY' > out"), [Heredoc { name: "PY", body: "print('$x')\n", is_literal: true }])
        9 Copy(Copy { from: None, owner: None, mode: None, sources: [Inline(Heredoc { name: "one", body: "1 $A\n", is_literal: false }), Inline(Heredoc { name: "two", body: "2 $A\n", is_literal: true })], destination: "/dir/" })
    "#]].assert_eq(&show(text));
    assert!(show("FROM scratch\nRUN echo '<<EOF' \"x <<Y\" $((1<<2))\n").contains("[])"));
}

#[test]
fn the_escape_character_can_be_changed() {
    let text = "# escape=`\nFROM scratch\nRUN dir C:\\ `\n  /w\n";
    expect![[r#"
        2 FROM scratch AS None
        3 Run(Shell("dir C:\\   /w"), [])
    "#]]
    .assert_eq(&show(text));
    // A directive after a comment is a comment.
    assert!(show("# hello\n# escape=`\nFROM scratch\nRUN a `\n").contains("Shell(\"a `\")"));
}

#[test]
fn mistakes_are_named_with_their_line() {
    let cases = [
        "",
        "# only a comment\n",
        "RUN x\n",
        "FROM\n",
        "FROM a b c\n",
        "FROM a AS 1x\n",
        "FROM a AS x\nFROM b AS X\n",
        "FROM a\n\n\n\n\n\nRUNN x\n",
        "FROM a\nfoo bar\n",
        "FROM a\nRUN --mount=type=cache,target=/root pip install x\n",
        "FROM a\nCOPY x\n",
        "FROM a\nCOPY --parents x y\n",
        "FROM a\nENV X\n",
        "FROM a\nENV X=1 Y\n",
        "FROM a\nSHELL /bin/sh\n",
        "FROM a\nHEALTHCHECK --interval=x CMD y\n",
        "FROM a\nHEALTHCHECK curl\n",
        "FROM a\nRUN <<EOF\nx\n",
        "FROM a\nONBUILD FROM b\n",
        "FROM a\nWORKDIR\n",
        "# escape=x\nFROM a\n",
        "FROM a\nARG 1=2\n",
    ];
    let shown: String = cases.iter().map(|text| show(text)).collect();
    expect![[r#"
        Dockerfile: the file is empty; it needs at least a FROM
        Dockerfile: the file is empty; it needs at least a FROM
        Dockerfile:1: RUN before the first FROM; only ARG may stand there
        Dockerfile:1: FROM needs an image: FROM seatrial/host
        Dockerfile:1: FROM takes one image, and optionally `AS name`
        Dockerfile:1: stage name "1x" must start with a letter and hold letters, digits, `-`, `_` and `.` only
        Dockerfile:2: stage "x" is there already
        Dockerfile:7: unknown instruction: RUNN (did you mean RUN?)
        Dockerfile:2: unknown instruction: foo
        Dockerfile:2: RUN --mount=type=cache,target=/root is not supported; take the flag away, or COPY what it mounts
        Dockerfile:2: COPY needs at least one source and a destination
        Dockerfile:2: COPY --parents is not supported (known: --from, --chown, --chmod, --link)
        Dockerfile:2: ENV X has no value; write ENV X=value
        Dockerfile:2: ENV: "Y" is not of the form name=value
        Dockerfile:2: SHELL needs the JSON form: SHELL ["/bin/sh", "-c"]
        Dockerfile:2: HEALTHCHECK --interval=x is no duration such as 30s or 1m30s
        Dockerfile:2: HEALTHCHECK needs NONE or CMD and a command
        Dockerfile:2: the here-document is not ended by a line "EOF"
        Dockerfile:2: ONBUILD FROM is not allowed
        Dockerfile:2: WORKDIR needs something after it
        Dockerfile:1: the escape character must be `\` or a back-tick, not "x"
        Dockerfile:2: ARG "1" is no name of a variable
    "#]].assert_eq(&shown);
}
