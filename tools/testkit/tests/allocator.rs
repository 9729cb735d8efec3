//! The counts of the allocator. One test only: they cover the whole program.

use foundation_testkit::CountingAllocator;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn every_byte_is_counted_until_it_is_given_back() {
    // The harness waits in its own thread meanwhile and allocates nothing.
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
