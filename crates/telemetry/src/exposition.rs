//! The text format in which programs show their metrics
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), read strictly.
//!
//! Of OpenMetrics the closing `# EOF`, `# UNIT` lines and exemplars are tolerated.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::labels::{Labels, METRIC_NAME, is_label_name, is_metric_name};

/// A page that does not follow the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}: {text:?}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// The line's text, shortened.
    pub text: String,
}

/// One sample of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageSample {
    /// The labels, with the metric's name.
    pub labels: Labels,
    /// The value.
    pub value: f64,
    /// The time in milliseconds since 1970, where the page gives one.
    pub timestamp: Option<i64>,
}

/// What a page says about a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `summary` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub help: String,
    /// The unit, if given.
    pub unit: String,
}

/// A parsed page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The samples in their order.
    pub samples: Vec<PageSample>,
    /// What the page says about metrics, by name.
    pub metadata: BTreeMap<String, Metadata>,
}

/// Reads a page.
pub fn parse(text: &str) -> Result<Page, Error> {
    parse_with(text, labels)
}

/// Reads a page whose series are made from their text, such as `up{job="x"}`, by `series`. Pages hardly
/// change from one scrape to the next, so that a scraper can remember what a text stands for.
pub(crate) fn parse_with(
    text: &str,
    mut series: impl FnMut(&str) -> Result<Labels, String>,
) -> Result<Page, Error> {
    let mut page = Page::default();
    let mut ended = false;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        let fail = |message: String| Error {
            line: index + 1,
            message,
            text: line.chars().take(120).collect(),
        };
        if line.is_empty() {
            continue;
        }
        if ended {
            return Err(fail("nothing may follow # EOF".to_owned()));
        }
        if let Some(comment) = line.strip_prefix('#') {
            ended = comment.trim() == "EOF";
            metadata(&mut page.metadata, comment).map_err(fail)?;
        } else {
            page.samples.push(sample(line, &mut series).map_err(fail)?);
        }
    }
    Ok(page)
}

fn metadata(known: &mut BTreeMap<String, Metadata>, comment: &str) -> Result<(), String> {
    let mut words = comment.trim_start().splitn(3, [' ', '\t']);
    let keyword = words.next().unwrap_or_default();
    if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
        return Ok(());
    }
    let name = words.next().unwrap_or_default();
    if !is_metric_name(name) {
        return Err(format!(
            "{keyword} is followed by {name:?}, which is no metric name"
        ));
    }
    let rest = words.next().unwrap_or_default().trim();
    let entry = known.entry(name.to_owned()).or_insert_with(|| Metadata {
        kind: "unknown".to_owned(),
        ..Metadata::default()
    });
    match keyword {
        "HELP" => entry.help = rest.replace("\\n", "\n").replace("\\\\", "\\"),
        "UNIT" => rest.clone_into(&mut entry.unit),
        _ => {
            const KINDS: [&str; 9] = [
                "counter",
                "gauge",
                "histogram",
                "summary",
                "untyped",
                "unknown",
                "info",
                "stateset",
                "gaugehistogram",
            ];
            if !KINDS.contains(&rest) {
                return Err(format!("{rest:?} is no type of metric"));
            }
            entry.kind = if rest == "untyped" {
                "unknown".to_owned()
            } else {
                rest.to_owned()
            };
        }
    }
    Ok(())
}

fn sample(
    line: &str,
    series: &mut impl FnMut(&str) -> Result<Labels, String>,
) -> Result<PageSample, String> {
    let (name, rest) = line.split_at(series_length(line));
    let labels = series(name)?;
    let rest = rest.split(" # ").next().unwrap_or_default();
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("the value is missing")?;
    let value = number(value).ok_or_else(|| format!("{value:?} is no number"))?;
    let timestamp = words.next().map(timestamp).transpose()?;
    if let Some(more) = words.next() {
        return Err(format!("{more:?} follows the sample"));
    }
    Ok(PageSample {
        labels,
        value,
        timestamp,
    })
}

/// How much of a line names the series: up to the closing brace, or to the first space.
fn series_length(line: &str) -> usize {
    let start = line.find(['{', ' ', '\t']).unwrap_or(line.len());
    // Spaces may stand before the brace.
    let brace = start + line[start..].len() - line[start..].trim_start().len();
    if !line[brace..].starts_with('{') {
        return start;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in line.bytes().enumerate().skip(brace) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return index + 1,
            _ => {}
        }
    }
    line.len()
}

/// The labels that the text of a series stands for, the metric's name included.
pub(crate) fn labels(series: &str) -> Result<Labels, String> {
    let end = series.find(['{', ' ', '\t']).unwrap_or(series.len());
    let (name, rest) = series.split_at(end);
    if !is_metric_name(name) {
        return Err(format!("{name:?} is no metric name"));
    }
    let mut labels: Vec<(Arc<str>, Arc<str>)> = vec![(METRIC_NAME.into(), name.into())];
    if let Some(inner) = rest.trim_start().strip_prefix('{') {
        read_labels(inner, &mut labels)?;
    }
    Ok(Labels::new(labels))
}

fn number(text: &str) -> Option<f64> {
    // Rust's parser takes what Go's takes, but for hexadecimal and underscores, which nobody writes.
    text.parse().ok()
}

fn timestamp(text: &str) -> Result<i64, String> {
    let invalid = || format!("{text:?} is no timestamp");
    if text.contains('.') {
        // OpenMetrics writes seconds.
        return text
            .parse::<f64>()
            .map(|seconds| (seconds * 1000.0) as i64)
            .map_err(|_| invalid());
    }
    text.parse().map_err(|_| invalid())
}

/// Reads labels up to the closing brace.
fn read_labels(text: &str, labels: &mut Vec<(Arc<str>, Arc<str>)>) -> Result<(), String> {
    let mut rest = text.trim_start();
    loop {
        if rest.starts_with('}') {
            return Ok(());
        }
        let (name, after) = rest
            .split_once('=')
            .ok_or("a label lacks its value or '}' is missing")?;
        let name = name.trim();
        if !is_label_name(name) {
            return Err(format!("{name:?} is no label name"));
        }
        if labels.iter().any(|(known, _)| &**known == name) {
            return Err(format!("label {name} is given twice"));
        }
        let quoted = after.trim_start().strip_prefix('"');
        let quoted = quoted.ok_or_else(|| format!("the value of label {name} is not quoted"))?;
        let (value, after) =
            unquote(quoted).ok_or_else(|| format!("the value of label {name} does not end"))?;
        labels.push((name.into(), value.into()));
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.starts_with('}') {
            return Err(format!("',' or '}}' is missing after label {name}"));
        }
    }
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
