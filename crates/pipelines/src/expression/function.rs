//! The functions, in one table.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::evaluate::{Scope, Status};
use super::value::{equal, fold, text};

type Apply = fn(&[Value], &Scope<'_>) -> Result<Value, String>;

/// One function of the language.
#[derive(Debug)]
pub(super) struct Function {
    /// As GitHub writes it; callers may write it in any case.
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) arguments: RangeInclusive<usize>,
    /// What it does.
    pub(super) apply: Apply,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// More arguments than anybody writes.
const MANY: usize = 255;

/// Every function there is.
pub(super) static FUNCTIONS: &[Function] = &[
    function("contains", 2..=2, |a, _| Ok(contains(&a[0], &a[1]).into())),
    function("startsWith", 2..=2, |a, _| {
        Ok(folded(&a[0]).starts_with(&folded(&a[1])).into())
    }),
    function("endsWith", 2..=2, |a, _| {
        Ok(folded(&a[0]).ends_with(&folded(&a[1])).into())
    }),
    function("format", 1..=MANY, |a, _| {
        format(&text(&a[0]), &a[1..]).map(Value::from)
    }),
    function("join", 1..=2, |a, _| Ok(join(a).into())),
    function("toJSON", 1..=1, |a, _| {
        serde_json::to_string_pretty(&a[0])
            .map(Value::from)
            .map_err(|error| error.to_string())
    }),
    function("fromJSON", 1..=1, |a, _| from_json(&text(&a[0]))),
    function("hashFiles", 1..=MANY, hash_files),
    function("success", 0..=0, |_, scope| {
        Ok((scope.status == Status::Success).into())
    }),
    function("failure", 0..=0, |_, scope| {
        Ok((scope.status == Status::Failure).into())
    }),
    function("cancelled", 0..=0, |_, scope| {
        Ok((scope.status == Status::Cancelled).into())
    }),
    function("always", 0..=0, |_, _| Ok(true.into())),
];

/// The functions that ask how things went so far.
const STATUS_CHECKS: &[&str] = &["success", "failure", "cancelled", "always"];

const fn function(name: &'static str, arguments: RangeInclusive<usize>, apply: Apply) -> Function {
    Function {
        name,
        arguments,
        apply,
    }
}

impl Function {
    pub(super) fn is_status_check(&self) -> bool {
        STATUS_CHECKS.contains(&self.name)
    }

    /// How many arguments it takes, in words.
    pub(super) fn takes(&self) -> String {
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        match (*self.arguments.start(), *self.arguments.end()) {
            (0, 0) => "no arguments".to_owned(),
            (least, MANY) => format!("at least {least} {}", plural(least)),
            (least, most) if least == most => format!("{least} {}", plural(least)),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }
}

/// The function of that name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .iter()
        .find(|function| function.name.eq_ignore_ascii_case(name))
}

fn folded(value: &Value) -> String {
    fold(&text(value))
}

fn contains(search: &Value, item: &Value) -> bool {
    match search {
        Value::Array(items) => items.iter().any(|found| equal(found, item)),
        Value::Object(_) => false,
        search => folded(search).contains(&folded(item)),
    }
}

/// `{0}` is an argument, `{{` and `}}` are braces.
fn format(pattern: &str, arguments: &[Value]) -> Result<String, String> {
    let mut output = String::new();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '{' | '}' if rest.peek() == Some(&character) => {
                rest.next();
                output.push(character);
            }
            '{' => {
                let index: String = rest.by_ref().take_while(|next| *next != '}').collect();
                let value = index
                    .trim()
                    .parse()
                    .ok()
                    .and_then(|at: usize| arguments.get(at));
                let given = arguments.len();
                let value = value.ok_or_else(|| {
                    format!("`{{{index}}}` names no argument of '{pattern}': {given} given")
                })?;
                output.push_str(&text(value));
            }
            '}' => return Err(format!("a single `}}` in '{pattern}': write `}}}}`")),
            other => output.push(other),
        }
    }
    Ok(output)
}

fn join(arguments: &[Value]) -> String {
    let separator = arguments.get(1).map_or_else(|| ",".to_owned(), text);
    match &arguments[0] {
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(&separator),
        Value::Object(_) => String::new(),
        single => text(single),
    }
}

fn from_json(source: &str) -> Result<Value, String> {
    if source.trim().is_empty() {
        return Err("the value is empty, not JSON".to_owned());
    }
    serde_json::from_str(source).map_err(|error| {
        let shown: String = source.chars().take(60).collect();
        format!("'{shown}' is no JSON: {error}")
    })
}

fn hash_files(arguments: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let files = scope
        .files
        .ok_or("there is no workspace here: use it in a step")?;
    let patterns: Vec<String> = arguments.iter().map(text).collect();
    files.hash(&patterns).map(Value::from)
}
