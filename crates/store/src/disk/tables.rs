//! Where objects rest: one `redb` file.
//!
//! Layout: a table `objects` (`resource NUL namespace NUL name` to an encoded record) and a table
//! `meta` (`revision`, `format`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError,
    TableDefinition,
};

use super::journal::Frame;
use super::{Changes, encode_key};
use crate::seal::{self, Seal};
use crate::state::Loaded;
use crate::{Error, Key, Metadata, Record, Revision};

const OBJECTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Written by this version; a directory with another number is refused rather than misread.
const FORMAT: u64 = 1;

/// Memory for pages. Objects are read once, at start, so only the pages being written matter.
const CACHE_BYTES: usize = 4 << 20;

/// What becomes of a record on the disk.
#[derive(Clone)]
pub(super) struct Values {
    pub(super) seal: Option<Arc<dyn Seal>>,
}

impl Values {
    /// The value of a record on the disk.
    pub(super) fn of(&self, record: &Record) -> Result<Vec<u8>, std::io::Error> {
        match &self.seal {
            Some(seal) if seal.wants(&record.key.resource) => {
                let sealed = seal::sealed(record, &**seal);
                sealed.ok_or_else(|| {
                    std::io::Error::other(format!("{} cannot be sealed", record.key))
                })
            }
            _ => Ok(Plain::of(record).0),
        }
    }

    fn wants(&self, record: &Record) -> bool {
        let seal = self.seal.as_ref();
        seal.is_some_and(|seal| seal.wants(&record.key.resource))
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Result<Record, String> {
        if !seal::is_sealed(value) {
            return decode(key, value);
        }
        let place = decode_key(key)?;
        let Some(seal) = &self.seal else {
            return Err(format!("{place} is sealed, and there is no key"));
        };
        let plain = seal::opened(key, value, &**seal)
            .ok_or_else(|| format!("{place} is sealed with another key, or was changed"))?;
        decode(key, &plain)
    }
}

/// The database of one data directory.
pub(super) struct Tables {
    pub(super) directory: PathBuf,
    /// `None` after a failed write, until the file has been opened anew.
    pub(super) database: Option<Database>,
    values: Values,
}

impl Tables {
    /// Opens the file, and compares all of it with its checksums.
    pub(super) fn open(directory: &Path, values: Values) -> Result<Self, Error> {
        let database = Some(checked(directory)?);
        let directory = directory.to_owned();
        Ok(Self {
            directory,
            database,
            values,
        })
    }

    fn database(&self) -> Result<&Database, redb::Error> {
        self.database.as_ref().ok_or(redb::Error::PreviousIo)
    }

    /// Makes the tables where they are missing, and says at which revision they are.
    pub(super) fn begin(&self) -> Result<Revision, Load> {
        let database = self.database()?;
        let transaction = database.begin_write()?;
        {
            // Opening for writing makes the tables where they are missing.
            transaction.open_table(OBJECTS)?;
            let mut meta = transaction.open_table(META)?;
            let format = meta.get("format")?.map(|format| format.value());
            match format {
                None => drop(meta.insert("format", FORMAT)?),
                Some(FORMAT) => {}
                Some(other) => {
                    return Err(Load::Damaged(format!("format {other} is not {FORMAT}")));
                }
            }
        }
        transaction.commit()?;
        Ok(revision(database)?)
    }

    /// Reads every object.
    pub(super) fn load(&self) -> Result<Loaded, Load> {
        let database = self.database()?;
        let transaction = database.begin_read()?;
        let mut records = Vec::new();
        let mut unsealed = Vec::new();
        let mut resource: Arc<str> = "".into();
        for entry in transaction.open_table(OBJECTS)?.iter()? {
            let (key, value) = entry?;
            let record = self.values.read(key.value(), value.value());
            let mut record = record.map_err(Load::Damaged)?;
            // Records come in the order of their resources: one name serves all of one.
            if record.key.resource == resource {
                record.key.resource = Arc::clone(&resource);
            } else {
                resource = Arc::clone(&record.key.resource);
            }
            if self.values.wants(&record) && !seal::is_sealed(value.value()) {
                unsealed.push(records.len());
            }
            records.push(record);
        }
        drop(transaction);
        let revision = revision(database)?;
        self.seal_late(unsealed.into_iter().map(|at| &records[at]))?;
        Ok(Loaded { revision, records })
    }

