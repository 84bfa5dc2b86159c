//! One view of types, whether they are built in or come from a CustomResourceDefinition.

use std::sync::Arc;

use crate::custom::{self, Node};
use crate::fact::{
    self, FieldFact, Keys, ListKind, MapKind, Merge, Presence, Retain, Shape, TypeFact,
};
use crate::generated::meta::V1_OBJECTMETA;

/// The type of a whole object, cheap to clone and to keep.
#[derive(Debug, Clone)]
pub enum Type {
    /// A kind of the generated tables.
    BuiltIn(&'static TypeFact),
    /// A kind with a structural schema of its own.
    Custom(Arc<custom::Schema>),
    /// A kind nothing is known of: every field is allowed, every list is one value.
    Unknown,
}

impl Type {
    /// The built-in type of a kind; `group` is empty for core.
    pub fn built_in(group: &str, version: &str, kind: &str) -> Option<Self> {
        fact::built_in(group, version, kind).map(Self::BuiltIn)
    }

    /// The type that an `openAPIV3Schema` describes.
    ///
    /// # Errors
    /// Where it is no structural schema: the path in it and what is wrong there.
    pub fn custom(open_api_v3_schema: &serde_json::Value) -> Result<Self, custom::Error> {
        custom::Schema::parse(open_api_v3_schema).map(|schema| Self::Custom(Arc::new(schema)))
    }

    /// The view from the root of an object.
    pub fn structure(&self) -> Structure<'_> {
        match self {
            Self::BuiltIn(fact) => Structure::object(fact),
            Self::Custom(schema) => Structure::Custom {
                node: schema.root(),
                level: Level::Root,
            },
            Self::Unknown => Structure::Unknown,
        }
    }
}

/// Where in an object a node of a custom schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The object itself: it has `apiVersion`, `kind` and `metadata` even if its schema does not say so.
    Root,
    /// Below.
    Inner,
}

/// What is known of the value at one place in an object.
#[derive(Debug, Clone, Copy)]
pub enum Structure<'a> {
    /// By the generated tables.
    BuiltIn {
        /// What the value is.
        shape: Shape,
        /// The field it is the value of; `None` for roots, items and values of maps.
        field: Option<&'static FieldFact>,
    },
    /// By the schema of a CustomResourceDefinition.
    Custom {
        /// The schema of the value.
        node: &'a Node,
        /// Where it is.
        level: Level,
    },
    /// Nothing is known.
    Unknown,
}

impl<'a> Structure<'a> {
    /// The view of a built-in object.
    pub fn object(fact: &'static TypeFact) -> Self {
        Self::BuiltIn {
            shape: Shape::Object(fact),
            field: None,
        }
    }

