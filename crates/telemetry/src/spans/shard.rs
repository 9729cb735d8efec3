//! A part of the spans of a system: those of some of its processes.
//!
//! One lock guards the open ones, which of them are whose, and the newest of those that ended, so that a span
//! costs two short sections whatever else is open. The open spans of a process are a ring of slots around one
//! without a span, which the process is found by; closing one needs no look-up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_types::Pid;
use hashbrown::HashMap;
use slab::Slab;

use crate::span::SpanRecord;
use crate::trace::SpanId;

#[derive(Debug)]
pub(super) struct Shard {
    state: Mutex<State>,
    /// A process has opened a span here: a death needs to look.
    is_owned: AtomicBool,
}

#[derive(Debug)]
struct State {
    slots: Slab<Slot>,
    /// The slot without a span of each process that ever opened one and lives.
    owners: HashMap<Pid, usize, foldhash::fast::FixedState>,
    open: usize,
    ended: VecDeque<Box<SpanRecord>>,
    open_max: usize,
    ended_max: usize,
}

#[derive(Debug)]
struct Slot {
    /// The neighbours in the ring of its owner; itself if it has none.
    newer: usize,
    older: usize,
    span: Option<Box<SpanRecord>>,
}

impl Shard {
    pub(super) fn new(open_max: usize, ended_max: usize) -> Self {
        let state = Mutex::new(State {
            slots: Slab::new(),
            owners: HashMap::with_hasher(foldhash::fast::FixedState::default()),
            open: 0,
            ended: VecDeque::new(),
            open_max,
            ended_max,
        });
        Self { state, is_owned: AtomicBool::new(false) }
    }

    /// Keeps an open span and returns its slot; gives it back if there are too many.
    pub(super) fn open(&self, span: Box<SpanRecord>) -> Result<usize, Box<SpanRecord>> {
        let mut state = self.state.lock();
        if state.open >= state.open_max {
            return Err(span);
        }
        state.open += 1;
        let owner = span.owner.map(|owner| state.owner(owner));
        if owner.is_some() {
            // Release pairs with Acquire in `close_all_of`; the end of a process comes after its spans began.
            self.is_owned.store(true, Ordering::Release);
        }
        let slot = state.slots.insert(Slot { newer: 0, older: 0, span: Some(span) });
        state.link(owner.unwrap_or(slot), slot);
        Ok(slot)
    }

    /// Changes an open span; false if it is not open any more.
    pub(super) fn change(&self, slot: usize, id: SpanId, f: impl FnOnce(&mut SpanRecord)) -> bool {
        let mut state = self.state.lock();
        let Some(span) = state.span(slot, id) else { return false };
        f(span);
        true
    }

    /// Ends a span and keeps it among those that ended, unless it had ended before. `finish` has the last word
    /// on it; what it returns is returned. The record that falls out is dropped without the lock.
    pub(super) fn close<R>(
        &self,
        slot: usize,
        id: SpanId,
        finish: impl FnOnce(&mut SpanRecord) -> R,
    ) -> Option<R> {
        let mut state = self.state.lock();
        state.span(slot, id)?;
        let slot = if fault::planted("span_closed_by_position") { state.newest()? } else { slot };
        let (result, fallen) = state.close(slot, finish)?;
        drop(state);
        drop(fallen);
        Some(result)
    }

    /// Ends all spans of a process and forgets it. Returns what `finish` returned.
    pub(super) fn close_all_of<R>(
        &self,
        owner: Pid,
        mut finish: impl FnMut(&mut SpanRecord) -> R,
    ) -> Vec<R> {
        if !self.is_owned.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let Some(anchor) = state.owners.remove(&owner) else { return Vec::new() };
        let (mut results, mut fallen) = (Vec::new(), Vec::new());
        while let Some(newest) = state.slots.get(anchor).map(|slot| slot.older)
            && newest != anchor
        {
            let Some((result, old)) = state.close(newest, &mut finish) else { break };
            results.push(result);
            fallen.extend(old);
        }
        drop(state.slots.try_remove(anchor));
        drop(state);
        drop(fallen);
        results
    }

    /// The slot of an open span, by its id: looks at all.
    pub(super) fn find(&self, id: SpanId) -> Option<usize> {
        let state = self.state.lock();
        state
            .slots
            .iter()
            .find_map(|(slot, kept)| (kept.span.as_ref()?.span_id == id).then_some(slot))
    }

    /// Calls `f` with each open span, in no order.
    pub(super) fn each_open(&self, mut f: impl FnMut(&SpanRecord)) {
        let state = self.state.lock();
        for (_, slot) in &state.slots {
            if let Some(span) = &slot.span {
                f(span);
            }
        }
    }

    /// Calls `f` with each span that ended and is kept, the newest first.
    pub(super) fn each_ended(&self, f: impl FnMut(&SpanRecord)) {
        self.state.lock().ended.iter().rev().map(|span| &**span).for_each(f);
    }
}

impl State {
    fn span(&mut self, slot: usize, id: SpanId) -> Option<&mut SpanRecord> {
        self.slots.get_mut(slot)?.span.as_deref_mut().filter(|span| span.span_id == id)
    }

    /// The span that began last, for the planted fault that closes it instead of the one that was meant.
    fn newest(&self) -> Option<usize> {
        let open =
            self.slots.iter().filter_map(|(slot, kept)| Some((kept.span.as_ref()?.started, slot)));
        open.max().map(|(_, slot)| slot)
    }

    /// The slot that the ring of a process is found by.
    fn owner(&mut self, owner: Pid) -> usize {
        if let Some(anchor) = self.owners.get(&owner) {
            return *anchor;
        }
        let anchor = self.slots.insert(Slot { newer: 0, older: 0, span: None });
        self.link(anchor, anchor);
        self.owners.insert(owner, anchor);
        anchor
    }

    /// Puts a slot into the ring of `anchor`, next to it; into one of its own if it is the anchor.
    fn link(&mut self, anchor: usize, slot: usize) {
        let older = if anchor == slot {
            slot
        } else {
            self.slots.get(anchor).map_or(slot, |slot| slot.older)
        };
        if let Some(own) = self.slots.get_mut(slot) {
            (own.newer, own.older) = (anchor, older);
        }
        if anchor != slot {
            self.join(anchor, slot);
            self.join(slot, older);
        }
    }

    /// Makes two slots neighbours.
    fn join(&mut self, newer: usize, older: usize) {
        if let Some(slot) = self.slots.get_mut(newer) {
            slot.older = older;
        }
        if let Some(slot) = self.slots.get_mut(older) {
            slot.newer = newer;
        }
    }

    fn close<R>(
        &mut self,
        slot: usize,
        finish: impl FnOnce(&mut SpanRecord) -> R,
    ) -> Option<(R, Option<Box<SpanRecord>>)> {
        let Slot { newer, older, span } = self.slots.try_remove(slot)?;
        if newer != slot {
            self.join(newer, older);
        }
        let mut span = span?;
        self.open -= 1;
        let result = finish(&mut span);
        let full = self.ended.len() >= self.ended_max;
        let fallen = if full { self.ended.pop_front() } else { None };
        self.ended.push_back(span);
        Some((result, fallen))
    }
}
