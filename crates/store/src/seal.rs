//! What must not be read on the disk: the port for whoever seals it.

use crate::Record;
use crate::disk::{Plain, encode_key};

/// Seals what is written to the disk. In memory nothing is sealed.
pub trait Seal: Send + Sync {
    /// Whether objects of this resource are sealed.
    fn wants(&self, resource: &str) -> bool;

    /// Seals `plain`, tied to `place`: moved elsewhere it cannot be opened. `None` where that fails;
    /// nothing is written then.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Option<Vec<u8>>;

    /// What was sealed at `place`; `None` where it was sealed with another key, or changed.
    fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// Stands where the length of the metadata would: the rest is sealed. No metadata is that long.
pub(crate) const SEALED: u32 = u32::MAX;

/// The value of a record that is to be sealed: its two revisions stay readable.
pub(crate) fn sealed(record: &Record, seal: &dyn Seal) -> Option<Vec<u8>> {
    let plain = Plain::of(record);
    let place = encode_key(&record.key);
    let (head, rest) = plain.0.split_at_checked(16)?;
    let sealed = seal.seal(&place, rest)?;
    Some([head, &SEALED.to_be_bytes(), &sealed].concat())
}

/// Whether a value is sealed.
pub(crate) fn is_sealed(value: &[u8]) -> bool {
    value.get(16..20) == Some(&SEALED.to_be_bytes())
}

/// The value as it was before it was sealed.
pub(crate) fn opened(place: &[u8], value: &[u8], seal: &dyn Seal) -> Option<Vec<u8>> {
    let (head, rest) = value.split_at_checked(20)?;
    Some([head.get(..16)?, &seal.open(place, rest)?].concat())
}
