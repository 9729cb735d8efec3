//! The process record: everything others may touch of a process.
//!
//! A record has two parts, on different cache lines.
//!
//! * [`Lanes`], under the record's one lock: both message lanes, the sleeping consumer's waker,
//!   waiting senders, links, monitors, exit hooks and, at last, the exit reason. Whoever sends,
//!   links, monitors or hooks takes this lock for a few instructions. It is a leaf: under it no
//!   user code runs, no waker is called, and no second lock is taken.
//! * [`OwnLine`], written by the process itself (and by those who want its attention): one state
//!   word, the number of handled messages, the kind of the current message, and whom the process
//!   waits for. Senders read it only when the mailbox seems full.
//!
//! # The state word
//!
//! Three phase bits, set once each and never cleared, and six request bits.
//!
//! | bit | set by | meaning |
//! |---|---|---|
//! | `EXITING` | the process | its reason is decided; `terminate` may run |
//! | `DYING` | the process, under the lock | exit hooks are taken and no new ones are accepted |
//! | `DEAD` | the process, under the lock | reason published, lanes and lists closed |
//! | `KILL` | anybody | end at the next await, without `terminate` |
//! | `SYSTEM` | anybody, under the lock | the system lane is not empty |
//! | `WAITERS` | a sender, under the lock | senders wait for room |
//! | `SUSPENDED` | the process | user messages are not handled |
//! | `WATCHED` | anybody, under the lock | a trace or an acknowledgement wants each step |
//! | `GIVE_WAY` | the watchdog | its messages have kept a thread for too long |
//!
//! A running process without requests has the word 0, so its loop tests one load.
//!
//! # The bound
//!
//! `accepted` counts messages that entered the user lane, `handled` those whose handler returned.
//! The mailbox is full when `accepted + reserved - handled` reaches the bound, so messages that
//! the consumer took out but has not handled still count. Producers keep a cached copy of
//! `handled` beside the queue and refresh it only when the copy says "full" (the ring buffer
//! technique of Lee, Bu and Chandranmenon, "A lock-free, cache-efficient shared ring buffer",
//! ANCS 2009), so in the common case they never touch the consumer's line.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use foundation_telemetry::ErrorContext;
use foundation_types::{ExitReason, Pid};

use crate::hook::Hooks;
use crate::lane::Lane;
use crate::link::Links;
use crate::monitor::Monitors;
use crate::reply::Reply;
use crate::signal::SystemMessage;
use crate::system::System;
use crate::watch::{self, TraceRing};

pub(crate) use room::{Room, RoomWaiter};

/// Bits of the state word; see the module text.
pub(crate) mod state {
    pub(crate) const EXITING: u32 = 1;
    pub(crate) const DYING: u32 = 1 << 1;
    pub(crate) const DEAD: u32 = 1 << 2;
    pub(crate) const KILL: u32 = 1 << 3;
    pub(crate) const SYSTEM: u32 = 1 << 4;
    pub(crate) const WAITERS: u32 = 1 << 5;
    pub(crate) const SUSPENDED: u32 = 1 << 6;
    pub(crate) const WATCHED: u32 = 1 << 7;
    pub(crate) const GIVE_WAY: u32 = 1 << 8;
}

/// The kind before the first message: past every list of kinds, so that the message type is shown.
const NO_KIND: u32 = u32::MAX;

/// What the process itself writes; others read it.
pub(crate) struct OwnLine {
    pub(crate) state: AtomicU32,
    /// Index of the current message's kind, for watchdog and introspection.
    pub(crate) kind: AtomicU32,
    /// User messages whose handler has returned. Release here pairs with Acquire in
    /// [`Control::has_room`].
    pub(crate) handled: AtomicU64,
    /// Whom the process's own handler waits for; see `deadlock.rs`.
    pub(crate) waiting_on: AtomicU64,
    /// Samples in which the watchdog found this process running.
    pub(crate) busy_samples: AtomicU32,
}

