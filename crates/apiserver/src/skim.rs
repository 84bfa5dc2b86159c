//! Reading parts of an object from its text, and leaving the rest unread.
//!
//! Of an object of four kilobytes a table shows a dozen short texts, and copies its metadata. To decode
//! all of it into a tree costs many times what it takes to find the end of each part that is not wanted.
//!
//! What is wanted is said as paths of fields (`status.containerStatuses.name`), which go through lists as if they
//! were not there. What is read is a tree like the whole one with everything else left out: whoever asks only
//! for what is wanted cannot tell them apart.

mod reader;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::object::Object;
use reader::Reader;

/// Why a text cannot be read: stored text is this crate's own, so the data directory is damaged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is no object, or ends too early.
    #[error("unexpected text at byte {at} of an object")]
    Structure {
        /// Bytes from its beginning.
        at: usize,
    },
    /// A part that is wanted cannot be decoded.
    #[error("a part of an object cannot be read: {0}")]
    Part(#[from] serde_json::Error),
}

/// What becomes of fields that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Others {
    /// They are left out.
    #[default]
    Skipped,
    /// That they are there is read, and not what they are: each is null.
    Named,
    /// They are read.
    Read,
}

/// Which parts of an object are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    fields: Vec<(String, Wanted)>,
    others: Others,
}

impl Wanted {
    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// All there is.
    fn everything() -> Self {
        Self {
            fields: Vec::new(),
            others: Others::Read,
        }
    }

    /// All but who owns which field: half of the text of most objects, and nothing that anybody shows.
    pub(crate) fn all_but_ownership() -> Self {
        let mut metadata = Self::everything();
        metadata.fields = vec![("managedFields".to_owned(), Self::nothing())];
        let mut all = Self::everything();
        all.fields = vec![("metadata".to_owned(), metadata)];
        all
    }

    /// Wants what lies at the path and all below it.
    pub(crate) fn add<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        let mut place = self;
        for name in path {
            place = place.named(name);
        }
        *place = Self::everything();
    }

    /// Wants the names of the fields at the path.
    pub(crate) fn add_names<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        let mut place = self;
        for name in path {
            place = place.named(name);
        }
        place.others = place.others.max(Others::Named);
    }

    /// Wants what `other` wants too.
    pub(crate) fn join(&mut self, other: &Self) {
        let names: Vec<String> = self
            .fields
            .iter()
            .map(|(name, _)| name.clone())
            .chain(other.fields.iter().map(|(name, _)| name.clone()))
            .collect();
        for name in names {
            let theirs = other.find(name.as_bytes());
            match (theirs, other.others) {
                (Some(theirs), _) => {
                    let theirs = theirs.clone();
                    self.named(&name).join(&theirs);
                }
                (None, Others::Read) => *self.named(&name) = Self::everything(),
                (None, Others::Named | Others::Skipped) => {}
            }
        }
        self.others = self.others.max(other.others);
    }

    /// What is wanted of the field of this name, to be added to.
    fn named(&mut self, name: &str) -> &mut Self {
        let place = self.fields.iter().position(|(field, _)| field == name);
        let place = place.unwrap_or_else(|| {
            let of_field = match self.others {
                Others::Read => Self::everything(),
                Others::Named | Others::Skipped => Self::nothing(),
            };
            self.fields.push((name.to_owned(), of_field));
            self.fields.len() - 1
        });
        &mut self.fields[place].1
    }

    fn find(&self, name: &[u8]) -> Option<&Self> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(field, _)| field.as_bytes() == name);
        found.map(|(_, wanted)| wanted)
    }

    /// Whether all of a value is wanted.
    fn is_everything(&self) -> bool {
        self.others == Others::Read && self.fields.is_empty()
    }

    /// Whether nothing of it is.
    fn is_nothing(&self) -> bool {
        self.others == Others::Skipped && self.fields.is_empty()
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Skimmed<'a> {
    /// The object, with what was wanted.
    pub object: Object,
    /// The text of its metadata.
    pub metadata: &'a [u8],
}

/// Reads what is wanted of an object.
///
/// # Errors
/// Where the text is no object or a part that is wanted cannot be decoded. What is not wanted is not checked.
pub(crate) fn skim<'a>(text: &'a [u8], wanted: &Wanted) -> Result<Skimmed<'a>, Error> {
    let mut reader = Reader::new(text);
    let mut object = Map::new();
    let mut metadata: &[u8] = b"null";
    reader.object(|reader, name| {
        let from = reader.at();
        field(reader, name, wanted, &mut object)?;
        if name == b"metadata" {
            metadata = reader.since(from);
        }
        Ok(())
    })?;
    let object = Object(object);
    Ok(Skimmed { object, metadata })
}

/// The text of an object's metadata.
///
/// # Errors
/// As [`skim`].
pub(crate) fn metadata(text: &[u8]) -> Result<&[u8], Error> {
    skim(text, &Wanted::nothing()).map(|skimmed| skimmed.metadata)
}

/// Reads or skips the value of a field.
fn field(
    reader: &mut Reader<'_>,
    name: &[u8],
    wanted: &Wanted,
    object: &mut Map<String, Value>,
) -> Result<(), Error> {
    let value = match (wanted.find(name), wanted.others) {
        (Some(of_field), _) if of_field.is_nothing() => return reader.skip(),
        (None, Others::Skipped) => return reader.skip(),
        (None, Others::Named) => {
            reader.skip()?;
            Value::Null
        }
        (Some(of_field), _) => part(reader, of_field)?,
        (None, Others::Read) => reader.value()?,
    };
    let name = String::from_utf8_lossy(name).into_owned();
    object.insert(name, value);
    Ok(())
}

/// Reads what is wanted of a value.
fn part(reader: &mut Reader<'_>, wanted: &Wanted) -> Result<Value, Error> {
    if wanted.is_everything() {
        return reader.value();
    }
    match reader.peek()? {
        b'{' => {
            let mut object = Map::new();
            reader.object(|reader, name| field(reader, name, wanted, &mut object))?;
            Ok(Value::Object(object))
        }
        b'[' => {
            let mut list = Vec::new();
            reader.list(|reader| {
                list.push(part(reader, wanted)?);
                Ok(())
            })?;
            Ok(Value::Array(list))
        }
        _ => reader.value(),
    }
}
