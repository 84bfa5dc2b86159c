//! Pods and pod templates.

use serde_json::{Map, Value};

use super::field::{Object, object, objects, section, set, set_text, text};

pub(super) fn pod(pod: &mut Object) {
    let Some(spec) = section(pod, "spec") else {
        return;
    };
    for list in ["initContainers", "containers"] {
        objects(spec, list).for_each(requests_from_limits);
    }
    set(spec, "enableServiceLinks", true);
    pod_spec(spec);
    if let Some(status) = section(pod, "status") {
        set_text(status, "phase", "Pending");
    }
}

/// A `PodTemplateSpec`.
pub(super) fn template(template: &mut Object) {
    if let Some(spec) = section(template, "spec") {
        pod_spec(spec);
    }
}

/// Of a pod itself, not of templates: what is limited is requested too.
fn requests_from_limits(container: &mut Object) {
    let Some(resources) = object(container, "resources") else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if let Some(requests) = section(resources, "requests") {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    }
}

fn pod_spec(spec: &mut Object) {
    set_text(spec, "dnsPolicy", "ClusterFirst");
    set_text(spec, "restartPolicy", "Always");
    set_text(spec, "schedulerName", "default-scheduler");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "securityContext", Map::new());
    // The old name of the field follows the new one, and the reverse.
    let account = [
        text(spec, "serviceAccountName"),
        text(spec, "serviceAccount"),
    ]
    .concat();
    match (
        text(spec, "serviceAccountName"),
        text(spec, "serviceAccount"),
    ) {
        ("", "") => {}
        ("", _) => set_text(spec, "serviceAccountName", &account),
        (name, _) => {
            let name = Value::from(name);
            spec.insert("serviceAccount".to_owned(), name);
        }
    }
    let host = spec.get("hostNetwork").and_then(Value::as_bool) == Some(true);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for one in objects(spec, list) {
            container(one);
            if host {
                objects(one, "ports").for_each(host_port);
            }
        }
    }
    objects(spec, "volumes").for_each(volume);
}

fn host_port(port: &mut Object) {
    if let Some(number) = port.get("containerPort").cloned() {
        set(port, "hostPort", number);
    }
}

fn container(container: &mut Object) {
    let policy = pull_policy(text(container, "image"));
    set_text(container, "imagePullPolicy", policy);
    set_text(container, "terminationMessagePath", "/dev/termination-log");
    set_text(container, "terminationMessagePolicy", "File");
    set(container, "resources", Map::new());
    objects(container, "ports").for_each(|port| set_text(port, "protocol", "TCP"));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        object(container, name).into_iter().for_each(probe);
    }
    if let Some(lifecycle) = object(container, "lifecycle") {
        for name in ["postStart", "preStop"] {
            object(lifecycle, name).into_iter().for_each(handler);
        }
    }
    for variable in objects(container, "env") {
        object(variable, "valueFrom")
            .into_iter()
            .for_each(field_reference);
    }
}

/// `Always` for the tag `latest`, also where it is implied.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image
        .split_once('@')
        .map_or((image, None), |(name, rest)| (name, Some(rest)));
    let last = name.rsplit('/').next().unwrap_or_default();
    match (last.split_once(':'), digest) {
        (Some((_, "latest")), _) | (None, None) => "Always",
        _ => "IfNotPresent",
    }
}

fn probe(probe: &mut Object) {
    for (name, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        if probe.get(name).and_then(Value::as_i64) == Some(0) {
            probe.remove(name);
        }
        set(probe, name, value);
    }
    handler(probe);
}

fn handler(handler: &mut Object) {
    if let Some(get) = object(handler, "httpGet") {
        set_text(get, "path", "/");
        set_text(get, "scheme", "HTTP");
    }
    if let Some(grpc) = object(handler, "grpc") {
        set(grpc, "service", "");
    }
}

fn field_reference(source: &mut Object) {
    if let Some(reference) = object(source, "fieldRef") {
        set_text(reference, "apiVersion", "v1");
    }
}

fn volume(volume: &mut Object) {
    if volume.keys().all(|name| name == "name") {
        set(volume, "emptyDir", Map::new());
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = object(volume, name) {
            set(source, "defaultMode", 0o644);
        }
    }
    if let Some(source) = object(volume, "downwardAPI") {
        objects(source, "items").for_each(field_reference);
    }
    if let Some(source) = object(volume, "projected") {
        objects(source, "sources").for_each(projection);
    }
    if let Some(source) = object(volume, "hostPath") {
        set(source, "type", "");
    }
    if let Some(source) = object(volume, "iscsi") {
        set_text(source, "iscsiInterface", "default");
    }
    if let Some(template) =
        object(volume, "ephemeral").and_then(|one| object(one, "volumeClaimTemplate"))
        && let Some(spec) = object(template, "spec")
    {
        set_text(spec, "volumeMode", "Filesystem");
    }
}

fn projection(source: &mut Object) {
    if let Some(token) = object(source, "serviceAccountToken") {
        set(token, "expirationSeconds", 3600);
    }
    if let Some(source) = object(source, "downwardAPI") {
        objects(source, "items").for_each(field_reference);
    }
}