/// What never changes after the spawn.
pub(crate) struct Identity {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) bound: u32,
    /// Grows with each spawn.
    pub(crate) born: u64,
    pub(crate) kind: &'static Kind,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) system: System,
}

/// What all processes of one type share.
pub(crate) struct Kind {
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) message_type: fn() -> &'static str,
    pub(crate) message_kinds: &'static [&'static str],
}

/// Parts that most processes never need, allocated with the first use.
#[derive(Default)]
pub(crate) struct Rare {
    /// System messages that go ahead of user messages.
    pub(crate) urgent: Lane<SystemMessage>,
    /// System messages that wait for the user messages accepted before them, with the number of
    /// those.
    pub(crate) stamped: Lane<(u64, SystemMessage)>,
    /// Orders from outside in each lane; see [`ORDERS_MAX`].
    orders: [u32; 2],
    /// It was told to stop: one such order is enough, and never refused.
    stops: bool,
    pub(crate) monitors: Monitors,
    pub(crate) acknowledgements: VecDeque<(u64, Reply<()>)>,
    /// Those of messages that are queued and not taken out.
    carried: Carried,
    pub(crate) trace: Option<Arc<TraceRing>>,
    waiters: VecDeque<RoomWaiter>,
    next_ticket: u64,
    /// The newest ends of linked children, oldest first, for operators.
    pub(crate) child_exits: VecDeque<(Pid, ExitReason)>,
}

/// The part under the lock that does not depend on the message type.
pub(crate) struct Control {
    pub(crate) exit: Option<Arc<ExitReason>>,
    /// The identity's bound, on the line that senders have at hand.
    bound: u32,
    /// Room that is granted and not yet used.
    reserved: u32,
    pub(crate) accepted: u64,
    handled_seen: u64,
    /// Somebody waits for room.
    crowded: bool,
    /// A queued message has a context; see [`Carried`].
    carries: bool,
    pub(crate) waker: Option<Waker>,
    pub(crate) links: Links,
    pub(crate) hooks: Hooks,
    pub(crate) rare: Option<Box<Rare>>,
}

impl Control {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(Box::default)
    }

    /// Keeps the end of a linked child, and forgets the oldest.
    pub(crate) fn note_child_exit(&mut self, child: Pid, reason: &ExitReason) {
        if self.exit.is_some() {
            return;
        }
        let exits = &mut self.rare().child_exits;
        if exits.len() >= CHILD_EXITS_MAX {
            exits.pop_front();
        }
        exits.push_back((child, reason.clone()));
    }

    /// Whether one more message fits, counting reserved room as taken.
    fn has_room(&mut self, own: &OwnLine) -> bool {
        let forgets = fault::planted("bound_ignores_reserved_room");
        let reserved = if forgets { 0 } else { u64::from(self.reserved) };
        if self.accepted + reserved - self.handled_seen < u64::from(self.bound) {
            return true;
        }
        self.handled_seen = own.handled.load(Ordering::Acquire);
        self.accepted + reserved - self.handled_seen < u64::from(self.bound)
    }

    /// Keeps the context of the message that was just accepted.
    #[cold]
    fn carry(&mut self, context: ErrorContext) {
        self.carries = true;
        let number = self.accepted;
        self.rare().carried.push_back((number, context));
    }

    /// Brings `crowded` up to date with the queue of waiting senders.
    fn note_crowd(&mut self) {
        self.crowded = self.rare.as_ref().is_some_and(|rare| !rare.waiters.is_empty());
    }

    /// Whether somebody waits for room that is there.
    fn can_grant(&mut self, own: &OwnLine) -> bool {
        self.crowded && self.has_room(own)
    }
}

/// The contexts in which messages were sent, each with the number of its message, the oldest first. They
/// travel beside the messages: most have none, and a mailbox of small messages would be twice as large.
pub(crate) type Carried = VecDeque<(u64, ErrorContext)>;

/// Everything under the record's lock.
struct Lanes<M> {
    control: Control,
    user: Lane<M>,
}

