//! Which revisions somebody reads at this moment.
//!
//! A reader announces the revision it is about to read, and then loads the revision it reads: that one, or
//! a newer one. The writer publishes a revision and then looks at the announcements. Between their two steps
//! both have a sequentially consistent fence, so either the writer sees the announcement, or the reader sees
//! the revision that the writer published before it looked. What ended at or before the oldest announced
//! revision is read by nobody and by nobody who comes.
//!
//! Announcements stand in places, of which there are few at first. A reader that finds all of them taken
//! makes more and counts them before it takes one, so a writer that must see the announcement also sees the
//! count that leads to it. Places are never taken back: the writer looks at as many as there have been
//! readers at one time, and so does a commit, whose cost they are.

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::chunks::Chunks;

/// log2 of the places at first.
const FIRST_BITS: u32 = if cfg!(any(foundation_loom, foundation_shuttle)) { 1 } else { 3 };
/// How often places are made: each time twice as many as the time before.
const CHUNKS: u32 = if cfg!(any(foundation_loom, foundation_shuttle)) { 2 } else { 9 };
const FIRST: u32 = 1 << FIRST_BITS;
/// Readers at one time in one namespace: as many as there are places in all chunks, 4,088. So many threads
/// are no longer a load but a mistake; and the places of a namespace take 256 KiB then.
pub(super) const READERS_MAX: u32 = FIRST * ((1 << CHUNKS) - 1);

const FREE: u64 = u64::MAX;
/// The writer did not wait any longer for this reader.
const EXPIRED: u64 = u64::MAX - 1;

#[repr(align(64))]
struct Place(AtomicU64);

impl Default for Place {
    fn default() -> Self {
        Self(AtomicU64::new(FREE))
    }
}

/// The announcements.
pub(crate) struct Pins {
    places: Chunks<Place, FIRST_BITS>,
    /// Places that have been made; it only grows.
    made: AtomicU32,
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
        let places = Chunks::new();
        places.grow(0);
        Self { places, made: AtomicU32::new(FIRST) }
    }

    /// Pins the current revision; none when there are as many readers as there may be.
    pub(crate) fn pin<'a>(&'a self, clock: &AtomicU64) -> Option<Pin<'a>> {
        let early = clock.load(Ordering::Acquire);
        loop {
            let made = self.made.load(Ordering::Acquire);
            let start = hint() % made;
            let taken = (start..made).chain(0..start).find_map(|number| {
                let place = &self.places.get(number)?.0;
                if place.load(Ordering::Relaxed) != FREE {
                    return None;
                }
                let announced = clock.load(Ordering::Acquire);
                place
                    .compare_exchange(FREE, announced, Ordering::AcqRel, Ordering::Relaxed)
                    .ok()?;
                Some((place, announced))
            });
            if let Some((place, announced)) = taken {
                // SeqCst: see the module text; with less, the announcement could become visible too late.
                fence(Ordering::SeqCst);
                let revision = if fault::planted("registry_revision_before_pin") {
                    early
                } else {
                    clock.load(Ordering::Acquire)
                };
                return Some(Pin { place, announced, revision });
            }
            if !self.grow(made) {
                return None;
            }
        }
    }

    /// Makes more places than the `made` that there were; false if there may be no more.
    fn grow(&self, made: u32) -> bool {
        if made >= READERS_MAX || self.places.grow(made).is_none() {
            return false;
        }
        // Pairs with the loads in `pin` and `places`. Another reader may have been faster; then there are more.
        let next = 2 * made + FIRST;
        self.made.compare_exchange(made, next, Ordering::AcqRel, Ordering::Relaxed).ok();
        true
    }

    /// Every place that somebody may have taken before the fence of the caller.
    fn places(&self) -> impl Iterator<Item = &AtomicU64> {
        let made = if fault::planted("registry_new_places_unseen") {
            FIRST
        } else {
            self.made.load(Ordering::Acquire)
        };
        (0..made).filter_map(|number| self.places.get(number)).map(|place| &place.0)
    }

    /// The oldest revision that anybody reads; the greatest number when nobody reads. Called after the newest
    /// revision was published.
    pub(crate) fn oldest(&self) -> u64 {
        // SeqCst: the other half of the fence in `pin`.
        fence(Ordering::SeqCst);
        let announced = self.places().map(|place| place.load(Ordering::Acquire));
        announced.filter(|revision| *revision < EXPIRED).min().unwrap_or(u64::MAX)
    }

    /// Stops waiting for readers of revisions before `horizon`, and returns how many there were.
    pub(crate) fn expire(&self, horizon: u64) -> u64 {
        let expires = |place: &&AtomicU64| {
            let announced = place.load(Ordering::Acquire);
            // The reader may have gone, and another come, in between; that one is left alone.
            let (expired, missed) = (Ordering::AcqRel, Ordering::Relaxed);
            announced < horizon
                && place.compare_exchange(announced, EXPIRED, expired, missed).is_ok()
        };
        self.places().filter(expires).count() as u64
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
fn hint() -> u32 {
    std::thread_local! {
        static MARK: u8 = const { 0 };
    }
    let page = MARK.try_with(|mark| std::ptr::from_ref(mark).addr() >> 12).unwrap_or(0);
    // What counts is that neighbours differ.
    u32::try_from(page & 0xffff).unwrap_or(0)
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
    fn readers_make_places_up_to_the_bound_and_each_counts() {
        let (pins, clock) = (Pins::new(), AtomicU64::new(1));
        let mut all: Vec<_> = (1..=u64::from(READERS_MAX))
            .map(|revision| {
                clock.store(revision, Ordering::Release);
                pins.pin(&clock).unwrap()
            })
            .collect();
        assert!(pins.pin(&clock).is_none(), "one more than there may be");
        // In the order in which they came, so the oldest is in each chunk in turn.
        for revision in 1..=u64::from(READERS_MAX) {
            assert_eq!(pins.oldest(), revision);
            assert!(all.first().unwrap().stands());
            drop(all.remove(0));
            assert!(pins.pin(&clock).is_some(), "a place that was given back is free");
        }
        assert_eq!(pins.oldest(), u64::MAX);
    }

    #[test]
    fn readers_in_new_places_expire_too() {
        let (pins, clock) = (Pins::new(), AtomicU64::new(1));
        let old: Vec<_> = (0..FIRST * 2).map(|_| pins.pin(&clock).unwrap()).collect();
        clock.store(2, Ordering::Release);
        let new = pins.pin(&clock).unwrap();
        assert_eq!(pins.expire(2), u64::from(FIRST * 2));
        assert!(old.iter().all(|pin| !pin.stands()));
        assert!(new.stands());
        assert_eq!(pins.oldest(), 2);
    }
}
