//! Restricted: today's good practice for pods.

use std::collections::BTreeSet;

use serde_json::Value;

use super::baseline::{added, seccomp, seccomp_type};
use super::container::{bad, named, plural, quoted, setters, text, texts};
use super::level::{Row, Violation};

/// The checks, sorted by upstream's names for them.
pub(super) const ROWS: [Row; 6] = [
    row(&[(8, escalation), (25, escalation_25)]),
    row(&[(22, capabilities), (25, capabilities_25)]),
    row(&[(0, volumes)]),
    row(&[(0, non_root), (34, non_root_34)]),
    row(&[(23, user), (34, user_34)]),
    row(&[(19, seccomp_set), (25, seccomp_set_25)]),
];

const fn row(checks: &'static [super::level::Check]) -> Row {
    Row {
        checks,
        replaced_since: None,
    }
}

/// Whether the pod says that it is for Windows, where some checks mean nothing.
fn is_windows(pod: &Value) -> bool {
    text(pod, "/spec/os/name") == "windows"
}

/// Whether root in the pod is not root outside.
fn has_own_users(pod: &Value) -> bool {
    pod.pointer("/spec/hostUsers") == Some(&Value::Bool(false))
}

fn escalation(pod: &Value) -> Option<Violation> {
    let names = bad(pod, |container| {
        container.pointer("/securityContext/allowPrivilegeEscalation") != Some(&Value::Bool(false))
    });
    (!names.is_empty()).then(|| {
        Violation::new(
            "allowPrivilegeEscalation != false",
            format!(
                "{} must set securityContext.allowPrivilegeEscalation=false",
                named(&names)
            ),
        )
    })
}

fn escalation_25(pod: &Value) -> Option<Violation> {
    if is_windows(pod) {
        None
    } else {
        escalation(pod)
    }
}

fn capabilities(pod: &Value) -> Option<Violation> {
    let keeping = bad(pod, |container| {
        !texts(container, "/securityContext/capabilities/drop").contains(&"ALL")
    });
    let (adding, beyond) = added(pod, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!(
            r#"{} must set securityContext.capabilities.drop=["ALL"]"#,
            named(&keeping)
        ));
    }
    if !adding.is_empty() {
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            named(&adding),
            quoted(beyond)
        ));
    }
    (!details.is_empty()).then(|| Violation::new("unrestricted capabilities", details.join("; ")))
}

fn capabilities_25(pod: &Value) -> Option<Violation> {
    if is_windows(pod) {
        None
    } else {
        capabilities(pod)
    }
}

/// Volume types that are allowed.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn volumes(pod: &Value) -> Option<Violation> {
    let list = pod.pointer("/spec/volumes").and_then(Value::as_array);
    let is_bad = |volume: &&Value| {
        !VOLUMES
            .iter()
            .any(|kind| volume.get(kind).is_some_and(|it| !it.is_null()))
    };
    let bad: Vec<&Value> = list.into_iter().flatten().filter(is_bad).collect();
    let names: BTreeSet<&str> = bad.iter().map(|volume| text(volume, "/name")).collect();
    let kind = |volume: &&Value| {
        let fields = volume.as_object().into_iter().flatten();
        fields
            .map(|(field, _)| field.clone())
            .find(|field| field != "name")
    };
    let kinds: BTreeSet<String> = bad
        .iter()
        .map(|volume| kind(volume).unwrap_or_else(|| "unknown".to_owned()))
        .collect();
    (!names.is_empty()).then(|| {
        Violation::new(
            "restricted volume types",
            format!(
                "{} {} {} restricted volume {} {}",
                plural(names.len(), "volume", "volumes"),
                quoted(names.iter().copied()),
                plural(names.len(), "uses", "use"),
                plural(kinds.len(), "type", "types"),
                quoted(kinds.iter().map(String::as_str))
            ),
        )
    })
}

fn non_root(pod: &Value) -> Option<Violation> {
    let path = "/securityContext/runAsNonRoot";
    let said = |part: &Value| part.pointer(path).and_then(Value::as_bool);
    let of_pod = pod.get("spec").and_then(said);
    let refusing = bad(pod, |container| said(container) == Some(false));
    let reason = "runAsNonRoot != true";
    if of_pod == Some(false) || !refusing.is_empty() {
        let setters = setters(of_pod == Some(false), &refusing);
        return Some(Violation::new(
            reason,
            format!("{setters} must not set securityContext.runAsNonRoot=false"),
        ));
    }
    let silent = bad(pod, |container| said(container).is_none());
    (of_pod.is_none() && !silent.is_empty()).then(|| {
        Violation::new(
            reason,
            format!(
                "pod or {} must set securityContext.runAsNonRoot=true",
                named(&silent)
            ),
        )
    })
}

fn non_root_34(pod: &Value) -> Option<Violation> {
    if has_own_users(pod) {
        None
    } else {
        non_root(pod)
    }
}

fn user(pod: &Value) -> Option<Violation> {
    let is_root = |part: &Value| {
        part.pointer("/securityContext/runAsUser")
            .and_then(Value::as_i64)
            == Some(0)
    };
    let of_pod = pod.get("spec").is_some_and(is_root);
    let names = bad(pod, is_root);
    (of_pod || !names.is_empty()).then(|| {
        Violation::new(
            "runAsUser=0",
            format!("{} must not set runAsUser=0", setters(of_pod, &names)),
        )
    })
}

fn user_34(pod: &Value) -> Option<Violation> {
    if has_own_users(pod) { None } else { user(pod) }
}

fn seccomp_set(pod: &Value) -> Option<Violation> {
    if let Some(wrong) = seccomp(pod) {
        return Some(wrong);
    }
    let of_pod = pod.get("spec").and_then(seccomp_type).is_some();
    let silent = bad(pod, |container| seccomp_type(container).is_none());
    (!of_pod && !silent.is_empty()).then(|| Violation::new("seccompProfile", format!(
        r#"pod or {} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost""#, named(&silent)
    )))
}

fn seccomp_set_25(pod: &Value) -> Option<Violation> {
    if is_windows(pod) {
        None
    } else {
        seccomp_set(pod)
    }
}
