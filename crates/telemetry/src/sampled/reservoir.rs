//! A fair sample of everything that came.

use std::fmt;

use foundation_env::sync::Mutex;
use foundation_env::{Env, fault};

/// Keeps a sample of a fixed size of any number of items, in which each that was offered is with the same
/// probability: Algorithm R (Waterman; Vitter 1985, "Random sampling with a reservoir").
pub struct Reservoir<T> {
    env: Env,
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: Vec<T>,
    seen: u64,
}

impl<T> Reservoir<T> {
    /// Makes one that keeps `capacity` items, one at least.
    pub fn new(env: Env, capacity: usize) -> Self {
        let state = Mutex::new(State { items: Vec::new(), seen: 0 });
        Self { env, capacity: capacity.max(1), state }
    }

    /// Offers an item; returns whether it is kept for now.
    pub fn offer(&self, item: T) -> bool {
        let mut item = Some(item);
        let mut state = self.state.lock();
        state.seen += 1;
        if state.items.len() < self.capacity {
            state.items.extend(item.take());
            return true;
        }
        let chosen = if fault::planted("reservoir_never_replaces") {
            u64::MAX
        } else {
            self.env.random_below(state.seen)
        };
        let place = usize::try_from(chosen).ok().and_then(|chosen| state.items.get_mut(chosen));
        let kept = place.zip(item.as_mut()).map(|(place, item)| std::mem::swap(place, item));
        drop(state);
        // What was not kept, or was replaced, is dropped without the lock.
        drop(item);
        kept.is_some()
    }

    /// Takes the sample, and begins anew. Also returns how many items were offered since the last time.
    pub fn drain(&self) -> (Vec<T>, u64) {
        let mut state = self.state.lock();
        (std::mem::take(&mut state.items), std::mem::take(&mut state.seen))
    }
}

impl<T> fmt::Debug for Reservoir<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Reservoir")
            .field("capacity", &self.capacity)
            .field("seen", &state.seen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
