//! Which revisions somebody reads at this moment.
//!
//! A reader announces the revision it is about to read, and then loads the revision it reads: that one, or
//! a newer one. The writer publishes a revision and then looks at the announcements. Between their two steps
//! both have a sequentially consistent fence, so either the writer sees the announcement, or the reader sees
//! the revision that the writer published before it looked. What ended at or before the oldest announced revision is read by nobody and
//! by nobody who comes.

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicU64, Ordering, fence};

/// Readers at one time in one namespace; more of them wait for the writer instead.
const PLACES: usize = if cfg!(any(foundation_loom, foundation_shuttle)) { 2 } else { 32 };
const FREE: u64 = u64::MAX;
/// The writer did not wait any longer for this reader.
const EXPIRED: u64 = u64::MAX - 1;

#[repr(align(64))]
struct Place(AtomicU64);

/// The announcements.
pub(crate) struct Pins {
    places: [Place; PLACES],
}

/// An announcement, taken back when dropped.
pub(crate) struct Pin<'a> {
    place: &'a AtomicU64,
    announced: u64,
    /// The revision that is read.
    pub(crate) revision: u64,
}

impl Pins {
    pub(crate) fn new() -> Self {
        Self { places: std::array::from_fn(|_| Place(AtomicU64::new(FREE))) }
    }

    /// Pins the current revision; none when there are too many readers.
    pub(crate) fn pin<'a>(&'a self, clock: &AtomicU64) -> Option<Pin<'a>> {
        let early = clock.load(Ordering::Acquire);
        let start = hint();
        (0..PLACES).find_map(|step| {
            let place = &self.places.get((start + step) % PLACES)?.0;
            let announced = clock.load(Ordering::Acquire);
            place.compare_exchange(FREE, announced, Ordering::AcqRel, Ordering::Relaxed).ok()?;
            // SeqCst: see the module text; with less, the announcement could become visible too late.
            fence(Ordering::SeqCst);
            let revision = if fault::planted("registry_revision_before_pin") {
                early
            } else {
                clock.load(Ordering::Acquire)
            };
            Some(Pin { place, announced, revision })
        })
    }

    /// The oldest revision that anybody reads; the greatest number when nobody reads. Called after the newest
    /// revision was published.
    pub(crate) fn oldest(&self) -> u64 {
        // SeqCst: the other half of the fence in `pin`.
        fence(Ordering::SeqCst);
        let announced = self.places.iter().map(|place| place.0.load(Ordering::Acquire));
        announced.filter(|revision| *revision < EXPIRED).min().unwrap_or(u64::MAX)
    }

    /// Stops waiting for readers of revisions before `horizon`.
    pub(crate) fn expire(&self, horizon: u64) {
        for place in &self.places {
            let announced = place.0.load(Ordering::Acquire);
            if announced < horizon {
                // The reader may have gone, and another come, in between; that one is left alone.
                let expired = Ordering::AcqRel;
                place.0.compare_exchange(announced, EXPIRED, expired, Ordering::Relaxed).ok();
            }
        }
    }
}

impl Pin<'_> {
    /// Whether the writer still keeps what is read. Asked after reading.
    pub(crate) fn stands(&self) -> bool {
        fence(Ordering::Acquire);
        self.place.load(Ordering::Acquire) == self.announced
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.place.store(FREE, Ordering::Release);
    }
}

/// Where a thread begins to look for a free place, so that threads seldom meet.
fn hint() -> usize {
    std::thread_local! {
        static MARK: u8 = const { 0 };
    }
    MARK.try_with(|mark| std::ptr::from_ref(mark).addr() >> 12).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_reader_counts() {
        let (pins, clock) = (Pins::new(), AtomicU64::new(7));
        assert_eq!(pins.oldest(), u64::MAX);
        let old = pins.pin(&clock).unwrap();
        clock.store(9, Ordering::Release);
        let new = pins.pin(&clock).unwrap();
        assert_eq!((old.revision, new.revision, pins.oldest()), (7, 9, 7));
        drop(old);
        assert_eq!(pins.oldest(), 9);
        drop(new);
        assert_eq!(pins.oldest(), u64::MAX);
    }

    #[test]
    fn there_are_only_so_many_readers() {
        let (pins, clock) = (Pins::new(), AtomicU64::new(1));
        let all: Vec<_> = (0..PLACES).map(|_| pins.pin(&clock).unwrap()).collect();
        assert!(pins.pin(&clock).is_none());
        drop(all);
        assert!(pins.pin(&clock).is_some());
    }

    #[test]
    fn an_expired_reader_learns_of_it() {
        let (pins, clock) = (Pins::new(), AtomicU64::new(1));
        let old = pins.pin(&clock).unwrap();
        clock.store(5, Ordering::Release);
        let new = pins.pin(&clock).unwrap();
        pins.expire(3);
        assert_eq!((old.stands(), new.stands(), pins.oldest()), (false, true, 5));
        drop(old);
        assert!(pins.pin(&clock).unwrap().stands(), "the place is free again");
    }
}
