use super::*;

#[tokio::test]
async fn mistakes_name_file_and_line() {
    let world = world();
    world.file("a", "a").file("b", "b");
    for (dockerfile, wanted) in [
        (
            "FROM scratch\nRUNN x\n",
            expect!["Dockerfile:2: unknown instruction: RUNN (did you mean RUN?)"],
        ),
        (
            "FROM seatrial/host\n\nRUN exit 3\n",
            expect!["Dockerfile:3: RUN exit 3 ended with exit code 3"],
        ),
        (
            "FROM seatrial/host\nRUN rm -rf /\n",
            expect!["Dockerfile:2: RUN rm -rf / cannot be run: this machine has no runtime"],
        ),
        (
            "FROM scratch\nCOPY nope /\n",
            expect![[
                r#"Dockerfile:2: "nope" is not in the build context (or .dockerignore leaves it out)"#
            ]],
        ),
        (
            "FROM scratch\nCOPY a b /c\n",
            expect![
                "Dockerfile:2: with more than one source the destination must be a directory and end with a slash: /c/"
            ],
        ),
        (
            "FROM scratch\nCOPY ../../etc/passwd /c\n",
            expect![[
                r#"Dockerfile:2: "../../etc/passwd" is not in the build context (or .dockerignore leaves it out)"#
            ]],
        ),
        (
            "FROM scratch\nADD https://example.org/x /c\n",
            expect![
                "Dockerfile:2: https://example.org/x: fetching URLs is not supported; download it in a RUN, or put the file into the context"
            ],
        ),
        (
            "FROM scratch\nCOPY --chown=ada a /c\n",
            expect![[r#"Dockerfile:2: user "ada" is not in the image's /etc/passwd"#]],
        ),
        (
            "FROM scratch\nCOPY --chmod=u+x a /c\n",
            expect![
                "Dockerfile:2: --chmod=u+x is not supported; write the mode in octal, such as 755"
            ],
        ),
        (
            "FROM scratch AS x\nCOPY --from=y a /\nFROM scratch AS y\nFROM x\n",
            expect![
                "Dockerfile:2: --from=y is stage 1, which comes later; a stage can copy from earlier ones only"
            ],
        ),
        (
            "FROM 127.0.0.1:1/none:v1\n",
            expect![[
                r#"Dockerfile:1: base image "127.0.0.1:1/none:v1" is not to be had: image 127.0.0.1:1/none:v1 is not in the local registry, and 127.0.0.1:1 cannot be reached (Connection refused (os error 111)); build or push the image locally, or start FROM seatrial/host"#
            ]],
        ),
        (
            "FROM Nope\n",
            expect![[
                r#"Dockerfile:1: base image "Nope" is not to be had: image reference "Nope" is invalid: the repository name must be in lower case; use "library/nope""#
            ]],
        ),
        (
            "FROM $NONE\n",
            expect![
                "Dockerfile:1: $NONE gives no image; declare the ARG before the first FROM with a default"
            ],
        ),
        (
            "FROM --platform=windows/amd64 scratch\n",
            expect![
                "Dockerfile:1: platform windows/amd64 cannot be built on this machine, which is linux/amd64"
            ],
        ),
        (
            "FROM scratch\nENV A=${B\n",
            expect!["Dockerfile:2: '}' is missing in ${B"],
        ),
        (
            "FROM scratch\nEXPOSE http\n",
            expect!["Dockerfile:2: EXPOSE http is no port such as 8080, 53/udp or 8000-8010"],
        ),
        (
            "FROM scratch\nLABEL dev.seatrial.base=host\n",
            expect!["Dockerfile:2: label dev.seatrial.base is set by FROM; it cannot be changed"],
        ),
    ] {
        world.refused(dockerfile, &wanted).await;
    }
    let request = Request {
        target: Some("none".to_owned()),
        ..world.request()
    };
    world.file("Dockerfile", "FROM scratch AS one\n");
    let (_, shown) = world.build_with(&request).await;
    assert_eq!(
        shown,
        "Dockerfile: there is no stage \"none\" to build (stages: one)\n"
    );
    fs::remove_file(world.context().join("Dockerfile")).unwrap();
    let (_, shown) = world.build_with(&world.request()).await;
    assert!(shown.starts_with("there is no Dockerfile at "), "{shown}");
    assert!(
        world.store.find(&"shop:1".parse().unwrap()).is_none(),
        "a failed build tags nothing"
    );
}
