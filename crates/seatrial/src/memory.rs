//! Where memory comes from, and when it goes back.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Objects are allocated by whoever serves a request and freed by whoever commits it; the system's
/// allocator spends a quarter of a write's time on that. This one starts no thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The number of `mi_option_purge_delay` in `mimalloc.h`, the same in versions 2 and 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// How long memory that was freed is kept, in milliseconds. It is one second unless told, which keeps
/// a cluster that has just started at its highest.
const KEPT: std::ffi::c_long = 10;

/// Gives memory back soon after it was freed, from now on.
#[expect(
    unsafe_code,
    reason = "the allocator has no other way to be told than its C interface"
)]
pub(crate) fn give_back_soon() {
    // SAFETY: it writes a number to the allocator's table of options, whose bounds it checks; nobody
    // reads that table at this moment, since the process has one thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT) };
}

/// Gives back at once what this thread has freed so far.
#[expect(unsafe_code, reason = "as above")]
pub(crate) fn give_back() {
    // SAFETY: it takes nothing that is in use, and may be called at any time by any thread.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// How often a thread that has nothing to do gives memory back at most.
const RHYTHM: Duration = Duration::from_secs(5);

thread_local! {
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// For a thread that is about to rest: what others freed of its memory goes back only by its own doing.
#[expect(
    clippy::disallowed_methods,
    reason = "how long memory lies idle is no business of the cluster's clock"
)]
pub(crate) fn give_back_now_and_then() {
    let now = Instant::now();
    LAST.with(|last| {
        if last
            .get()
            .is_none_or(|last| now.duration_since(last) >= RHYTHM)
        {
            last.set(Some(now));
            give_back();
        }
    });
}
