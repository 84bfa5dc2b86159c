//! The variables of containers, and what the downward API can tell.

use super::field::Field;
use super::name::Rule;
use crate::cause::Cause;

const ONE_ONLY: &str = "may not have more than one field specified at a time";

/// The fields of pods that a variable may hold.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The fields of pods that a file may hold.
const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// The fields that there are, though not everywhere.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn environment(container: &Field<'_>, causes: &mut Vec<Cause>) {
    for variable in container.field("env").items() {
        variable_name(&variable.field("name"), causes);
        let source = variable.field("valueFrom");
        if source.is_set() {
            source_of_variable(&variable, &source, causes);
        }
    }
    for source in container.field("envFrom").items() {
        let (map, secret) = (source.field("configMapRef"), source.field("secretRef"));
        if !source.field("prefix").is_empty() {
            variable_name(&source.field("prefix"), causes);
        }
        match (map.is_set(), secret.is_set()) {
            (false, false) => {
                causes.push(source.invalid("must specify one of: `configMapRef` or `secretRef`"));
            }
            (true, true) => causes.push(source.invalid(ONE_ONLY)),
            (true, false) => map.field("name").must_follow(Rule::Subdomain, causes),
            (false, true) => secret.field("name").must_follow(Rule::Subdomain, causes),
        }
    }
}

fn variable_name(name: &Field<'_>, causes: &mut Vec<Cause>) {
    name.must_be_set(causes);
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    if !name.text().bytes().all(printable) {
        causes.push(name.invalid(
            "a valid environment variable name must consist only of printable ASCII characters \
             other than '='",
        ));
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
        causes.push(source.invalid(
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
             `secretKeyRef`",
        ));
    } else if given > 1 {
        causes.push(source.invalid(ONE_ONLY));
    }
    let field = source.field("fieldRef");
    if field.is_set() {
        field_reference(&field, FIELDS, causes);
    }
    let amount = source.field("resourceFieldRef");
    if amount.is_set() {
        resource_reference(&amount, causes);
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let reference = source.field(kind);
        if reference.is_set() {
            reference.field("name").must_be_set(causes);
            reference.field("key").must_follow(Rule::ConfigKey, causes);
        }
    }
}

/// A file of a `downwardAPI` volume.
pub(super) fn file(item: &Field<'_>, causes: &mut Vec<Cause>) {
    let (field, amount) = (item.field("fieldRef"), item.field("resourceFieldRef"));
    match (field.is_set(), amount.is_set()) {
        (true, true) => {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            causes.push(item.invalid(detail));
        }
        (false, false) => {
            causes.push(item.required("one of fieldRef and resourceFieldRef is required"));
        }
        (true, false) => field_reference(&field, FILE_FIELDS, causes),
        (false, true) => {
            amount.field("containerName").must_be_set(causes);
            resource_reference(&amount, causes);
        }
    }
}

fn field_reference(reference: &Field<'_>, supported: &[&str], causes: &mut Vec<Cause>) {
    let path = reference.field("fieldPath");
    let text = path.text();
    if text.is_empty() {
        return causes.push(path.required(""));
    }
    if let Some((map, rest)) = text.split_once("['") {
        let key = rest.strip_suffix("']");
        match (map, key) {
            ("metadata.labels" | "metadata.annotations", Some(key)) => {
                causes.extend(Rule::Qualified.problem(key).map(|one| path.invalid(&one)));
            }
            _ => causes.push(path.invalid(&format!(
                "error converting fieldPath: {text} does not support subscript"
            ))),
        }
        return;
    }
    if supported.contains(&text) {
        return;
    }
    if FIELDS.contains(&text) || KNOWN.contains(&text) {
        return path.must_be_one_of(supported, causes);
    }
    let detail = format!("error converting fieldPath: field label not supported: {text}");
    causes.push(path.invalid(&detail));
}

fn resource_reference(reference: &Field<'_>, causes: &mut Vec<Cause>) {
    let resource = reference.field("resource");
    let pages = ["limits.hugepages-", "requests.hugepages-"];
    if resource.is_empty() {
        causes.push(resource.required(""));
    } else if !pages.iter().any(|one| resource.text().starts_with(one)) {
        resource.must_be_one_of(RESOURCES, causes);
    }
}
