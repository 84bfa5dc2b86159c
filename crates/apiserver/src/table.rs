//! Table replies: what `kubectl get` prints.

pub(crate) mod built_in;
mod network;
mod pod;
mod policy;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
mod workload;

use std::sync::Arc;

use jiff::Timestamp;
use seatrial_expr::json_path::Path;
use serde_json::{Value, json};

use crate::object::Object;
use crate::skim::Wanted;

/// A column of a kind's table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// A hint on the content, such as `name`.
    pub format: String,
    /// What it means.
    pub description: String,
    /// 0 for columns that are always shown; above for those of `-o wide`.
    pub priority: i64,
    /// Where its cells come from.
    pub cell: Cell,
    /// What of an object its cells are made of.
    wanted: Wanted,
}

/// Where the cells of a column come from.
#[derive(Debug, Clone)]
pub enum Cell {
    /// The value at a path; a date is shown as an age. A path that cannot be read leads nowhere.
    Path(Option<Path>),
    /// The same, with a text for where there is none.
    PathOr(Option<Path>, &'static str),
    /// Worked out from the object.
    Compute(fn(&Object, Timestamp) -> Value),
}

impl Column {
    /// A column whose cells are worked out, of all of an object unless [`Column::reads`] says what of it.
    pub fn computed(name: &str, kind: &str, cell: fn(&Object, Timestamp) -> Value) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: String::new(),
            description: name.to_owned(),
            priority: 0,
            cell: Cell::Compute(cell),
            wanted: Wanted::all_but_ownership(),
        }
    }

    /// Says what of an object the cells are made of: paths of fields, which go through lists; a path that ends in `*`
    /// stands for the names of the fields only. What is not named here, the column does not see.
    #[must_use]
    pub fn reads(mut self, paths: &[&str]) -> Self {
        self.wanted = Wanted::nothing();
        for path in paths {
            match path.strip_suffix(".*") {
                Some(path) => self.wanted.add_names(path.split('.')),
                None => self.wanted.add(path.split('.')),
            }
        }
        self
    }

    /// Takes its cells from a path, and reads what that can reach.
    fn by_path(mut self, cell: Cell) -> Self {
        self.wanted = Wanted::nothing();
        if let Cell::Path(Some(path)) | Cell::PathOr(Some(path), _) = &cell {
            self.wanted.add(path.beginning());
        }
        self.cell = cell;
        self
    }

    /// A column of the values at `path`; `absent` stands for none.
    pub(crate) fn at(name: &str, kind: &str, path: &str, absent: &'static str) -> Self {
        let column = Self::computed(name, kind, |_, _| Value::Null);
        column.by_path(Cell::PathOr(Path::parse(path).ok(), absent))
    }

    /// Shown by `-o wide` only.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }

    /// The name of the object, the first column of every table.
    pub fn name() -> Self {
        let mut column = Self::computed("Name", "string", |object, _| json!(object.name()))
            .reads(&["metadata.name"]);
        "name".clone_into(&mut column.format);
        column
    }

    /// The time since creation.
    pub fn age() -> Self {
        Self::computed("Age", "string", |object, now| {
            json!(age(object.text(&["metadata", "creationTimestamp"]), now))
        })
        .reads(&["metadata.creationTimestamp"])
    }

    /// An entry of `additionalPrinterColumns`.
    pub fn from_definition(definition: &Value) -> Self {
        let text = |field: &str| {
            definition
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut column = Self::computed(&text("name"), &text("type"), |_, _| Value::Null);
        column.format = text("format");
        column.description = text("description");
        column.priority = definition
            .get("priority")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        column.by_path(Cell::Path(Path::parse(&text("jsonPath")).ok()))
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }

    /// What the column's path leads to in `whole`.
    fn find(&self, whole: &Value) -> Option<Value> {
        match &self.cell {
            Cell::Compute(_) => None,
            Cell::Path(path) | Cell::PathOr(path, _) => path.as_ref()?.first(whole).cloned(),
        }
    }

    /// The cell of `object`, where the column's path led to `found`.
    fn value(&self, object: &Object, found: Option<Value>, now: Timestamp) -> Value {
        let text = self.kind == "string";
        match (&self.cell, found) {
            (Cell::Compute(compute), _) => compute(object, now),
            (Cell::PathOr(_, absent), None | Some(Value::Null)) => {
                if text {
                    json!(absent)
                } else {
                    json!(absent.parse::<i64>().unwrap_or_default())
                }
            }
            (Cell::PathOr(_, absent), Some(Value::String(empty))) if empty.is_empty() => {
                json!(absent)
            }
            (Cell::Path(_), None) => Value::Null,
            (Cell::Path(_), Some(Value::String(moment))) if self.kind == "date" => {
                json!(age(&moment, now))
            }
            (_, Some(found)) if text && !found.is_string() => json!(found.to_string()),
            (_, Some(found)) => found,
        }
    }
}

fn cells(columns: &[Column], object: &mut Object, now: Timestamp) -> Vec<Value> {
    let whole = Value::Object(std::mem::take(&mut object.0));
    let found: Vec<_> = columns.iter().map(|column| column.find(&whole)).collect();
    if let Value::Object(map) = whole {
        object.0 = map;
    }
    let columns = columns.iter().zip(found);
    columns
        .map(|(column, found)| column.value(object, found, now))
        .collect()
}

/// The columns of a kind with the name in front.
pub(crate) fn with_name(columns: &[Column]) -> Arc<[Column]> {
    std::iter::once(Column::name())
        .chain(columns.iter().cloned())
        .collect()
}

/// What the rows of a table carry beside their cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowObject {
    /// Only the metadata (the default).
    Metadata,
    /// The whole object.
    Whole,
    /// Nothing.
    Nothing,
}

/// How long ago `moment` was, as kubectl shows ages: two units where the larger one is small.
pub(crate) fn age(moment: &str, now: Timestamp) -> String {
    match moment.parse::<Timestamp>() {
        Ok(then) => duration(now.as_second() - then.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A time span in seconds as kubectl shows it (`k8s.io/apimachinery/pkg/util/duration`).
pub(crate) fn duration(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let two = |large: i64, unit: &str, small: i64, rest: &str| {
        if small == 0 {
            format!("{large}{unit}")
        } else {
            format!("{large}{unit}{small}{rest}")
        }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 365 * 2 => format!("{days}d"),
        () if days < 365 * 8 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}