/// The record of one incarnation of a process; see the module text.
#[repr(C)]
pub(crate) struct Record<M> {
    lanes: Mutex<Lanes<M>>,
    parked: Parked,
    /// Read only, and over a cache line long: it keeps the two others apart.
    identity: Identity,
    own: OwnLine,
}

/// Whether the process sleeps on its empty mailbox, or is about to: its waker is in place, and whoever
/// gives it something to do takes the waker and clears this. Changed under the lock. The process
/// reads it without: a true that is no longer so is harmless, since the waker is on its way then.
#[derive(Default)]
pub(crate) struct Parked(AtomicBool);

impl Parked {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// As [`Parked::unpark`], for those who ask for something that may have happened already: the process
    /// looks for them before it sleeps, unless it is parked.
    pub(crate) fn remind(&self, control: &mut Control) -> Option<Waker> {
        if fault::planted("parked_unreminded") { None } else { self.unpark(control) }
    }

    /// Takes the waker if the process is parked. Under the lock.
    pub(crate) fn unpark(&self, control: &mut Control) -> Option<Waker> {
        if !self.is_set() {
            return None;
        }
        self.0.store(false, Ordering::Relaxed);
        control.waker.take()
    }
}

/// Why a message was not accepted, with the message.
pub(crate) enum Refusal<M> {
    Full(M),
    Dead(M),
}

/// Exit signals and operators' questions, of each, that may wait for one process, beside one stop. Links,
/// monitors and timers are bounded where they are made; for these there is no such place, and a process whose
/// handler does not yield takes none of them. A suspended one takes the questions, among them the order to
/// go on, but not the exit signals behind messages.
pub(crate) const ORDERS_MAX: u32 = 1024;

/// Ends of children that a process is remembered with: enough to see a pattern, few enough to read.
const CHILD_EXITS_MAX: usize = 8;

/// What the consumer found.
pub(crate) enum Taken<M> {
    Message(M),
    /// The only one, and the consumer was parked with it; see [`Record::take`].
    Alone(M),
    /// No message, but something else to look at.
    Other,
    /// Nothing; the waker is in place.
    Sleep,
}

/// A record without its message type: what links, monitors and introspection need.
pub(crate) trait AnyRecord: Send + Sync {
    fn identity(&self) -> &Identity;
    fn own(&self) -> &OwnLine;
    fn parked(&self) -> &Parked;
    /// Runs `f` under the record's lock. `f` is ours, short, and calls nothing.
    fn with_control(&self, f: &mut dyn FnMut(&mut Control));
    /// Queues a system message unless it is an order and `orders_max` of them wait, and wakes the process.
    fn push(&self, message: SystemMessage, orders_max: u32) -> Result<(), Refusal<SystemMessage>>;
    /// Leaves a waker for a kill while the handler waits for something else, gives the room made so
    /// far to waiting senders, and acknowledges what was handled before. Returns false when the
    /// process was killed meanwhile.
    fn sleep_in_handler(&self, waker: &Waker) -> bool;
    /// Drops every message in the user lane, each through `contain`, and returns their number.
    fn drop_messages(&self, contain: &mut dyn FnMut(&mut dyn FnMut())) -> usize;
    /// The record with its type forgotten, to be found again by a typed address.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl dyn AnyRecord + '_ {
    pub(crate) fn pid(&self) -> Pid {
        self.identity().pid
    }

