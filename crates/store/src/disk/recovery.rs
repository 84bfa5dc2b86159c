//! What an ended process left in its journals.

use std::fs::File;
use std::io;
use std::path::Path;

use super::journal::{self, Frame, Journal};
use super::tables::{Load, Tables};
use crate::Revision;

/// The journals of a directory, made where they are missing.
pub(super) fn journals(directory: &Path) -> io::Result<[Journal; 2]> {
    let paths = ["journal.0", "journal.1"].map(|name| directory.join(name));
    let new = paths.iter().any(|path| !path.exists());
    let journals = [Journal::open(&paths[0])?, Journal::open(&paths[1])?];
    if new {
        // That they are there has to be durable too.
        File::open(directory)?.sync_all()?;
    }
    Ok(journals)
}

/// Moves what the journals hold beyond the tables there, and empties them.
///
/// # Errors
/// Where a journal was damaged after it was written: its last frame may be missing or torn, when the process
/// was killed while it was written, but nothing may come after that.
pub(super) fn replay(tables: &Tables, journals: &mut [Journal; 2]) -> Result<(), Load> {
    let stored = tables.begin()?;
    let texts = [text(&journals[0])?, text(&journals[1])?];
    let missing = missing(&texts, stored).map_err(|(which, at)| {
        let path = journals[which].path().display();
        Load::Damaged(format!(
            "{path} is damaged before byte {at}, where changes begin that do not follow revision {stored}"
        ))
    })?;
    tables.replay(&missing)?;
    if !missing.is_empty() {
        tracing::info!(
            batches = missing.len(),
            "the journal was moved to the tables"
        );
    }
    for (journal, text) in journals.iter_mut().zip(&texts) {
        if !text.is_empty() {
            journal.clear().map_err(redb::Error::Io)?;
        }
    }
    Ok(())
}

fn text(journal: &Journal) -> Result<Vec<u8>, redb::Error> {
    journal.text().map_err(redb::Error::Io)
}

/// The frames after a revision, in order; or in which journal and where one is that cannot be reached.
fn missing(texts: &[Vec<u8>; 2], stored: Revision) -> Result<Vec<Frame<'_>>, (usize, usize)> {
    let mut runs = [journal::frames(&texts[0]), journal::frames(&texts[1])];
    runs.sort_by_key(|run| run.first().map(|frame| frame.before));
    let mut revision = stored;
    let mut missing = Vec::new();
    for frame in runs.into_iter().flatten() {
        if frame.before == revision {
            revision = frame.last;
            missing.push(frame);
        }
    }
    for (which, text) in texts.iter().enumerate() {
        if let Some(at) = journal::beyond(text, revision) {
            return Err((which, at));
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::super::journal::Draft;
    use super::*;

    fn frames(revisions: &[(Revision, Revision)]) -> Vec<u8> {
        let one = |&(before, last): &(Revision, Revision)| {
            let mut draft = Draft::after(before);
            draft.add(b"maps\0\0a", Some(b"value"));
            draft.finish(last)
        };
        revisions.iter().flat_map(one).collect()
    }

    #[test]
    fn journals_are_read_from_where_the_tables_end() {
        let read = |first: &[(Revision, Revision)], second: &[(Revision, Revision)], stored| {
            let texts = [frames(first), frames(second)];
            match missing(&texts, stored) {
                Ok(missing) => missing
                    .iter()
                    .map(|frame| format!("{} ", frame.last))
                    .collect(),
                Err((which, at)) => format!("journal {which} at {at}"),
            }
        };
        let cases = [
            (&[][..], &[][..], 1, ""),
            (&[(1, 2), (2, 5)], &[], 1, "2 5 "),
            (&[(1, 2), (2, 5)], &[], 2, "5 "),
            (&[(1, 2), (2, 5)], &[(5, 6)], 1, "2 5 6 "),
            // The second was begun anew, over older frames.
            (&[(5, 6), (6, 7)], &[(7, 8), (2, 3)], 5, "6 7 8 "),
            (&[(7, 8)], &[(5, 6), (6, 7)], 7, "8 "),
            // The tables are older than the journals.
            (&[(5, 6)], &[], 3, "journal 0 at 0"),
        ];
        for (first, second, stored, expected) in cases {
            assert_eq!(
                read(first, second, stored),
                expected,
                "{first:?} {second:?}"
            );
        }
    }

    #[test]
    fn only_the_end_may_be_torn() {
        let first = frames(&[(1, 2), (2, 3)]);
        let half = first.len() / 2;
        for at in [0, 9, 30, 33, 50, half] {
            let mut damaged = first.clone();
            damaged[at] ^= 1;
            let torn = [damaged.clone(), frames(&[(3, 4)])];
            assert!(missing(&torn, 1).is_err(), "{at}");
            let last = [damaged, Vec::new()];
            // The last frame may be torn, the first not.
            assert_eq!(missing(&last, 1).is_ok(), at >= half, "{at}");
        }
    }
}
