//! Image references, by the rules everyone knows from `docker pull`.

use std::fmt;
use std::str::FromStr;

use crate::Digest;

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";
/// What [`Reference`] takes where neither tag nor digest is given.
const DEFAULT_TAG: &str = "latest";
/// The built-in base image, as it is written in a `FROM` line.
pub const HOST_IMAGE: &str = "seatrial/host";

/// `registry/repository:tag@digest`, complete: `shop` is `docker.io/library/shop:latest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry's host, with its port where one is given.
    pub registry: String,
    /// The repository's path in the registry, such as `library/shop`.
    pub repository: String,
    /// The tag; absent where only a digest is given.
    pub tag: Option<String>,
    /// The digest, which decides where it is given.
    pub digest: Option<Digest>,
}

/// A text that names no image: which, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("image reference {reference:?} is invalid: {reason}")]
pub struct InvalidReference {
    /// The text.
    pub reference: String,
    /// What is wrong, and where it helps, what would be right.
    pub reason: String,
}

impl Reference {
    /// Whether this is the built-in image whose root is the machine's own `/usr`.
    pub fn is_host_image(&self) -> bool {
        self.registry == DEFAULT_REGISTRY && self.repository == HOST_IMAGE
    }

    /// Registry and repository without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository at a digest.
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// What a registry is asked for: the digest, else the tag.
    pub fn selector(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let fail = |reason: String| {
            Err(InvalidReference {
                reference: text.chars().take(300).collect(),
                reason,
            })
        };
        if text.is_empty() {
            return fail("it is empty".to_owned());
        }
        if text.contains("://") {
            return fail("it must not start with a scheme such as https://".to_owned());
        }
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => match digest.parse() {
                Ok(digest) => (rest, Some(digest)),
                Err(error) => return fail(format!("{error}")),
            },
        };
        let (name, tag) = match rest.rfind(':') {
            Some(colon) if !rest[colon..].contains('/') => {
                (&rest[..colon], Some(&rest[colon + 1..]))
            }
            _ => (rest, None),
        };
        if let Some(tag) = tag
            && let Err(reason) = check_tag(tag)
        {
            return fail(reason);
        }
        let (registry, repository) = split_registry(name);
        if let Err(reason) = check_registry(&registry).and_then(|()| check_repository(&repository))
        {
            return fail(reason);
        }
        if registry.len() + repository.len() > 254 {
            return fail("registry and repository are longer than 255 characters".to_owned());
        }
        let tag = match (tag, &digest) {
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            (tag, _) => tag.map(str::to_owned),
        };
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }
}

/// The first part is a registry only where it looks like a host: `shop/web` is on Docker Hub,
/// `shop.example/web` and `localhost/web` are not.
fn split_registry(name: &str) -> (String, String) {
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    let registry = match registry {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
        other => other,
    };
    let is_short = registry == DEFAULT_REGISTRY && !path.contains('/');
    let path = if is_short {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    (registry.to_owned(), path)
}

fn check_registry(registry: &str) -> Result<(), String> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, Some(port)),
        _ => (registry, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(format!("{registry:?} has no valid port"));
    }
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
    if host.is_empty() || !host.bytes().all(allowed) {
        return Err(format!("{registry:?} is no host name"));
    }
    Ok(())
}

