//! The rows of the generated tables about built-in kinds.
//!
//! Everything here is `'static` and made at compile time: looking a fact up costs no start-up and no
//! memory of its own. The `const fn`s exist for the generated code, which reads like a table by them.

pub mod wire;

/// What a value is.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // The variants without data are the types of their names.
pub enum Shape {
    Text,
    Boolean,
    Int32,
    Int64,
    Number,
    /// Bytes, in base64 as text.
    Bytes,
    /// An amount, as text (`100m`) or as a number.
    Quantity,
    IntOrString,
    /// RFC 3339 in whole seconds.
    Time,
    /// RFC 3339 in microseconds.
    MicroTime,
    /// Anything.
    Any,
    Object(&'static TypeFact),
    Array(&'static Shape),
    /// An object with free keys and values of one shape.
    Map(&'static Shape),
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Presence {
    Required,
    Optional,
}

/// How server-side apply sees a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind<'a> {
    /// One value, owned by one manager.
    Atomic,
    /// Distinct scalars, each owned for itself.
    Set,
    /// Objects that the values of some fields tell apart.
    Map(Keys<'a>),
}

/// The names of the fields that tell the items of a list apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys<'a> {
    /// Of a built-in list.
    BuiltIn(&'static [&'static str]),
    /// Of a list of a custom kind.
    Custom(&'a [String]),
}

impl<'a> Keys<'a> {
    /// The names, in the order of the schema.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        let (fixed, own) = match self {
            Self::BuiltIn(names) => (names, &[][..]),
            Self::Custom(names) => (&[][..], names),
        };
        fixed.iter().copied().chain(own.iter().map(String::as_str))
    }
}

/// How server-side apply sees an object or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Each field is owned for itself.
    Granular,
    /// One value, owned by one manager.
    Atomic,
}

/// How a strategic merge patch merges a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge<'a> {
    /// The patch's list takes the place of the old one.
    Replace,
    /// Objects are told apart by this field.
    By(&'a str),
    /// Scalars are added to those that are there.
    Values,
}

/// What a strategic merge patch does with the fields of an object that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// They stay.
    All,
    /// They go, if the patch carries `$retainKeys` without them.
    Listed,
}

/// A field of a built-in object.
#[derive(Debug)]
pub struct FieldFact {
    /// Its name in JSON.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// Whether it must be there.
    pub presence: Presence,
    /// How server-side apply sees it, if it is a list.
    pub list: ListKind<'static>,
    /// How server-side apply sees it, if it is an object.
    pub map: MapKind,
    /// How a strategic merge patch merges it, if it is a list.
    pub merge: Merge<'static>,
    /// What a strategic merge patch retains, if it is an object.
    pub retain: Retain,
}

/// A field of the plainest sort.
pub const fn field(name: &'static str, shape: Shape) -> FieldFact {
    FieldFact {
        name,
        shape,
        presence: Presence::Optional,
        list: ListKind::Atomic,
        map: MapKind::Granular,
        merge: Merge::Replace,
        retain: Retain::All,
    }
}

impl FieldFact {
    /// It must be there.
    pub const fn required(mut self) -> Self {
        self.presence = Presence::Required;
        self
    }

    /// It is a list of objects that `keys` tell apart.
    pub const fn map_list(mut self, keys: &'static [&'static str]) -> Self {
        self.list = ListKind::Map(Keys::BuiltIn(keys));
        self
    }

    /// It is a list of distinct scalars.
    pub const fn set_list(mut self) -> Self {
        self.list = ListKind::Set;
        self
    }

    /// It is one value for server-side apply.
    pub const fn atomic(mut self) -> Self {
        self.map = MapKind::Atomic;
        self
    }

    /// Strategic merge patches tell its items apart by `key`.
    pub const fn merge_by(mut self, key: &'static str) -> Self {
        self.merge = Merge::By(key);
        self
    }

    /// Strategic merge patches add to its scalars.
    pub const fn merge_values(mut self) -> Self {
        self.merge = Merge::Values;
        self
    }

    /// Strategic merge patches may list the fields to keep.
    pub const fn retain_keys(mut self) -> Self {
        self.retain = Retain::Listed;
        self
    }
}

/// A built-in object.
#[derive(Debug)]
pub struct TypeFact {
    /// The name of upstream's definition, such as `io.k8s.api.core.v1.Pod`.
    pub name: &'static str,
    /// Group, version and kind, if it is a kind of its own.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
    /// How server-side apply sees it.
    pub map: MapKind,
    /// Its fields, sorted by name.
    pub fields: &'static [FieldFact],
}

impl TypeFact {
    /// An object with these fields.
    pub const fn new(name: &'static str, fields: &'static [FieldFact]) -> Self {
        Self {
            name,
            kind: None,
            map: MapKind::Granular,
            fields,
        }
    }

    /// It is a kind of its own.
    pub const fn kind(
        mut self,
        group: &'static str,
        version: &'static str,
        kind: &'static str,
    ) -> Self {
        self.kind = Some((group, version, kind));
        self
    }

    /// It is one value for server-side apply.
    pub const fn atomic(mut self) -> Self {
        self.map = MapKind::Atomic;
        self
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static FieldFact> {
        let fields = self.fields;
        let index = fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        fields.get(index)
    }
}

/// A kind and its type.
#[derive(Debug)]
pub struct Kind {
    /// Group (empty for core), version and kind.
    pub key: (&'static str, &'static str, &'static str),
    /// Its type.
    pub fact: &'static TypeFact,
}

/// A row of the table of kinds.
pub const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    fact: &'static TypeFact,
) -> Kind {
    Kind {
        key: (group, version, kind),
        fact,
    }
}

/// The type of a built-in kind; `group` is empty for core.
pub fn built_in(group: &str, version: &str, kind: &str) -> Option<&'static TypeFact> {
    let kinds = crate::generated::KINDS;
    let index = kinds
        .binary_search_by(|row| row.key.cmp(&(group, version, kind)))
        .ok()?;
    kinds.get(index).map(|row| row.fact)
}
