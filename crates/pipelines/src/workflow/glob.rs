//! GitHub's filter patterns for branches, tags and paths.
//!
//! `*` is any run of characters but `/`, `**` any run at all, `?` zero or one and `+` one or more
//! of the character before, `[...]` one of a set, `!` at the start turns the pattern round, `\`
//! takes the next character as it is. (GitHub, "Workflow syntax: Filter pattern cheat sheet".)

use regex::Regex;

/// One pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    negative: bool,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(source: &str) -> Result<Self, String> {
        let (negative, body) = match source.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, source),
        };
        if body.is_empty() {
            return Err("an empty pattern matches nothing: remove it".to_owned());
        }
        let regex = Regex::new(&expression(body)?)
            .map_err(|_| format!("`{source}` is no filter pattern"))?;
        Ok(Self {
            source: source.to_owned(),
            negative,
            regex,
        })
    }

    /// Whether it begins with `!`.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether the text has the pattern's shape, whatever a `!` makes of that.
    pub fn covers(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Whether a list of patterns lets a name through: the last one that covers it decides.
pub(crate) fn admits(patterns: &[Pattern], text: &str) -> bool {
    patterns
        .iter()
        .rev()
        .find(|pattern| pattern.covers(text))
        .is_some_and(|pattern| !pattern.negative)
}

fn expression(body: &str) -> Result<String, String> {
    let mut output = String::from("^");
    let mut rest = body.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                // `**/` also stands for no directory at all.
                if rest.peek() == Some(&'/') {
                    rest.next();
                    output.push_str("(?:.*/)?");
                } else {
                    output.push_str(".*");
                }
            }
            '*' => output.push_str("[^/]*"),
            '?' | '+' if output == "^" => {
                return Err(format!(
                    "`{body}`: `{character}` repeats the character before it, and there is none"
                ));
            }
            '?' | '+' => output.push(character),
            '[' => {
                let set: String = rest.by_ref().take_while(|next| *next != ']').collect();
                if set.is_empty() {
                    return Err(format!("`{body}`: `[` needs a set and a `]`"));
                }
                let set = set
                    .replace('\\', "\\\\")
                    .replace('[', "\\[")
                    .replace('^', "\\^");
                output.extend(["[", &set, "]"]);
            }
            '\\' => {
                let escaped = rest
                    .next()
                    .ok_or_else(|| format!("`{body}` ends in a `\\`"))?;
                output.push_str(&regex::escape(&escaped.to_string()));
            }
            other => output.push_str(&regex::escape(&other.to_string())),
        }
    }
    output.push('$');
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of GitHub's cheat sheet: pattern, what it covers, what it does not.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        (
            "feature/*",
            &["feature/my-branch"],
            &["feature/a/b", "feature"],
        ),
        ("feature/**", &["feature/a/b", "feature/x"], &["features"]),
        ("main", &["main"], &["main2", "a/main"]),
        ("*", &["main", "releases"], &["all/the/branches"]),
        ("**", &["all/the/branches", "every/tag"], &[]),
        ("*feature", &["mona-feature", "feature"], &["feature-x"]),
        ("v2*", &["v2", "v2.0", "v2.9"], &["v1"]),
        (
            "v[12].[0-9]+.[0-9]+",
            &["v1.10.1", "v2.0.0"],
            &["v3.0.0", "v1.x.0"],
        ),
        ("*.jsx?", &["page.js", "page.jsx"], &["page.jsxx"]),
        ("**.js", &["index.js", "src/js/app.js"], &["index.jsx"]),
        (
            "docs/**/*.md",
            &["docs/README.md", "docs/a/b.md"],
            &["README.md"],
        ),
        (
            "**/docs/**",
            &["docs/hello.md", "dir/docs/my-file.txt"],
            &["docs.md"],
        ),
        ("a.b", &["a.b"], &["axb"]),
    ];

    #[test]
    fn patterns_cover_what_the_cheat_sheet_says() {
        for (pattern, covered, not_covered) in TABLE {
            let parsed = Pattern::parse(pattern).unwrap();
            for text in *covered {
                assert!(parsed.covers(text), "{pattern} should cover {text}");
            }
            for text in *not_covered {
                assert!(!parsed.covers(text), "{pattern} should not cover {text}");
            }
        }
    }

    #[test]
    fn the_last_pattern_that_covers_decides() {
        let patterns: Vec<_> = ["releases/**", "!releases/**-alpha", "releases/9-alpha"]
            .iter()
            .map(|source| Pattern::parse(source).unwrap())
            .collect();
        assert!(admits(&patterns, "releases/10"));
        assert!(!admits(&patterns, "releases/10-alpha"));
        assert!(admits(&patterns, "releases/9-alpha"));
        assert!(!admits(&patterns, "main"));
    }

    #[test]
    fn a_broken_pattern_says_why() {
        assert!(Pattern::parse("v[").is_err());
        assert!(Pattern::parse("").is_err());
        assert!(Pattern::parse("+").is_err());
    }
}
