//! The places in which commands run.
//!
//! They belong to the settings and not to a service, so a restarted service counts what its
//! predecessor has left behind, and a program that was killed and has not ended keeps its place. A
//! service that found none free is told by its [`Bell`] when one is.

use std::sync::{Arc, Weak};

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, Ordering};

use super::bell::Bell;

/// All places of one settings value and its clones.
#[derive(Debug)]
pub(crate) struct Places {
    count_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    stuck: usize,
    /// Who found no place, each once; those of services that ended go with the next one.
    waiting: Vec<Weak<Bell>>,
}

/// A place among those that the settings allow. Free again when the last clone is dropped.
///
/// A runner keeps it as long as anything of its program is left, also when its future is dropped
/// before. The service keeps one itself until the future is ready or dropped.
#[derive(Debug, Clone)]
pub struct Place(Option<Arc<Taken>>);

#[derive(Debug)]
struct Taken {
    places: Arc<Places>,
    stuck: AtomicBool,
}

impl Places {
    pub(crate) fn new(count_max: usize) -> Self {
        Self { count_max, state: Mutex::default() }
    }

    /// Takes a place, or has `bell` rung when one is free.
    pub(crate) fn take(self: &Arc<Self>, bell: &Arc<Bell>) -> Option<Place> {
        let mut state = self.state.lock();
        if state.taken < self.count_max {
            state.taken += 1;
            drop(state);
            let stuck = AtomicBool::new(false);
            return Some(Place(Some(Arc::new(Taken { places: Arc::clone(self), stuck }))));
        }
        let bell = Arc::downgrade(bell);
        state.waiting.retain(|one| one.strong_count() > 0 && !one.ptr_eq(&bell));
        state.waiting.push(bell);
        None
    }

    /// Takes a place that is free.
    #[cfg(test)]
    pub(crate) fn take_free(self: &Arc<Self>) -> Place {
        self.state.lock().taken += 1;
        let stuck = AtomicBool::new(false);
        Place(Some(Arc::new(Taken { places: Arc::clone(self), stuck })))
    }

    /// How many places programs have that were killed and have not ended yet.
    pub(crate) fn stuck(&self) -> usize {
        self.state.lock().stuck
    }
}

impl Place {
    /// A place that no bound counts, for a runner that is used without a service.
    pub fn uncounted() -> Self {
        Self(None)
    }

    /// Says that the program was killed and has not ended, which the figures of the service show
    /// until the place is free.
    pub fn mark_stuck(&self) {
        // Relaxed: it is read again by the drop of the last clone, which the count of clones orders.
        if let Some(taken) = &self.0
            && !taken.stuck.swap(true, Ordering::Relaxed)
        {
            taken.places.state.lock().stuck += 1;
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.places.state.lock();
            state.taken -= 1;
            state.stuck -= usize::from(self.stuck.load(Ordering::Relaxed));
            std::mem::take(&mut state.waiting)
        };
        for bell in waiting.iter().filter_map(Weak::upgrade) {
            bell.ring();
        }
    }
}
