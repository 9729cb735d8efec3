//! The counts of the allocator.
//!
//! The counts cover all threads of the program, so this test is the program: under a harness it failed
//! once in a while, because the harness's own thread allocates when it begins to wait for the test's.

use foundation_testkit::CountingAllocator;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    every_byte_is_counted_until_it_is_given_back();
}

fn every_byte_is_counted_until_it_is_given_back() {
    let before = ALLOCATOR.counts();
    let mut grown: Vec<u8> = black_box(Vec::with_capacity(1_000));
    let zeroed = black_box(vec![0_u64; 100]);
    let two = ALLOCATOR.counts();
    assert_eq!(two.live_bytes - before.live_bytes, 1_800);
    assert_eq!(two.live_blocks - before.live_blocks, 2);
    assert_eq!(two.allocations - before.allocations, 2);
    grown.reserve_exact(5_000);
    let larger = ALLOCATOR.counts();
    assert_eq!(larger.live_bytes - before.live_bytes, 5_800);
    assert_eq!(larger.live_blocks, two.live_blocks);
    drop((grown, zeroed));
    let after = ALLOCATOR.counts();
    assert_eq!((after.live_bytes, after.live_blocks), (before.live_bytes, before.live_blocks));
}
