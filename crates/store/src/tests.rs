//! What callers may rely on, for both backends.

use super::*;

fn put(name: &str, expect: Expect, body: &str) -> Write {
    let bytes = format!(r#"{{"body":"{body}","rv":""}}"#).into_bytes();
    let hole = bytes.len() - 2;
    Write {
        key: Key::new("pods", "default", name),
        expect,
        change: Change::Put {
            draft: Draft::new(bytes, hole),
            metadata: Metadata::default(),
        },
    }
}

fn delete(name: &str, expect: Expect) -> Write {
    Write {
        key: Key::new("pods", "default", name),
        expect,
        change: Change::Delete {
            draft: Draft::new(b"{}".to_vec(), 1),
        },
    }
}

fn names(listing: &Listing) -> Vec<&str> {
    listing
        .records
        .iter()
        .map(|record| &*record.key.name)
        .collect()
}

/// A store of each kind; the directory lives as long as the test.
fn stores() -> Vec<(Store, Option<tempfile::TempDir>)> {
    let directory = tempfile::tempdir().unwrap();
    let durable = Store::open(directory.path()).unwrap();
    vec![(Store::memory(), None), (durable, Some(directory))]
}

#[tokio::test]
async fn the_revision_is_spliced_into_the_bytes() {
    for (store, _directory) in stores() {
        let records = store
            .commit(vec![put("a", Expect::Absent, "x")])
            .await
            .unwrap();
        assert_eq!(records[0].bytes, br#"{"body":"x","rv":"2"}"#.as_slice());
        assert_eq!(store.revision(), 2);
    }
}

#[tokio::test]
async fn preconditions_guard_every_kind_of_write() {
    for (store, _directory) in stores() {
        let refused =
            async |write| matches!(store.commit(vec![write]).await, Err(Error::Conflict { .. }));
        assert!(refused(put("a", Expect::Present, "x")).await);
        assert!(refused(delete("a", Expect::Absent)).await);
        store
            .commit(vec![put("a", Expect::Absent, "x")])
            .await
            .unwrap();
        assert!(refused(put("a", Expect::Absent, "y")).await);
        assert!(refused(put("a", Expect::Revision(1), "y")).await);
        store
            .commit(vec![put("a", Expect::Revision(2), "y")])
            .await
            .unwrap();
        store
            .commit(vec![delete("a", Expect::Revision(3))])
            .await
            .unwrap();
        assert!(store.get(&Key::new("pods", "default", "a")).is_none());
    }
}

#[tokio::test]
async fn a_commit_is_all_or_nothing() {
    for (store, _directory) in stores() {
        let writes = vec![
            put("a", Expect::Absent, "x"),
            put("b", Expect::Present, "x"),
        ];
        assert!(store.commit(writes).await.is_err());
        assert_eq!(store.revision(), 1);
        assert!(
            store
                .list("pods", &Page::default())
                .unwrap()
                .records
                .is_empty()
        );
        // A failed commit must leave nothing behind for the next one in the same batch.
        store
            .commit(vec![put("a", Expect::Absent, "x")])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn watchers_see_every_change_once_and_in_order() {
    for (store, _directory) in stores() {
        let mut watch = store.watch("pods", store.revision()).unwrap();
        store
            .commit(vec![put("a", Expect::Absent, "1")])
            .await
            .unwrap();
        store
            .commit(vec![put("a", Expect::Present, "2")])
            .await
            .unwrap();
        store
            .commit(vec![delete("a", Expect::Present)])
            .await
            .unwrap();
        let mut seen = Vec::new();
        while let Some(event) = watch.try_next().unwrap() {
            seen.push((event.kind, event.record.revision, event.previous.is_some()));
        }
        assert_eq!(
            seen,
            [
                (EventKind::Added, 2, false),
                (EventKind::Modified, 3, true),
                (EventKind::Deleted, 4, true)
            ]
        );
        assert_eq!(watch.bookmark().unwrap(), Some(4));
    }
}

#[tokio::test]
async fn a_waiting_watcher_is_woken() {
    for (store, _directory) in stores() {
        let mut watch = store.watch("pods", store.revision()).unwrap();
        let waiter = tokio::spawn(async move { watch.next().await.unwrap().record.revision });
        tokio::task::yield_now().await;
        store
            .commit(vec![put("a", Expect::Absent, "1")])
            .await
            .unwrap();
        assert_eq!(waiter.await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_selection_comes_in_pages() {
    for (store, _directory) in stores() {
        let writes = ["a", "b", "c", "d", "e"].map(|name| put(name, Expect::Absent, "1"));
        store.commit(writes.into()).await.unwrap();
        let odd = |record: &Record| record.created.is_multiple_of(2);
        let mut page = Page {
            limit: Some(2),
            ..Page::default()
        };
        let first = store.select("pods", &page, &odd).unwrap();
        assert_eq!((names(&first), first.left), (vec!["a", "c"], 1));
        page.after = Some(("default", "c"));
        let second = store.select("pods", &page, &odd).unwrap();
        assert_eq!((names(&second), second.left), (vec!["e"], 0));
        let all = store.list("pods", &page).unwrap();
        assert_eq!((names(&all), all.left), (vec!["d", "e"], 0));
    }
}

#[tokio::test]
async fn the_log_forgets_and_says_so() {
    let store = Store::memory_with_log(2);
    let mut slow = store.watch("pods", 1).unwrap();
    for name in ["a", "b", "c"] {
        store
            .commit(vec![put(name, Expect::Absent, "1")])
            .await
            .unwrap();
    }
    let compacted = Compacted {
        asked: 1,
        oldest: 2,
    };
    assert_eq!(store.watch("pods", 1).err(), Some(compacted));
    assert_eq!(slow.try_next().err(), Some(compacted));
    assert_eq!(
        store
            .watch("pods", 2)
            .unwrap()
            .next()
            .await
            .unwrap()
            .record
            .revision,
        3
    );
    let before = |revision| Page {
        at: Some(revision),
        ..Page::default()
    };
    assert!(store.list("pods", &before(3)).is_ok());
    let mut quiet = store.watch("services", 3).unwrap();
    store.compact(4);
    assert!(store.watch("pods", 3).is_err());
    for resource in ["pods", "services"] {
        let listed = store.list(resource, &before(3)).map(|it| it.revision);
        let compacted = Compacted {
            asked: 3,
            oldest: 4,
        };
        assert_eq!(listed, Err(compacted));
        assert!(store.list(resource, &before(4)).is_ok());
    }
    // Whoever missed nothing goes on: no change of this resource is forgotten.
    assert_eq!(quiet.try_next().map(|event| event.is_none()), Ok(true));
}

#[tokio::test]
async fn lists_select_by_namespace_and_position_and_revision() {
    let store = Store::memory();
    for name in ["a", "b", "c"] {
        store
            .commit(vec![put(name, Expect::Absent, "1")])
            .await
            .unwrap();
    }
    let at = store.revision();
    store
        .commit(vec![delete("b", Expect::Present)])
        .await
        .unwrap();
    store
        .commit(vec![put("d", Expect::Absent, "1")])
        .await
        .unwrap();
    let list = |page: Page<'_>| store.list("pods", &page).unwrap();
    assert_eq!(names(&list(Page::default())), ["a", "c", "d"]);
    assert_eq!(
        names(&list(Page {
            at: Some(at),
            ..Page::default()
        })),
        ["a", "b", "c"]
    );
    let after = Page {
        after: Some(("default", "a")),
        ..Page::default()
    };
    assert_eq!(names(&list(after)), ["c", "d"]);
    assert!(
        list(Page {
            namespace: Some("other"),
            ..Page::default()
        })
        .records
        .is_empty()
    );
}

#[tokio::test]
async fn a_reopened_store_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .commit(vec![put("a", Expect::Absent, "1")])
        .await
        .unwrap();
    store
        .commit(vec![
            put("b", Expect::Absent, "1"),
            delete("a", Expect::Present),
        ])
        .await
        .unwrap();
    let (before, revision) = (
        store.list("pods", &Page::default()).unwrap(),
        store.revision(),
    );
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::Locked { .. })
    ));
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(
        store.list("pods", &Page::default()).unwrap().records,
        before.records
    );
    assert_eq!(store.revision(), revision);
    assert!(store.watch("pods", revision - 1).is_err());
    let records = store
        .commit(vec![put("c", Expect::Absent, "1")])
        .await
        .unwrap();
    assert_eq!(records[0].revision, revision + 1);
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_a_clear_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Store::open(file.path()).err().unwrap().to_string();
    assert!(
        error.starts_with("cannot open the data directory"),
        "{error}"
    );
}

/// Seals `pods` by turning every bit, tied to its place by its first byte.
struct Turning(u8);

impl Seal for Turning {
    fn wants(&self, resource: &str) -> bool {
        resource == "pods"
    }

    fn seal(&self, place: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mark = [self.0, *place.last()?];
        let turned = plain.iter().map(|byte| !byte);
        Some(mark.into_iter().chain(turned).collect())
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (mark, rest) = sealed.split_at_checked(2)?;
        (mark == [self.0, *place.last()?]).then(|| rest.iter().map(|byte| !byte).collect())
    }
}

#[tokio::test]
async fn what_is_sealed_cannot_be_read_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let on_disk = |text: &str| {
        let bytes = std::fs::read(directory.path().join("objects.redb")).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    let store = Store::open(directory.path()).unwrap();
    store
        .commit(vec![put("a", Expect::Absent, "before")])
        .await
        .unwrap();
    drop(store);
    assert!(on_disk("before"));

    let sealed = |number| Store::open_sealed(directory.path(), Arc::new(Turning(number)));
    let store = sealed(1).unwrap();
    store
        .commit(vec![put("b", Expect::Absent, "after")])
        .await
        .unwrap();
    let before = store.list("pods", &Page::default()).unwrap();
    drop(store);
    assert!(!on_disk("after"));
    let store = sealed(1).unwrap();
    assert_eq!(
        store.list("pods", &Page::default()).unwrap().records,
        before.records
    );
    drop(store);
    for refused in [sealed(2), Store::open(directory.path())] {
        let error = refused.err().unwrap();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}
