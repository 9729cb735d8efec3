//! Waiting for room: senders that found the mailbox full, first come, first served.
//!
//! A waiting sender has a ticket. Granting room takes the oldest ticket out of the queue and counts
//! the place as reserved; the sender finds its ticket gone and uses the place, or gives it back. So
//! nobody overtakes, and a grant that is not used goes to the next.

use std::collections::VecDeque;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;

use super::{Rare, Record, state};
use crate::current;
use crate::deadlock::{self, Shown};

/// A sender that waits for room, in arrival order.
pub(crate) struct RoomWaiter {
    ticket: u64,
    waker: Waker,
    /// The wait of the sending process, which the grant hides.
    sender: Option<Shown>,
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
    pub(crate) fn poll_room(&self, ticket: &mut Option<u64>, waker: &Waker) -> Room {
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
        rare.waiters.push_back(RoomWaiter { ticket: place, waker: waker.clone(), sender: None });
        control.crowded = true;
        *ticket = Some(place);
        // No room at this moment, read under the lock: the process makes some only by handling a
        // message, and before it sleeps it takes this lock, so it will see us, or it is parked already.
        self.own.state.fetch_or(state::WAITERS, Ordering::Release);
        let process = self.parked.remind(control);
        drop(lanes);
        if let Some(process) = process {
            process.wake();
        }
        Room::Waiting
    }

    /// Enters the wait that the grant is to hide, or takes it back. Returns false, and hides it, when the
    /// sender with this place has its grant, or the process is dead.
    pub(crate) fn enlist(&self, ticket: Option<u64>, mut shown: Option<Shown>) -> bool {
        let mut lanes = self.lanes.lock();
        let waiter = lanes.control.rare.as_mut().zip(ticket).and_then(|(rare, place)| {
            let at = rare.waiters.binary_search_by_key(&place, |w| w.ticket).ok()?;
            rare.waiters.get_mut(at)
        });
        let waits = waiter.is_some();
        let before = match waiter {
            Some(waiter) => deadlock::enter(&mut waiter.sender, shown),
            None => deadlock::enter(&mut shown, None),
        };
        drop(lanes);
        drop(before);
        waits
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
            left.map(|waiter| (waiter.end_wait(), waiter))
        };
        match left {
            Some((true, waiter)) => waiter.wake(),
            Some((false, _)) => {}
            None if fault::planted("grant_lost_on_cancel") => {}
            None => self.release_room(),
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
        let context = self.taken_along();
        let waker = {
            let mut lanes = self.lanes.lock();
            if lanes.control.exit.is_some() {
                return Err(message);
            }
            lanes.control.reserved = lanes.control.reserved.saturating_sub(1);
            self.accept(&mut lanes, message, context)
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
    /// Hides the wait, and says whether it was the one shown. Under the lock: once it is released the
    /// sender may see the outcome and enter another wait for this process, which this must not hide.
    fn end_wait(&self) -> bool {
        self.sender.as_ref().is_some_and(Shown::hide)
    }

    /// Tells the sender to look again. Called without the lock.
    pub(crate) fn wake(self) {
        current::wake(self.waker);
    }
}

impl Rare {
    /// Takes the waiting senders out, for the exit protocol.
    pub(crate) fn take_waiters(&mut self) -> VecDeque<RoomWaiter> {
        for waiter in &self.waiters {
            waiter.end_wait();
        }
        std::mem::take(&mut self.waiters)
    }
}
