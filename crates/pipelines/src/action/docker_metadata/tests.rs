use super::rule::{Event, tags};

fn made(reference: &str, rules: &[&str], flavor: &[&str]) -> String {
    let event = Event {
        reference: reference.to_owned(),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        default_branch: "main".to_owned(),
        now: "2026-01-23T15:24:46Z".parse().unwrap(),
    };
    let owned = |items: &[&str]| {
        items
            .iter()
            .map(|item| (*item).to_owned())
            .collect::<Vec<_>>()
    };
    match tags(&event, &owned(rules), &owned(flavor)) {
        Ok(found) => format!("{} [{}]", found.tags.join(" "), found.version),
        Err(message) => format!("error: {message}"),
    }
}

#[test]
fn rules_make_tags() {
    let (main, tag) = ("refs/heads/main", "refs/tags/v1.2.3");
    let gitops = [
        "type=sha,prefix=",
        "type=ref,event=branch",
        "type=semver,pattern={{version}}",
    ];
    let table: &[(&str, &[&str], &[&str], &str)] = &[
        (main, &gitops, &[], "main 0123456 [main]"),
        (tag, &gitops, &[], "1.2.3 0123456 latest [1.2.3]"),
        (main, &[], &[], "main [main]"),
        (tag, &[], &[], "v1.2.3 latest [v1.2.3]"),
        (main, &["type=sha"], &[], "sha-0123456 [sha-0123456]"),
        (
            main,
            &["type=sha,format=long,prefix="],
            &[],
            "0123456789abcdef0123456789abcdef01234567 [0123456789abcdef0123456789abcdef01234567]",
        ),
        (
            "refs/heads/feature/a+b",
            &["type=ref,event=branch"],
            &[],
            "feature-a-b [feature-a-b]",
        ),
        (
            main,
            &["type=raw,value=latest,enable={{is_default_branch}}"],
            &[],
            "latest [latest]",
        ),
        (
            "refs/heads/x",
            &["type=raw,value=latest,enable={{is_default_branch}}"],
            &[],
            " []",
        ),
        (
            main,
            &["type=raw,value={{branch}}-{{sha}}"],
            &[],
            "main-0123456 [main-0123456]",
        ),
        (
            main,
            &["type=raw,value={{date 'YYYYMMDD-HHmm'}}"],
            &[],
            "20260123-1524 [20260123-1524]",
        ),
        (main, &["stable"], &[], "stable [stable]"),
        (
            tag,
            &["type=semver,pattern={{major}}.{{minor}}"],
            &["latest=false"],
            "1.2 [1.2]",
        ),
        (
            main,
            &["type=edge", "type=sha,priority=2000"],
            &[],
            "sha-0123456 edge [sha-0123456]",
        ),
        (
            "refs/pull/7/merge",
            &["type=ref,event=pr"],
            &[],
            "pr-7 [pr-7]",
        ),
        (
            "refs/tags/v2.0.0-rc.1",
            &["type=semver,pattern={{major}}"],
            &[],
            "2.0.0-rc.1 [2.0.0-rc.1]",
        ),
        (
            main,
            &["type=ref,event=branch"],
            &["prefix=x-", "suffix=-y", "latest=true"],
            "x-main-y latest [x-main-y]",
        ),
        (
            tag,
            &["type=match,pattern=v(\\d+),group=1"],
            &[],
            "1 latest [1]",
        ),
    ];
    for (reference, rules, flavor, expected) in table {
        assert_eq!(
            made(reference, rules, flavor),
            *expected,
            "{rules:?} at {reference}"
        );
    }
}

#[test]
fn broken_rules_say_why() {
    let main = "refs/heads/main";
    for (rule, part) in [
        ("type=sah", "did you mean `sha`?"),
        ("type=sha,prefx=", "did you mean `prefix`?"),
        ("type=ref,event=push", "branch, tag or pr"),
        ("type=semver", "pattern"),
        ("type=raw,value={{brunch}}", "brunch"),
    ] {
        let message = made(main, &[rule], &[]);
        assert!(message.contains(part), "{rule}: {message}");
    }
}
