//! Layers: archives in the store, directories on the machine.
//!
//! In a directory, deletions are marked as in the archive: `.wh.NAME` says that `NAME` of a lower layer is gone,
//! `.wh..wh..opq` that nothing below the directory shows through.

mod archive;
mod changes;
mod unpack;
mod view;

pub use archive::Layer;
pub(crate) use archive::{Draft, Entry, Kind};
pub use changes::changes;
pub(crate) use changes::owner;
pub use unpack::unpack;
pub(crate) use unpack::unpack_archive;
pub use view::View;
pub(crate) use view::{Found, Last};

/// What the name of a deletion mark starts with.
pub(crate) const WHITEOUT: &str = ".wh.";
/// The mark that nothing of lower layers shows through.
pub(crate) const OPAQUE: &str = ".wh..wh..opq";

/// How an entry of a layer directory is to be presented over lower layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presentation<'a> {
    /// As the file it is.
    Shown,
    /// As the absence of the sibling of this name.
    Hides(&'a str),
    /// As the absence of everything lower layers have in its directory.
    HidesLower,
}

/// How to present an entry, by its file name.
pub fn presentation(name: &str) -> Presentation<'_> {
    match (name, name.strip_prefix(WHITEOUT)) {
        (OPAQUE, _) => Presentation::HidesLower,
        (_, Some(hidden)) => Presentation::Hides(hidden),
        _ => Presentation::Shown,
    }
}

#[cfg(test)]
mod tests;
