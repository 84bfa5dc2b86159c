//! What steps tell the engine: `::command::` lines, and files of `NAME=value`.
//!
//! (GitHub, "Workflow commands for GitHub Actions".)

use std::collections::BTreeMap;

/// A `::name key=value,key=value::text` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Command {
    /// Reads a line; `None` where it is ordinary output.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("::")?;
        let (head, text) = rest.split_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        if name.is_empty() {
            return None;
        }
        let properties = properties
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), unescape_property(value.trim())))
            .collect();
        Some(Self {
            name: name.to_lowercase(),
            properties,
            text: unescape(text),
        })
    }

    /// A property, or the empty string.
    pub(crate) fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    /// `text`, with the file and line that an annotation names.
    pub(crate) fn annotation(&self) -> String {
        let title = match self.property("title") {
            "" => String::new(),
            title => format!("{title}: "),
        };
        match (self.property("file"), self.property("line")) {
            ("", _) => format!("{title}{}", self.text),
            (file, "") => format!("{file}: {title}{}", self.text),
            (file, line) => format!("{file}:{line}: {title}{}", self.text),
        }
    }
}

fn unescape(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%")
}

fn unescape_property(text: &str) -> String {
    unescape(&text.replace("%3A", ":").replace("%2C", ","))
}

/// Reads a file such as `$GITHUB_OUTPUT`: lines of `NAME=value`, or `NAME<<END` followed by the
/// value's lines and `END`. The error names the line.
pub(crate) fn assignments(file: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let equals = line.find('=');
        let heredoc = line.find("<<");
        match (equals, heredoc) {
            (_, Some(at)) if equals.is_none_or(|equals| at < equals) => {
                let (name, end) = (&line[..at], &line[at + 2..]);
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, inner)) if inner == end => break,
                        Some((_, inner)) => value.push(inner),
                        None => {
                            let line = number + 1;
                            return Err(format!(
                                "{file} line {line}: the value of `{name}` does not end: `{end}` is missing"
                            ));
                        }
                    }
                }
                found.push((name.trim().to_owned(), value.join("\n")));
            }
            (Some(at), _) if at > 0 => {
                found.push((line[..at].to_owned(), line[at + 1..].to_owned()));
            }
            _ => {
                let line_number = number + 1;
                return Err(format!(
                    "{file} line {line_number}: `{line}` is neither NAME=value nor NAME<<END"
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_with_their_properties() {
        let command =
            Command::parse("::error file=src/a.py,line=3,title=Lint%3A x::broken%0Atwice").unwrap();
        assert_eq!(command.name, "error");
        assert_eq!(command.annotation(), "src/a.py:3: Lint: x: broken\ntwice");
        let command = Command::parse("::set-output name=tag::v1").unwrap();
        assert_eq!(
            (command.property("name"), command.text.as_str()),
            ("tag", "v1")
        );
        assert_eq!(Command::parse("::endgroup::").unwrap().name, "endgroup");
        assert_eq!(Command::parse("a::b::c"), None);
        assert_eq!(Command::parse(":: ::x"), None);
    }

    #[test]
    fn files_of_assignments_are_read() {
        let text = "a=1\n\nb<<EOF\nline one\nx=y\nEOF\nc=d=e\nempty=\n";
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        assert_eq!(
            assignments("GITHUB_OUTPUT", text).unwrap(),
            pairs(&[
                ("a", "1"),
                ("b", "line one\nx=y"),
                ("c", "d=e"),
                ("empty", "")
            ])
        );
        let error = assignments("GITHUB_ENV", "a=1\nnonsense\n").unwrap_err();
        assert_eq!(
            error,
            "GITHUB_ENV line 2: `nonsense` is neither NAME=value nor NAME<<END"
        );
        assert!(assignments("GITHUB_ENV", "a<<END\n1\n").is_err());
    }
}
