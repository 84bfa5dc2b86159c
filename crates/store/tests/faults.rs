//! Disks that are full, and files that were damaged.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seatrial_store::{Change, Draft, Error, Expect, Key, Metadata, Page, Store, Write};

const DIRECTORY: &str = "SEATRIAL_FULL_DISK_TEST_DIRECTORY";

fn put(name: &str, size: usize) -> Write {
    let text = format!(r#"{{"padding":"{}","revision":""}}"#, "x".repeat(size));
    let hole = text.len() - 2;
    Write {
        key: Key::new("maps", "default", name),
        expect: Expect::Absent,
        change: Change::Put {
            draft: Draft::new(text.into_bytes(), hole),
            metadata: Metadata::default(),
        },
    }
}

fn names(store: &Store) -> Vec<String> {
    let listing = store.list("maps", &Page::default()).unwrap();
    let names = listing.records.iter();
    names.map(|record| record.key.name.to_string()).collect()
}

/// No file of this process may become larger than this from now on.
fn room(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: bytes,
            maximum,
        },
    )
    .unwrap();
}

/// The process whose disk is full. The signal that comes with the limit is ignored by its parent.
#[tokio::test]
#[ignore = "the half of the test below that runs in a process of its own"]
async fn on_a_full_disk() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let store = Store::open(Path::new(&directory)).unwrap();
    store.commit(vec![put("before", 1000)]).await.unwrap();
    let length = std::fs::metadata(Path::new(&directory).join("objects.redb")).unwrap();
    room(Some(length.len()));
    let mut stored = vec!["before".to_owned()];
    let mut refused = 0;
    for index in 0..60 {
        let name = format!("during-{index:02}");
        let revision = store.revision();
        match store.commit(vec![put(&name, 200_000)]).await {
            Ok(_) => stored.push(name),
            Err(Error::Full { detail }) => {
                assert!(!detail.is_empty());
                assert_eq!(store.revision(), revision, "nothing of it is visible");
                refused += 1;
            }
            Err(other) => unreachable!("{other}"),
        }
        // Reads go on.
        assert_eq!(names(&store), stored);
    }
    assert!(refused > 10, "the disk was never full");
    // What is small may still find room, or not; either way the store says so.
    let small = store.commit(vec![put("small", 10)]).await;
    if small.is_ok() {
        stored.push("small".to_owned());
    }
    room(None);
    for index in 0..5 {
        let name = format!("xafter-{index}");
        store.commit(vec![put(&name, 200_000)]).await.unwrap();
        stored.push(name);
    }
    stored.sort();
    assert_eq!(names(&store), stored);
    drop(store);
    let again = Store::open(Path::new(&directory)).unwrap();
    assert_eq!(names(&again), stored);
    println!("held: {refused} refused");
}

#[test]
fn a_full_disk_refuses_writes_loses_nothing_and_goes_on_with_space() {
    alone("on_a_full_disk");
}

/// Runs a test in a process of its own, where it may limit itself.
fn alone(test: &str) {
    let directory = tempfile::tempdir().unwrap();
    // The shell ignores the signal of the limit, and what is ignored stays so in what it starts.
    let output = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("held: "),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The process whose tables have no room: what is moved there is refused, while journals still take something.
#[tokio::test]
#[ignore = "the half of the test below that runs in a process of its own"]
async fn on_a_disk_without_room_for_tables() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let store = Store::open(Path::new(&directory)).unwrap();
    room(Some(12 << 20));
    let mut stored = Vec::new();
    let mut refused = 0;
    for index in 0..200 {
        let name = format!("during-{index:03}");
        match store.commit(vec![put(&name, 200_000)]).await {
            Ok(_) => stored.push(name),
            Err(Error::Full { .. }) => refused += 1,
            Err(other) => unreachable!("{other}"),
        }
        assert_eq!(names(&store), stored);
    }
    // More than the tables could take, and less than all.
    assert!((60..180).contains(&stored.len()), "{}", stored.len());
    room(None);
    for index in 0..100 {
        let name = format!("later-{index:03}");
        store.commit(vec![put(&name, 200_000)]).await.unwrap();
        stored.push(name);
    }
    assert_eq!(names(&store), stored);
    drop(store);
    let store = Store::open(Path::new(&directory)).unwrap();
    assert_eq!(names(&store), stored);
    println!("held: {refused} refused");
}

#[test]
fn what_cannot_be_moved_to_the_tables_stays_in_the_journals() {
    alone("on_a_disk_without_room_for_tables");
}

/// A store with some objects, closed; the path of its file.
async fn filled(directory: &Path) -> std::path::PathBuf {
    let store = Store::open(directory).unwrap();
    for index in 0..200 {
        store
            .commit(vec![put(&format!("map-{index:03}"), 3000)])
            .await
            .unwrap();
    }
    drop(store);
    directory.join("objects.redb")
}

