//! Durable and in-memory commits at 64 concurrent clients, 1,200-byte objects.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use seatrial_store::{Change, Draft, Expect, Key, Metadata, Store, Write};

const CLIENTS: u64 = 64;
const EACH: u64 = 20;

fn create(number: u64) -> Write {
    let draft = Draft::new(vec![b'x'; 1200], 600);
    let metadata = Metadata {
        uid: number.to_string().into(),
        ..Metadata::default()
    };
    Write {
        key: Key::new("pods", "default", &format!("pod-{number}")),
        expect: Expect::Absent,
        change: Change::Put { draft, metadata },
    }
}

fn commits(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let stores = [
        ("memory", Store::memory()),
        ("durable", Store::open(directory.path()).expect("a store")),
    ];
    let mut group = criterion.benchmark_group("create");
    group
        .throughput(Throughput::Elements(CLIENTS * EACH))
        .sample_size(20);
    for (name, store) in stores {
        let mut next = 0;
        group.bench_function(BenchmarkId::new(name, CLIENTS), |bencher| {
            bencher.iter(|| {
                let first = next;
                next += CLIENTS * EACH;
                runtime.block_on(async {
                    let clients: Vec<_> = (0..CLIENTS)
                        .map(|client| {
                            let store = store.clone();
                            tokio::spawn(async move {
                                for one in 0..EACH {
                                    let number = first + client * EACH + one;
                                    store.commit(vec![create(number)]).await.expect("a commit");
                                }
                            })
                        })
                        .collect();
                    for client in clients {
                        client.await.expect("a client");
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
