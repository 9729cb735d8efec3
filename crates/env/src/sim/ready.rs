//! The set of ready tasks and the choice among them.

use super::Policy;
use crate::random::Random;
use std::collections::{BTreeSet, VecDeque};

/// A place in the task table; reused after the task has ended.
pub(super) type Slot = usize;

/// Change points of PCT are drawn below two to this power.
const CHANGE_POINT_BITS_MAX: u64 = 16;

/// Every so many picks the picked task drops to the lowest priority, against starvation.
const DEMOTION_PERIOD: u64 = 1_024;

/// The ready tasks. A task is in the set at most once: its wake flag sees to that.
#[derive(Debug)]
pub(super) enum Ready {
    Uniform(Vec<Slot>),
    Pct(Pct),
    Fifo(VecDeque<Slot>),
}

/// The state of a PCT schedule. The greatest priority runs first.
#[derive(Debug)]
pub(super) struct Pct {
    queue: BTreeSet<(u64, Slot)>,
    /// The priority of each slot. Initial ones have the top bit set, lowered ones do not.
    priorities: Vec<u64>,
    /// The priority the next demotion gives: each is lower than all before.
    lowest: u64,
    picks: u64,
    change_points: Vec<u64>,
}

impl Ready {
    pub(super) fn new(policy: Policy, random: &mut Random) -> Self {
        match policy {
            Policy::Uniform => Self::Uniform(Vec::new()),
            Policy::Fifo => Self::Fifo(VecDeque::new()),
            Policy::Pct { depth } => {
                let change_point = |_| {
                    let bits = random.below(CHANGE_POINT_BITS_MAX + 1);
                    random.below(1 << bits)
                };
                Self::Pct(Pct {
                    queue: BTreeSet::new(),
                    priorities: Vec::new(),
                    lowest: u64::MAX >> 1,
                    picks: 0,
                    change_points: (1..depth).map(change_point).collect(),
                })
            }
        }
    }

    /// Prepares a slot for a new task.
    pub(super) fn admit(&mut self, slot: Slot, random: &mut Random) {
        if let Self::Pct(pct) = self {
            if pct.priorities.len() <= slot {
                pct.priorities.resize(slot + 1, 0);
            }
            pct.set(slot, random.next_u64() | (1 << 63));
        }
    }

    pub(super) fn push(&mut self, slot: Slot) {
        match self {
            Self::Uniform(slots) => slots.push(slot),
            Self::Fifo(slots) => slots.push_back(slot),
            Self::Pct(pct) => {
                pct.queue.insert((pct.priority(slot), slot));
            }
        }
    }

    /// Takes the task to run next. One scheduler draw, if the choice is random and there is one.
    #[expect(clippy::cast_possible_truncation, reason = "the draw is below a length in memory")]
    pub(super) fn pick(&mut self, random: &mut Random) -> Option<Slot> {
        match self {
            Self::Uniform(slots) => match slots.len() {
                0 | 1 => slots.pop(),
                len => Some(slots.swap_remove(random.below(len as u64) as usize)),
            },
            Self::Fifo(slots) => slots.pop_front(),
            Self::Pct(pct) => pct.pick(),
        }
    }

    /// Tells the policy that the task woke itself while it ran: it only gave way to the others.
    pub(super) fn yielded(&mut self, slot: Slot) {
        if let Self::Pct(pct) = self {
            let queued = pct.queue.remove(&(pct.priority(slot), slot));
            pct.demote(slot);
            if queued {
                pct.queue.insert((pct.priority(slot), slot));
            }
        }
    }

    /// Takes a task out that has ended. Linear, but a task is seldom woken in its last poll.
    pub(super) fn remove(&mut self, slot: Slot) {
        match self {
            Self::Uniform(slots) => slots.retain(|&ready| ready != slot),
            Self::Fifo(slots) => slots.retain(|&ready| ready != slot),
            Self::Pct(pct) => {
                pct.queue.remove(&(pct.priority(slot), slot));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Uniform(slots) => slots.is_empty(),
            Self::Fifo(slots) => slots.is_empty(),
            Self::Pct(pct) => pct.queue.is_empty(),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Uniform(slots) => slots.clear(),
            Self::Fifo(slots) => slots.clear(),
            Self::Pct(pct) => pct.queue.clear(),
        }
    }
}

impl Pct {
    fn pick(&mut self) -> Option<Slot> {
        let (_, slot) = self.queue.pop_last()?;
        let pick = self.picks;
        self.picks += 1;
        let demoted =
            self.change_points.contains(&pick) || pick % DEMOTION_PERIOD == DEMOTION_PERIOD - 1;
        if !demoted {
            return Some(slot);
        }
        self.demote(slot);
        self.queue.insert((self.priority(slot), slot));
        self.queue.pop_last().map(|(_, slot)| slot)
    }

    fn demote(&mut self, slot: Slot) {
        self.lowest = self.lowest.saturating_sub(1);
        self.set(slot, self.lowest);
    }

    fn priority(&self, slot: Slot) -> u64 {
        self.priorities.get(slot).copied().unwrap_or(0)
    }

    fn set(&mut self, slot: Slot, priority: u64) {
        if let Some(entry) = self.priorities.get_mut(slot) {
            *entry = priority;
        }
    }
}

#[cfg(test)]
mod tests;
