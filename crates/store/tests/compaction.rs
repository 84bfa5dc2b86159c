//! A file that is mostly free is made small when it is opened, and being killed meanwhile loses nothing.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use seatrial_store::{Change, Draft, Expect, Key, Metadata, Page, Store, Write};

const DIRECTORY: &str = "SEATRIAL_COMPACTION_TEST_DIRECTORY";
const OBJECTS: usize = 4000;
const SIZE: usize = 6000;
const ROUNDS: u32 = 20;

fn write(index: usize, change: impl FnOnce(Draft) -> Change, expect: Expect) -> Write {
    let text = format!(
        r#"{{"index":{index},"padding":"{}","revision":""}}"#,
        "x".repeat(SIZE)
    );
    let hole = text.len() - 2;
    Write {
        key: Key::new("maps", "default", &format!("map-{index:05}")),
        expect,
        change: change(Draft::new(text.into_bytes(), hole)),
    }
}

/// A store of which a hundredth is left, spread over the whole of its file.
async fn mostly_free(directory: &Path) {
    let store = Store::open(directory).unwrap();
    let put = |draft| Change::Put {
        draft,
        metadata: Metadata::default(),
    };
    for begin in (0..OBJECTS).step_by(500) {
        let writes = (begin..begin + 500).map(|index| write(index, put, Expect::Absent));
        store.commit(writes.collect()).await.unwrap();
    }
    // All of them are in the file before most of them go.
    drop(store);
    let store = Store::open(directory).unwrap();
    for begin in (0..OBJECTS).step_by(500) {
        let gone = (begin..begin + 500).filter(|index| index % 100 != 99);
        let writes =
            gone.map(|index| write(index, |draft| Change::Delete { draft }, Expect::Present));
        store.commit(writes.collect()).await.unwrap();
    }
}

/// The revision of the store that is there, with everything that was left in it.
fn whole(directory: &Path) -> u64 {
    let store = Store::open(directory).unwrap();
    let listing = store.list("maps", &Page::default()).unwrap();
    let found: Vec<usize> = listing
        .records
        .iter()
        .map(|record| {
            let value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
            assert_eq!(value["revision"], record.revision.to_string());
            assert_eq!(value["padding"], "x".repeat(SIZE));
            usize::try_from(value["index"].as_u64().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(found, (99..OBJECTS).step_by(100).collect::<Vec<_>>());
    store.revision()
}

fn length(directory: &Path) -> u64 {
    std::fs::metadata(directory.join("objects.redb"))
        .unwrap()
        .len()
}

/// The child: opens the store, and says so.
#[test]
#[ignore = "the opening half of the test below, which starts it"]
fn opener() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        println!("opening");
        let _store = Store::open(Path::new(&directory)).unwrap();
        println!("opened");
    }
}

fn start(directory: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opener", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_mostly_free_file_is_made_small_and_a_kill_meanwhile_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    mostly_free(directory.path()).await;
    let file = directory.path().join("objects.redb");
    let large = std::fs::read(&file).unwrap();
    let before = length(directory.path());
    assert!(before > 20 << 20, "the file has {before} bytes");
    #[expect(
        clippy::disallowed_methods,
        reason = "it measures how long to wait before the kill"
    )]
    let begun = std::time::Instant::now();
    let revision = whole(directory.path());
    let takes = begun.elapsed();
    let after = length(directory.path());
    assert!(after < 5 << 20, "{before} bytes became {after}");
    // Opened again, it is what it was.
    assert_eq!(whole(directory.path()), revision);
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut killed = 0;
    for round in 0..ROUNDS {
        std::fs::write(&file, &large).unwrap();
        let mut child = start(directory.path());
        // The whole of opening is sounded, from reading the file to its end, and a little more.
        std::thread::sleep(takes.mul_f64(random.f64() * 1.5) + Duration::from_millis(5));
        child.kill().unwrap();
        let mut said = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        child.wait().unwrap();
        killed += u32::from(!said.contains("opened"));
        assert_eq!(whole(directory.path()), revision, "round {round}");
        assert!(length(directory.path()) < 5 << 20, "round {round}");
    }
    println!("{killed} of {ROUNDS} were killed before they had opened the file");
    assert!(killed > 3, "only {killed} were killed in time");
}

#[tokio::test]
async fn a_full_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let put = |draft| Change::Put {
        draft,
        metadata: Metadata::default(),
    };
    let writes = (0..4000).map(|index| write(index, put, Expect::Absent));
    store.commit(writes.collect()).await.unwrap();
    drop(store);
    let before = length(directory.path());
    drop(Store::open(directory.path()).unwrap());
    assert_eq!(length(directory.path()), before);
}
