//! Results of earlier steps, by what went into them.

use std::io::Read as _;

use crate::digest::Hasher;
use crate::layer::{Draft, Entry, Kind, Layer};
use crate::{Blobs, Digest, Error};

/// What a step gave before: a layer, or that it changed nothing.
pub(super) struct Known(pub(super) Option<Layer>);

/// What the step with this key gave before; `None` where that is not known, or where the layer is
/// gone meanwhile.
pub(super) fn find(blobs: &Blobs, key: &Digest) -> Option<Known> {
    let text = std::fs::read(blobs.cache_path(key)).ok()?;
    let found: Option<Layer> = serde_json::from_slice(&text).ok()?;
    match &found {
        Some(layer) if blobs.size(&layer.descriptor.digest) != Some(layer.descriptor.size) => None,
        _ => Some(Known(found)),
    }
}

pub(super) fn keep(blobs: &Blobs, key: &Digest, layer: Option<&Layer>) -> Result<(), Error> {
    blobs.replace(&blobs.cache_path(key), &crate::image::encode(&layer))
}

/// A key of texts: the kind of step first.
pub(super) fn key<'a>(fields: impl IntoIterator<Item = &'a str>) -> Digest {
    let mut hasher = Hasher::default();
    for field in fields {
        hasher.field(field.as_bytes());
    }
    Digest::from_hasher(hasher)
}

/// A key of everything a draft's layer will hold.
pub(super) fn draft_key(draft: &Draft, modified: u64) -> Result<Digest, Error> {
    let mut hasher = Hasher::default();
    hasher.field(b"files");
    hasher.field(&modified.to_le_bytes());
    for (path, entry) in draft.entries() {
        hasher.field(path.as_os_str().as_encoded_bytes());
        add(&mut hasher, entry)?;
    }
    Ok(Digest::from_hasher(hasher))
}

fn add(hasher: &mut Hasher, entry: &Entry) -> Result<(), Error> {
    for number in [u64::from(entry.mode & 0o7777), entry.uid, entry.gid] {
        hasher.field(&number.to_le_bytes());
    }
    match &entry.kind {
        Kind::Directory => hasher.field(b"directory"),
        Kind::Fifo => hasher.field(b"fifo"),
        Kind::Symlink(target) => {
            hasher.field(b"symlink");
            hasher.field(target.as_os_str().as_encoded_bytes());
        }
        Kind::Hardlink(target) => {
            hasher.field(b"hardlink");
            hasher.field(target.as_os_str().as_encoded_bytes());
        }
        Kind::Bytes(bytes) => {
            hasher.field(b"file");
            hasher.field(Digest::of(bytes).as_str().as_bytes());
        }
        Kind::File(path) => {
            hasher.field(b"file");
            let mut file = std::fs::File::open(path).map_err(Error::file("read", path))?;
            let mut content = Hasher::default();
            let mut buffer = vec![0; 64 << 10];
            loop {
                match file.read(&mut buffer).map_err(Error::file("read", path))? {
                    0 => break,
                    count => content.update(&buffer[..count]),
                }
            }
            hasher.field(Digest::from_hasher(content).as_str().as_bytes());
        }
    }
    Ok(())
}
