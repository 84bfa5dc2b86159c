//! Security contexts: whom a container runs as, and what is asked for beyond that. Pure.

use std::fmt;

use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::Value;

use crate::runtime::{Calls, Capabilities, Escalation, Processes, RootAccess, Security};

/// Why a container must not run as it would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("container's runAsUser breaks non-root policy {0}")]
    Asked(Place),
    #[error("container has runAsNonRoot and image will run as root {0}")]
    Root(Place),
    #[error(
        "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is \
         non-root {place}"
    )]
    Unverifiable { user: String, place: Place },
}

/// Which container of which pod, as the kubelet names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pod: String,
    container: String,
}

impl Place {
    fn of(pod: &Pod, container: &Container) -> Self {
        let metadata = &pod.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (name, namespace) = (text(&metadata.name), text(&metadata.namespace));
        Self {
            pod: format!("{name}_{namespace}({})", text(&metadata.uid)),
            container: container.name.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "(pod: {:?}, container: {})",
            self.pod, self.container
        )
    }
}

/// Whom the container runs as, in the form of an image's `USER`. What the container says goes before
/// what the pod says, and that before the image.
pub(super) fn user(pod: &Pod, container: &Container, image: &str) -> Result<String, Error> {
    let place = || Place::of(pod, container);
    let pod = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    let own = container.security_context.as_ref();
    let uid = own
        .and_then(|own| own.run_as_user)
        .or(pod.and_then(|pod| pod.run_as_user));
    let gid = own
        .and_then(|own| own.run_as_group)
        .or(pod.and_then(|pod| pod.run_as_group));
    let non_root = own
        .and_then(|own| own.run_as_non_root)
        .or(pod.and_then(|pod| pod.run_as_non_root));
    let named = image.split(':').next().unwrap_or_default();
    let user = uid.map_or_else(|| named.to_owned(), |uid| uid.to_string());
    if non_root == Some(true) {
        match user.parse::<i64>() {
            Ok(0) if uid.is_some() => return Err(Error::Asked(place())),
            Ok(0) => return Err(Error::Root(place())),
            Ok(_) => {}
            Err(_) if user.is_empty() => return Err(Error::Root(place())),
            Err(_) => {
                return Err(Error::Unverifiable {
                    user,
                    place: place(),
                });
            }
        }
    }
    Ok(match (uid, gid) {
        (None, None) => image.to_owned(),
        (Some(uid), None) => uid.to_string(),
        (_, Some(gid)) if user.is_empty() => format!("0:{gid}"),
        (_, Some(gid)) => format!("{user}:{gid}"),
    })
}

/// What the container may do beyond its user's rights.
pub(super) fn rights(pod: &Pod, container: &Container) -> Security {
    let whole = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    let own = container.security_context.as_ref();
    let privileged = own.and_then(|own| own.privileged) == Some(true);
    let wanted = own.and_then(|own| own.capabilities.as_ref());
    let mut capabilities = Capabilities {
        add: wanted.and_then(|it| it.add.clone()).unwrap_or_default(),
        drop: wanted.and_then(|it| it.drop.clone()).unwrap_or_default(),
    };
    if privileged {
        capabilities.add = vec!["ALL".to_owned()];
    }
    let groups = whole.and_then(|it| it.supplemental_groups.clone());
    let shared = whole.and_then(|it| it.fs_group);
    let profile = own
        .and_then(|it| it.seccomp_profile.as_ref())
        .or(whole.and_then(|it| it.seccomp_profile.as_ref()));
    let usual = profile.is_some_and(|it| it.type_ == "RuntimeDefault") && !privileged;
    Security {
        capabilities,
        root: match own.and_then(|own| own.read_only_root_filesystem) {
            Some(true) => RootAccess::ReadOnly,
            _ => RootAccess::Writable,
        },
        groups: groups
            .into_iter()
            .flatten()
            .chain(shared)
            .filter_map(|group| group.try_into().ok())
            .collect(),
        // As upstream: refused only where it says so.
        escalation: match own.and_then(|own| own.allow_privilege_escalation) {
            Some(false) if !privileged => Escalation::Refused,
            _ => Escalation::Allowed,
        },
        calls: if usual {
            Calls::Usual
        } else {
            Calls::Unconfined
        },
    }
}

/// Which processes the container sees.
pub(super) fn processes(pod: &Pod, container: &str) -> Processes {
    let Some(spec) = &pod.spec else {
        return Processes::Own;
    };
    if spec.share_process_namespace == Some(true) {
        return Processes::Shared;
    }
    let added = spec.ephemeral_containers.iter().flatten();
    let target = added
        .filter(|added| added.name == container)
        .find_map(|added| added.target_container_name.clone())
        .filter(|target| !target.is_empty());
    target.map_or(Processes::Own, Processes::Of)
}

/// Fields that every runtime honours, or that change nothing.
const ALWAYS: [&str; 3] = ["runAsUser", "runAsGroup", "runAsNonRoot"];

/// Fields that the container runtime honours besides.
const IN_CONTAINERS: [&str; 7] = [
    "allowPrivilegeEscalation",
    "capabilities",
    "fsGroup",
    "fsGroupChangePolicy",
    "readOnlyRootFilesystem",
    "supplementalGroups",
    "sysctls",
];

