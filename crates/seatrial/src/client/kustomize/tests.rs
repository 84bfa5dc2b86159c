use expect_test::expect;

use super::*;

fn run(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let kustomize: Kustomize =
        applet::parse(&ORIGINAL, &arguments).map_err(|refusal| refusal.text)?;
    let screen = Screen::captured();
    kustomize
        .execute(directory, &screen)
        .map_err(|error| format!("{error:#}"))?;
    Ok(screen.text())
}

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("base/kustomization.yaml", "resources: [map.yaml]\n"),
        (
            "base/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {image: a}\n",
        ),
        (
            "overlay/kustomization.yaml",
            "# staging\nresources:\n- ../base\n- job.yaml\nnamespace: staging\n",
        ),
        (
            "overlay/job.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: app}]}\n",
        ),
    ];
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn images_are_set_in_place_and_built() {
    let project = project();
    let overlay = project.path().join("overlay");
    assert_eq!(
        run(
            &overlay,
            &["edit", "set", "image", "app=registry.local/shop:1.4"]
        )
        .unwrap(),
        ""
    );
    let text = std::fs::read_to_string(overlay.join("kustomization.yaml")).unwrap();
    expect![[r#"
        # staging
        resources:
        - ../base
        - job.yaml
        namespace: staging
        images:
        - name: app
          newName: registry.local/shop
          newTag: "1.4"
    "#]]
    .assert_eq(&text);
    expect![[r#"
        apiVersion: v1
        data:
          image: a
        kind: ConfigMap
        metadata:
          name: web
          namespace: staging
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: p
          namespace: staging
        spec:
          containers:
          - image: registry.local/shop:1.4
            name: c
    "#]]
    .assert_eq(&run(project.path(), &["build", "overlay"]).unwrap());
}

#[test]
fn missing_things_are_named() {
    let project = project();
    std::fs::remove_file(project.path().join("overlay/job.yaml")).unwrap();
    expect![["kustomization.yaml: job.yaml does not exist (resources[1])"]]
        .assert_eq(&run(project.path(), &["build", "overlay"]).unwrap_err());
    assert!(
        run(project.path(), &["build", "nowhere"])
            .unwrap_err()
            .contains("does not exist")
    );
    let error = run(project.path(), &["edit", "set", "image", "a=b:c"]).unwrap_err();
    assert!(error.contains("has no kustomization.yaml"), "{error}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let project = project();
    expect![[r"
        error: the kustomize in seatrial has no `kustomize edit set namespace`; it has: image
        For everything else install kustomize: https://kubectl.docs.kubernetes.io/installation/kustomize/
    "]]
    .assert_eq(&run(project.path(), &["edit", "set", "namespace", "x"]).unwrap_err());
    expect![[r#"
        error: the kustomize in seatrial does not know `--enable-helm` of `kustomize build`; it knows: --output (-o), --help (-h)
        For everything else install kustomize: https://kubectl.docs.kubernetes.io/installation/kustomize/
    "#]]
    .assert_eq(&run(project.path(), &["build", "--enable-helm", "."]).unwrap_err());
    assert_eq!(run(project.path(), &["version"]).unwrap(), "v5.5.0\n");
}
