//! The baseline: what is known to lead out of a container is not allowed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::container::{bad, containers, is_true, named, plural, quoted, setters, text, texts};
use super::level::{Row, Violation};

/// The checks, sorted by upstream's names for them.
pub(super) const ROWS: [Row; 12] = [
    row(&[(0, app_armor)]),
    Row {
        checks: &[(0, capabilities)],
        replaced_since: Some(22),
    },
    row(&[(0, host_namespaces)]),
    Row {
        checks: &[(0, host_path)],
        replaced_since: Some(0),
    },
    row(&[(0, host_ports)]),
    row(&[(34, host_probes)]),
    row(&[(0, privileged)]),
    row(&[(0, proc_mount)]),
    row(&[(0, se_linux)]),
    Row {
        checks: &[(0, seccomp_annotations), (19, seccomp)],
        replaced_since: Some(19),
    },
    row(&[
        (0, sysctls),
        (27, sysctls_27),
        (29, sysctls_29),
        (32, sysctls_32),
    ]),
    row(&[(0, windows)]),
];

const fn row(checks: &'static [super::level::Check]) -> Row {
    Row {
        checks,
        replaced_since: None,
    }
}

/// Capabilities that a container has anyway.
const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn app_armor(pod: &Value) -> Option<Violation> {
    let mut forbidden = Vec::new();
    let good = |kind: &str| matches!(kind, "" | "RuntimeDefault" | "Localhost");
    let path = "/securityContext/appArmorProfile/type";
    let of_pod = pod
        .get("spec")
        .map(|spec| text(spec, path))
        .unwrap_or_default();
    let of_containers: Vec<(&str, &str)> = containers(pod)
        .map(|(name, container)| (name, text(container, path)))
        .filter(|(_, kind)| !good(kind))
        .collect();
    let names: Vec<&str> = of_containers.iter().map(|(name, _)| *name).collect();
    if !good(of_pod) || !names.is_empty() {
        let mut kinds: BTreeSet<&str> = of_containers.iter().map(|(_, kind)| *kind).collect();
        if !good(of_pod) {
            kinds.insert(of_pod);
        }
        forbidden.push(format!(
            "{} must not set AppArmor profile type to {}",
            setters(!good(of_pod), &names),
            quoted(kinds)
        ));
    }
    let annotations = pod
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        let profile = value.as_str().unwrap_or_default();
        let allowed =
            profile.is_empty() || profile == "runtime/default" || profile.starts_with("localhost/");
        if key.starts_with("container.apparmor.security.beta.kubernetes.io/") && !allowed {
            forbidden.push(format!("{key}={profile:?}"));
        }
    }
    let reason = plural(
        forbidden.len(),
        "forbidden AppArmor profile",
        "forbidden AppArmor profiles",
    );
    (!forbidden.is_empty()).then(|| Violation::new(reason, forbidden.join(", ")))
}

/// The capabilities added beyond `allowed`, and by whom.
pub(super) fn added<'a>(pod: &'a Value, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let mut beyond = BTreeSet::new();
    let mut names = Vec::new();
    for (name, container) in containers(pod) {
        let mut more = texts(container, "/securityContext/capabilities/add");
        more.retain(|capability| !allowed.contains(capability));
        if !more.is_empty() {
            names.push(name);
        }
        beyond.extend(more);
    }
    (names, beyond)
}

fn capabilities(pod: &Value) -> Option<Violation> {
    let (names, beyond) = added(pod, &DEFAULT_CAPABILITIES);
    (!names.is_empty()).then(|| {
        Violation::new(
            "non-default capabilities",
            format!(
                "{} must not include {} in securityContext.capabilities.add",
                named(&names),
                quoted(beyond)
            ),
        )
    })
}

fn host_namespaces(pod: &Value) -> Option<Violation> {
    let shared = ["hostIPC", "hostNetwork", "hostPID"];
    let shared = shared
        .into_iter()
        .filter(|field| is_true(pod, &format!("/spec/{field}")));
    let shared: Vec<String> = shared.map(|field| format!("{field}=true")).collect();
    (!shared.is_empty()).then(|| Violation::new("host namespaces", shared.join(", ")))
}

fn host_path(pod: &Value) -> Option<Violation> {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    let volumes = volumes
        .into_iter()
        .flatten()
        .filter(|volume| volume.get("hostPath").is_some());
    let names: Vec<&str> = volumes.map(|volume| text(volume, "/name")).collect();
    let word = plural(names.len(), "volume", "volumes");
    (!names.is_empty()).then(|| {
        Violation::new(
            "hostPath volumes",
            format!("{word} {}", quoted(names.iter().copied())),
        )
    })
}

