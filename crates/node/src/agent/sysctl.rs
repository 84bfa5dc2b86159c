//! Kernel settings of a pod (`securityContext.sysctls`). Pure.

use k8s_openapi::api::core::v1::Pod;

use crate::admission::Refusal;

/// What a pod may set: it concerns the pod's own namespaces and nobody else (upstream's list).
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// The settings of a pod, with dots between the parts of their names.
pub(super) fn of(pod: &Pod) -> Vec<(String, String)> {
    let context = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    let settings = context.iter().flat_map(|it| it.sysctls.iter().flatten());
    settings
        .map(|setting| (dotted(&setting.name), setting.value.clone()))
        .collect()
}

/// A name may have slashes for dots, and then dots for slashes: the first of either says which.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'/' => name
            .chars()
            .map(|letter| match letter {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

/// Why a pod is not taken, in the kubelet's words.
pub(super) fn refusal(pod: &Pod) -> Option<Refusal> {
    Some(Refusal::new("SysctlForbidden", forbidden(pod)?))
}

fn forbidden(pod: &Pod) -> Option<String> {
    let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    of(pod).into_iter().find_map(|(name, _)| {
        if !SAFE.contains(&name.as_str()) {
            return Some(format!("forbidden sysctl: {name:?} not allowlisted"));
        }
        (on_machine && name.starts_with("net."))
            .then(|| format!("forbidden sysctl: {name:?} not allowed with host net enabled"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(name: &str, on_machine: bool) -> Option<String> {
        let sysctls = json!([{"name": name, "value": "1"}]);
        let spec = json!({"hostNetwork": on_machine, "containers": [], "securityContext": {"sysctls": sysctls}});
        let pod = json!({"metadata": {"name": "web"}, "spec": spec});
        forbidden(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn what_concerns_others_is_refused() {
        assert_eq!(case("net.ipv4.tcp_syncookies", false), None);
        assert_eq!(case("net/ipv4/tcp_syncookies", false), None);
        assert_eq!(
            case("kernel.msgmax", false).unwrap(),
            "forbidden sysctl: \"kernel.msgmax\" not allowlisted"
        );
        assert!(
            case("net.ipv4.tcp_syncookies", true)
                .unwrap()
                .contains("host net")
        );
        assert_eq!(case("kernel.shm_rmid_forced", true), None);
    }
}
