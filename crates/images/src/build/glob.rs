//! Patterns for paths.

use regex::Regex;

/// Whether `**` stands for any number of directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stars {
    /// As in `.dockerignore`.
    Cross,
    /// As in `COPY`, where a pattern is matched part by part.
    Stay,
}

/// Whether a text has characters that make it a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A regular expression for a whole path; `None` for a pattern that is malformed.
pub(super) fn compile(pattern: &str, stars: Stars) -> Option<Regex> {
    let mut text = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if stars == Stars::Cross && rest.next_if_eq(&'*').is_some() => {
                // `**/` also stands for no directory at all.
                if rest.next_if_eq(&'/').is_some() {
                    text.push_str("(?:.*/)?");
                } else {
                    text.push_str(".*");
                }
            }
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '[' => text.push_str(&class(&mut rest)?),
            '\\' => text.push_str(&regex::escape(&rest.next()?.to_string())),
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).ok()
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::from("[");
    if rest.next_if(|c| *c == '^' || *c == '!').is_some() {
        text.push('^');
    }
    for c in rest.by_ref() {
        match c {
            ']' => {
                text.push(']');
                return Some(text);
            }
            '-' => text.push('-'),
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    None
}
