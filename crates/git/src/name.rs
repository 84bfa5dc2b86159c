//! Repository names.

use std::fmt;

use crate::Error;

/// A repository's name: that of its `Repository` object, and of its directory without `.git`.
///
/// It is a DNS subdomain (RFC 1123), so it can hold no separator, no `..` and no control character:
/// joining it to a directory stays inside the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Reads a name, with or without the usual `.git` at its end.
    ///
    /// # Errors
    /// [`Error::Name`] says which rule is broken.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let name = text.strip_suffix(".git").unwrap_or(text);
        let refuse = |reason| {
            Err(Error::Name {
                name: text.chars().take(300).collect(),
                reason,
            })
        };
        if name.is_empty() {
            return refuse("it is empty");
        }
        if name.len() > 200 {
            return refuse("it is longer than 200 characters");
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        {
            return refuse("use lower-case letters, digits, `-` and `.` only");
        }
        let ends_badly =
            |label: &str| label.is_empty() || label.starts_with('-') || label.ends_with('-');
        if name.split('.').any(ends_badly) {
            return refuse("each part between dots must start and end with a letter or digit");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for bad in [
            "", ".git", "..", "../x", "a/b", "a\\b", ".hidden", "a..b", "-rf", "a-", "A", "a b",
            "a\0b", "é", "a%2fb",
        ] {
            assert!(Name::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(Name::parse(&"a".repeat(201)).is_err());
    }

    #[test]
    fn the_git_suffix_is_optional() -> Result<(), Error> {
        assert_eq!(Name::parse("shop.git")?, Name::parse("shop")?);
        assert_eq!(
            Name::parse("app-manifests.v2")?.as_str(),
            "app-manifests.v2"
        );
        Ok(())
    }
}
