use std::collections::BTreeSet;
use std::fmt;

/// Calls that may be open at one moment of a history.
const OPEN_MAX: usize = 64;

/// One call of a recorded history, with its answer in `operation`.
///
/// The ticks are those of one counter that all threads of the run share: one drawn before the call, one after
/// it returned. A call that never returned, or of which nobody knows whether it took effect, has `u64::MAX`
/// as its second tick: it may have taken effect at any later moment, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct Call<O> {
    /// Before it began.
    pub invoked: u64,
    /// After it ended.
    pub returned: u64,
    /// What was asked, and what was answered.
    pub operation: O,
}

/// The first call, in the order of returns, that fits into no order of the calls before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck<S> {
    /// Its place in the history.
    pub call: usize,
    /// The states in which the object may have been, among all orders that explain the calls before it.
    pub states: BTreeSet<S>,
}

impl<S: fmt::Debug> fmt::Display for Stuck<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} fits none of the possible states {:?}", self.call, self.states)
    }
}

/// Decides whether a history is linearizable: whether each call can have taken effect at one moment between its
/// two ticks, so that a single object that does one thing after the other would have given every answer.
///
/// `step` is that object: the state after an operation with the answer that was recorded, or `None` if it would
/// have answered otherwise. Returns the states in which the object may be at the end.
///
/// The algorithm is the just-in-time one of Lowe ("Testing for linearizability", 2017), which descends from that of Wing
/// and Gong: it follows the ticks and keeps every pair of a state and the set of open calls that have
/// taken effect in it. An open call is made to take effect only when one that has to has returned.
/// So memory grows with the calls that are open at one time and not with the history.
///
/// # Errors
///
/// [`Stuck`] names a call that cannot be explained.
///
/// # Panics
///
/// If more than 64 calls are open at one time, or a call returns before it begins.
pub fn linearize<S: Clone + Ord, O>(
    initial: S,
    calls: &[Call<O>],
    step: impl Fn(&S, &O) -> Option<S>,
) -> Result<BTreeSet<S>, Stuck<S>> {
    let mut places = vec![None::<usize>; OPEN_MAX];
    let mut worlds = BTreeSet::from([(0_u64, initial)]);
    for (index, returns) in events(calls) {
        if !returns {
            let free = places.iter_mut().find(|place| place.is_none());
            assert!(free.is_some(), "more than {OPEN_MAX} calls are open at call {index}");
            if let Some(place) = free {
                *place = Some(index);
            }
            continue;
        }
        let own = places.iter().position(|place| *place == Some(index)).unwrap_or(OPEN_MAX);
        let after = taken_effect(&worlds, own, |state, place| {
            let operation = &calls.get((*places.get(place)?)?)?.operation;
            step(state, operation)
        });
        if after.is_empty() {
            let states = worlds.into_iter().map(|(_, state)| state).collect();
            return Err(Stuck { call: index, states });
        }
        if let Some(place) = places.get_mut(own) {
            *place = None;
        }
        worlds = after;
    }
    Ok(worlds.into_iter().map(|(_, state)| state).collect())
}

/// Every invocation (false) and return (true) in the order of ticks; of equal ones the invocation is first, so
/// that they count as concurrent.
fn events<O>(calls: &[Call<O>]) -> impl Iterator<Item = (usize, bool)> {
    let mut events = Vec::with_capacity(calls.len() * 2);
    for (index, call) in calls.iter().enumerate() {
        assert!(call.invoked <= call.returned, "call {index} returned before it began");
        events.push((call.invoked, false, index));
        if call.returned < u64::MAX {
            events.push((call.returned, true, index));
        }
    }
    events.sort_unstable();
    events.into_iter().map(|(_, returns, index)| (index, returns))
}

/// The worlds in which the call in the place `own` has taken effect, after any open calls before it; its mark
/// is taken out, since it is over.
fn taken_effect<S: Clone + Ord>(
    worlds: &BTreeSet<(u64, S)>,
    own: usize,
    apply: impl Fn(&S, usize) -> Option<S>,
) -> BTreeSet<(u64, S)> {
    let mark = 1_u64 << own;
    let (mut seen, mut done) = (worlds.clone(), BTreeSet::new());
    let mut left: Vec<_> = worlds.iter().cloned().collect();
    while let Some((taken, state)) = left.pop() {
        if taken & mark != 0 {
            done.insert((taken & !mark, state));
            continue;
        }
        for place in (0..OPEN_MAX).filter(|place| taken & (1 << place) == 0) {
            if let Some(after) = apply(&state, place) {
                let world = (taken | 1 << place, after);
                if seen.insert(world.clone()) {
                    left.push(world);
                }
            }
        }
    }
    done
}

#[cfg(test)]
mod tests;
