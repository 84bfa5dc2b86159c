//! What the disk allows: the peer of durable writes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What a write of one small object changes, at the least.
const PAGE: usize = 4096;

/// How long so many writes of a page take that is there already, each synced before the next.
pub(crate) fn syncs(folder: &Path, count: usize) -> Result<Duration> {
    let file = File::create(folder.join("raw"))?;
    let pages = vec![b'0'; PAGE * count];
    file.write_all_at(&pages, 0)?;
    file.sync_all()?;
    let begun = Instant::now();
    for page in 0..count {
        file.write_all_at(&[b'1'; PAGE], (page * PAGE) as u64)?;
        file.sync_data()?;
    }
    Ok(begun.elapsed())
}
