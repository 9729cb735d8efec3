use std::sync::Barrier;

use super::Lane;

/// Other tests of this program have threads too, so this one only looks at its own.
#[test]
fn threads_that_live_at_once_share_no_number_but_the_last() {
    for _ in 0..100 {
        let together = Barrier::new(20);
        let lanes: Vec<Lane> = std::thread::scope(|scope| {
            let one = || {
                let lane = Lane::current();
                assert_eq!(lane, Lane::current());
                together.wait();
                lane
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut own: Vec<usize> =
            lanes.iter().filter(|lane| lane.is_exclusive()).map(|lane| lane.index()).collect();
        let count = own.len();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), count, "a number was given twice: {lanes:?}");
        assert!(count < Lane::COUNT && lanes.iter().all(|lane| lane.index() < Lane::COUNT));
    }
}