fn host_ports(pod: &Value) -> Option<Violation> {
    let ports = |container: &Value| -> Vec<String> {
        let ports = container.get("ports").and_then(Value::as_array);
        let ports = ports
            .into_iter()
            .flatten()
            .filter_map(|port| port.get("hostPort")?.as_i64());
        ports
            .filter(|port| *port != 0)
            .map(|port| port.to_string())
            .collect()
    };
    let names = bad(pod, |container| !ports(container).is_empty());
    let all: BTreeSet<String> = containers(pod)
        .flat_map(|(_, container)| ports(container))
        .collect();
    (!names.is_empty()).then(|| {
        Violation::new(
            "hostPort",
            format!(
                "{} {} {} {}",
                named(&names),
                plural(names.len(), "uses", "use"),
                plural(all.len(), "hostPort", "hostPorts"),
                all.into_iter().collect::<Vec<_>>().join(", ")
            ),
        )
    })
}

fn host_probes(pod: &Value) -> Option<Violation> {
    const HANDLERS: [&str; 5] = [
        "/livenessProbe",
        "/readinessProbe",
        "/startupProbe",
        "/lifecycle/postStart",
        "/lifecycle/preStop",
    ];
    let hosts = |container: &'_ Value| -> BTreeSet<String> {
        let places = HANDLERS.iter().flat_map(|handler| {
            ["httpGet", "tcpSocket"].map(|action| format!("{handler}/{action}/host"))
        });
        let hosts = places.map(|place| text(container, &place).to_owned());
        hosts.filter(|host| !host.is_empty()).collect()
    };
    let mut names = bad(pod, |container| !hosts(container).is_empty());
    names.sort_unstable();
    let all: BTreeSet<String> = containers(pod)
        .flat_map(|(_, container)| hosts(container))
        .collect();
    (!names.is_empty()).then(|| {
        Violation::new(
            "probe or lifecycle host",
            format!(
                "{} {} {} {}",
                named(&names),
                plural(names.len(), "uses", "use"),
                plural(
                    all.len(),
                    "probe or lifecycle host",
                    "probe or lifecycle hosts"
                ),
                quoted(all.iter().map(String::as_str))
            ),
        )
    })
}

fn privileged(pod: &Value) -> Option<Violation> {
    let names = bad(pod, |container| {
        is_true(container, "/securityContext/privileged")
    });
    (!names.is_empty()).then(|| {
        Violation::new(
            "privileged",
            format!(
                "{} must not set securityContext.privileged=true",
                named(&names)
            ),
        )
    })
}

fn proc_mount(pod: &Value) -> Option<Violation> {
    let kind = |container: &Value| match text(container, "/securityContext/procMount") {
        "" | "Default" => None,
        other => Some(other.to_owned()),
    };
    let names = bad(pod, |container| kind(container).is_some());
    let kinds: BTreeSet<String> = containers(pod)
        .filter_map(|(_, container)| kind(container))
        .collect();
    (!names.is_empty()).then(|| {
        Violation::new(
            "procMount",
            format!(
                "{} must not set securityContext.procMount to {}",
                named(&names),
                quoted(kinds.iter().map(String::as_str))
            ),
        )
    })
}

fn se_linux(pod: &Value) -> Option<Violation> {
    let options = |part: &'_ Value| part.pointer("/securityContext/seLinuxOptions").cloned();
    let is_bad_kind = |kind: &str| {
        !matches!(
            kind,
            "" | "container_t" | "container_init_t" | "container_kvm_t" | "container_engine_t"
        )
    };
    let is_bad = |part: &Value| {
        options(part).is_some_and(|options| {
            is_bad_kind(text(&options, "/type"))
                || !text(&options, "/user").is_empty()
                || !text(&options, "/role").is_empty()
        })
    };
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let names = bad(pod, is_bad);
    if names.is_empty() && !is_bad(spec) {
        return None;
    }
    let parts: Vec<Value> = containers(pod)
        .map(|(_, part)| part)
        .chain([spec])
        .filter_map(options)
        .collect();
    let kinds: BTreeSet<&str> = parts
        .iter()
        .map(|part| text(part, "/type"))
        .filter(|kind| is_bad_kind(kind))
        .collect();
    let mut data = Vec::new();
    if !kinds.is_empty() {
        data.push(format!(
            "{} {}",
            plural(kinds.len(), "type", "types"),
            quoted(kinds.iter().copied())
        ));
    }
    for field in ["user", "role"] {
        if parts
            .iter()
            .any(|part| !text(part, &format!("/{field}")).is_empty())
        {
            data.push(format!("{field} may not be set"));
        }
    }
    Some(Violation::new(
        "seLinuxOptions",
        format!(
            "{} set forbidden securityContext.seLinuxOptions: {}",
            setters(is_bad(spec), &names),
            data.join("; ")
        ),
    ))
}

