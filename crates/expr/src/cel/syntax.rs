//! What a text says: the tree that the parser makes, with macros resolved.

use std::sync::Arc;

use super::value::Value;

/// A part of an expression, and the byte of the text where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// No other node of the same text has it.
    pub(super) id: u32,
    pub(super) at: usize,
    /// How many nodes are below this one at most, which bounds the recursion over the tree.
    pub(super) height: usize,
    pub(super) part: Part,
}

/// Whether a thing may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It must be there.
    Plain,
    /// `a.?b`, `a[?b]`, `[?a]`, `{?a: b}`.
    Optional,
    /// `has(a.b)`.
    Test,
}

#[derive(Debug, Clone)]
pub(super) enum Part {
    Literal(Value),
    Name(Arc<str>),
    Select {
        operand: Box<Node>,
        field: Arc<str>,
        presence: Presence,
    },
    /// `a[b]`; never [`Presence::Test`].
    Index {
        operand: Box<Node>,
        index: Box<Node>,
        presence: Presence,
    },
    /// A function, a method (whose first argument is the target) or an operator.
    Call {
        function: Arc<str>,
        style: Style,
        arguments: Vec<Node>,
    },
    /// At least two; a long chain is no deep tree.
    And(Vec<Node>),
    Or(Vec<Node>),
    If(Box<[Node; 3]>),
    List(Vec<(Node, Presence)>),
    Map(Vec<(Node, Node, Presence)>),
    /// `Object.spec{…}`.
    Struct {
        name: String,
        fields: Vec<(Arc<str>, Node, Presence)>,
    },
    Fold(Box<Fold>),
    /// `cel.bind(name, value, body)`.
    Bind {
        name: Arc<str>,
        value: Box<Node>,
        body: Box<Node>,
    },
    /// `a.optMap(name, body)` and `a.optFlatMap(name, body)`.
    Unwrap {
        name: Arc<str>,
        value: Box<Node>,
        body: Box<Node>,
        result: Wrapping,
    },
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Function,
    Method,
}

/// Whether `optMap` or `optFlatMap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    Wrap,
    Flat,
}

/// What is made of the items of a list or map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    All,
    Exists,
    ExistsOne,
    List,
    Map,
    /// `transformMapEntry`: the body is a map that is merged.
    Entries,
}

/// A macro over the items of a list or map.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub(super) goal: Goal,
    pub(super) range: Node,
    /// The item's variable; for a map with one variable: the key's.
    pub(super) first: Arc<str>,
    /// The value's, where there are two: then `first` is the index or key.
    pub(super) second: Option<Arc<str>>,
    /// Which items count, for [`Goal::List`], [`Goal::Map`] and [`Goal::Entries`].
    pub(super) filter: Option<Node>,
    /// The predicate, or what becomes of an item; absent for `filter`, which keeps the item.
    pub(super) body: Option<Node>,
}
