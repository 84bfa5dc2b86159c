//! What the store holds back for watchers that do not come is bounded in bytes.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::sync::{Arc, Weak};

use seatrial_store::{Change, Draft, Expect, Key, Metadata, Record, Store, Write};

const SIZE: usize = 100_000;

/// One object, written anew `times` times; every state it has had.
async fn churn(store: &Store, times: usize) -> Vec<Weak<Record>> {
    let mut states = Vec::new();
    for _ in 0..times {
        let text = format!(r#"{{"padding":"{}","revision":""}}"#, "x".repeat(SIZE));
        let hole = text.len() - 2;
        let key = Key::new("maps", "default", "one");
        let expect = match store.get(&key) {
            Some(_) => Expect::Present,
            None => Expect::Absent,
        };
        let draft = Draft::new(text.into_bytes(), hole);
        let change = Change::Put {
            draft,
            metadata: Metadata::default(),
        };
        let write = Write {
            key,
            expect,
            change,
        };
        let records = store.commit(vec![write]).await.unwrap();
        states.push(Arc::downgrade(&records[0]));
    }
    states
}

fn alive(states: &[Weak<Record>]) -> usize {
    states
        .iter()
        .filter(|state| state.strong_count() > 0)
        .count()
}

#[tokio::test]
async fn large_changes_leave_the_log_before_they_fill_the_memory() {
    let store = Store::memory();
    let states = churn(&store, 1000).await;
    let held = alive(&states) * SIZE;
    assert!(held <= (32 << 20) + 2 * SIZE, "{held} bytes are held");
    assert!(held > 30 << 20, "only {held} bytes are held");
    // Who is not that far behind misses nothing.
    let recent = store.watch("maps", store.revision() - 200);
    assert_eq!(
        recent.map(|watch| watch.position()),
        Ok(store.revision() - 200)
    );
    assert!(store.watch("maps", 1).is_err());
}

#[tokio::test]
async fn watchers_that_stop_reading_hold_little_each_and_are_told_when_they_go_on() {
    let store = Store::memory();
    let mut stopped = Vec::new();
    let mut states = Vec::new();
    for _ in 0..20 {
        let mut watch = store.watch("maps", store.revision()).unwrap();
        states.extend(churn(&store, 50).await);
        // It takes one change, and with it what it reads ahead.
        watch.try_next().unwrap().unwrap();
        stopped.push(watch);
    }
    states.extend(churn(&store, 1000).await);
    let window = 32 << 20;
    let held = alive(&states) * SIZE - window;
    // A batch of three large changes, and the state before the first.
    assert!(
        held <= 20 * 5 * SIZE,
        "{held} bytes are held for 20 watchers"
    );
    for watch in &mut stopped {
        let mut seen = 0;
        let compacted = loop {
            match watch.try_next() {
                Ok(event) => seen += usize::from(event.is_some()),
                Err(compacted) => break compacted,
            }
        };
        assert!(seen < 5, "{seen} changes");
        assert_eq!(compacted.asked, watch.position());
    }
    drop(stopped);
    assert!(alive(&states) * SIZE <= window + 2 * SIZE);
}