    /// Seals what was written when nothing was sealed yet.
    fn seal_late<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<(), Load> {
        let mut records = records.peekable();
        if records.peek().is_none() {
            return Ok(());
        }
        let transaction = self.database()?.begin_write()?;
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            for record in records {
                let value = self.values.of(record).map_err(redb::Error::Io)?;
                objects.insert(encode_key(&record.key).as_slice(), value.as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes what a journal holds, which follows what is here.
    pub(super) fn replay(&self, frames: &[Frame<'_>]) -> Result<(), Load> {
        let Some(last) = frames.last() else {
            return Ok(());
        };
        let transaction = self.database()?.begin_write()?;
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            for (key, value) in frames.iter().flat_map(|frame| &frame.entries) {
                match value {
                    Some(value) => drop(objects.insert(*key, *value)?),
                    None => drop(objects.remove(*key)?),
                }
            }
            let mut meta = transaction.open_table(META)?;
            meta.insert("revision", last.last)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes changes up to a revision, and returns once they are on the disk. After a failure the file is opened
    /// anew, as the engine asks for; all of the changes are on the disk then, or none.
    pub(super) fn write(
        &mut self,
        changes: &Changes,
        revision: Revision,
    ) -> Result<(), redb::Error> {
        if self.database.is_none() {
            let opened = database(&self.directory);
            let again = |error: Error| redb::Error::Io(std::io::Error::other(error.to_string()));
            self.database = Some(opened.map_err(again)?);
        }
        let done = self.try_write(changes, revision);
        if done.is_err() {
            self.database = None;
        }
        done
    }

    fn try_write(&self, changes: &Changes, revision: Revision) -> Result<(), redb::Error> {
        // One sync for each: after SIGKILL the file is walked through at the next start, which compares
        // all of it with its checksums anyway.
        let transaction = self.database()?.begin_write()?;
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            for (key, record) in changes {
                match record {
                    None => drop(objects.remove(key.as_slice())?),
                    Some(record) => {
                        let value = self.values.of(record)?;
                        objects.insert(key.as_slice(), value.as_slice())?;
                    }
                }
            }
            let mut meta = transaction.open_table(META)?;
            meta.insert("revision", revision)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Opens the file of a data directory.
pub(super) fn database(directory: &Path) -> Result<Database, Error> {
    let opened = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(directory.join("objects.redb"));
    opened.map_err(|source| match source {
        DatabaseError::DatabaseAlreadyOpen => Error::Locked {
            directory: directory.to_owned(),
        },
        DatabaseError::Storage(StorageError::Corrupted(detail)) => Error::Damaged {
            directory: directory.to_owned(),
            detail,
        },
        source => Error::Open {
            directory: directory.to_owned(),
            source: source.into(),
        },
    })
}

/// Opens the file, and compares all of it with its checksums: a flipped bit is told now, and not found
/// later in an object.
fn checked(directory: &Path) -> Result<Database, Error> {
    let mut database = database(directory)?;
    match database.check_integrity() {
        Ok(true) => Ok(database),
        Ok(false) => {
            tracing::warn!(directory = %directory.display(), "the data file was repaired");
            Ok(database)
        }
        Err(DatabaseError::Storage(StorageError::Corrupted(detail))) => Err(Error::Damaged {
            directory: directory.to_owned(),
            detail,
        }),
        Err(source) => Err(Error::Open {
            directory: directory.to_owned(),
            source: source.into(),
        }),
    }
}

/// The revision of the last batch on the disk.
fn revision(database: &Database) -> Result<Revision, redb::Error> {
    let transaction = database.begin_read()?;
    let revision = transaction.open_table(META)?.get("revision")?;
    Ok(revision.map_or(1, |revision| revision.value()))
}

/// Why the objects could not be loaded.
pub(super) enum Load {
    Engine(redb::Error),
    Damaged(String),
}

impl<E: Into<redb::Error>> From<E> for Load {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(detail) => Self::Damaged(detail),
            error => Self::Engine(error),
        }
    }
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

/// A record as it stands on the disk where it is not sealed: revision and created (8 bytes each), the
/// metadata's length (4), the metadata, the object.
pub(crate) struct Plain(pub(crate) Vec<u8>);

impl Plain {
    pub(crate) fn of(record: &Record) -> Self {
        let metadata = serde_json::to_vec(&record.metadata).unwrap_or_default();
        let mut value = Vec::with_capacity(20 + metadata.len() + record.bytes.len());
        value.extend_from_slice(&record.revision.to_be_bytes());
        value.extend_from_slice(&record.created.to_be_bytes());
        value.extend_from_slice(&(metadata.len() as u32).to_be_bytes());
        value.extend_from_slice(&metadata);
        value.extend_from_slice(&record.bytes);
        Self(value)
    }
}

fn decode(key: &[u8], value: &[u8]) -> Result<Record, String> {
    let key = decode_key(key)?;
    let short = || format!("the value of {key} is too short");
    let (head, rest) = value.split_first_chunk::<20>().ok_or_else(short)?;
    let number = |range: std::ops::Range<usize>| {
        head[range]
            .iter()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (revision, created): (Revision, Revision) = (number(0..8), number(8..16));
    let (metadata, bytes) = rest
        .split_at_checked(number(16..20) as usize)
        .ok_or_else(short)?;
    let metadata: Metadata = serde_json::from_slice(metadata)
        .map_err(|error| format!("the metadata of {key} cannot be read: {error}"))?;
    Ok(Record {
        revision,
        created,
        metadata,
        bytes: Bytes::copy_from_slice(bytes),
        key,
    })
}