    /// [`AnyRecord::with_control`] with a result.
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&mut Control) -> R) -> R {
        let mut f = Some(f);
        let mut result = None;
        self.with_control(&mut |control| {
            if let Some(f) = f.take() {
                result = Some(f(control));
            }
        });
        result.unwrap_or_else(|| unreachable!("with_control runs its closure once"))
    }

    /// Queues a system message, or gives it back when the process is dead.
    pub(crate) fn push_system(&self, message: SystemMessage) -> Result<(), SystemMessage> {
        match self.push(message, u32::MAX) {
            Ok(()) => Ok(()),
            Err(Refusal::Full(message) | Refusal::Dead(message)) => Err(message),
        }
    }

    /// Queues an order from outside; refuses it when too many wait.
    pub(crate) fn push_order(&self, message: SystemMessage) -> Result<(), Refusal<SystemMessage>> {
        self.push(message, ORDERS_MAX)
    }

    /// Whether the process has run at all: it has slept or handled something since its spawn.
    pub(crate) fn was_polled(&self) -> bool {
        self.parked().is_set() || self.own().handled.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        if self.own().state.load(Ordering::Acquire) & state::DEAD == 0 {
            return None;
        }
        self.locked(|control| control.exit.as_deref().cloned())
    }

    /// Sets the kill bit and wakes the process wherever it waits.
    pub(crate) fn kill(&self) {
        let before = self.own().state.fetch_or(state::KILL, Ordering::AcqRel);
        if before & (state::KILL | state::DEAD) != 0 {
            return;
        }
        let waker =
            self.locked(|control| self.parked().unpark(control).or_else(|| control.waker.take()));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Messages accepted and not yet handled.
    pub(crate) fn depth(&self) -> u64 {
        let accepted = self.locked(|control| control.accepted);
        accepted.saturating_sub(self.own().handled.load(Ordering::Relaxed))
    }
}

