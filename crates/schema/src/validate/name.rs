//! The rules that names and other words follow, in upstream's words
//! (`k8s.io/apimachinery/pkg/util/validation`).

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
    or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
    regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or \
    '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
    '[-._a-zA-Z0-9]+')";

/// A rule for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Labels joined by dots, at most 253 letters.
    Subdomain,
    /// One label, at most 63 letters.
    Label,
    /// The key of a ConfigMap or Secret.
    ConfigKey,
}

impl Rule {
    /// Why a word breaks the rule, if it does.
    pub fn problem(self, word: &str) -> Option<String> {
        let (most, holds, words) = match self {
            Self::Subdomain => (253, word.split('.').all(is_label), SUBDOMAIN),
            Self::Label => (63, is_label(word), LABEL),
            Self::ConfigKey => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                let dots = matches!(word, "." | "..") || word.starts_with("..");
                (
                    253,
                    !word.is_empty() && word.bytes().all(plain) && !dots,
                    CONFIG_KEY,
                )
            }
        };
        if word.len() > most {
            return Some(format!("must be no more than {most} bytes"));
        }
        (!holds).then(|| words.to_owned())
    }
}

fn is_label(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !word.is_empty() && !word.starts_with('-') && !word.ends_with('-') && word.bytes().all(inner)
}

/// Why a word is no name of a port (`IANA_SVC_NAME`), if it is not.
pub fn port_name(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > 15 {
        return Some("must be no more than 15 characters");
    }
    if name.is_empty() || !name.bytes().all(plain) {
        return Some("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        return Some("must not contain consecutive hyphens");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must not begin or end with a hyphen")
}
