//! Giving back the room of a file that is mostly free.
//!
//! What is deleted leaves free pages, which later writes use; the file itself stays as large as it ever was.
//! When a data directory is opened whose file is more than half free, the live pages are moved to its
//! beginning and the rest is cut off. Being killed meanwhile loses nothing: pages are moved by commits like
//! any other.

use super::tables::{Tables, database};
use crate::Error;

/// Smaller files are left alone.
const LEAST: u64 = 16 << 20;

impl Tables {
    /// Compacts the file where that is worth it; `live` are the bytes of all records.
    ///
    /// # Errors
    /// Where the file cannot be opened again afterwards. That it cannot be compacted, on a full disk for
    /// instance, is only logged.
    pub(super) fn compact(&mut self, live: u64) -> Result<(), Error> {
        let path = self.directory.join("objects.redb");
        let length = || std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let before = length();
        // The records say cheaply that there is nothing to gain; only the pages say that there is.
        if before < LEAST || live > before / 2 {
            return Ok(());
        }
        let done = match &mut self.database {
            Some(database) => try_compact(database, before),
            None => return Ok(()),
        };
        match done {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let (before, after) = (before >> 20, length() >> 20);
                tracing::info!("the data file was compacted from {before} to {after} MiB");
            }
            Err(error) => {
                tracing::warn!(%error, "the data file is mostly free and cannot be compacted");
                self.database = None;
                self.database = Some(database(&self.directory)?);
            }
        }
        Ok(())
    }
}

/// Whether the file was compacted, as more than half of it was free.
fn try_compact(database: &mut redb::Database, length: u64) -> Result<bool, redb::Error> {
    let transaction = database.begin_write()?;
    let stats = transaction.stats()?;
    transaction.abort()?;
    let used = stats.allocated_pages() * u64::try_from(stats.page_size()).unwrap_or(u64::MAX);
    if used > length / 2 {
        return Ok(false);
    }
    database.compact()?;
    Ok(true)
}
