//! How functions are declared: what they take and give.

use super::library::Scratch;
use super::syntax::Style;
use super::types::Type;
use super::value::{ListKind, Value};

/// A type in a signature.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sort {
    Dyn,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    List(&'static Sort),
    Map(&'static Sort, &'static Sort),
    Optional(&'static Sort),
    /// The type A or B, the same wherever it occurs.
    Same(u8),
    Type,
    Quantity,
    Url,
    Ip,
    Cidr,
    Format,
    Semver,
    Authorizer,
    PathCheck,
    GroupCheck,
    ResourceCheck,
    Decision,
}

/// The type parameter A.
pub(super) const A: Sort = Sort::Same(0);
/// The type parameter B.
pub(super) const B: Sort = Sort::Same(1);

/// What a call costs beside 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing.
    Constant,
    /// The weight of all arguments.
    Sum,
    /// The weights of the arguments, multiplied: matching, sets.
    Product,
    /// What is in the arguments, at all depths: comparison.
    Deep,
    /// Upstream charges much for asking an authorizer.
    Fixed(u64),
}

/// One way to call a function.
pub(super) struct Overload {
    pub(super) name: &'static str,
    pub(super) style: Style,
    pub(super) parameters: &'static [Sort],
    pub(super) result: Sort,
    pub(super) cost: Cost,
    pub(super) call: fn(&mut Scratch<'_>, &[Value]) -> Result<Value, String>,
}

impl Sort {
    /// The same as a type of the checker.
    pub(super) fn of(self) -> Type {
        match self {
            Self::Dyn => Type::Dyn,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::Text => Type::String,
            Self::Bytes => Type::Bytes,
            Self::Timestamp => Type::Timestamp,
            Self::Duration => Type::Duration,
            Self::List(items) => Type::List(items.of().into(), ListKind::Atomic),
            Self::Map(keys, values) => Type::Map(keys.of().into(), values.of().into()),
            Self::Optional(inner) => Type::optional(inner.of()),
            Self::Same(number) => Type::Parameter(number),
            Self::Type => Type::Type,
            Self::Quantity => Type::Quantity,
            Self::Url => Type::Url,
            Self::Ip => Type::Ip,
            Self::Cidr => Type::Cidr,
            Self::Format => Type::Format,
            Self::Semver => Type::Semver,
            Self::Authorizer => Type::Authorizer,
            Self::PathCheck => Type::PathCheck,
            Self::GroupCheck => Type::GroupCheck,
            Self::ResourceCheck => Type::ResourceCheck,
            Self::Decision => Type::Decision,
        }
    }

    /// Whether a value is of this sort, looking only at its outside.
    pub(super) fn fits(self, value: &Value) -> bool {
        match self {
            Self::Dyn | Self::Same(_) => true,
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => matches!(value, Value::Int(_)),
            Self::Uint => matches!(value, Value::Uint(_)),
            Self::Double => matches!(value, Value::Double(_)),
            Self::Text => matches!(value, Value::String(_)),
            Self::Bytes => matches!(value, Value::Bytes(_)),
            Self::Timestamp => matches!(value, Value::Timestamp(_)),
            Self::Duration => matches!(value, Value::Duration(_)),
            Self::List(items) => match value {
                Value::List(list) => list.items.first().is_none_or(|first| items.fits(first)),
                _ => false,
            },
            Self::Map(..) => matches!(value, Value::Map(_)),
            Self::Optional(_) => matches!(value, Value::Optional(_)),
            Self::Type => matches!(value, Value::Type(_)),
            Self::Quantity => matches!(value, Value::Quantity(_)),
            Self::Url => matches!(value, Value::Url(_)),
            Self::Ip => matches!(value, Value::Ip(_)),
            Self::Cidr => matches!(value, Value::Cidr(_)),
            Self::Format => matches!(value, Value::Format(_)),
            Self::Semver => matches!(value, Value::Semver(_)),
            Self::Authorizer
            | Self::PathCheck
            | Self::GroupCheck
            | Self::ResourceCheck
            | Self::Decision => {
                matches!(value, Value::Authorization(step) if step.sort_fits(self))
            }
        }
    }
}
