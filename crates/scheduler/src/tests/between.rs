//! Pods near each other, and apart.

use super::*;

fn term(app: &str, topology: &str) -> Value {
    json!({"topologyKey": topology, "labelSelector": {"matchLabels": {"app": app}}})
}

fn affinity(kind: &str, when: &str, terms: Value) -> Value {
    json!({"affinity": {kind: {format!("{when}DuringSchedulingIgnoredDuringExecution"): terms}}})
}

fn apart(term: Value) -> Value {
    affinity("podAntiAffinity", "required", json!([term]))
}

fn near(term: Value) -> Value {
    affinity("podAffinity", "required", json!([term]))
}

/// Three nodes with a pod of `app: db` on b1.
fn with_database() -> Cluster {
    let mut cluster = three();
    cluster.place(
        &key("db"),
        "b1",
        &Arc::new(Demand::of(&pod("db", "db", cpu("1")))),
    );
    cluster
}

#[test]
fn pods_keep_apart() {
    check(
        three(),
        apart(term("web", "kubernetes.io/hostname")),
        4,
        expect![[r#"
        a1
        a2
        b1
        0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
    check(
        three(),
        apart(term("web", "tier")),
        3,
        expect![[r#"
        a1
        b1
        0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
    check(
        with_database(),
        apart(term("db", "tier")),
        1,
        expect![[r#"
        a1
    "#]],
    );
}

#[test]
fn those_who_are_there_keep_others_away() {
    let mut nodes = three();
    let shy = Demand::of(&pod("shy", "db", apart(term("web", "tier"))));
    nodes.place(&key("shy"), "a1", &Arc::new(shy));
    check(
        nodes,
        cpu("3"),
        2,
        expect![[r#"
        b1
        0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
    let mut nodes = cluster(&[("a1", json!({}))]);
    let shy = Demand::of(&pod("shy", "db", apart(term("web", "tier"))));
    nodes.place(&key("shy"), "a1", &Arc::new(shy));
    check(
        nodes,
        json!({}),
        1,
        expect![[r#"
        0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.
    "#]],
    );
}

#[test]
fn pods_keep_near() {
    check(
        with_database(),
        near(term("db", "tier")),
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
    check(
        with_database(),
        near(term("cache", "tier")),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match pod affinity rules. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
    check(
        with_database(),
        near(term("db", "rack")),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match pod affinity rules. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn the_first_of_a_kind_starts_its_group() {
    check(
        three(),
        near(term("web", "kubernetes.io/hostname")),
        3,
        expect![[r#"
        a1
        a1
        a1
    "#]],
    );
    let both = affinity(
        "podAffinity",
        "required",
        json!([term("web", "tier"), term("db", "tier")]),
    );
    check(
        with_database(),
        both,
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match pod affinity rules. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn a_companion_must_match_every_term() {
    let mut other = term("web", "tier");
    other["labelSelector"] = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
    let both = affinity(
        "podAffinity",
        "required",
        json!([term("db", "tier"), other]),
    );
    check(
        with_database(),
        both,
        1,
        expect![[r#"
        b1
    "#]],
    );
}

#[test]
fn preferences_draw_and_push() {
    let weighted = |term: Value| json!([{"weight": 100, "podAffinityTerm": term}]);
    let drawn = affinity("podAffinity", "preferred", weighted(term("db", "tier")));
    check(
        with_database(),
        drawn,
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
    let pushed = affinity(
        "podAntiAffinity",
        "preferred",
        weighted(term("web", "tier")),
    );
    check(
        three(),
        pushed,
        3,
        expect![[r#"
        a1
        b1
        a2
    "#]],
    );
    // What is there may prefer company, too.
    let mut nodes = three();
    let social = affinity("podAffinity", "preferred", weighted(term("web", "tier")));
    nodes.place(
        &key("db"),
        "b1",
        &Arc::new(Demand::of(&pod("db", "db", social))),
    );
    check(
        nodes,
        json!({}),
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
}

#[test]
fn namespaces_are_the_own_one_the_named_and_the_selected() {
    let mut foreign = Demand::of(&pod("db", "db", json!({})));
    Arc::make_mut(&mut foreign.template).namespace = "data".into();
    let mut nodes = three();
    let labels = [("team".to_owned(), "storage".to_owned())].into();
    nodes.set_namespace("data", Some(labels));
    nodes.place(&ObjectKey::new("data", "db"), "b1", &Arc::new(foreign));
    let cases = [
        (json!({}), false),
        (json!({"namespaces": ["data"]}), true),
        (json!({"namespaces": ["default"]}), false),
        (json!({"namespaceSelector": {}}), true),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "storage"}}}),
            true,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "web"}}}),
            false,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "web"}}, "namespaces": ["data"]}),
            true,
        ),
    ];
    for (more, fits) in cases {
        let mut wanted = term("db", "tier");
        for (name, value) in more.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        let place = place(&mut nodes, "web", demand(near(wanted)));
        nodes.remove(&key("web"));
        assert_eq!(place.ok(), fits.then(|| "b1".to_owned()), "{more}");
    }
    // The namespace loses its label: nobody is selected any more.
    nodes.set_namespace("data", Some([].into()));
    let mut wanted = term("db", "tier");
    wanted["namespaceSelector"] = json!({"matchLabels": {"team": "storage"}});
    assert!(place(&mut nodes, "web", demand(near(wanted))).is_err());
}

#[test]
fn label_keys_make_terms_about_the_own_revision() {
    let of = |name: &str, revision: &str, more: Value| {
        let mut wanted = term("web", "kubernetes.io/hostname");
        for (name, value) in more.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        let mut pod = pod(name, "web", apart(wanted));
        let labels = pod.metadata.labels.as_mut().unwrap();
        labels.insert("revision".into(), revision.into());
        Demand::of(&pod)
    };
    let mut nodes = cluster(&[("a1", json!({}))]);
    let own = json!({"matchLabelKeys": ["revision"]});
    place(&mut nodes, "old", of("old", "1", own.clone())).unwrap();
    assert!(place(&mut nodes, "same", of("same", "1", own.clone())).is_err());
    assert!(place(&mut nodes, "new", of("new", "2", own)).is_ok());
    let others = json!({"mismatchLabelKeys": ["revision"]});
    let mut nodes = cluster(&[("a1", json!({}))]);
    place(&mut nodes, "old", of("old", "1", others.clone())).unwrap();
    assert!(place(&mut nodes, "same", of("same", "1", others.clone())).is_ok());
    assert!(place(&mut nodes, "new", of("new", "2", others)).is_err());
}

#[test]
fn a_term_without_a_selector_means_nobody() {
    let nobody = json!({"topologyKey": "tier"});
    check(
        with_database(),
        apart(nobody.clone()),
        1,
        expect![[r#"
        a1
    "#]],
    );
    check(
        with_database(),
        near(nobody),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match pod affinity rules. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn counts_follow_pods_that_come_and_go() {
    let mut nodes = three();
    let shy = || {
        Demand::of(&pod(
            "web",
            "web",
            apart(term("db", "kubernetes.io/hostname")),
        ))
    };
    assert_eq!(place(&mut nodes, "web", shy()), Ok("a1".to_owned()));
    nodes.remove(&key("web"));
    let database = Arc::new(Demand::of(&pod("db", "db", json!({}))));
    nodes.place(&key("db"), "a1", &database);
    assert_eq!(place(&mut nodes, "web", shy()), Ok("a2".to_owned()));
    nodes.remove(&key("web"));
    nodes.remove(&key("db"));
    assert_eq!(place(&mut nodes, "web", shy()), Ok("a1".to_owned()));
}
