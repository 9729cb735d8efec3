//! Waiting for room: senders that found the mailbox full, first come, first served.
//!
//! A waiting sender has a ticket. Granting room takes the oldest ticket out of the queue and counts
//! the place as reserved; the sender finds its ticket gone and uses the place, or gives it back. So
//! nobody overtakes, and a grant that is not used goes to the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;

use super::{AnyRecord, Rare, Record, state};
use crate::current;

/// A sender that waits for room, in arrival order.
pub(crate) struct RoomWaiter {
    ticket: u64,
    waker: Waker,
    /// The waiting process, whose `waiting_on` word the grant clears.
    process: Option<Arc<dyn AnyRecord>>,
}

/// What became of a wait for room.
pub(crate) enum Room {
    Reserved,
    Waiting,
    Dead,
}

impl<M: Send + 'static> Record<M> {
    /// Asks for room; the first call queues the caller behind earlier ones.
    ///
    /// `ticket` is the caller's place in the queue; it is set here and must be given back with
    /// [`Record::leave_queue`] when the wait is abandoned.
    pub(crate) fn poll_room(
        &self,
        ticket: &mut Option<u64>,
        waker: &Waker,
        process: impl FnOnce() -> Option<Arc<dyn AnyRecord>>,
    ) -> Room {
        let mut lanes = self.lanes.lock();
        let control = &mut lanes.control;
        if control.exit.is_some() {
            *ticket = None;
            return Room::Dead;
        }
        if let Some(place) = *ticket {
            let rare = control.rare();
            let Ok(at) = rare.waiters.binary_search_by_key(&place, |w| w.ticket) else {
                *ticket = None;
                return Room::Reserved;
            };
            let stale = match rare.waiters.get_mut(at) {
                Some(waiter) if !waiter.waker.will_wake(waker) => {
                    Some(std::mem::replace(&mut waiter.waker, waker.clone()))
                }
                _ => None,
            };
            drop(lanes);
            drop(stale);
            return Room::Waiting;
        }
        if !control.crowded && control.has_room(&self.own) {
            control.reserved += 1;
            return Room::Reserved;
        }
        let rare = control.rare();
        let place = rare.next_ticket;
        rare.next_ticket += 1;
        rare.waiters.push_back(RoomWaiter {
            ticket: place,
            waker: waker.clone(),
            process: process(),
        });
        control.crowded = true;
        *ticket = Some(place);
        // No room at this moment, read under the lock: the process makes some only by handling a
        // message, and takes this lock before it sleeps, so it will see us.
        self.own.state.fetch_or(state::WAITERS, Ordering::Release);
        Room::Waiting
    }

    /// Whether the sender with this place still waits, with neither a grant nor the exit reason.
    pub(crate) fn still_waits(&self, ticket: Option<u64>) -> bool {
        let mut lanes = self.lanes.lock();
        let Some(rare) = &mut lanes.control.rare else { return false };
        ticket.is_some_and(|place| rare.waiters.binary_search_by_key(&place, |w| w.ticket).is_ok())
    }

    /// Abandons a wait for room; a grant that came meanwhile goes to the next in the queue.
    pub(crate) fn leave_queue(&self, ticket: u64) {
        let left = {
            let mut lanes = self.lanes.lock();
            let control = &mut lanes.control;
            if control.exit.is_some() {
                return;
            }
            let waiters = &mut control.rare().waiters;
            let place = waiters.binary_search_by_key(&ticket, |w| w.ticket);
            let left = place.ok().and_then(|at| waiters.remove(at));
            control.note_crowd();
            left
        };
        if left.is_none() && !fault::planted("grant_lost_on_cancel") {
            self.release_room();
        }
    }

    /// Gives reserved room back and hands it to the next waiter.
    pub(crate) fn release_room(&self) {
        {
            let mut lanes = self.lanes.lock();
            lanes.control.reserved = lanes.control.reserved.saturating_sub(1);
        }
        self.grant_room();
    }

    /// Turns reserved room into a queued message.
    pub(crate) fn push_reserved(&self, message: M) -> Result<(), M> {
        let waker = {
            let mut lanes = self.lanes.lock();
            if lanes.control.exit.is_some() {
                return Err(message);
            }
            lanes.control.reserved = lanes.control.reserved.saturating_sub(1);
            Self::accept(&mut lanes, message)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Gives free room to waiting senders, first come first served.
    pub(crate) fn grant_room(&self) {
        let mut granted = Vec::new();
        {
            let mut lanes = self.lanes.lock();
            let control = &mut lanes.control;
            while control.can_grant(&self.own) {
                if let Some(waiter) = control.rare().waiters.pop_front() {
                    control.reserved += 1;
                    waiter.end_wait();
                    granted.push(waiter);
                }
                control.note_crowd();
            }
            if !control.crowded {
                self.own.state.fetch_and(!state::WAITERS, Ordering::AcqRel);
            }
        }
        for waiter in granted {
            waiter.wake();
        }
    }
}

impl RoomWaiter {
    /// Clears the word that says whom the sender waits for. Under the lock: once it is released
    /// the sender may see the outcome and enter another wait, whose word this must not clear.
    fn end_wait(&self) {
        if let Some(process) = &self.process {
            process.own().waiting_on.store(0, Ordering::Release);
        }
    }

    /// Tells the sender to look again. Called without the lock.
    pub(crate) fn wake(self) {
        current::wake(self.waker);
    }
}

impl Rare {
    /// Takes the waiting senders out, for the exit protocol.
    pub(crate) fn take_waiters(&mut self) -> VecDeque<RoomWaiter> {
        self.waiters.iter().for_each(RoomWaiter::end_wait);
        std::mem::take(&mut self.waiters)
    }
}
