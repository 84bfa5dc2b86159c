//! Logs in a temporary directory.

// The snapshots are written by a tool; JSON and snapshots read best when handed over whole.
#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)]

use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use seatrial_clock::Clock;

use super::*;
use crate::runtime::Stream::{Stderr, Stdout};

/// A clock that goes on by a second with each look.
struct Ticking(Mutex<i64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let mut seconds = self.0.lock().unwrap();
        *seconds += 1;
        Timestamp::from_second(*seconds).unwrap()
    }
}

fn begin(directory: &Path, run: u32, rotation: Rotation) -> (Log, Arc<dyn Output>) {
    Log::begin(directory, run, rotation, Arc::new(Ticking(Mutex::new(0)))).unwrap()
}

fn text(log: &Log, options: Options) -> String {
    String::from_utf8(log.read(options).now().unwrap()).unwrap()
}

#[test]
fn lines_are_kept_as_cri_writes_them() {
    let directory = tempfile::tempdir().unwrap();
    let (log, output) = begin(directory.path(), 0, Rotation::default());
    output.write(Stdout, b"one\ntw");
    output.write(Stderr, b"oops\n");
    output.write(Stdout, b"o\nthree");
    output.write(Stdout, b"");
    let file = fs::read_to_string(directory.path().join("0.log")).unwrap();
    expect_test::expect![[r"
        1970-01-01T00:00:01.000000000Z stdout F one
        1970-01-01T00:00:02.000000000Z stderr F oops
        1970-01-01T00:00:03.000000000Z stdout F two
        1970-01-01T00:00:04.000000000Z stdout P three
    "]]
    .assert_eq(&file);
    assert_eq!(text(&log, Options::default()), "one\noops\ntwo\nthree");
}

#[test]
fn options_choose_what_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (log, output) = begin(directory.path(), 0, Rotation::default());
    for number in 1..=5 {
        output.write(Stdout, format!("line {number}\n").as_bytes());
    }
    let options = Options::default();
    assert_eq!(
        text(
            &log,
            Options {
                tail: Some(2),
                ..options
            }
        ),
        "line 4\nline 5\n"
    );
    assert_eq!(
        text(
            &log,
            Options {
                tail: Some(0),
                ..options
            }
        ),
        ""
    );
    let since = Timestamp::from_second(5).ok();
    assert_eq!(text(&log, Options { since, ..options }), "line 5\n");
    assert_eq!(
        text(
            &log,
            Options {
                limit: Some(10),
                ..options
            }
        ),
        "line 1\nlin"
    );
    let shown = Options {
        timestamps: Timestamps::Show,
        tail: Some(1),
        ..options
    };
    assert_eq!(text(&log, shown), "1970-01-01T00:00:05.000000000Z line 5\n");
}

#[test]
fn long_lines_are_split_and_joined_again() {
    let directory = tempfile::tempdir().unwrap();
    let (log, output) = begin(directory.path(), 0, Rotation::default());
    let long = "x".repeat(40_000) + "\n";
    output.write(Stdout, b"before\n");
    output.write(Stdout, long.as_bytes());
    assert_eq!(
        text(
            &log,
            Options {
                tail: Some(1),
                ..Options::default()
            }
        ),
        long
    );
    assert_eq!(text(&log, Options::default()), format!("before\n{long}"));
}

#[test]
fn full_files_are_put_aside_and_the_oldest_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let (log, output) = begin(
        directory.path(),
        0,
        Rotation {
            size: 100,
            files: 3,
        },
    );
    for number in 0..10 {
        output.write(Stdout, format!("line {number}\n").as_bytes());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    assert_eq!(
        text(&log, Options::default()),
        "line 4\nline 5\nline 6\nline 7\nline 8\nline 9\n"
    );
}

#[test]
fn only_the_previous_run_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (_, output) = begin(directory.path(), run, Rotation::default());
        output.write(Stdout, format!("run {run}\n").as_bytes());
    }
    assert!(Log::finished(directory.path(), 0).is_none());
    let previous = Log::finished(directory.path(), 1).unwrap();
    assert_eq!(text(&previous, Options::default()), "run 1\n");
    assert_eq!(previous.last(80, 2), "1\n");
}

#[tokio::test(start_paused = true)]
async fn a_reader_follows_over_rotations_until_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (log, output) = begin(
        directory.path(),
        0,
        Rotation {
            size: 100,
            files: 3,
        },
    );
    output.write(Stdout, b"line 0\n");
    let options = Options {
        follow: Follow::Yes,
        ..Options::default()
    };
    let reader = log.read(options).stream();
    let reader = tokio::spawn(reader.map(|chunk| chunk.unwrap().to_vec()).concat());
    for number in 1..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        output.write(Stdout, format!("line {number}\n").as_bytes());
    }
    log.end();
    let read = String::from_utf8(reader.await.unwrap()).unwrap();
    let expected: Vec<String> = (0..20).map(|number| format!("line {number}\n")).collect();
    assert_eq!(read, expected.concat());
}
