//! The functions: one file for each library, each a table of overloads.

pub(super) mod authorizer;
pub(super) mod format;
mod list;
pub(super) mod network;
mod optional;
pub(super) mod quantity;
pub(super) mod semver;
mod set;
mod text;
mod text_format;
pub(super) mod time;
pub(super) mod url;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::operate;
use super::signature::{Cost, Overload, Sort};
use super::syntax::Style;
use super::value::Value;

type Called = Result<Value, String>;
type Call = fn(&mut Scratch<'_>, &[Value]) -> Called;

/// What functions may use while one expression is evaluated.
pub(super) struct Scratch<'a> {
    known: &'a BTreeMap<String, Regex>,
    made: BTreeMap<String, Regex>,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(known: &'a BTreeMap<String, Regex>) -> Self {
        Self {
            known,
            made: BTreeMap::new(),
        }
    }

    /// A regular expression, compiled once.
    fn regex(&mut self, text: &str) -> Result<Regex, String> {
        if let Some(pattern) = self.known.get(text).or_else(|| self.made.get(text)) {
            return Ok(pattern.clone());
        }
        let pattern = regex(text)?;
        self.made.insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    }
}

/// Compiles a regular expression within limits of size.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
    built.map_err(|error| {
        format!(
            "error parsing regexp: {}",
            error.to_string().lines().last().unwrap_or_default()
        )
    })
}

const fn function(
    name: &'static str,
    parameters: &'static [Sort],
    result: Sort,
    call: Call,
) -> Overload {
    Overload {
        name,
        style: Style::Function,
        parameters,
        result,
        cost: Cost::Sum,
        call,
    }
}

const fn method(
    name: &'static str,
    parameters: &'static [Sort],
    result: Sort,
    call: Call,
) -> Overload {
    Overload {
        name,
        style: Style::Method,
        parameters,
        result,
        cost: Cost::Sum,
        call,
    }
}

const fn costly(mut overload: Overload, cost: Cost) -> Overload {
    overload.cost = cost;
    overload
}

/// Arguments that the overload's signature rules out.
fn mismatch() -> String {
    "no such overload".to_owned()
}

fn text(values: &[Value], index: usize) -> Result<&str, String> {
    values
        .get(index)
        .and_then(Value::as_str)
        .ok_or_else(mismatch)
}

fn int(values: &[Value], index: usize) -> Result<i64, String> {
    match values.get(index) {
        Some(Value::Int(value)) => Ok(*value),
        _ => Err(mismatch()),
    }
}

fn items(values: &[Value], index: usize) -> Result<&[Value], String> {
    match values.get(index) {
        Some(Value::List(list)) => Ok(&list.items),
        _ => Err(mismatch()),
    }
}

/// Functions and methods of a name.
#[derive(Default)]
struct Named {
    functions: Vec<&'static Overload>,
    methods: Vec<&'static Overload>,
}

type Table = BTreeMap<&'static str, Named>;

/// All overloads by name.
static OVERLOADS: LazyLock<Table> = LazyLock::new(|| {
    let tables: &[&'static [Overload]] = &[
        operate::OPERATORS,
        &operate::LESS,
        &operate::LESS_OR_EQUAL,
        &operate::GREATER,
        &operate::GREATER_OR_EQUAL,
        operate::CONVERSIONS,
        text::FUNCTIONS,
        text_format::FUNCTIONS,
        list::FUNCTIONS,
        set::FUNCTIONS,
        optional::FUNCTIONS,
        time::FUNCTIONS,
        quantity::FUNCTIONS,
        semver::FUNCTIONS,
        url::FUNCTIONS,
        network::FUNCTIONS,
        format::FUNCTIONS,
        authorizer::FUNCTIONS,
    ];
    let mut table = Table::new();
    for overload in tables.iter().flat_map(|table| table.iter()) {
        let named = table.entry(overload.name).or_default();
        match overload.style {
            Style::Function => named.functions.push(overload),
            Style::Method => named.methods.push(overload),
        }
    }
    table
});

/// The overloads of a function or method.
pub(super) fn overloads(name: &str, style: Style) -> &'static [&'static Overload] {
    OVERLOADS.get(name).map_or(&[], |named| match style {
        Style::Function => &named.functions,
        Style::Method => &named.methods,
    })
}

/// Whether `name` is a function whose name has a dot, such as `optional.of`.
pub(super) fn is_qualified(name: &str) -> bool {
    name.contains('.') && !overloads(name, Style::Function).is_empty()
}
