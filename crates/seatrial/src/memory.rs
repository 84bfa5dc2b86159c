//! Where memory comes from, and when it goes back.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use libmimalloc_sys::mi_heap_t;
use mimalloc::MiMalloc;

/// Objects are allocated by whoever serves a request and freed by whoever commits it; the system's
/// allocator spends a quarter of a write's time on that. This one starts no thread.
#[global_allocator]
static ALLOCATOR: Divided = Divided;

/// Takes memory from where this thread takes it at present: from the pages for everything, or from those
/// for what is soon let go.
struct Divided;

thread_local! {
    /// The pages of this thread for what is soon let go; null before the first use.
    static APART: Cell<*mut mi_heap_t> = const { Cell::new(null_mut()) };
    /// Where this thread takes memory; null for the usual pages.
    static PRESENT: Cell<*mut mi_heap_t> = const { Cell::new(null_mut()) };
}

fn present() -> *mut mi_heap_t {
    // A thread that ends may have none any more.
    PRESENT.try_with(Cell::get).unwrap_or(null_mut())
}

/// Does a piece of work whose memory is soon let go, in pages of their own. Small pieces that stay,
/// laid between thousands that go, would keep their pages from being given back.
#[expect(
    unsafe_code,
    reason = "the allocator has no other way to be told than its C interface"
)]
pub(crate) fn apart(work: &mut dyn FnMut()) {
    /// Leads back to the usual pages, whatever becomes of the work.
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            PRESENT.set(null_mut());
        }
    }
    if APART.get().is_null() {
        // SAFETY: it takes nothing; what it returns belongs to this thread and is used by no other.
        APART.set(unsafe { libmimalloc_sys::mi_heap_new() });
    }
    let _back = Back;
    PRESENT.set(APART.get());
    work();
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: every call goes to mimalloc with the size and alignment asked for. Its blocks may be freed, and
// made larger, whichever heap and thread they are from; a heap is only ever used by the thread that made
// it, since both cells are the thread's own, and is never destroyed while the thread runs.
unsafe impl GlobalAlloc for Divided {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = present();
        if heap.is_null() {
            return unsafe { MiMalloc.alloc(layout) };
        }
        unsafe { libmimalloc_sys::mi_heap_malloc_aligned(heap, layout.size(), layout.align()) }
            .cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let heap = present();
        if heap.is_null() {
            return unsafe { MiMalloc.alloc_zeroed(layout) };
        }
        unsafe { libmimalloc_sys::mi_heap_zalloc_aligned(heap, layout.size(), layout.align()) }
            .cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let heap = present();
        if heap.is_null() {
            return unsafe { MiMalloc.realloc(block, layout, size) };
        }
        let align = layout.align();
        unsafe { libmimalloc_sys::mi_heap_realloc_aligned(heap, block.cast(), size, align) }.cast()
    }
}

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
    let apart = APART.get();
    if !apart.is_null() {
        // SAFETY: the heap is this thread's own.
        unsafe { libmimalloc_sys::mi_heap_collect(apart, true) };
    }
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
