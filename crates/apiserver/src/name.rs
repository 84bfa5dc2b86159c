//! What names and labels must look like, in upstream's words (`k8s.io/apimachinery/pkg/util/validation`).

use serde_json::Value;

use crate::failure::Cause;
use crate::object::Object;

/// The rule that the names of a kind follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// Labels joined by dots, at most 253 letters: most kinds.
    Subdomain,
    /// One label, at most 63 letters: namespaces.
    Label,
    /// One label that begins with a letter, since it becomes a host name: services.
    HostLabel,
    /// Anything that can be a step of a path: roles and their bindings.
    PathStep,
}

/// The most bytes that all annotations of an object may have together.
const ANNOTATION_LIMIT: usize = 256 << 10;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
    or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
    regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const HOST_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or \
    '-', start with an alphabetic character, and end with an alphanumeric character (e.g. \
    'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

impl NameRule {
    /// Why `name` breaks the rule, if it does.
    pub fn broken(self, name: &str) -> Option<String> {
        let too_long = |limit: usize| {
            (name.len() > limit).then(|| format!("must be no more than {limit} bytes"))
        };
        match self {
            Self::Subdomain => too_long(253)
                .or_else(|| (!name.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned())),
            Self::Label => too_long(63).or_else(|| (!is_label(name)).then(|| LABEL.to_owned())),
            Self::HostLabel => {
                let letter = name.starts_with(|first: char| first.is_ascii_lowercase());
                too_long(63).or_else(|| (!letter || !is_label(name)).then(|| HOST_LABEL.to_owned()))
            }
            Self::PathStep => match name {
                "." | ".." => Some(format!("may not be '{name}'")),
                _ => name
                    .chars()
                    // Upstream takes a NUL; here it parts the names within a key of the store.
                    .find(|letter| matches!(letter, '/' | '%' | '\0'))
                    .map(|letter| format!("may not contain '{}'", letter.escape_default())),
            },
        }
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}

fn is_word(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.bytes().all(inner) && outer(text.bytes().next()) && outer(text.bytes().last())
}

/// What is wrong with a key of labels or annotations, if anything.
fn broken_key(key: &str) -> Option<String> {
    let (prefix, word) = match key.split_once('/') {
        Some((prefix, word)) => (Some(prefix), word),
        None => (None, key),
    };
    match prefix {
        Some("") => return Some("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            if let Some(detail) = NameRule::Subdomain.broken(prefix) {
                return Some(format!("prefix part {detail}"));
            }
        }
        None => {}
    }
    if word.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    (!is_word(word)).then(|| QUALIFIED.to_owned())
}

fn check_annotations(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut size = 0;
    let entries = object
        .at(&["metadata", "annotations"])
        .and_then(Value::as_object);
    for (key, value) in entries.into_iter().flatten() {
        if let Some(detail) = broken_key(&key.to_lowercase()) {
            causes.push(Cause::invalid(
                "metadata.annotations",
                key.as_str(),
                &detail,
            ));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATION_LIMIT {
        let message = format!("Too long: may not be more than {ANNOTATION_LIMIT} bytes");
        causes.push(Cause::new(
            "FieldValueTooLong",
            "metadata.annotations",
            message,
        ));
    }
    causes
}

/// Each owner is named in full, and at most one of them is the controller.
fn check_owners(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut controller: Option<&str> = None;
    let owners = object
        .at(&["metadata", "ownerReferences"])
        .and_then(Value::as_array);
    for (index, owner) in owners.into_iter().flatten().enumerate() {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        for (name, detail) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "kind must not be empty"),
            ("name", "name must not be empty"),
            ("uid", "uid must not be empty"),
        ] {
            if text(name).is_empty() {
                let field = format!("metadata.ownerReferences[{index}].{name}");
                causes.push(Cause::invalid(field, "", detail));
            }
        }
        if owner.get("controller") != Some(&Value::Bool(true)) {
            continue;
        }
        if let Some(first) = controller {
            let detail = format!(
                "Only one reference can have Controller set to true. Found \"true\" in \
                 references for {first} and {}",
                text("name")
            );
            let all = object.at(&["metadata", "ownerReferences"]).cloned();
            let all = all.unwrap_or_default();
            causes.push(Cause::invalid("metadata.ownerReferences", all, &detail));
        }
        controller = Some(text("name"));
    }
    causes
}

/// What is wrong with the metadata of an object.
pub(crate) fn check(object: &Object, rule: NameRule) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object.name();
    if name.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else if let Some(detail) = rule.broken(name) {
        causes.push(Cause::invalid("metadata.name", name, &detail));
    }
    let entries = |field: &str| {
        object
            .at(&["metadata", field])
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (key, value) in entries("labels") {
        if let Some(detail) = broken_key(key) {
            causes.push(Cause::invalid("metadata.labels", key.as_str(), &detail));
        }
        let value = value.as_str().unwrap_or_default();
        if value.len() > 63 {
            let detail = "must be no more than 63 bytes";
            causes.push(Cause::invalid("metadata.labels", value, detail));
        } else if !value.is_empty() && !is_word(value) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    causes.extend(check_annotations(object));
    causes.extend(check_owners(object));
    for finalizer in object.finalizers() {
        if let Some(detail) = broken_key(finalizer) {
            causes.push(Cause::invalid("metadata.finalizers", finalizer, &detail));
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_the_rule_of_their_kind() {
        use NameRule::{HostLabel, Label, PathStep, Subdomain};
        let cases = [
            (Subdomain, "web-1.example", true),
            (Subdomain, "Web", false),
            (Subdomain, "web..x", false),
            (Subdomain, "-web", false),
            (Label, "a.b", false),
            (Label, "1a", true),
            (HostLabel, "1a", false),
            (HostLabel, "a1", true),
            (PathStep, "system:node", true),
            (PathStep, "a/b", false),
            (PathStep, "..", false),
        ];
        for (rule, name, good) in cases {
            assert_eq!(rule.broken(name).is_none(), good, "{rule:?} {name}");
        }
        assert!(Label.broken(&"a".repeat(64)).is_some());
    }

    #[test]
    fn keys_may_have_a_prefix() {
        for (key, good) in [
            ("app", true),
            ("app.kubernetes.io/name", true),
            ("/name", false),
            ("a/b/c", false),
            ("App Name", false),
            ("", false),
        ] {
            assert_eq!(broken_key(key).is_none(), good, "{key}");
        }
    }
}
