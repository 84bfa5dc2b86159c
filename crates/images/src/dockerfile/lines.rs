//! Physical lines to logical ones.

use super::words::{HeredocMark, heredoc_marks};

/// One instruction's text, with the here-documents that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it starts, from 1.
    pub number: usize,
    /// The text, continuation lines joined.
    pub text: String,
    /// Bodies of here-documents, in order.
    pub(super) heredocs: Vec<(HeredocMark, String)>,
}

impl Line {
    /// The first word, in upper case.
    pub(super) fn keyword(&self) -> String {
        self.text
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_uppercase()
    }

    /// What follows it.
    pub(super) fn rest(&self) -> &str {
        let text = self.text.trim_start();
        text.split_once(char::is_whitespace)
            .map_or("", |(_, rest)| rest.trim())
    }
}

/// The escape character and the logical lines; or a line number and a problem.
pub(super) fn split(text: &str) -> Result<(char, Vec<Line>), (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = directives(text)?;
    let mut lines = Vec::new();
    let mut physical = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    while let Some((number, first)) = physical.next() {
        if is_blank_or_comment(first) {
            continue;
        }
        let mut joined = String::new();
        let mut next = Some(first.trim_start());
        while let Some(line) = next {
            let Some(continued) = without_escape(line, escape) else {
                joined.push_str(line);
                break;
            };
            joined.push_str(continued);
            // Comments and empty lines between the lines of one instruction are skipped.
            next = physical
                .by_ref()
                .map(|(_, line)| line)
                .find(|line| !is_blank_or_comment(line));
        }
        let text = joined.trim().to_owned();
        let mut line = Line {
            number,
            text,
            heredocs: Vec::new(),
        };
        for mark in marks(&line) {
            let body = body(&mut physical, &mark).ok_or_else(|| {
                (
                    number,
                    format!(
                        "the here-document is not ended by a line {:?}",
                        mark.delimiter
                    ),
                )
            })?;
            line.heredocs.push((mark, body));
        }
        lines.push(line);
    }
    Ok((escape, lines))
}

/// `# escape=…` and its like, which must stand before everything else.
fn directives(text: &str) -> Result<char, (usize, String)> {
    for (index, line) in text.lines().enumerate() {
        let Some((name, value)) = line
            .trim()
            .strip_prefix('#')
            .and_then(|rest| rest.split_once('='))
        else {
            break;
        };
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("escape", "\\") => return Ok('\\'),
            ("escape", "`") => return Ok('`'),
            ("escape", other) => {
                return Err((
                    index + 1,
                    format!("the escape character must be `\\` or a back-tick, not {other:?}"),
                ));
            }
            ("syntax" | "check", _) => {}
            _ => break,
        }
    }
    Ok('\\')
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The line without the escape character at its end, if it has one that is not itself escaped.
fn without_escape(line: &str, escape: char) -> Option<&str> {
    let text = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!text.ends_with(escape)).then_some(text)
}

/// Here-documents that a line begins; only these instructions have them.
fn marks(line: &Line) -> Vec<HeredocMark> {
    let keyword = line.keyword();
    let (keyword, rest) = if keyword == "ONBUILD" {
        let rest = line.rest();
        (
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_uppercase(),
            rest,
        )
    } else {
        (keyword, line.rest())
    };
    match keyword.as_str() {
        "RUN" | "COPY" | "ADD" => heredoc_marks(rest),
        _ => Vec::new(),
    }
}

fn body<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    mark: &HeredocMark,
) -> Option<String> {
    let mut body = String::new();
    for (_, line) in lines {
        let line = if mark.strips_tabs {
            line.trim_start_matches('\t')
        } else {
            line
        };
        if line == mark.delimiter {
            return Some(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    None
}
