#![expect(
    unsafe_code,
    reason = "the allocator interface is unsafe; every call is handed on to std's as it came"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A global allocator that counts what passes through to the system's.
///
/// ```standalone_crate
/// use foundation_testkit::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator::new();
///
/// let before = ALLOCATOR.counts();
/// let kept = vec![0_u8; 1000];
/// assert_eq!(ALLOCATOR.counts().live_bytes - before.live_bytes, 1000);
/// drop(kept);
/// ```
///
/// The counts cover all threads of the program. A test that compares them exactly is a program of its
/// own, without a harness; one that allows some slack runs alone in its binary.
#[derive(Debug, Default)]
pub struct CountingAllocator {
    live_bytes: AtomicUsize,
    live_blocks: AtomicUsize,
    allocations: AtomicU64,
}

/// The counts of a [`CountingAllocator`] at one moment; each is exact, together only while nothing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocations {
    /// Bytes asked for and not given back.
    pub live_bytes: usize,
    /// Blocks not given back.
    pub live_blocks: usize,
    /// Allocations so far; growing a block in place or by moving it counts as one.
    pub allocations: u64,
}

impl CountingAllocator {
    /// Creates an allocator with all counts at zero.
    pub const fn new() -> Self {
        Self {
            live_bytes: AtomicUsize::new(0),
            live_blocks: AtomicUsize::new(0),
            allocations: AtomicU64::new(0),
        }
    }

    /// Returns the counts.
    pub fn counts(&self) -> Allocations {
        // Relaxed everywhere: the counters order nothing. Whoever compares them has joined the threads.
        Allocations {
            live_bytes: self.live_bytes.load(Ordering::Relaxed),
            live_blocks: self.live_blocks.load(Ordering::Relaxed),
            allocations: self.allocations.load(Ordering::Relaxed),
        }
    }

    fn count_new(&self, block: *mut u8, bytes: usize) {
        if !block.is_null() {
            self.live_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.live_blocks.fetch_add(1, Ordering::Relaxed);
            self.allocations.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: every method hands its arguments to `System` unchanged and returns its answer, so the contract
// of `GlobalAlloc` holds because it holds for `System`. Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc` for this layout.
        let block = unsafe { System.alloc(layout) };
        self.count_new(block, layout.size());
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc_zeroed` for this layout.
        let block = unsafe { System.alloc_zeroed(layout) };
        self.count_new(block, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller got the block from us, hence from `System`, with this layout.
        unsafe { System.dealloc(block, layout) };
        self.live_bytes.fetch_sub(layout.size(), Ordering::Relaxed);
        self.live_blocks.fetch_sub(1, Ordering::Relaxed);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller got the block from us, hence from `System`, with this layout.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            // Added before subtracted, so that the count never wraps below zero in between.
            self.live_bytes.fetch_add(new_size, Ordering::Relaxed);
            self.live_bytes.fetch_sub(layout.size(), Ordering::Relaxed);
            self.allocations.fetch_add(1, Ordering::Relaxed);
        }
        moved
    }
}
