//! The rules that names and other words follow, in upstream's words
//! (`k8s.io/apimachinery/pkg/util/validation`).

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
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start \
    and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used \
    for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. \
    'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
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
    /// One label that begins with a letter: the name of a service.
    HostLabel,
    /// The value of a label.
    LabelValue,
    /// The key of a label: letters after an optional subdomain and a slash.
    Qualified,
    /// The name of an HTTP header.
    Header,
    /// A step of a path.
    PathStep,
    /// An address, written as addresses are written shortest.
    Address,
}

impl Rule {
    /// Why a word breaks the rule, if it does.
    pub fn problem(self, word: &str) -> Option<String> {
        let (most, holds, words) = match self {
            Self::HostLabel => {
                let letter = word.starts_with(|first: char| first.is_ascii_lowercase());
                (63, letter && is_label(word), HOST_LABEL)
            }
            Self::LabelValue => (63, word.is_empty() || is_word(word), LABEL_VALUE),
            Self::Qualified => return qualified(word),
            Self::Header => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let holds = !word.is_empty() && word.bytes().all(plain);
                (usize::MAX, holds, HEADER)
            }
            Self::PathStep => return path_step(word),
            Self::Address => return address(word).map(str::to_owned),
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

fn is_word(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    word.bytes().all(inner) && outer(word.bytes().next()) && outer(word.bytes().last())
}

fn qualified(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split('/').collect();
    let (prefix, name) = match parts.as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return Some(format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            ));
        }
    };
    match prefix {
        Some("") => return Some("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            if let Some(problem) = Rule::Subdomain.problem(prefix) {
                return Some(format!("prefix part {problem}"));
            }
        }
        None => {}
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    (!is_word(name)).then(|| format!("name part {QUALIFIED}"))
}

fn path_step(word: &str) -> Option<String> {
    if matches!(word, "." | "..") {
        return Some(format!("may not be '{word}'"));
    }
    // Upstream takes a NUL; here it parts the names within a key of the store.
    let letter = word
        .chars()
        .find(|letter| matches!(letter, '/' | '%' | '\0'))?;
    Some(format!("may not contain '{}'", letter.escape_default()))
}

/// Why a text is no address, if it is not.
pub fn address(text: &str) -> Option<&'static str> {
    let right = text.parse::<std::net::IpAddr>().is_ok();
    (!right).then_some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
}

/// The network that a text names, by its address and the length of its prefix.
pub(super) fn network(text: &str) -> Option<(std::net::IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: std::net::IpAddr = address.parse().ok()?;
    let plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = length.parse().ok().filter(|_| plain)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some((address, length))
}

/// Why a text is no network, if it is not.
pub fn network_problem(text: &str) -> Option<&'static str> {
    let right = network(text).is_some();
    (!right).then_some("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
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

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn words_are_checked_by_their_rule() {
        use Rule::{HostLabel, Label, LabelValue, PathStep, Qualified, Subdomain};
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
            (PathStep, "a\0b", false),
            (PathStep, "..", false),
            (LabelValue, "", true),
            (LabelValue, "a-", false),
            (Qualified, "app", true),
            (Qualified, "app.kubernetes.io/name", true),
            (Qualified, "/name", false),
            (Qualified, "a/b/c", false),
            (Qualified, "App Name", false),
            (Qualified, "", false),
        ];
        for (rule, word, good) in cases {
            assert_eq!(rule.problem(word).is_none(), good, "{rule:?} {word}");
        }
        assert!(Label.problem(&"a".repeat(64)).is_some());
    }
}
