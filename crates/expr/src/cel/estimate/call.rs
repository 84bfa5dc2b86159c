//! What calls cost: by function and, where that decides, by the types of what it is given.

use std::sync::Arc;

use super::fold::holds_text;
use super::size::{PATTERN, Size, TRAVERSAL, scaled};
use super::{Entry, Found, Walk, below, made, sum};
use crate::cel::syntax::{Node, Style};
use crate::cel::types::Type;
use crate::cel::value::Value;

/// The longest pattern behind a named format.
const FORMAT_PATTERN: f64 = 128.0;

/// The longest text of a named format.
const FORMAT: u64 = 64;

/// An address, in bytes.
const ADDRESS: Size = Size { least: 4, most: 16 };

/// A call's own price, and the size of what comes of it.
struct Price {
    cost: u64,
    size: Option<Size>,
}

const fn price(cost: u64) -> Price {
    Price { cost, size: None }
}

const fn sized(cost: u64, size: Size) -> Price {
    Price {
        cost,
        size: Some(size),
    }
}

impl Walk<'_> {
    pub(super) fn call(&mut self, function: &Arc<str>, style: Style, arguments: &[Node]) -> Found {
        let found: Vec<Found> = arguments.iter().map(|node| self.node(node)).collect();
        if let ("dyn", [only]) = (&**function, found.as_slice()) {
            return Found {
                cost: only.cost.saturating_add(1),
                size: only.size,
                entry: only.entry,
                ..Found::default()
            };
        }
        let limit = match arguments.get(2).map(|node| &node.part) {
            Some(crate::cel::syntax::Part::Literal(Value::Int(limit))) => Some(*limit),
            _ => None,
        };
        let price = match style {
            Style::Method => self.method(function, &found, limit),
            Style::Function => Self::function(function, &found),
        };
        let entry = match (&**function, found.as_slice()) {
            ("_+_", [left, right]) => Entry::union(left.entry, right.entry),
            _ => None,
        };
        Found {
            size: price.size,
            entry,
            ..made(sum(&found).saturating_add(price.cost))
        }
    }

    fn function(name: &str, found: &[Found]) -> Price {
        match (name, found) {
            ("url" | "jsonpatch.escapeKey", [text]) => {
                let size = text.size_or_unknown();
                sized(size.walked(), size)
            }
            (
                "cidr" | "isIP" | "isCIDR" | "ip" | "quantity" | "isQuantity" | "semver"
                | "isSemver",
                [text, ..],
            ) => price(text.size_or_unknown().walked()),
            ("ip.isCanonical", [text, ..]) => {
                price(scaled(text.size_or_unknown().most, 2.0 * TRAVERSAL))
            }
            ("strings.quote", [text]) => {
                let size = text.size_or_unknown();
                let quoted = size.plus(size).plus(Size::fixed(2));
                sized(size.walked(), quoted)
            }
            ("bytes", [text]) if text.is(&Type::String) || text.is_dyn() => {
                let size = text.size_or_unknown();
                sized(size.walked().max(1), size.times(Size::fixed(4)))
            }
            ("string", [bytes]) if bytes.is(&Type::Bytes) => {
                let size = bytes.size_or_unknown();
                sized(size.walked(), size)
            }
            ("string", [bytes]) if bytes.is_dyn() => price(bytes.size_or_unknown().walked().max(1)),
            ("sets.contains" | "sets.intersects", [left, right]) => price(product(left, right, 1)),
            ("sets.equivalent", [left, right]) => price(product(left, right, 2)),
            ("@in", [_, range]) if range.is_list() => price(range.size_or_unknown().most),
            ("@in", [_, range]) if range.is_dyn() => price(range.size_or_unknown().most.max(1)),
            ("_+_", [left, right]) => plus(left, right),
            ("_==_", [left, right]) if left.of == right.of => {
                same_kind(left).unwrap_or_else(|| compared(left, right))
            }
            ("_==_" | "_!=_", [left, right]) => compared(left, right),
            ("_<_" | "_<=_" | "_>_" | "_>=_", [left, right]) => ordered(left, right),
            _ => price(1),
        }
    }

    fn method(&self, name: &str, found: &[Found], limit: Option<i64>) -> Price {
        let [target, rest @ ..] = found else {
            return price(1);
        };
        let size = target.size_or_unknown();
        match (name, rest) {
            ("check", _) => price(350_000),
            ("fieldSelector" | "labelSelector", [text]) => price(selector(text)),
            ("isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf", _) => {
                price(self.visited(target))
            }
            ("lowerAscii" | "upperAscii" | "substring" | "trim", _) => sized(size.walked(), size),
            ("replace", [from, to, ..]) => sized(
                scaled(size.most, 2.0 * TRAVERSAL),
                replaced(size, from.size_or_unknown(), to.size_or_unknown()),
            ),
            ("split", _) => {
                let most =
                    limit.map_or(size.most, |limit| u64::try_from(limit).unwrap_or(u64::MAX));
                sized(scaled(size.most, 2.0 * TRAVERSAL), Size::up_to(most))
            }
            ("join", separators) => {
                let joined = self.joined(target, separators.first());
                sized(joined.walked(), joined)
            }
            ("find" | "findAll", [pattern, ..]) => {
                sized(matched(size, pattern), Size::up_to(size.most))
            }
            ("matches", [pattern]) => price(matched(size, pattern)),
            ("contains", [part]) => price(
                size.walked()
                    .saturating_mul(part.size_or_unknown().walked()),
            ),
            ("startsWith" | "endsWith", [part]) => price(part.size_or_unknown().walked()),
            ("format", _) => price(size.walked()),
            ("containsIP", [other]) => price(ADDRESS.plus(ADDRESS).walked() + parsed(other)),
            ("containsCIDR", [other]) => price(
                (ADDRESS.plus(ADDRESS).walked() + ADDRESS.walked() + 1)
                    .saturating_add(parsed(other)),
            ),
            ("validate", [text, ..]) => price(scaled(
                text.size_or_unknown().walked(),
                FORMAT_PATTERN * PATTERN,
            )),
            _ => price(1),
        }
    }

    /// What it costs to look at each item of a list, or at each letter of a text.
    fn visited(&self, target: &Found) -> u64 {
        let size = target.size_or_unknown();
        match holds_text(target.of.as_ref()) {
            None => size.walked(),
            Some(false) => size.most,
            Some(true) => {
                let each = 1_u64.saturating_add(self.item(target).walked());
                size.most.saturating_mul(each)
            }
        }
    }

    fn item(&self, list: &Found) -> Size {
        if list.path.is_empty() {
            return Size::UNKNOWN;
        }
        let path = below(&list.path, "@items");
        self.declared.size(&path).unwrap_or(Size::UNKNOWN)
    }

    fn joined(&self, target: &Found, separator: Option<&Found>) -> Size {
        let count = target.size_or_unknown();
        let mut size = match holds_text(target.of.as_ref()) {
            Some(_) => count.times(self.item(target)),
            None => Size::fixed(0),
        };
        if let Some(separator) = separator {
            let gaps = Size {
                least: count.least.saturating_sub(1),
                most: count.most.saturating_sub(1),
            };
            size = size.plus(separator.size_or_unknown().times(gaps));
        }
        size
    }
}

