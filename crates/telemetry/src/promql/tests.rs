//! Runs the fixtures in `tests/promql/*.test`.
//!
//! ```text
//! load 10s
//!   metric{label="x"}  0+10x6 _ stale 5
//!
//! eval instant at 1m rate(metric[1m])
//!   {label="x"} 1
//!
//! eval range 0s 1m 30s metric
//!   metric{label="x"} 0 30 60
//!
//! fail at 1m topk(
//!   1:6: parse error
//!
//! clear
//! ```
//!
//! A load gives each series one value per step: numbers, `_` for none, `stale`, `a+bxn` for n further
//! steps of b, `axn` for n repetitions. An instant result lists every series; with `ordered` their order counts.
//! `_` in a range result is a step without value.

use std::fmt::Write as _;

use super::*;
use crate::store::{Limits, stale_marker};

#[test]
fn fixtures_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promql");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut wrong = String::new();
    let mut count = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut fixture = Fixture {
            store: Store::new(Limits::default()),
            step: 0,
        };
        for block in blocks(&text) {
            count += usize::from(block.head.starts_with("eval") || block.head.starts_with("fail"));
            if let Err(message) = fixture.run(&block) {
                writeln!(wrong, "{name}:{}: {}\n{message}", block.line, block.head).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 150, "only {count} expectations were found");
}

#[test]
fn endless_queries_are_given_up() {
    let store = Store::new(Limits::default());
    let options = Options {
        most_work: 100_000,
        ..Options::default()
    };
    let text = "sum_over_time(sum_over_time(vector(1)[1d:1ms])[1d:1ms])";
    assert_eq!(
        super::instant(&store, &options, text, 0),
        Err(Error::TooMuchWork)
    );
}

struct Block<'t> {
    line: usize,
    head: &'t str,
    body: Vec<&'t str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => block.body.push(line.trim()),
            _ => blocks.push(Block {
                line: index + 1,
                head: line.trim(),
                body: Vec::new(),
            }),
        }
    }
    blocks
}

struct Fixture {
    store: Store,
    step: i64,
}

impl Fixture {
    fn run(&mut self, block: &Block<'_>) -> Result<(), String> {
        let words: Vec<&str> = block.head.splitn(2, ' ').collect();
        let rest = words.get(1).copied().unwrap_or_default();
        match words[0] {
            "clear" => self.store = Store::new(Limits::default()),
            "load" => {
                self.step = duration(rest);
                block.body.iter().for_each(|line| self.load(line));
            }
            "eval" if rest.starts_with("instant") => return self.instant(rest, &block.body),
            "eval" => return self.range(rest, &block.body),
            "fail" => return self.fail(rest, &block.body),
            other => return Err(format!("unknown command {other}")),
        }
        Ok(())
    }

    fn load(&self, line: &str) {
        let (labels, values) = series(line);
        let mut time = 0;
        for value in expand(values) {
            if let Some(value) = value {
                self.store.append(&labels, time, value).unwrap();
            }
            time += self.step;
        }
    }

    /// `instant [ordered] at <time> <expression>`
    fn instant(&self, rest: &str, body: &[&str]) -> Result<(), String> {
        let ordered = rest.contains(" ordered at ");
        let (_, rest) = rest.split_once("at ").unwrap();
        let (time, expr) = rest.split_once(' ').unwrap();
        let value = super::instant(&self.store, &Options::default(), expr, duration(time));
        let value = value.map_err(|error| format!("  failed: {error}"))?;
        let mut found = shown(&value);
        let mut wanted: Vec<(Labels, Vec<f64>)> = body.iter().map(|line| expected(line)).collect();
        if !ordered {
            wanted.sort_by(|left, right| left.0.cmp(&right.0));
            found.sort_by(|left, right| left.0.cmp(&right.0));
        }
        compare(&found, &wanted)
    }

    /// `range <start> <end> <step> <expression>`
    fn range(&self, rest: &str, body: &[&str]) -> Result<(), String> {
        let words: Vec<&str> = rest.splitn(5, ' ').collect();
        let time = |index: usize| duration(words[index]);
        let (start, end, step) = (time(1), time(2), time(3));
        let range = (start, end);
        let value = super::range(&self.store, &Options::default(), words[4], range, step);
        let Value::Matrix(series) = value.map_err(|error| format!("  failed: {error}"))? else {
            return Err("  no matrix".to_owned());
        };
        let steps = (start..=end).step_by(step as usize);
        let row = |series: &Series| {
            let at = |time| series.points.iter().find(|point| point.time == time);
            steps
                .clone()
                .map(|time| at(time).map_or(f64::NAN, |point| point.value))
                .collect()
        };
        let found: Vec<(Labels, Vec<f64>)> = series
            .iter()
            .map(|series| (series.labels.clone(), row(series)))
            .collect();
        let mut wanted: Vec<(Labels, Vec<f64>)> = body.iter().map(|line| expected(line)).collect();
        wanted.sort_by(|left, right| left.0.cmp(&right.0));
        compare(&found, &wanted)
    }

