//! The types that expressions are checked with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::value::ListKind;

/// The type of a value, as far as it is known before evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the language's own.
pub enum Type {
    /// Anything: what is wrong with it shows when it is evaluated.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List(Arc<Type>, ListKind),
    Map(Arc<Type>, Arc<Type>),
    /// An object whose fields are known.
    Object(Arc<ObjectType>),
    Optional(Arc<Type>),
    /// The type of a type.
    Type,
    Quantity,
    Url,
    Ip,
    Cidr,
    Format,
    Semver,
    /// What may be done by whom: `authorizer`, and what its methods lead to.
    Authorizer,
    PathCheck,
    GroupCheck,
    ResourceCheck,
    Decision,
    /// A parameter of a function's signature.
    #[doc(hidden)]
    Parameter(u8),
}

/// The fields of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectType {
    /// What it is called in messages, such as `object` or `Object.spec`.
    pub name: String,
    /// The fields by the names they have in JSON. In expressions upstream's escapes may be used: `__dash__`, `__namespace__`.
    pub fields: BTreeMap<String, Type>,
}

impl Type {
    /// A list of `items` in their order.
    pub fn list(items: Type) -> Self {
        Self::List(Arc::new(items), ListKind::Atomic)
    }

    /// A map from texts.
    pub fn map(values: Type) -> Self {
        Self::Map(Arc::new(Self::String), Arc::new(values))
    }

    /// A value that may be absent.
    pub fn optional(inner: Type) -> Self {
        Self::Optional(Arc::new(inner))
    }

    /// An object with these fields.
    pub fn object(name: &str, fields: impl IntoIterator<Item = (String, Type)>) -> Self {
        Self::Object(Arc::new(ObjectType {
            name: name.to_owned(),
            fields: fields.into_iter().collect(),
        }))
    }

    /// Whether `null` may stand where this is expected.
    fn nullable(&self) -> bool {
        !matches!(
            self,
            Self::Bool
                | Self::Int
                | Self::Uint
                | Self::Double
                | Self::String
                | Self::Bytes
                | Self::List(..)
                | Self::Map(..)
        )
    }

    /// Whether a value of type `found` may stand where this is expected.
    #[allow(clippy::match_same_arms)] // The order of the arms is the rule.
    pub(super) fn accepts(&self, found: &Type) -> bool {
        match (self, found) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            (expected, Self::Null) | (Self::Null, expected) => expected.nullable(),
            (Self::List(a, _), Self::List(b, _)) | (Self::Optional(a), Self::Optional(b)) => {
                a.accepts(b)
            }
            (Self::Map(a, b), Self::Map(c, d)) => a.accepts(c) && b.accepts(d),
            // Two schemas may describe the same field: what differs shows in evaluation.
            (Self::Object(_), Self::Object(_) | Self::Map(..))
            | (Self::Map(..), Self::Object(_)) => true,
            (expected, found) => expected == found,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::List(items, _) => return write!(formatter, "list({items})"),
            Self::Map(keys, values) => return write!(formatter, "map({keys}, {values})"),
            Self::Object(object) => &object.name,
            Self::Optional(inner) => return write!(formatter, "optional_type({inner})"),
            Self::Type => "type",
            Self::Quantity => "kubernetes.Quantity",
            Self::Url => "kubernetes.URL",
            Self::Ip => "net.IP",
            Self::Cidr => "net.CIDR",
            Self::Format => "kubernetes.NamedFormat",
            Self::Semver => "kubernetes.Semver",
            Self::Authorizer => "kubernetes.authorization.Authorizer",
            Self::PathCheck => "kubernetes.authorization.PathCheck",
            Self::GroupCheck => "kubernetes.authorization.GroupCheck",
            Self::ResourceCheck => "kubernetes.authorization.ResourceCheck",
            Self::Decision => "kubernetes.authorization.Decision",
            Self::Parameter(number) => return write!(formatter, "{}", char::from(b'A' + number)),
        };
        formatter.write_str(name)
    }
}