fn product(left: &Found, right: &Found, factor: u64) -> u64 {
    let both = left.size_or_unknown().times(right.size_or_unknown());
    both.most.saturating_mul(factor).saturating_add(1)
}

/// A text that is compared with an address is read first.
fn parsed(other: &Found) -> u64 {
    if other.is(&Type::String) || other.is_dyn() {
        other.size_or_unknown().walked()
    } else {
        0
    }
}

fn plus(left: &Found, right: &Found) -> Price {
    let size = left.size_or_unknown().plus(right.size_or_unknown());
    let text = |found: &Found| found.is(&Type::String) || found.is(&Type::Bytes);
    if text(left) || text(right) {
        sized(size.walked(), size)
    } else if left.is_list() || right.is_list() {
        sized(1, size)
    } else if left.is_dyn() && right.is_dyn() {
        sized(size.walked().max(1), size)
    } else {
        price(1)
    }
}

fn compared(left: &Found, right: &Found) -> Price {
    let most = left
        .size_or_unknown()
        .most
        .min(right.size_or_unknown().most);
    price(scaled(most, TRAVERSAL))
}

fn ordered(left: &Found, right: &Found) -> Price {
    let text = |found: &Found| found.is(&Type::String) || found.is(&Type::Bytes);
    if text(left) || text(right) {
        return compared(left, right);
    }
    if left.is_dyn() && right.is_dyn() {
        return price(compared(left, right).cost.max(1));
    }
    price(1)
}

/// Two of a kind that is compared at once.
fn same_kind(left: &Found) -> Option<Price> {
    match left.of.as_ref()? {
        Type::Ip
        | Type::Cidr
        | Type::Quantity
        | Type::Semver
        | Type::Authorizer
        | Type::PathCheck
        | Type::GroupCheck
        | Type::ResourceCheck
        | Type::Decision => Some(price(1)),
        Type::Format => Some(price(scaled(FORMAT, TRAVERSAL))),
        Type::Url => {
            let size = left.size.unwrap_or(Size::ONE);
            Some(price(scaled(size.most.max(1), TRAVERSAL)))
        }
        _ => None,
    }
}

fn selector(text: &Found) -> u64 {
    let most = text.size_or_unknown().most;
    let requirements = scaled(most, 0.5);
    super::LIST
        .saturating_add(scaled(most, TRAVERSAL))
        .saturating_add(requirements.saturating_mul(super::LIST + super::OBJECT))
}

/// The price of a regular expression; one is added so that an empty text costs something.
fn matched(text: Size, pattern: &Found) -> u64 {
    let letters = text.plus(Size::ONE).walked();
    letters.saturating_mul(scaled(pattern.size_or_unknown().most, PATTERN))
}

/// The size of a text in which each `from` became a `to`.
fn replaced(text: Size, from: Size, to: Size) -> Size {
    let most = if from.least == 0 {
        // What is put around each letter.
        let count = text.most.saturating_add(1);
        count.saturating_mul(to.most).saturating_add(text.most)
    } else if to.most <= from.least {
        text.most
    } else {
        text.most.div_ceil(from.least).saturating_mul(to.most)
    };
    let least = if from.most == 0 {
        let count = text.least.saturating_add(1);
        count.saturating_mul(to.least).saturating_add(text.least)
    } else if from.most <= to.least {
        text.least
    } else {
        text.least.div_ceil(from.most).saturating_mul(to.least)
    };
    Size { least, most }
}
