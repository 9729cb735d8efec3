use std::sync::atomic::{AtomicU32, Ordering};
use std::task;

use super::*;

const BOUNDS: Bounds = Bounds {
    entries_max: 16,
    bytes_max: 1 << 16,
    waiting_versions_max: 16,
    waiting_bytes_max: 1 << 10,
    changes_max: 1 << 12,
    change_bytes_max: 1 << 12,
};

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicU32);

impl task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn change(revision: u64) -> Change {
    Change { revision, before: None, after: None, cause: Cause::Updated, bytes: 1 }
}

fn push(ring: &Ring, revision: u64) {
    if ring.push([change(revision)]) {
        ring.sleepers().into_iter().for_each(Waker::wake);
    }
}

/// Reads everything from a change on, and returns the number of the next one.
fn read_all(ring: &Ring, watcher: u64, mut next: u64) -> u64 {
    loop {
        match ring.read(watcher, next) {
            Found::Changes(_, after) => next = after,
            Found::Nothing => return next,
            Found::Lagged(missed) => unreachable!("{missed} are missing"),
        }
    }
}

/// Guarantee N1
#[test]
fn what_all_have_read_is_dropped_and_nothing_else() {
    let ring = Ring::new(BOUNDS);
    let (quick, mut next) = ring.enter(Purpose::Watch, 2).unwrap();
    let (slow, first) = ring.enter(Purpose::Watch, 2).unwrap();
    for revision in 1..=1_000 {
        push(&ring, revision);
        next = read_all(&ring, quick, next);
    }
    assert_eq!(ring.state.lock().changes.len(), 1_000, "one has read none of them");
    assert_eq!(read_all(&ring, slow, first), next);
    for revision in 1_001..=4_000 {
        push(&ring, revision);
        next = read_all(&ring, quick, next);
        read_all(&ring, slow, next);
    }
    let state = ring.state.lock();
    assert!(state.changes.len() <= 2 * TRIMMED_MIN, "{} are kept", state.changes.len());
    assert_eq!(state.bytes, state.changes.len());
}

/// What all had read once stayed for good after one watcher had been so slow that the ring was more than half full.
///
/// Guarantee N1
#[test]
fn a_slow_watcher_leaves_nothing_behind_when_it_has_caught_up() {
    let ring = Ring::new(Bounds { changes_max: 512, ..BOUNDS });
    let (watcher, _) = ring.enter(Purpose::Watch, 1).unwrap();
    (1..=2_000).for_each(|revision| push(&ring, revision));
    assert_eq!(ring.state.lock().changes.len(), 512);
    let mut next = ring.next();
    for revision in 2_001..=2_200 {
        push(&ring, revision);
        next = read_all(&ring, watcher, next);
    }
    let kept = ring.state.lock().changes.len();
    assert!(kept <= 2 * TRIMMED_MIN, "{kept} are kept");
}

/// Guarantee N1
#[test]
fn who_rests_is_woken_for_a_batch_and_who_sleeps_for_one_change() {
    let ring = Ring::new(BOUNDS);
    let (resting, next) = ring.enter(Purpose::Watch, 2).unwrap();
    let (sleeping, _) = ring.enter(Purpose::Watch, 2).unwrap();
    let (rests, sleeps) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    assert!(ring.sleep(resting, next, &Waker::from(Arc::clone(&rests)), Wake::Batch));
    assert!(ring.sleep(sleeping, next, &Waker::from(Arc::clone(&sleeps)), Wake::Next));
    let rung = || (rests.0.load(Ordering::Relaxed), sleeps.0.load(Ordering::Relaxed));
    push(&ring, 1);
    assert_eq!(rung(), (0, 1));
    (2..BATCH as u64).for_each(|revision| push(&ring, revision));
    assert_eq!(rung(), (0, 1), "a batch has not come");
    push(&ring, BATCH as u64);
    assert_eq!(rung(), (1, 1));
    assert!(!ring.sleep(resting, next, Waker::noop(), Wake::Batch), "there is more to read");
}

/// Guarantee N1
#[test]
fn who_rests_is_woken_before_the_ring_is_full() {
    for bounds in [
        Bounds { changes_max: 8, ..BOUNDS },
        Bounds { change_bytes_max: 8, ..BOUNDS },
        Bounds { changes_max: 1, ..BOUNDS },
    ] {
        let ring = Ring::new(bounds);
        let (watcher, mut next) = ring.enter(Purpose::Watch, 1).unwrap();
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        for revision in 1..=100 {
            ring.sleep(watcher, next, &waker, Wake::Batch);
            push(&ring, revision);
            if bell.0.swap(0, Ordering::Relaxed) > 0 {
                next = read_all(&ring, watcher, next);
            }
        }
        assert!(next >= 92, "it read up to {next}");
    }
}

/// Guarantee N1
#[test]
fn who_rests_learns_at_once_that_everything_was_lost() {
    let ring = Ring::new(BOUNDS);
    let (watcher, next) = ring.enter(Purpose::Watch, 1).unwrap();
    let bell = Arc::new(Bell::default());
    assert!(ring.sleep(watcher, next, &Waker::from(Arc::clone(&bell)), Wake::Batch));
    ring.lose_all();
    ring.sleepers().into_iter().for_each(Waker::wake);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert!(matches!(ring.read(watcher, next), Found::Lagged(1)));
}
