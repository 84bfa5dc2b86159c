//! Kubernetes' named formats: `format.dns1123Label().validate(text)` gives what is wrong, or nothing.

use super::super::signature::Overload;
use super::super::signature::Sort::{Format as Named, List, Optional, Text};
use super::{Called, function, method, mismatch, text};
use crate::cel::value::Value;

/// A format of texts.
#[derive(Debug)]
pub struct Format {
    /// The name, such as `dns1123Label`.
    pub name: &'static str,
    check: fn(&str) -> Vec<&'static str>,
}

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

static FORMATS: &[Format] = &[
    Format {
        name: "dns1123Label",
        check: |text| {
            checked(
                label(text),
                LABEL,
                text.len() > 63,
                "must be no more than 63 characters",
            )
        },
    },
    Format {
        name: "dns1123Subdomain",
        check: |text| {
            checked(
                text.split('.').all(label),
                SUBDOMAIN,
                text.len() > 253,
                "must be no more than 253 characters",
            )
        },
    },
    Format {
        name: "dns1035Label",
        check: |text| {
            checked(
                label_1035(text),
                LABEL_1035,
                text.len() > 63,
                "must be no more than 63 characters",
            )
        },
    },
    Format {
        name: "qualifiedName",
        check: qualified,
    },
    Format {
        name: "dns1123LabelPrefix",
        check: |text| {
            checked(
                label(text.strip_suffix('-').unwrap_or(text)),
                LABEL,
                text.len() > 63,
                "must be no more than 63 characters",
            )
        },
    },
    Format {
        name: "dns1123SubdomainPrefix",
        check: |text| {
            checked(
                text.strip_suffix('-').unwrap_or(text).split('.').all(label),
                SUBDOMAIN,
                text.len() > 253,
                "must be no more than 253 characters",
            )
        },
    },
    Format {
        name: "dns1035LabelPrefix",
        check: |text| {
            checked(
                label_1035(text.strip_suffix('-').unwrap_or(text)),
                LABEL_1035,
                text.len() > 63,
                "must be no more than 63 characters",
            )
        },
    },
    Format {
        name: "labelValue",
        check: |text| {
            checked(
                text.is_empty() || name(text),
                LABEL_VALUE,
                text.len() > 63,
                "must be no more than 63 characters",
            )
        },
    },
    Format {
        name: "uri",
        check: |text| {
            only(
                text.starts_with('/')
                    || text
                        .split_once(':')
                        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()),
                "invalid URI",
            )
        },
    },
    Format {
        name: "uuid",
        check: |text| only(uuid(text), "does not match the UUID format"),
    },
    Format {
        name: "byte",
        check: |text| only(base64(text), "invalid base64"),
    },
    Format {
        name: "date",
        check: |text| only(text.parse::<jiff::civil::Date>().is_ok(), "invalid date"),
    },
    Format {
        name: "datetime",
        check: |text| only(text.parse::<jiff::Timestamp>().is_ok(), "invalid datetime"),
    },
];

fn only(fits: bool, message: &'static str) -> Vec<&'static str> {
    checked(fits, message, false, "")
}

fn checked(
    fits: bool,
    message: &'static str,
    too_long: bool,
    length: &'static str,
) -> Vec<&'static str> {
    let wrong = [(!fits, message), (too_long, length)];
    wrong
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, message)| message)
        .collect()
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends =
        bytes.first().copied().is_some_and(lower) && bytes.last().copied().is_some_and(lower);
    ends && bytes.iter().all(|byte| lower(*byte) || *byte == b'-')
}

fn label_1035(text: &str) -> bool {
    label(text) && text.starts_with(|letter: char| letter.is_ascii_lowercase())
}

fn name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()]
        .into_iter()
        .all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric));
    ends && bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn qualified(text: &str) -> Vec<&'static str> {
    let (prefix, rest) = match text.split_once('/') {
        Some((prefix, rest)) => (Some(prefix), rest),
        None => (None, text),
    };
    let mut wrong = checked(
        name(rest),
        NAME,
        rest.len() > 63,
        "name part must be no more than 63 characters",
    );
    if let Some(prefix) = prefix {
        wrong.extend(checked(
            prefix.split('.').all(label),
            SUBDOMAIN,
            prefix.len() > 253,
            "prefix part must be no more than 253 characters",
        ));
    }
    wrong
}

fn uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn base64(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .is_ok()
}

fn named(name: &str) -> Option<Value> {
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .map(Value::Format)
}

pub(super) static FUNCTIONS: &[Overload] = &[
    function("format.named", &[Text], Optional(&Named), |_, values| {
        Ok(named(text(values, 0)?).map_or(Value::NONE, Value::some))
    }),
    function("format.dns1123Label", &[], Named, |_, _| {
        named("dns1123Label").ok_or_else(mismatch)
    }),
    function("format.dns1123Subdomain", &[], Named, |_, _| {
        named("dns1123Subdomain").ok_or_else(mismatch)
    }),
    function("format.dns1035Label", &[], Named, |_, _| {
        named("dns1035Label").ok_or_else(mismatch)
    }),
    function("format.qualifiedName", &[], Named, |_, _| {
        named("qualifiedName").ok_or_else(mismatch)
    }),
    function("format.dns1123LabelPrefix", &[], Named, |_, _| {
        named("dns1123LabelPrefix").ok_or_else(mismatch)
    }),
    function("format.dns1123SubdomainPrefix", &[], Named, |_, _| {
        named("dns1123SubdomainPrefix").ok_or_else(mismatch)
    }),
    function("format.dns1035LabelPrefix", &[], Named, |_, _| {
        named("dns1035LabelPrefix").ok_or_else(mismatch)
    }),
    function("format.labelValue", &[], Named, |_, _| {
        named("labelValue").ok_or_else(mismatch)
    }),
    function("format.uri", &[], Named, |_, _| {
        named("uri").ok_or_else(mismatch)
    }),
    function("format.uuid", &[], Named, |_, _| {
        named("uuid").ok_or_else(mismatch)
    }),
    function("format.byte", &[], Named, |_, _| {
        named("byte").ok_or_else(mismatch)
    }),
    function("format.date", &[], Named, |_, _| {
        named("date").ok_or_else(mismatch)
    }),
    function("format.datetime", &[], Named, |_, _| {
        named("datetime").ok_or_else(mismatch)
    }),
    method("validate", &[Named, Text], Optional(&List(&Text)), validate),
];

fn validate(_: &mut super::Scratch<'_>, values: &[Value]) -> Called {
    let Some(Value::Format(format)) = values.first() else {
        return Err(mismatch());
    };
    let wrong = (format.check)(text(values, 1)?);
    if wrong.is_empty() {
        return Ok(Value::NONE);
    }
    Ok(Value::some(
        wrong
            .into_iter()
            .map(Value::from)
            .collect::<Vec<_>>()
            .into(),
    ))
}
