//! The values that expressions compute with. Copies are cheap: what is large is shared.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::library::authorizer::Authorization;
use super::library::format::Format;
use super::library::network::Cidr;
use super::library::quantity::Quantity;
use super::library::semver::Version;
use super::library::url::Url;

/// A value.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // The names are the language's own.
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    List(Arc<List>),
    /// A map, or an object.
    Map(Arc<Map>),
    Optional(Option<Arc<Value>>),
    /// The name of a type.
    Type(Arc<str>),
    Quantity(Quantity),
    Url(Arc<Url>),
    Ip(IpAddr),
    Cidr(Cidr),
    Format(&'static Format),
    Semver(Arc<Version>),
    Authorization(Arc<Authorization>),
}

/// The items of a list, and how lists of its kind are compared and joined.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The items.
    pub items: Vec<Value>,
    /// By `x-kubernetes-list-type`.
    pub kind: ListKind,
}

/// How a list is compared and joined (`x-kubernetes-list-type`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListKind {
    /// In its order.
    #[default]
    Atomic,
    /// Without order and repetition.
    Set,
    /// By the values of these fields, without order.
    Map(Arc<[String]>),
}

/// A map.
pub type Map = BTreeMap<MapKey, Value>;

/// What may be the key of a map. Numbers of both signs are one kind, as `1 == 1u`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MapKey {
    Bool(bool),
    Int(i64),
    /// Only what is too large for [`MapKey::Int`].
    Uint(u64),
    String(Arc<str>),
}

impl MapKey {
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => i64::try_from(*value).map_or(Self::Uint(*value), Self::Int),
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 9e18 => {
                Self::Int(*value as i64)
            }
            Value::String(text) => Self::String(Arc::clone(text)),
            _ => return None,
        })
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Uint(value) => Value::Uint(*value),
            Self::String(text) => Value::String(Arc::clone(text)),
        }
    }

    /// As it is written in messages and in JSON.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Uint(value) => value.to_string(),
            Self::String(text) => text.to_string(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(Arc::new(List {
            items,
            kind: ListKind::Atomic,
        }))
    }
}

impl Value {
    /// A value that is there, as an optional one.
    pub fn some(value: Value) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// An optional value that is absent.
    pub const NONE: Self = Self::Optional(None);

    /// A map from texts.
    pub fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        let entries = fields
            .into_iter()
            .map(|(name, value)| (MapKey::String(name.into()), value));
        Self::Map(Arc::new(entries.collect()))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The item of a list, or `None`.
    pub fn item(&self, index: usize) -> Option<&Value> {
        match self {
            Self::List(list) => list.items.get(index),
            _ => None,
        }
    }

    /// The field of an object, by the name it has in JSON, or `None`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(&MapKey::String(name.into())),
            _ => None,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Url(_) => "kubernetes.URL",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Format(_) => "kubernetes.NamedFormat",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Authorization(value) => value.type_name(),
        }
    }

    /// What it costs to go through the value without going into its parts.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::String(text) => text.len() as u64 / 10,
            Self::Bytes(bytes) => bytes.len() as u64 / 10,
            Self::List(list) => list.items.len() as u64,
            Self::Map(map) => map.len() as u64,
            _ => 0,
        }
    }
}
