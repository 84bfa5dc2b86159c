//! The rows of the generated tables about the protobuf encoding.

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Its full name, such as `api.core.v1.Pod`.
    pub name: &'static str,
    /// Its fields, in the order of the source.
    pub fields: &'static [WireField],
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// At most once.
    Single,
    /// As a list.
    Repeated,
    /// As a map with text for keys.
    Map,
    /// At most once, and its own fields stand beside it in JSON.
    Inline,
}

/// What a field is.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // The variants without a comment are the types of their names.
pub enum Form {
    Text,
    Bytes,
    Boolean,
    Integer,
    Double,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    /// A message with billionths of a second.
    Duration,
    /// A message with bytes of JSON.
    Raw,
    /// A message that wraps a list of texts.
    Items,
    Message(&'static Message),
}

/// A field of a message.
#[derive(Debug)]
pub struct WireField {
    /// Its number.
    pub number: u32,
    /// Its name in JSON.
    pub name: &'static str,
    /// How often it occurs.
    pub label: Label,
    /// What it is; of a map, what its values are.
    pub form: Form,
    /// Whether JSON has it even where it is empty.
    pub presence: super::Presence,
}

/// An optional field.
pub const fn field(number: u32, name: &'static str, label: Label, form: Form) -> WireField {
    WireField {
        number,
        name,
        label,
        form,
        presence: super::Presence::Optional,
    }
}

/// A message whose fields stand beside the others in JSON.
pub const fn inline(number: u32, form: Form) -> WireField {
    WireField {
        number,
        name: "",
        label: Label::Inline,
        form,
        presence: super::Presence::Optional,
    }
}

impl WireField {
    /// JSON has it even where it is empty.
    pub const fn required(mut self) -> Self {
        self.presence = super::Presence::Required;
        self
    }
}
