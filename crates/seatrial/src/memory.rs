//! Where memory comes from, and when it goes back.

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