/// Opens, and says what came of it: all objects as they were, or a refusal. Anything else is a loss that
/// nobody was told of.
fn verdict(directory: &Path, what: &str) -> &'static str {
    match Store::open(directory) {
        Ok(store) => {
            let listing = store.list("maps", &Page::default()).unwrap();
            assert_eq!(listing.records.len(), 200, "{what}: objects are lost");
            for record in &listing.records {
                let value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
                assert_eq!(value["padding"], "x".repeat(3000), "{what}: {}", record.key);
                assert_eq!(value["revision"], record.revision.to_string(), "{what}");
            }
            "whole"
        }
        Err(error @ (Error::Damaged { .. } | Error::Open { .. })) => {
            let text = error.to_string();
            assert!(
                text.contains(&*directory.to_string_lossy()),
                "{what}: {text}"
            );
            "refused"
        }
        Err(other) => unreachable!("{what}: {other}"),
    }
}

#[tokio::test]
async fn a_flipped_bit_is_told_or_harmless_and_never_a_wrong_object() {
    let directory = tempfile::tempdir().unwrap();
    let file = filled(directory.path()).await;
    let whole = std::fs::read(&file).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let mut refused = 0;
    for round in 0..150 {
        // The first page is the file's own; the rest holds keys, values and what is free.
        let at = if round % 5 == 0 {
            random.usize(..4096)
        } else {
            random.usize(..whole.len())
        };
        let bit = 1 << random.u8(..8);
        let mut damaged = whole.clone();
        damaged[at] ^= bit;
        std::fs::write(&file, &damaged).unwrap();
        if verdict(directory.path(), &format!("bit {bit} of byte {at}")) == "refused" {
            refused += 1;
        }
    }
    assert!(refused > 20, "only {refused} were noticed");
}

#[tokio::test]
async fn a_torn_tail_is_told_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let file = filled(directory.path()).await;
    let whole = std::fs::read(&file).unwrap();
    let mut refused = 0;
    for lost in [
        1,
        100,
        4096,
        10_000,
        100_000,
        whole.len() / 2,
        whole.len() - 10,
        whole.len(),
    ] {
        std::fs::write(&file, &whole[..whole.len() - lost]).unwrap();
        // An empty file is a new store: there the loss is the whole of it, and cannot be told apart.
        if lost < whole.len()
            && verdict(directory.path(), &format!("{lost} bytes lost")) == "refused"
        {
            refused += 1;
        }
    }
    assert!(refused > 3, "only {refused} were noticed");
    // Garbage over the end of the file, as after a power cut of a disk that lies.
    for _ in 0..10 {
        std::fs::write(&file, &whole).unwrap();
        let mut tail = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&file)
            .unwrap();
        tail.seek(SeekFrom::End(-8192)).unwrap();
        let mut before = Vec::new();
        tail.read_to_end(&mut before).unwrap();
        tail.seek(SeekFrom::End(-8192)).unwrap();
        tail.write_all(&vec![0xa5; before.len()]).unwrap();
        drop(tail);
        verdict(directory.path(), "a tail of garbage");
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("objects.redb");
    for content in [
        b"hello".to_vec(),
        vec![0; 4096],
        vec![0xff; 100_000],
        b"redb\x1a\x0a\xa9\x0d\x0a".to_vec(),
    ] {
        std::fs::write(&file, &content).unwrap();
        let error = Store::open(directory.path()).err().unwrap();
        let text = error.to_string();
        assert!(
            text.contains(&*directory.path().to_string_lossy()),
            "{text}"
        );
        assert_eq!(
            std::fs::read(&file).unwrap(),
            content,
            "what is not ours stays as it was"
        );
    }
}

/// The second process on one data directory.
#[test]
#[ignore = "the half of the test below that runs in a process of its own"]
fn second_process() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        match Store::open(Path::new(&directory)) {
            Ok(_) => println!("it opened the store"),
            Err(error @ Error::Locked { .. }) => println!("locked: {error}"),
            Err(other) => println!("it failed: {other}"),
        }
    }
}

#[tokio::test]
async fn a_second_process_is_refused_by_name_and_disturbs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let second = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "second_process", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let store = Store::open(directory.path()).unwrap();
    for index in 0..5 {
        let name = format!("map-{index}");
        store.commit(vec![put(&name, 100_000)]).await.unwrap();
        let said = second();
        assert!(said.contains("locked: "), "{said}");
        assert!(
            said.contains(&*directory.path().to_string_lossy()),
            "{said}"
        );
        store
            .commit(vec![put(&format!("more-{index}"), 10)])
            .await
            .unwrap();
    }
    drop(store);
    let said = second();
    assert!(said.contains("it opened the store"), "{said}");
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(names(&store).len(), 10);
}