/// Checks a repository path: parts of lower-case letters and digits, with single `.`, `_`, `__` or
/// any number of `-` between them.
pub(crate) fn check_repository(path: &str) -> Result<(), String> {
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!(
            "the repository name must be in lower case; use {:?}",
            path.to_lowercase()
        ));
    }
    for part in path.split('/') {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends_well = |b: Option<u8>| b.is_some_and(is_word);
        if !ends_well(part.bytes().next()) || !ends_well(part.bytes().last()) {
            return Err(format!(
                "{part:?} in the repository name must start and end with a letter or digit"
            ));
        }
        let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        for separator in separators.filter(|separator| !separator.is_empty()) {
            let is_dashes = separator.bytes().all(|b| b == b'-');
            if !is_dashes && !matches!(separator, "." | "_" | "__") {
                return Err(format!(
                    "{separator:?} is not allowed in the repository name {path:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Checks a tag: a letter, digit or `_`, then up to 127 of those, `.` and `-`.
pub(crate) fn check_tag(tag: &str) -> Result<(), String> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if tag.is_empty() {
        return Err("the tag after `:` is empty".to_owned());
    }
    if tag.len() > 128 {
        return Err("the tag is longer than 128 characters".to_owned());
    }
    if !tag.bytes().next().is_some_and(is_word)
        || !tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
    {
        return Err(format!(
            "tag {tag:?} may hold letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`"
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn short_names_become_complete() {
        let digest = "sha256:".to_owned() + &"a".repeat(64);
        let table: String = [
            "shop",
            "shop:1.2",
            "acme/shop",
            "ghcr.io/acme/shop:abc123",
            "localhost/shop",
            "localhost:5000/shop",
            "127.0.0.1:5000/a/b/c:v1",
            "index.docker.io/library/nginx:1.25",
            &format!("nginx@{digest}"),
            &format!("nginx:1@{digest}"),
        ]
        .iter()
        .map(|text| match text.parse::<Reference>() {
            Ok(reference) => format!("{text} -> {reference}\n"),
            Err(error) => format!("{error}\n"),
        })
        .collect();
        expect![[r"
            shop -> docker.io/library/shop:latest
            shop:1.2 -> docker.io/library/shop:1.2
            acme/shop -> docker.io/acme/shop:latest
            ghcr.io/acme/shop:abc123 -> ghcr.io/acme/shop:abc123
            localhost/shop -> localhost/shop:latest
            localhost:5000/shop -> localhost:5000/shop:latest
            127.0.0.1:5000/a/b/c:v1 -> 127.0.0.1:5000/a/b/c:v1
            index.docker.io/library/nginx:1.25 -> docker.io/library/nginx:1.25
            nginx@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> docker.io/library/nginx@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            nginx:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> docker.io/library/nginx:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        "]]
        .assert_eq(&table);
    }

    #[test]
    fn a_bad_reference_says_what_is_wrong() {
        let table: String = [
            "",
            "Shop",
            "shop:",
            "shop:-a",
            "https://ghcr.io/a",
            "a//b",
            "../../etc",
            "shop@sha256:12",
            "a..b",
            "host.io:99999/a",
            "a b",
        ]
        .iter()
        .map(|text| format!("{}\n", text.parse::<Reference>().unwrap_err()))
        .collect();
        expect![[r#"
            image reference "" is invalid: it is empty
            image reference "Shop" is invalid: the repository name must be in lower case; use "library/shop"
            image reference "shop:" is invalid: the tag after `:` is empty
            image reference "shop:-a" is invalid: tag "-a" may hold letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`
            image reference "https://ghcr.io/a" is invalid: it must not start with a scheme such as https://
            image reference "a//b" is invalid: "" in the repository name must start and end with a letter or digit
            image reference "../../etc" is invalid: ".." in the repository name must start and end with a letter or digit
            image reference "shop@sha256:12" is invalid: "sha256:12" is not a digest of the form sha256:<64 hexadecimal digits>
            image reference "a..b" is invalid: ".." is not allowed in the repository name "library/a..b"
            image reference "host.io:99999/a" is invalid: "host.io:99999" has no valid port
            image reference "a b" is invalid: " " is not allowed in the repository name "library/a b"
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn the_built_in_image_is_known_by_its_name() {
        assert!(
            "seatrial/host"
                .parse::<Reference>()
                .unwrap()
                .is_host_image()
        );
        assert!(
            "seatrial/host:1"
                .parse::<Reference>()
                .unwrap()
                .is_host_image()
        );
        assert!(
            !"ghcr.io/seatrial/host"
                .parse::<Reference>()
                .unwrap()
                .is_host_image()
        );
    }
}