    /// `at <time> <expression>`; the body is part of the message.
    fn fail(&self, rest: &str, body: &[&str]) -> Result<(), String> {
        let (time, expr) = rest.trim_start_matches("at ").split_once(' ').unwrap();
        match super::instant(&self.store, &Options::default(), expr, duration(time)) {
            Ok(value) => Err(format!("  did not fail but gave {value:?}")),
            Err(error) => {
                let message = error.to_string();
                let missing = body.iter().find(|part| !message.contains(**part));
                missing.map_or(Ok(()), |part| {
                    Err(format!("  {message:?} does not contain {part:?}"))
                })
            }
        }
    }
}

fn duration(text: &str) -> i64 {
    if text == "0" || text == "0s" {
        return 0;
    }
    promql_parser::util::parse_duration(text)
        .unwrap()
        .as_millis() as i64
}

/// Labels and the rest of the line.
fn series(line: &str) -> (Labels, &str) {
    let end = match (line.find('{'), line.find(' ')) {
        (Some(brace), space) if space.is_none_or(|space| brace < space) => {
            line.find('}').unwrap() + 1
        }
        (_, Some(space)) => space,
        _ => line.len(),
    };
    let (text, rest) = line.split_at(end);
    if text == "{}" {
        return (Labels::default(), rest);
    }
    let selector = parse(text).unwrap();
    let Expr::VectorSelector(selector) = selector else {
        panic!("{text} is no series")
    };
    let name = selector
        .name
        .iter()
        .map(|name| ("__name__".to_owned(), name.clone()));
    let others = selector.matchers.matchers.iter();
    let others = others.map(|matcher| (matcher.name.clone(), matcher.value.clone()));
    (Labels::new(name.chain(others)), rest)
}

fn expand(values: &str) -> Vec<Option<f64>> {
    let mut expanded = Vec::new();
    for word in values.split_whitespace() {
        let (base, times) = match word.split_once('x') {
            Some((base, times)) => (base, times.parse().unwrap()),
            None => (word, 0),
        };
        if base == "_" {
            expanded.extend(vec![None; times.max(1)]);
            continue;
        }
        let sign = base
            .char_indices()
            .skip(1)
            .find(|(index, c)| matches!(c, '+' | '-') && !base[..*index].ends_with('e'));
        let (start, growth) = match sign {
            Some((index, _)) => (number(&base[..index]), number(&base[index..])),
            None => (number(base), 0.0),
        };
        expanded.extend((0..=times).map(|step| {
            // The staleness marker must not be computed with: that would make it an ordinary NaN.
            Some(if growth == 0.0 {
                start
            } else {
                start + growth * step as f64
            })
        }));
    }
    expanded
}

fn number(text: &str) -> f64 {
    if text == "stale" {
        stale_marker()
    } else {
        text.parse().unwrap()
    }
}

fn expected(line: &str) -> (Labels, Vec<f64>) {
    let plain: Result<f64, _> = line.parse();
    if let Ok(value) = plain {
        return (Labels::default(), vec![value]);
    }
    let (labels, rest) = series(line);
    let value = |word: &str| if word == "_" { f64::NAN } else { number(word) };
    (labels, rest.split_whitespace().map(value).collect())
}

fn shown(value: &Value) -> Vec<(Labels, Vec<f64>)> {
    match value {
        Value::Scalar(value) => vec![(Labels::default(), vec![*value])],
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| (sample.labels.clone(), vec![sample.value]))
            .collect(),
        Value::Matrix(series) => series
            .iter()
            .map(|series| {
                (
                    series.labels.clone(),
                    series.points.iter().map(|point| point.value).collect(),
                )
            })
            .collect(),
        Value::Text(text) => panic!("the text {text:?} cannot be compared"),
    }
}

fn compare(found: &[(Labels, Vec<f64>)], wanted: &[(Labels, Vec<f64>)]) -> Result<(), String> {
    let near = |left: &f64, right: &f64| {
        (left.is_nan() && right.is_nan())
            || left == right
            || (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
    };
    let same = found.len() == wanted.len()
        && found
            .iter()
            .zip(wanted)
            .all(|((labels, values), (wanted, numbers))| {
                labels == wanted
                    && values.len() == numbers.len()
                    && values
                        .iter()
                        .zip(numbers)
                        .all(|(left, right)| near(left, right))
            });
    if same {
        Ok(())
    } else {
        Err(format!("  found  {found:?}\n  wanted {wanted:?}"))
    }
}