/// Whether a field is honoured as it stands.
fn honours(runtime: &str, name: &str, value: &Value) -> bool {
    if ALWAYS.contains(&name) || value.is_null() {
        return true;
    }
    let harmless = match name {
        "seccompProfile" | "appArmorProfile" => value["type"] == "Unconfined",
        "allowPrivilegeEscalation" => *value == true,
        "procMount" => value == "Default",
        "supplementalGroupsPolicy" => value == "Merge",
        "capabilities" => {
            let empty = |list: &str| value[list].as_array().is_none_or(Vec::is_empty);
            empty("add") && empty("drop")
        }
        _ => *value == false,
    };
    let container = runtime == "container";
    let filtered = name == "seccompProfile" && value["type"] == "RuntimeDefault";
    harmless || container && (IN_CONTAINERS.contains(&name) || filtered)
}

/// The fields of the pod that the runtime does not enforce, for an event.
pub(super) fn not_enforced(pod: &Pod, runtime: &str) -> Vec<String> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let fields = |prefix: &str, context: Value| -> Vec<String> {
        let fields = context.as_object().cloned().unwrap_or_default().into_iter();
        let asked = fields.filter(|(name, value)| !honours(runtime, name, value));
        asked
            .map(|(name, _)| format!("{prefix}securityContext.{name}"))
            .collect()
    };
    let whole = serde_json::to_value(&spec.security_context).unwrap_or_default();
    let mut result = fields("", whole);
    for container in spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
    {
        let own = serde_json::to_value(&container.security_context).unwrap_or_default();
        result.extend(fields(&format!("{}: ", container.name), own));
    }
    for volume in spec.volumes.iter().flatten() {
        let Some(empty) = &volume.empty_dir else {
            continue;
        };
        let in_memory = empty.medium.as_deref() == Some("Memory");
        if in_memory && runtime != "container" {
            result.push(format!("volume {}: emptyDir.medium", volume.name));
        }
        if empty.size_limit.is_some() && !(in_memory && runtime == "container") {
            result.push(format!("volume {}: emptyDir.sizeLimit", volume.name));
        }
    }
    let all = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    result.extend(all.filter_map(|container| {
        let limits = container.resources.as_ref()?.limits.as_ref()?;
        let stored = limits.contains_key("ephemeral-storage");
        stored.then(|| format!("{}: resources.limits.ephemeral-storage", container.name))
    }));
    let flags = [("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)];
    result.extend(
        flags
            .iter()
            .filter(|(_, flag)| *flag == Some(true))
            .map(|(name, _)| (*name).to_owned()),
    );
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(pod: &Value, container: &Value, image: &str) -> Result<String, String> {
        let pod = json!({"metadata": {"name": "web"}, "spec": {"securityContext": pod, "containers": []}});
        let container = json!({"name": "app", "securityContext": container});
        let (pod, container) = (
            serde_json::from_value(pod).unwrap(),
            serde_json::from_value(container).unwrap(),
        );
        user(&pod, &container, image).map_err(|error| error.to_string())
    }

    #[test]
    fn the_nearest_says_whom_to_run_as() {
        assert_eq!(
            case(&json!({}), &json!({}), "www:data").unwrap(),
            "www:data"
        );
        assert_eq!(
            case(&json!({"runAsUser": 1}), &json!({"runAsUser": 2}), "www").unwrap(),
            "2"
        );
        assert_eq!(
            case(&json!({"runAsGroup": 7}), &json!({}), "www:data").unwrap(),
            "www:7"
        );
        assert_eq!(
            case(&json!({"runAsGroup": 7}), &json!({}), "").unwrap(),
            "0:7"
        );
    }

    #[test]
    fn root_is_refused_where_the_pod_says_so() {
        let strict = || json!({"runAsNonRoot": true});
        assert!(
            case(&strict(), &json!({}), "")
                .unwrap_err()
                .contains("will run as root")
        );
        assert_eq!(
            case(&strict(), &json!({"runAsUser": 0}), "").unwrap_err(),
            "container's runAsUser breaks non-root policy (pod: \"web_()\", container: app)"
        );
        assert!(
            case(&strict(), &json!({}), "www")
                .unwrap_err()
                .contains("non-numeric user (www)")
        );
        assert_eq!(
            case(&strict(), &json!({"runAsUser": 1000}), "").unwrap(),
            "1000"
        );
    }

    #[test]
    fn what_is_not_enforced_is_listed_by_runtime() {
        let pod = json!({"metadata": {"name": "web"}, "spec": {
            "hostPID": true,
            "securityContext": {"fsGroup": 1, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "app", "securityContext": {
                "privileged": false,
                "seLinuxOptions": {"level": "s0"},
                "capabilities": {"drop": ["ALL"]},
            }}],
        }});
        let pod = serde_json::from_value(pod).unwrap();
        assert_eq!(
            not_enforced(&pod, "container"),
            ["app: securityContext.seLinuxOptions", "hostPID"]
        );
        assert_eq!(
            not_enforced(&pod, "process"),
            [
                "securityContext.fsGroup",
                "securityContext.seccompProfile",
                "app: securityContext.capabilities",
                "app: securityContext.seLinuxOptions",
                "hostPID"
            ]
        );
    }
}
