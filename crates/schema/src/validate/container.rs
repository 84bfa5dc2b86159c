//! Containers.

use super::field::{Field, must_differ};
use super::name::Rule;
use super::probe::{self, Success};
use super::{environment, resource, security, volume};
use crate::cause::Cause;

/// Which list a container is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Main,
    Init,
}

pub(super) fn container(
    container: &Field<'_>,
    role: Role,
    volumes: &[&str],
    causes: &mut Vec<Cause>,
) {
    container.field("name").must_follow(Rule::Label, causes);
    let image = container.field("image");
    image.must_be_set(causes);
    if image.text() != image.text().trim() {
        causes.push(image.invalid("must not have leading or trailing whitespace"));
    }
    let policies = &["Always", "IfNotPresent", "Never"];
    container
        .field("imagePullPolicy")
        .must_be_one_of(policies, causes);
    let policies = &["File", "FallbackToLogsOnError"];
    container
        .field("terminationMessagePolicy")
        .must_be_one_of(policies, causes);
    ports(&container.field("ports"), causes);
    environment::environment(container, causes);
    mounts(&container.field("volumeMounts"), volumes, causes);
    resource::requirements(&container.field("resources"), causes);
    security::container(&container.field("securityContext"), causes);
    let restarts = container.field("restartPolicy");
    match role {
        Role::Init => restarts.must_be_one_of(&["Always"], causes),
        Role::Main => {
            restarts.must_not_be_set("may not be set for non-init containers", causes);
        }
    }
    if role == Role::Init && restarts.text() != "Always" {
        for name in [
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
        ] {
            let field = container.field(name);
            if field.is_set() {
                causes.push(
                    field.forbidden(
                        "may not be set for init containers without restartPolicy=Always",
                    ),
                );
            }
        }
        return;
    }
    probe::probe(&container.field("livenessProbe"), Success::Once, causes);
    probe::probe(&container.field("startupProbe"), Success::Once, causes);
    let readiness = container.field("readinessProbe");
    probe::probe(&readiness, Success::Any, causes);
    readiness
        .field("terminationGracePeriodSeconds")
        .must_not_be_set("must not be set for readinessProbes", causes);
    probe::lifecycle(&container.field("lifecycle"), causes);
}

fn ports(ports: &Field<'_>, causes: &mut Vec<Cause>) {
    let ports = ports.items();
    must_differ(ports.iter().map(|port| port.field("name")), causes);
    for port in &ports {
        let name = port.field("name");
        if let Some(problem) = name.value.as_str().and_then(super::name::port_name) {
            causes.push(name.invalid(problem));
        }
        let number = port.field("containerPort");
        match number.integer() {
            None | Some(0) => causes.push(number.required("")),
            Some(_) => number.must_be_port(causes),
        }
        let host = port.field("hostPort");
        if host.integer() != Some(0) {
            host.must_be_port(causes);
        }
        let protocol = port.field("protocol");
        if protocol.is_empty() {
            causes.push(protocol.required(""));
        }
        protocol.must_be_one_of(&["SCTP", "TCP", "UDP"], causes);
        let address = port.field("hostIP");
        if !address.is_empty() {
            causes.extend(super::name::address(address.text()).map(|one| address.invalid(one)));
        }
    }
}

fn mounts(mounts: &Field<'_>, volumes: &[&str], causes: &mut Vec<Cause>) {
    let mounts = mounts.items();
    for mount in &mounts {
        let name = mount.field("name");
        if name.is_empty() {
            causes.push(name.required(""));
        } else if !volumes.contains(&name.text()) {
            causes.push(name.not_found());
        }
        mount.field("mountPath").must_be_set(causes);
        let (part, pattern) = (mount.field("subPath"), mount.field("subPathExpr"));
        if !part.is_empty() && !pattern.is_empty() {
            causes.push(pattern.invalid("subPathExpr and subPath are mutually exclusive"));
        }
        volume::local_path(&part, causes);
        volume::local_path(&pattern, causes);
        let propagations = ["Bidirectional", "HostToContainer", "None"];
        mount
            .field("mountPropagation")
            .must_be_one_of(&propagations, causes);
    }
    for (index, mount) in mounts.iter().enumerate() {
        let path = mount.field("mountPath");
        let earlier = mounts.iter().take(index);
        if !path.is_empty()
            && earlier
                .clone()
                .any(|one| one.field("mountPath").value == path.value)
        {
            causes.push(path.invalid("must be unique"));
        }
    }
}

/// The ports that a pod takes of its node: each once, and where it is in the node's network, the same.
pub(super) fn host_ports(spec: &Field<'_>, causes: &mut Vec<Cause>) {
    let mut taken: Vec<String> = Vec::new();
    let on_host = spec.field("hostNetwork").value == &serde_json::Value::Bool(true);
    let containers = spec.field("containers").items();
    let ports = containers
        .iter()
        .flat_map(|container| container.field("ports").items());
    for port in ports {
        let (inner, host) = (port.field("containerPort"), port.field("hostPort"));
        if on_host && inner.value != host.value {
            causes.push(inner.invalid("must match `hostPort` when `hostNetwork` is true"));
        }
        let Some(number) = host.integer().filter(|number| *number != 0) else {
            continue;
        };
        let (protocol, address) = (port.field("protocol"), port.field("hostIP"));
        let key = format!("{}/{}/{number}", protocol.text(), address.text());
        if taken.contains(&key) {
            causes.push(host.duplicate_of(&key));
        }
        taken.push(key);
    }
}
