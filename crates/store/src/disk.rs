//! The durable backend: live objects in an LSM tree (`fjall`) behind a journal that is synced once
//! for each batch.
//!
//! Layout: one keyspace `objects` (`resource NUL namespace NUL name` to an encoded record) and one
//! keyspace `meta` (`revision`, `format`). The watch log is not kept: after a restart a watcher from
//! before it is told to list again, as it is after any compaction.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::state::Loaded;
use crate::watch::Event;
use crate::{Error, EventKind, Key, Metadata, Record, Revision};

/// Written by this version; a directory with another number is refused rather than misread.
const FORMAT: u64 = 1;

/// Memory for blocks read back from disk. Objects are read once, at start, so little is needed.
const CACHE_BYTES: u64 = 4 << 20;

/// Memory for writes that are not yet in a table.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// The database of one data directory.
pub(crate) struct Disk {
    directory: PathBuf,
    database: Database,
    objects: Keyspace,
    meta: Keyspace,
}

impl Disk {
    pub(crate) fn open(directory: &Path) -> Result<(Self, Loaded), Error> {
        let failed = |source: fjall::Error| match source {
            fjall::Error::Locked => Error::Locked { directory: directory.to_owned() },
            source => Error::Open { directory: directory.to_owned(), source: source.into() },
        };
        std::fs::create_dir_all(directory).map_err(|source| Error::Open {
            directory: directory.to_owned(),
            source: source.into(),
        })?;
        let database = Database::builder(directory)
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .open()
            .map_err(failed)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let objects = database.keyspace("objects", options).map_err(failed)?;
        let meta = database.keyspace("meta", options).map_err(failed)?;
        let disk = Self { directory: directory.to_owned(), database, objects, meta };
        let loaded = disk.load()?;
        Ok((disk, loaded))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn damaged(&self, detail: impl ToString) -> Error {
        Error::Damaged { directory: self.directory.clone(), detail: detail.to_string() }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(value) = self.meta.get(name).map_err(|error| self.damaged(error))? else {
            return Ok(None);
        };
        let bytes = value.as_ref().try_into().map_err(|_| self.damaged(format!("bad {name}")))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    fn load(&self) -> Result<Loaded, Error> {
        match self.number("format")? {
            None => self.meta.insert("format", FORMAT.to_be_bytes()).map_err(|e| self.damaged(e))?,
            Some(FORMAT) => {}
            Some(other) => return Err(self.damaged(format!("format {other} is not {FORMAT}"))),
        }
        let mut records = Vec::new();
        for entry in self.objects.iter() {
            let (key, value) = entry.into_inner().map_err(|error| self.damaged(error))?;
            records.push(decode(&key, &value).map_err(|detail| self.damaged(detail))?);
        }
        Ok(Loaded { revision: self.number("revision")?.unwrap_or(1), records })
    }

    /// Writes one batch and returns once it is on the disk.
    pub(crate) fn append(&mut self, events: &[Event]) -> Result<(), fjall::Error> {
        let mut batch = self.database.batch();
        for event in events {
            let record = &event.record;
            match event.kind {
                EventKind::Deleted => batch.remove(&self.objects, encode_key(&record.key)),
                EventKind::Added | EventKind::Modified => {
                    batch.insert(&self.objects, encode_key(&record.key), encode(record));
                }
            }
        }
        if let Some(last) = events.last() {
            batch.insert(&self.meta, "revision", last.record.revision.to_be_bytes());
        }
        batch.commit()?;
        self.database.persist(PersistMode::SyncData)
    }
}

fn encode_key(key: &Key) -> Vec<u8> {
    [key.resource.as_bytes(), key.namespace.as_bytes(), key.name.as_bytes()].join(&0)
}

fn decode_key(bytes: &[u8]) -> Result<Key, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a key is not UTF-8".to_owned())?;
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(resource), Some(namespace), Some(name), None) => {
            Ok(Key::new(resource, namespace, name))
        }
        _ => Err(format!("bad key {text:?}")),
    }
}

/// Revision and created (8 bytes each), the metadata's length (4), the metadata, the object.
fn encode(record: &Record) -> Vec<u8> {
    let metadata = serde_json::to_vec(&record.metadata).unwrap_or_default();
    let mut value = Vec::with_capacity(20 + metadata.len() + record.bytes.len());
    value.extend_from_slice(&record.revision.to_be_bytes());
    value.extend_from_slice(&record.created.to_be_bytes());
    value.extend_from_slice(&(metadata.len() as u32).to_be_bytes());
    value.extend_from_slice(&metadata);
    value.extend_from_slice(&record.bytes);
    value
}

fn decode(key: &[u8], value: &[u8]) -> Result<Record, String> {
    let key = decode_key(key)?;
    let short = || format!("the value of {key} is too short");
    let (head, rest) = value.split_first_chunk::<20>().ok_or_else(short)?;
    let number = |range: std::ops::Range<usize>| {
        head[range].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (revision, created): (Revision, Revision) = (number(0..8), number(8..16));
    let (metadata, bytes) = rest.split_at_checked(number(16..20) as usize).ok_or_else(short)?;
    let metadata: Metadata = serde_json::from_slice(metadata)
        .map_err(|error| format!("the metadata of {key} cannot be read: {error}"))?;
    Ok(Record { revision, created, metadata, bytes: Bytes::copy_from_slice(bytes), key })
}
