//! Writing layers so that the same files give the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::digest::Hashing;
use crate::image::{Descriptor, media};
use crate::{Blobs, Digest, Error};

/// A layer in the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layer {
    /// The compressed archive.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed archive.
    pub diff_id: Digest,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    /// The content is read from this file when the layer is written.
    File(PathBuf),
    /// The content itself, for small things.
    Bytes(Vec<u8>),
    Symlink(PathBuf),
    /// Another path of the same layer.
    Hardlink(PathBuf),
    Fifo,
}

/// One path of a layer that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
}

/// A layer that is being made: paths relative to the root, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Draft {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Draft {
    /// Adds an entry, in place of one that was there; a directory's new mode does not touch its content.
    pub(crate) fn add(&mut self, path: PathBuf, entry: Entry) {
        self.entries.insert(path, entry);
    }

    /// Adds an entry where there is none yet.
    pub(crate) fn add_missing(&mut self, path: PathBuf, entry: Entry) {
        self.entries.entry(path).or_insert(entry);
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Entry> {
        self.entries.get(path)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_path(), entry))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the layer into the store. Every time stamp is `modified` (seconds since 1970), entries are sorted,
    /// and no user names are kept, so equal drafts give equal digests.
    pub(crate) fn write(&self, blobs: &Blobs, modified: u64) -> Result<Layer, Error> {
        let failed = |source| Error::File {
            step: "write a layer in",
            path: blobs.temporary(),
            source,
        };
        let gzip = GzBuilder::new()
            .mtime(0)
            .write(blobs.draft()?, Compression::new(4));
        let mut builder = Builder::new(Hashing::new(gzip));
        builder.sparse(false);
        for (path, entry) in &self.entries {
            append(&mut builder, path, entry, modified)?;
        }
        let (gzip, diff_id, _) = builder.into_inner().map_err(failed)?.finish();
        let draft = gzip.finish().map_err(failed)?;
        let (digest, size) = blobs.keep(draft)?;
        let media_type = media::LAYER_GZIP.to_owned();
        let descriptor = Descriptor {
            media_type,
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        };
        Ok(Layer {
            descriptor,
            diff_id,
        })
    }
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    path: &Path,
    entry: &Entry,
    modified: u64,
) -> Result<(), Error> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode & 0o7777);
    header.set_uid(entry.uid);
    header.set_gid(entry.gid);
    header.set_mtime(modified);
    header.set_size(0);
    let plain = |builder: &mut Builder<W>, header: &mut Header, kind| {
        header.set_entry_type(kind);
        builder.append_data(header, path, io::empty())
    };
    let result = match &entry.kind {
        Kind::Directory => {
            header.set_entry_type(EntryType::Directory);
            let mut named = path.as_os_str().to_owned();
            named.push("/");
            builder.append_data(&mut header, PathBuf::from(named), io::empty())
        }
        Kind::Fifo => plain(builder, &mut header, EntryType::Fifo),
        Kind::Symlink(target) => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, path, target)
        }
        Kind::Hardlink(target) => {
            header.set_entry_type(EntryType::Link);
            builder.append_link(&mut header, path, target)
        }
        Kind::Bytes(bytes) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, bytes.as_slice())
        }
        Kind::File(source) => {
            let file = File::open(source).map_err(Error::file("read", source))?;
            let size = file.metadata().map_err(Error::file("read", source))?.len();
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
            // A file that grows meanwhile is cut; one that shrinks is an error of the archive.
            return builder
                .append_data(&mut header, path, io::Read::take(file, size))
                .map_err(Error::file("read", source));
        }
    };
    result.map_err(Error::file("write the entry", path))
}
