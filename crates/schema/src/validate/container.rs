//! Containers.

use super::field::{Field, must_differ};
use super::name::Rule;
use super::probe::{self, Success};
use crate::cause::Cause;
use crate::quantity;

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
    environment(container, causes);
    mounts(&container.field("volumeMounts"), volumes, causes);
    resources(&container.field("resources"), causes);
    let restarts = container.field("restartPolicy");
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
    probe::probe(&container.field("readinessProbe"), Success::Any, causes);
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
        port.field("protocol")
            .must_be_one_of(&["SCTP", "TCP", "UDP"], causes);
    }
}

fn environment(container: &Field<'_>, causes: &mut Vec<Cause>) {
    for variable in container.field("env").items() {
        let name = variable.field("name");
        name.must_be_set(causes);
        let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
        if !name.text().bytes().all(printable) {
            causes.push(name.invalid(
                "a valid environment variable name must consist only of printable ASCII characters \
                 other than '='",
            ));
        }
        let source = variable.field("valueFrom");
        if source.is_set() {
            source_of_variable(&variable, &source, causes);
        }
    }
    for source in container.field("envFrom").items() {
        let (map, secret) = (source.field("configMapRef"), source.field("secretRef"));
        match (map.is_set(), secret.is_set()) {
            (false, false) => {
                causes.push(source.invalid("must specify one of: `configMapRef` or `secretRef`"));
            }
            (true, true) => {
                causes.push(source.invalid("may not have more than one field specified at a time"));
            }
            (true, false) => map.field("name").must_be_set(causes),
            (false, true) => secret.field("name").must_be_set(causes),
        }
    }
}

fn source_of_variable(variable: &Field<'_>, source: &Field<'_>, causes: &mut Vec<Cause>) {
    let kinds = [
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
        "fileKeyRef",
    ];
    let given = kinds
        .iter()
        .filter(|kind| source.field(kind).is_set())
        .count();
    if !variable.field("value").is_empty() {
        causes.push(source.invalid("may not be specified when `value` is not empty"));
    } else if given == 0 {
        causes.push(source.invalid("must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"));
    } else if given > 1 {
        causes.push(source.invalid("may not have more than one field specified at a time"));
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let reference = source.field(kind);
        if reference.is_set() {
            reference.field("name").must_be_set(causes);
            reference.field("key").must_be_set(causes);
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

pub(super) fn resources(resources: &Field<'_>, causes: &mut Vec<Cause>) {
    let limits = resources.field("limits");
    for list in [&limits, &resources.field("requests")] {
        for (_, amount) in list.entries() {
            if quantity::value(amount.text()).is_some_and(|amount| amount < 0.0) {
                causes.push(amount.invalid("must be greater than or equal to 0"));
            }
        }
    }
    for (name, request) in resources.field("requests").entries() {
        let limit = limits.field(name);
        let (Some(wanted), Some(most)) = (
            quantity::value(request.text()),
            quantity::value(limit.text()),
        ) else {
            continue;
        };
        if wanted > most {
            let detail = format!(
                "must be less than or equal to {name} limit of {}",
                limit.text()
            );
            causes.push(request.invalid(&detail));
        }
    }
}