impl<M: Send + 'static> Record<M> {
    pub(crate) fn new(identity: Identity, links: Links) -> Self {
        let bound = identity.bound;
        Self {
            lanes: Mutex::new(Lanes {
                control: Control {
                    exit: None,
                    bound,
                    reserved: 0,
                    accepted: 0,
                    handled_seen: 0,
                    crowded: false,
                    carries: false,
                    waker: None,
                    links,
                    hooks: Hooks::default(),
                    rare: None,
                },
                user: Lane::default(),
            }),
            parked: Parked::default(),
            own: OwnLine {
                state: AtomicU32::new(0),
                kind: AtomicU32::new(NO_KIND),
                handled: AtomicU64::new(0),
                waiting_on: AtomicU64::new(0),
                busy_samples: AtomicU32::new(0),
            },
            identity,
        }
    }

    /// Queues a message if there is room and nobody waits for room before us.
    #[inline]
    pub(crate) fn try_push(&self, message: M) -> Result<(), Refusal<M>> {
        let context = self.taken_along();
        let waker = {
            let mut lanes = self.lanes.lock();
            let control = &mut lanes.control;
            if control.exit.is_some() {
                return Err(Refusal::Dead(message));
            }
            let overtakes = fault::planted("sender_overtakes");
            if !control.has_room(&self.own) || (control.crowded && !overtakes) {
                return Err(Refusal::Full(message));
            }
            self.accept(&mut lanes, message, context)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// The context that a message sent from here takes along. Found before the lock: a subscriber of
    /// `tracing` may be asked for the span.
    #[inline]
    fn taken_along(&self) -> ErrorContext {
        if ErrorContext::is_any_outgoing() {
            return self.identity.system.telemetry().outgoing_context();
        }
        ErrorContext::EMPTY
    }

    fn accept(&self, lanes: &mut Lanes<M>, message: M, context: ErrorContext) -> Option<Waker> {
        lanes.user.push(message);
        let control = &mut lanes.control;
        control.accepted += 1;
        if !context.is_empty() {
            control.carry(context);
        }
        self.parked.unpark(control)
    }

    /// Takes out the contexts of the messages that [`Record::take`] took out.
    #[cold]
    fn take_carried(control: &mut Control) -> Option<Box<Carried>> {
        control.carries = false;
        control.rare.as_mut().map(|rare| Box::new(std::mem::take(&mut rare.carried)))
    }

    /// Takes the oldest message, and the rest into the consumer's empty `batch`, or puts the
    /// consumer to sleep. Before sleeping both buffers are freed: an idle mailbox owns no heap.
    ///
    /// A consumer that expects no second message, `sparse`, is parked together with the only one; see
    /// [`Record::is_parked`].
    #[inline]
    pub(crate) fn take(
        &self,
        batch: &mut VecDeque<M>,
        carried: &mut Option<Box<Carried>>,
        waker: &Waker,
        sparse: bool,
    ) -> Taken<M> {
        debug_assert!(batch.is_empty());
        let stale;
        {
            let mut lanes = self.lanes.lock();
            if let Some(message) = lanes.user.drain_into(batch) {
                if lanes.control.carries {
                    *carried = Self::take_carried(&mut lanes.control);
                }
                // A request made before this lock is attended to before it sleeps; a later one wakes it.
                let requests = self.own.state.load(Ordering::Acquire);
                if sparse
                    && batch.is_empty()
                    && (requests == 0 || fault::planted("parked_beside_request"))
                {
                    stale = self.park(&mut lanes.control, waker);
                    drop(lanes);
                    drop(stale);
                    return Taken::Alone(message);
                }
                return Taken::Message(message);
            }
            // Requests are made under this lock or wake us, so none is slept through.
            let requests = self.own.state.load(Ordering::Acquire);
            if requests & (state::KILL | state::SYSTEM) != 0
                || self.owes_acknowledgement(&lanes.control, requests)
                || lanes.control.can_grant(&self.own)
            {
                return Taken::Other;
            }
            if fault::planted("mailbox_lost_wakeup") {
                // Nothing is freed here: the lane's own assertion would notice before a test does.
                drop(lanes);
                lanes = self.lanes.lock();
            } else {
                lanes.user.free_heap();
            }
            stale = self.park(&mut lanes.control, waker);
        }
        drop(stale);
        if batch.capacity() > 0 {
            *batch = VecDeque::new();
        }
        Taken::Sleep
    }

    /// Whether an acknowledgement was asked for that is due already: between the end of a handler
    /// and the lock taken here the request bit comes too late for the look at the state word, and
    /// the count of handled messages too early for whoever asks. Under the lock.
    fn owes_acknowledgement(&self, control: &Control, requests: u32) -> bool {
        let handled = self.own.handled.load(Ordering::Relaxed);
        requests & state::WATCHED != 0
            && control.rare.as_ref().is_some_and(|rare| rare.owes_acknowledgement(handled))
    }

    /// Puts the consumer to sleep until somebody unparks it. Under the lock.
    fn park(&self, control: &mut Control, waker: &Waker) -> Option<Waker> {
        self.parked.set();
        Self::keep_waker(control, waker)
    }

    /// Whether nothing has come since the consumer was parked. Then it may sleep without another look:
    /// whatever comes wakes it, also what asks for something that has happened meanwhile. The waker is the one
    /// it was parked with, which is the task's for as long as it lives.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.is_set()
    }

    /// Sleeps for system messages only: the process is suspended.
    pub(crate) fn sleep_suspended(&self, waker: &Waker) -> bool {
        let mut lanes = self.lanes.lock();
        let requests = self.own.state.load(Ordering::Acquire);
        // The SYSTEM bit alone says too little: it stays set for a signal that waits for messages
        // before it, and those are not handled now.
        let handled = self.own.handled.load(Ordering::Relaxed);
        let due = lanes.control.rare.as_ref().is_some_and(|rare| rare.has_due(handled));
        let owes = self.owes_acknowledgement(&lanes.control, requests);
        let grants = lanes.control.can_grant(&self.own);
        if due || owes || grants || requests & state::KILL != 0 || requests & state::SUSPENDED == 0
        {
            return false;
        }
        let stale = self.park(&mut lanes.control, waker);
        drop(lanes);
        drop(stale);
        true
    }

    fn keep_waker(control: &mut Control, waker: &Waker) -> Option<Waker> {
        match &control.waker {
            Some(kept) if kept.will_wake(waker) => None,
            _ => control.waker.replace(waker.clone()),
        }
    }

    /// Takes the next system message that is due after `handled` user messages, and clears the
    /// request bit with the last one.
    pub(crate) fn take_system(&self, handled: u64) -> Option<SystemMessage> {
        let mut lanes = self.lanes.lock();
        let rare = lanes.control.rare.as_mut()?;
        let message = match rare.urgent.pop() {
            Some(message) => Some(message),
            None if rare.stamped.front().is_some_and(|(stamp, _)| *stamp <= handled) => {
                rare.stamped.pop().map(|(_, message)| message)
            }
            None => None,
        };
        if rare.urgent.is_empty() && rare.stamped.is_empty() {
            rare.urgent = Lane::default();
            rare.stamped = Lane::default();
            self.own.state.fetch_and(!state::SYSTEM, Ordering::AcqRel);
        }
        if let Some(order) = message.as_ref().filter(|message| message.is_order()) {
            let orders = rare.orders(order.jumps_queue());
            *orders = orders.saturating_sub(1);
        }
        message
    }

    /// Gives messages back that were taken out and not handled; they are dropped at death.
    pub(crate) fn give_back(&self, batch: VecDeque<M>) {
        self.lanes.lock().user.put_back(batch);
    }
}

