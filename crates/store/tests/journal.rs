//! Journals that an ended process left behind, whole, torn and damaged.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::path::Path;
use std::process::{Command, Stdio};

use seatrial_store::{Change, Draft, Error, Expect, Key, Metadata, Page, Store, Write};

const DIRECTORY: &str = "SEATRIAL_JOURNAL_TEST_DIRECTORY";
const OBJECTS: usize = 40;

fn text(index: usize) -> String {
    format!(
        r#"{{"index":{index},"padding":"{}","revision":""}}"#,
        "x".repeat(37 * index)
    )
}

fn put(index: usize) -> Write {
    let text = text(index);
    let hole = text.len() - 2;
    Write {
        key: Key::new("maps", "default", &format!("map-{index:02}")),
        expect: Expect::Absent,
        change: Change::Put {
            draft: Draft::new(text.into_bytes(), hole),
            metadata: Metadata::default(),
        },
    }
}

/// The child: writes some objects, one after the other, and ends without closing anything.
#[tokio::test]
#[ignore = "the writing half of the tests below, which start it"]
async fn writer() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        let store = Store::open(Path::new(&directory)).unwrap();
        for index in 0..OBJECTS {
            store.commit(vec![put(index)]).await.unwrap();
        }
        std::process::abort();
    }
}

/// A directory in which the objects are in a journal only.
struct Left(tempfile::TempDir);

impl Left {
    fn behind() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!ended.success());
        Self(directory)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    /// How many objects there are: always the first so many, each as it was written. `None` where the directory is refused by name.
    fn found(&self) -> Option<usize> {
        let store = match Store::open(self.0.path()) {
            Ok(store) => store,
            Err(error @ Error::Damaged { .. }) => {
                let text = error.to_string();
                assert!(text.contains("journal.0"), "{text}");
                return None;
            }
            Err(other) => unreachable!("{other}"),
        };
        let listing = store.list("maps", &Page::default()).unwrap();
        for (index, record) in listing.records.iter().enumerate() {
            assert_eq!(record.revision, index as u64 + 2);
            let expected = text(index).replace(
                r#""revision":"""#,
                &format!(r#""revision":"{}""#, record.revision),
            );
            assert_eq!(record.bytes, expected);
        }
        assert_eq!(store.revision(), listing.records.len() as u64 + 1);
        Some(listing.records.len())
    }
}

/// How much of a journal was written to.
fn used(journal: &[u8]) -> usize {
    journal.iter().rposition(|&byte| byte != 0).unwrap() + 1
}

#[test]
fn what_is_in_a_journal_is_found_and_moved_once() {
    let left = Left::behind();
    let (journal, tables) = (left.read("journal.0"), left.read("objects.redb"));
    assert_eq!(left.found(), Some(OBJECTS));
    assert!(left.read("journal.0").is_empty(), "it was moved");
    assert_eq!(left.found(), Some(OBJECTS));
    // Killed after it was moved, before it was emptied.
    left.write("journal.0", &journal);
    assert_eq!(left.found(), Some(OBJECTS));
    // Killed before it was moved.
    left.write("objects.redb", &tables);
    left.write("journal.0", &journal);
    assert_eq!(left.found(), Some(OBJECTS));
}

#[test]
fn a_torn_end_is_no_object() {
    let left = Left::behind();
    let (journal, tables) = (left.read("journal.0"), left.read("objects.redb"));
    let used = used(&journal);
    let mut last = 0;
    for length in (0..used).step_by(397).chain([used - 1]) {
        left.write("objects.redb", &tables);
        left.write("journal.0", &journal[..length]);
        let found = left.found().unwrap();
        assert!(
            found >= last && found < OBJECTS,
            "{found} of {length} bytes"
        );
        last = found;
    }
    assert_eq!(last, OBJECTS - 1);
    // Garbage where the last one was, as of a page that was never written.
    for garbage in [0, 0xa5] {
        let mut torn = journal.clone();
        torn[used - 700..used].fill(garbage);
        left.write("objects.redb", &tables);
        left.write("journal.0", &torn);
        assert_eq!(left.found(), Some(OBJECTS - 1));
    }
}

#[test]
fn damage_before_the_end_is_told() {
    let left = Left::behind();
    let (journal, tables) = (left.read("journal.0"), left.read("objects.redb"));
    let used = used(&journal);
    let mut random = fastrand::Rng::with_seed(11);
    let (mut refused, mut torn) = (0, 0);
    for round in 0..150 {
        let at = random.usize(..used + 100);
        let mut damaged = journal.clone();
        damaged[at] ^= 1 << random.u8(..8);
        if round % 10 == 0 {
            // A page that was lost.
            let page = at / 4096 * 4096;
            damaged[page..page + 4096].fill(0);
        }
        left.write("objects.redb", &tables);
        left.write("journal.0", &damaged);
        match left.found() {
            None => refused += 1,
            Some(OBJECTS) => {}
            // Only what nobody can tell from the end of a killed process.
            Some(found) => {
                assert!(at + 4096 > used, "{found} with byte {at} of {used}");
                torn += 1;
            }
        }
        assert!(refused > 0 || round < 20);
    }
    assert!(refused > 100, "{refused} refused, {torn} torn");
}

#[test]
fn tables_that_are_older_than_the_journals_are_refused() {
    let left = Left::behind();
    let journal = left.read("journal.0");
    let new = tempfile::tempdir().unwrap();
    drop(Store::open(new.path()).unwrap());
    // Without its first frame, the journal does not follow empty tables.
    let second = journal[8..]
        .windows(8)
        .position(|bytes| *bytes == journal[..8])
        .unwrap()
        + 8;
    left.write("journal.0", &journal[second..]);
    let tables = std::fs::read(new.path().join("objects.redb")).unwrap();
    left.write("objects.redb", &tables);
    assert_eq!(left.found(), None);
}