fn seccomp_annotations(pod: &Value) -> Option<Violation> {
    let good = |value: &str| {
        matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
    };
    let keys = containers(pod)
        .map(|(name, _)| format!("container.seccomp.security.alpha.kubernetes.io/{name}"))
        .chain(["seccomp.security.alpha.kubernetes.io/pod".to_owned()]);
    let annotations = pod.pointer("/metadata/annotations");
    let forbidden: BTreeSet<String> = keys
        .filter_map(|key| {
            let value = annotations?.get(&key)?.as_str()?;
            (!good(value)).then(|| format!("{key}={value:?}"))
        })
        .collect();
    let word = plural(forbidden.len(), "annotation", "annotations");
    (!forbidden.is_empty()).then(|| {
        Violation::new(
            "seccompProfile",
            format!(
                "forbidden {word} {}",
                forbidden.iter().cloned().collect::<Vec<_>>().join(", ")
            ),
        )
    })
}

/// The seccomp profile's type that a pod or container sets, and whether it is a good one.
pub(super) fn seccomp_type(part: &Value) -> Option<(&str, bool)> {
    part.pointer("/securityContext/seccompProfile")
        .filter(|profile| !profile.is_null())?;
    let kind = text(part, "/securityContext/seccompProfile/type");
    Some((kind, matches!(kind, "RuntimeDefault" | "Localhost")))
}

pub(super) fn seccomp(pod: &Value) -> Option<Violation> {
    let wrong = |part: &'_ Value| {
        seccomp_type(part)
            .filter(|(_, good)| !good)
            .map(|(kind, _)| kind.to_owned())
    };
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let names = bad(pod, |container| wrong(container).is_some());
    let of_pod = wrong(spec);
    if names.is_empty() && of_pod.is_none() {
        return None;
    }
    let mut kinds: BTreeSet<String> = containers(pod)
        .filter_map(|(_, container)| wrong(container))
        .collect();
    let setters = setters(of_pod.is_some(), &names);
    kinds.extend(of_pod);
    Some(Violation::new(
        "seccompProfile",
        format!(
            "{setters} must not set securityContext.seccompProfile.type to {}",
            quoted(kinds.iter().map(String::as_str))
        ),
    ))
}

const SYSCTLS: [&str; 5] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_syncookies",
];
const SYSCTLS_27: [&str; 1] = ["net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_29: [&str; 4] = [
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
];
const SYSCTLS_32: [&str; 2] = ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

fn sysctls(pod: &Value) -> Option<Violation> {
    sysctls_beyond(pod, &[&SYSCTLS])
}

fn sysctls_27(pod: &Value) -> Option<Violation> {
    sysctls_beyond(pod, &[&SYSCTLS, &SYSCTLS_27])
}

fn sysctls_29(pod: &Value) -> Option<Violation> {
    sysctls_beyond(pod, &[&SYSCTLS, &SYSCTLS_27, &SYSCTLS_29])
}

fn sysctls_32(pod: &Value) -> Option<Violation> {
    sysctls_beyond(pod, &[&SYSCTLS, &SYSCTLS_27, &SYSCTLS_29, &SYSCTLS_32])
}

fn sysctls_beyond(pod: &Value, allowed: &[&[&str]]) -> Option<Violation> {
    let list = pod
        .pointer("/spec/securityContext/sysctls")
        .and_then(Value::as_array);
    let names = list.into_iter().flatten().map(|one| text(one, "/name"));
    let beyond: Vec<&str> = names
        .filter(|name| !allowed.iter().any(|list| list.contains(name)))
        .collect();
    (!beyond.is_empty()).then(|| Violation::new("forbidden sysctls", beyond.join(", ")))
}

fn windows(pod: &Value) -> Option<Violation> {
    let path = "/securityContext/windowsOptions/hostProcess";
    let names = bad(pod, |container| is_true(container, path));
    let of_pod = pod.get("spec").is_some_and(|spec| is_true(spec, path));
    (of_pod || !names.is_empty()).then(|| {
        Violation::new(
            "hostProcess",
            format!(
                "{} must not set securityContext.windowsOptions.hostProcess=true",
                setters(of_pod, &names)
            ),
        )
    })
}
