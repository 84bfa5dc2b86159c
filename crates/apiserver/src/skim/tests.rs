use serde_json::json;

use super::*;

fn wanted(paths: &[&str]) -> Wanted {
    let mut wanted = Wanted::nothing();
    for path in paths {
        wanted.add(path.split('.'));
    }
    wanted
}

fn sample() -> Value {
    json!({
        "apiVersion": "v1",
        "metadata": {
            "name": "a\"b\\",
            "labels": { "a\"b": "1", "c": "2" },
            "managedFields": [{ "fieldsV1": { "k:{\"type\":\"}]\"}": {} } }],
        },
        "spec": {
            "containers": [
                { "name": "x", "ports": [{ "containerPort": 80 }], "command": [] },
                { "name": "y", "image": "i" },
            ],
            "nodeName": "n",
            "replicas": 1.5e300,
        },
        "status": { "phase": null, "ready": true, "nested": [[{ "name": "z", "other": 1 }], 7, "t"] },
    })
}

#[test]
fn what_is_wanted_is_read_and_nothing_else() {
    let cases = [
        (
            &["spec.nodeName"][..],
            json!({ "spec": { "nodeName": "n" } }),
        ),
        (
            &["spec.containers.name", "spec.replicas"],
            json!({ "spec": { "containers": [{ "name": "x" }, { "name": "y" }], "replicas": 1.5e300 } }),
        ),
        (
            &["spec.containers.ports.protocol"],
            json!({ "spec": { "containers": [{ "ports": [{}] }, {}] } }),
        ),
        (
            &["metadata.labels.a\"b", "metadata.name"],
            json!({ "metadata": { "labels": { "a\"b": "1" }, "name": "a\"b\\" } }),
        ),
        (
            &["status.nested.name", "status.phase", "status.absent.deep"],
            json!({ "status": { "phase": null, "nested": [[{ "name": "z" }], 7, "t"] } }),
        ),
        (
            &["apiVersion.deep", "absent"],
            json!({ "apiVersion": "v1" }),
        ),
    ];
    for text in [sample().to_string(), format!("{:#}", sample())] {
        for (paths, expected) in &cases {
            let read = skim(text.as_bytes(), &wanted(paths)).unwrap();
            assert_eq!(&Value::Object(read.object.0), expected, "{paths:?}");
        }
        let read = metadata(text.as_bytes()).unwrap();
        let read: Value = serde_json::from_slice(read).unwrap();
        assert_eq!(read, sample()["metadata"]);
    }
}

#[test]
fn wishes_are_joined_so_that_neither_misses_anything() {
    let mut all_but_one = sample();
    all_but_one["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("managedFields");
    let text = sample().to_string();
    let read = |wanted: &Wanted| Value::Object(skim(text.as_bytes(), wanted).unwrap().object.0);
    let mut all = Wanted::all_but_ownership();
    assert_eq!(read(&all), all_but_one);
    all.join(&wanted(&["metadata.name", "spec.nodeName"]));
    assert_eq!(read(&all), all_but_one);
    let mut few = wanted(&["metadata.name", "spec.nodeName"]);
    few.join(&Wanted::all_but_ownership());
    assert_eq!(read(&few), all_but_one);
    few.join(&wanted(&["metadata.managedFields"]));
    assert_eq!(read(&few), sample());
    let mut one = wanted(&["spec.nodeName"]);
    one.join(&wanted(&["spec.containers.name", "spec.nodeName.deep"]));
    assert_eq!(
        read(&one),
        json!({ "spec": { "nodeName": "n", "containers": [{ "name": "x" }, { "name": "y" }] } })
    );
}

#[test]
fn a_damaged_text_is_an_error() {
    let text = sample().to_string();
    let mut all = Wanted::all_but_ownership();
    all.join(&wanted(&["spec.containers.name"]));
    let few = wanted(&["spec.containers.name", "status.phase"]);
    for end in 0..text.len() {
        for wanted in [&all, &few] {
            let read = skim(&text.as_bytes()[..end], wanted);
            assert!(read.is_err(), "{}", &text[..end]);
        }
    }
    for text in [
        "",
        "7",
        "[]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1]",
        "{\"metadata\":]}",
        "{,}",
        "{\"a\\\":1}",
    ] {
        assert!(skim(text.as_bytes(), &few).is_err(), "{text}");
    }
    let deep = format!("{{\"spec\":{}1{}}}", "[".repeat(9_999), "]".repeat(9_999));
    assert!(skim(deep.as_bytes(), &few).is_err());
}
