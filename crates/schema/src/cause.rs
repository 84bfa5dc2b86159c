//! What is wrong with an object: one entry per field, as in the details of a `metav1.Status`.

use std::fmt;

use serde_json::Value;

/// Why a field is wrong, by the names of upstream's `CauseType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Reason {
    Required,
    Duplicate,
    Invalid,
    NotFound,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
}

impl Reason {
    /// The name in `details.causes[].reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotFound => "FieldValueNotFound",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotFound => "Not found",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }
}

/// One thing that is wrong. `Display` gives `field: message`, as upstream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The sort of problem.
    pub reason: Reason,
    /// The path of the field, such as `spec.ports[0].name`.
    pub field: String,
    /// The message without the path, such as `Required value: name must be given`.
    pub message: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

impl Cause {
    fn new(reason: Reason, field: impl Into<String>, detail: &str) -> Self {
        let message = match detail {
            "" => reason.words().to_owned(),
            detail => format!("{}: {detail}", reason.words()),
        };
        Self {
            reason,
            field: field.into(),
            message,
        }
    }

    fn with_value(reason: Reason, field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let detail = match detail {
            "" => shown(value),
            detail => format!("{}: {detail}", shown(value)),
        };
        Self::new(reason, field, &detail)
    }

    /// A field must be there.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new(Reason::Required, field, detail)
    }

    /// A field must not be there, or not change.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(Reason::Forbidden, field, detail)
    }

    /// A field has a wrong value.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(Reason::Invalid, field, value, detail)
    }

    /// A field has a value of the wrong type.
    pub fn mistyped(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(Reason::TypeInvalid, field, value, detail)
    }

    /// A value occurs twice.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::with_value(Reason::Duplicate, field, value, "")
    }

    /// A field names something that there is not.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::with_value(Reason::NotFound, field, value, "")
    }

    /// A field has none of its possible values.
    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let mut quoted: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        quoted.sort();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::with_value(Reason::NotSupported, field, value, &detail)
    }

    /// A text is too long.
    pub fn too_long(field: impl Into<String>, most: u64) -> Self {
        Self::new(
            Reason::TooLong,
            field,
            &format!("may not be more than {most} bytes"),
        )
    }

    /// A list has too many items.
    pub fn too_many(field: impl Into<String>, count: usize, most: u64) -> Self {
        Self::new(
            Reason::TooMany,
            field,
            &format!("{count}: must have at most {most} items"),
        )
    }
}

/// A value as upstream's messages show it: scalars as in JSON, the rest by its type, with long ones cut.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(256) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