    /// What is known of the field `name`; `None` if there is no such field.
    pub fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::BuiltIn {
                shape: Shape::Object(fact),
                ..
            } => {
                let field = fact.field(name)?;
                Some(Self::BuiltIn {
                    shape: field.shape,
                    field: Some(field),
                })
            }
            Self::BuiltIn {
                shape: Shape::Map(values),
                ..
            } => Some(Self::BuiltIn {
                shape: *values,
                field: None,
            }),
            Self::BuiltIn {
                shape: Shape::Any, ..
            }
            | Self::Unknown => Some(Self::Unknown),
            Self::BuiltIn { .. } => None,
            Self::Custom { node, level } => custom_field(node, level, name),
        }
    }

    /// What is known of the items of a list.
    pub fn items(self) -> Self {
        match self {
            Self::BuiltIn {
                shape: Shape::Array(items),
                ..
            } => Self::BuiltIn {
                shape: *items,
                field: None,
            },
            Self::Custom { node, .. } => match &node.items {
                Some(items) => Self::Custom {
                    node: items,
                    level: Level::Inner,
                },
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether the value is a list.
    pub fn is_list(self) -> bool {
        match self {
            Self::BuiltIn { shape, .. } => matches!(shape, Shape::Array(_)),
            Self::Custom { node, .. } => node.kind == custom::Kind::Array,
            Self::Unknown => false,
        }
    }

    /// Whether a number must be whole.
    pub(crate) fn is_integer(self) -> bool {
        match self {
            Self::BuiltIn { shape, .. } => matches!(shape, Shape::Int32 | Shape::Int64),
            Self::Custom { node, .. } => {
                matches!(node.kind, custom::Kind::Integer | custom::Kind::IntOrString)
            }
            Self::Unknown => false,
        }
    }

    /// Whether the value is an object with named fields, rather than a map with free keys.
    pub fn has_field(self, name: &str) -> bool {
        match self {
            Self::BuiltIn {
                shape: Shape::Object(fact),
                ..
            } => fact.field(name).is_some(),
            Self::Custom { node, level } => {
                node.properties.contains_key(name)
                    || (level == Level::Root && matches!(name, "apiVersion" | "kind" | "metadata"))
            }
            _ => false,
        }
    }

    /// The default of the field `name` where it tells the items of a list apart.
    pub(crate) fn key_default(self, name: &str) -> Option<serde_json::Value> {
        match self {
            // The one default inside the keys of built-in lists: of ports.
            Self::BuiltIn {
                shape: Shape::Object(_),
                ..
            } => (name == "protocol").then(|| serde_json::Value::from("TCP")),
            Self::Custom { node, .. } => node.properties.get(name)?.default.clone(),
            _ => None,
        }
    }

    /// How server-side apply sees the value, if it is a list.
    pub fn list(self) -> ListKind<'a> {
        match self {
            Self::BuiltIn {
                field: Some(field), ..
            } => field.list,
            Self::Custom { node, .. } => match &node.list {
                custom::List::Atomic => ListKind::Atomic,
                custom::List::Set => ListKind::Set,
                custom::List::Map(keys) => ListKind::Map(Keys::Custom(keys)),
            },
            _ => ListKind::Atomic,
        }
    }

    /// How server-side apply sees the value, if it is an object.
    pub fn map(self) -> MapKind {
        match self {
            Self::BuiltIn { shape, field } => match (field, shape) {
                (
                    Some(FieldFact {
                        map: MapKind::Atomic,
                        ..
                    }),
                    _,
                )
                | (_, Shape::Any) => MapKind::Atomic,
                (_, Shape::Object(fact)) => fact.map,
                _ => MapKind::Granular,
            },
            Self::Custom { node, .. } => node.map,
            Self::Unknown => MapKind::Granular,
        }
    }

    /// How a strategic merge patch merges the value, if it is a list. Custom kinds have no strategic
    /// merge patches; their lists are replaced.
    pub fn merge(self) -> Merge<'static> {
        match self {
            Self::BuiltIn {
                field: Some(field), ..
            } => field.merge,
            _ => Merge::Replace,
        }
    }

    /// What a strategic merge patch retains of the value, if it is an object.
    pub fn retain(self) -> Retain {
        match self {
            Self::BuiltIn {
                field: Some(field), ..
            } => field.retain,
            _ => Retain::All,
        }
    }

    /// The names of the fields that must be there.
    pub fn required(self) -> Vec<&'a str> {
        match self {
            Self::BuiltIn {
                shape: Shape::Object(fact),
                ..
            } => {
                let fields = fact.fields.iter();
                let required = fields.filter(|field| field.presence == Presence::Required);
                required.map(|field| field.name).collect()
            }
            Self::Custom { node, .. } => node.required.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

fn custom_field<'a>(node: &'a Node, level: Level, name: &str) -> Option<Structure<'a>> {
    let whole = level == Level::Root || node.embedded == custom::Embedded::Resource;
    match name {
        "metadata" if whole => {
            return Some(Structure::BuiltIn {
                shape: Shape::Object(&V1_OBJECTMETA),
                field: None,
            });
        }
        "apiVersion" | "kind" if whole => {
            return Some(Structure::BuiltIn {
                shape: Shape::Text,
                field: None,
            });
        }
        _ => {}
    }
    if let Some(node) = node.properties.get(name) {
        return Some(Structure::Custom {
            node,
            level: Level::Inner,
        });
    }
    match &node.additional {
        custom::Additional::Schema(node) => Some(Structure::Custom {
            node,
            level: Level::Inner,
        }),
        custom::Additional::Any => Some(Structure::Unknown),
        custom::Additional::None if node.unknown == custom::Unknown::Preserved => {
            Some(Structure::Unknown)
        }
        custom::Additional::None => None,
    }
}
