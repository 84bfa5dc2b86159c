//! Forgetting what clients may no longer ask for.
//!
//! As upstream, a page of a list and a watch go back five minutes at least: what is older is forgotten even where there would be room, so
//! that a quiet cluster does not hold its last hours in memory, and so that clients meet an expired list here and not only in production.

use std::collections::VecDeque;
use std::time::Duration;

use seatrial_store::Store;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const EVERY: Duration = Duration::from_mins(1);
/// How many looks a revision is kept.
const LOOKS: usize = 5;

/// Runs until it is told to stop.
pub(super) async fn run(store: &Store, stop: &CancellationToken) {
    let mut seen = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        seen.push_back(store.revision());
        if seen.len() > LOOKS
            && let Some(revision) = seen.pop_front()
        {
            store.compact(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail loudly.

    use std::sync::Arc;

    use seatrial_store::{Change, Draft, Expect, Key, Metadata, Page, Write};

    use super::*;

    async fn write(store: &Store, name: &str) {
        let write = Write {
            key: Key::new("pods", "default", name),
            expect: Expect::Absent,
            change: Change::Put {
                draft: Draft::new(b"{\"rv\":\"\"}".to_vec(), 7),
                metadata: Metadata::default(),
            },
        };
        store.commit(vec![write]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn five_minutes_are_kept() {
        let store = Arc::new(Store::memory());
        write(&store, "a").await;
        let first = store.revision();
        let (kept, stop) = (Arc::clone(&store), CancellationToken::new());
        tokio::spawn(async move { run(&kept, &stop).await });
        write(&store, "b").await;
        let page = Page {
            at: Some(first),
            ..Page::default()
        };
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(store.list("pods", &page).unwrap().records.len(), 1);
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert!(store.list("pods", &page).is_err());
        assert!(store.watch("pods", first).is_err());
    }
}