impl Rare {
    /// The number of orders in the lane that jumps the queue, or in the other.
    fn orders(&mut self, urgent: bool) -> &mut u32 {
        let [stamped, jumping] = &mut self.orders;
        if urgent { jumping } else { stamped }
    }

    /// Whether a system message may be handed out after `handled` user messages.
    fn has_due(&self, handled: u64) -> bool {
        !self.urgent.is_empty() || self.stamped.front().is_some_and(|(stamp, _)| *stamp <= handled)
    }

    /// Whether somebody must be told that what he sent has been handled.
    fn owes_acknowledgement(&self, handled: u64) -> bool {
        self.acknowledgements.front().is_some_and(|(upto, _)| *upto <= handled)
    }
}

impl<M: Send + 'static> AnyRecord for Record<M> {
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn own(&self) -> &OwnLine {
        &self.own
    }

    fn parked(&self) -> &Parked {
        &self.parked
    }

    fn with_control(&self, f: &mut dyn FnMut(&mut Control)) {
        f(&mut self.lanes.lock().control);
    }

    fn sleep_in_handler(&self, waker: &Waker) -> bool {
        if self.parked.is_set() {
            return true;
        }
        let (stale, grant, owes);
        {
            let mut lanes = self.lanes.lock();
            let requests = self.own.state.load(Ordering::Acquire);
            if requests & state::KILL != 0 {
                return false;
            }
            stale = Self::keep_waker(&mut lanes.control, waker);
            grant = lanes.control.can_grant(&self.own);
            owes = self.owes_acknowledgement(&lanes.control, requests);
        }
        drop(stale);
        if owes {
            watch::note_handled(self, self.own.handled.load(Ordering::Relaxed));
        }
        if grant {
            self.grant_room();
        }
        true
    }

    fn drop_messages(&self, contain: &mut dyn FnMut(&mut dyn FnMut())) -> usize {
        let undelivered = std::mem::take(&mut self.lanes.lock().user);
        let mut count = 0;
        for message in undelivered {
            count += 1;
            let mut message = Some(message);
            contain(&mut || drop(message.take()));
        }
        count
    }

    fn push(&self, message: SystemMessage, orders_max: u32) -> Result<(), Refusal<SystemMessage>> {
        let waker = {
            let mut lanes = self.lanes.lock();
            let control = &mut lanes.control;
            if control.exit.is_some() {
                return Err(Refusal::Dead(message));
            }
            let accepted = control.accepted;
            let rare = control.rare();
            if message.is_order() {
                let orders = rare.orders(message.jumps_queue());
                if *orders >= orders_max {
                    return Err(Refusal::Full(message));
                }
                *orders += 1;
            }
            if message.is_stop() && std::mem::replace(&mut rare.stops, true) {
                drop(lanes);
                // One is enough, and the first reason stands. Dropped without the lock: a reason may own
                // an error of the user's.
                drop(message);
                return Ok(());
            }
            if message.jumps_queue() || fault::planted("down_unstamped") {
                rare.urgent.push(message);
            } else {
                rare.stamped.push((accepted, message));
            }
            self.own.state.fetch_or(state::SYSTEM, Ordering::Release);
            self.parked.unpark(control)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

mod room;
#[cfg(test)]
mod tests;
