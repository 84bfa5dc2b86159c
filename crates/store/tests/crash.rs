//! A process that is killed without warning loses nothing that it acknowledged.
//!
//! The test runs itself again as a writer on one data directory, reads the writer's
//! acknowledgements from a pipe, kills it with SIGKILL after a random number of them, opens the
//! store and compares. Two hundred times on the same directory; and fifty times with objects so large that
//! changes are moved from the journals to the tables all the time.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use seatrial_store::{Change, Draft, Expect, Key, Metadata, Page, Store, Write};

const ROUNDS: usize = 200;
const LARGE_ROUNDS: usize = 50;
const WRITERS: u64 = 8;
const DIRECTORY: &str = "SEATRIAL_CRASH_TEST_DIRECTORY";
const REPEATS: &str = "SEATRIAL_CRASH_TEST_REPEATS";

/// Long enough to span pages, so that a torn write would show.
const SMALL: usize = 200;
/// A few dozen commits fill a journal.
const LARGE: usize = 10_000;

/// The left and the right half of a pair are always written in one commit with the same counter.
const HALVES: [&str; 2] = ["left", "right"];

fn write(name: &str, expect: Expect, counter: u64, repeats: usize) -> Write {
    let padding = format!("{counter:08}").repeat(repeats);
    let text = format!(r#"{{"counter":{counter},"padding":"{padding}","revision":""}}"#);
    let hole = text.len() - 2;
    Write {
        key: Key::new("pairs", "default", name),
        expect,
        change: Change::Put {
            draft: Draft::new(text.into_bytes(), hole),
            metadata: Metadata {
                uid: name.into(),
                ..Metadata::default()
            },
        },
    }
}

/// The counters of all halves; fails on anything that is not whole.
fn counters(store: &Store) -> BTreeMap<String, u64> {
    let listing = store.list("pairs", &Page::default()).unwrap();
    let read = |record: &seatrial_store::Record| {
        let value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
        let counter = value["counter"].as_u64().unwrap();
        assert_eq!(value["revision"], record.revision.to_string());
        let padding = value["padding"].as_str().unwrap();
        assert!([SMALL, LARGE].contains(&(padding.len() / 8)));
        assert!(padding == format!("{counter:08}").repeat(padding.len() / 8));
        assert!(record.revision <= store.revision());
        (record.key.name.to_string(), counter)
    };
    listing.records.iter().map(|record| read(record)).collect()
}

/// The child: writes pairs until it is killed, and says each one that was acknowledged.
#[test]
#[ignore = "the writing half of the crash test, which starts it"]
fn writer() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let repeats = std::env::var(REPEATS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&directory)).unwrap();
        let known = counters(&store);
        let tasks = (0..WRITERS).map(|writer| {
            let (store, known) = (store.clone(), known.clone());
            tokio::spawn(async move {
                let names = HALVES.map(|half| format!("{writer}-{half}"));
                let mut counter = known.get(&names[0]).copied().unwrap_or(0);
                loop {
                    let expect = if counter == 0 {
                        Expect::Absent
                    } else {
                        Expect::Present
                    };
                    counter += 1;
                    let writes = names
                        .iter()
                        .map(|name| write(name, expect, counter, repeats))
                        .collect();
                    store.commit(writes).await.unwrap();
                    let line = format!("acknowledged {writer} {counter}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            })
        });
        let tasks: Vec<tokio::task::JoinHandle<()>> = tasks.collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Runs the writer until it has acknowledged `moment` pairs, kills it, and returns the newest
/// counter that each writer was told was safe.
fn run_and_kill(directory: &Path, repeats: usize, moment: u64) -> BTreeMap<u64, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(REPEATS, repeats.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: &str| {
        let mut words = line.split_whitespace();
        if words.next() == Some("acknowledged")
            && let (Some(writer), Some(counter)) = (words.next(), words.next())
        {
            acknowledged.insert(writer.parse().unwrap(), counter.parse().unwrap());
        }
    };
    // The test runner's own lines ("running 1 test") count as moments too: before the first write.
    for _ in 0..moment {
        note(&lines.next().unwrap().unwrap());
    }
    child.kill().unwrap();
    // What was still in the pipe had been acknowledged as well; a last line may be cut short.
    for line in lines
        .map_while(Result::ok)
        .filter(|line| line.split(' ').count() == 3)
    {
        note(&line);
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_by_sigkill_and_nothing_is_half_written() {
    kill_again_and_again(ROUNDS, SMALL);
}

#[test]
fn nothing_is_lost_while_changes_are_moved_to_the_tables() {
    kill_again_and_again(LARGE_ROUNDS, LARGE);
}

fn kill_again_and_again(rounds: usize, repeats: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut total = 0;
    let mut last_revision = 0;
    for round in 0..rounds {
        let acknowledged = run_and_kill(directory.path(), repeats, random.u64(0..300));
        let store = Store::open(directory.path()).unwrap();
        let found = counters(&store);
        for (writer, counter) in &acknowledged {
            let kept = found.get(&format!("{writer}-left")).copied().unwrap_or(0);
            assert!(
                kept >= *counter,
                "round {round}: writer {writer} lost {counter}, has {kept}"
            );
        }
        for writer in 0..WRITERS {
            let halves = HALVES.map(|half| found.get(&format!("{writer}-{half}")));
            assert_eq!(
                halves[0], halves[1],
                "round {round}: half a commit of writer {writer}"
            );
        }
        assert!(
            store.revision() >= last_revision,
            "round {round}: the revision went back"
        );
        last_revision = store.revision();
        total = found.values().sum::<u64>() / 2;
    }
    println!("{rounds} kills, {total} commits, none lost");
    assert!(total > rounds as u64, "the writers hardly wrote: {total}");
}
