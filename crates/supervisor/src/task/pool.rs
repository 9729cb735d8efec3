//! The places of a task supervisor and the line of those who wait for one.
//!
//! # Rules
//!
//! * `running` counts the slots handed out. It never exceeds `max_children`: a slot is made only
//!   under the lock, where there is room.
//! * Who comes first is served first: nobody takes a place while somebody waits in line.
//! * Jobs in line are bounded by `queue_max`. Batches wait with one ticket each, whatever the
//!   number of their items.
//! * Under the lock nothing of a user's runs or is dropped, and nothing is spawned. Whoever frees
//!   a place works off the line ([`Pool::pump`]); one at a time does, and it looks again before it
//!   stops, so no freed place is overlooked and jobs that fail to start do not nest.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_process::System;
use foundation_types::{Code, Deadline, Instant, Pid};

use super::handle::Refusal;

/// How much a task supervisor takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLimits {
    /// Tasks that run at once; at least one.
    pub max_children: usize,
    /// Tasks that wait for a place; zero refuses whatever cannot run at once.
    pub queue_max: usize,
}

impl Default for TaskLimits {
    /// 1,024 at once, 1,024 waiting.
    fn default() -> Self {
        Self { max_children: 1024, queue_max: 1024 }
    }
}

impl TaskLimits {
    /// Sets how many tasks run at once, at least one.
    #[must_use]
    pub fn max_children(mut self, max_children: usize) -> Self {
        self.max_children = max_children.max(1);
        self
    }

    /// Sets how many tasks wait for a place.
    #[must_use]
    pub fn queue_max(mut self, queue_max: usize) -> Self {
        self.queue_max = queue_max;
        self
    }
}

/// What a task supervisor is doing and has done.
///
/// At rest `submitted` is the sum of the outcomes. While tasks run it may differ from the sum of the
/// outcomes, `running` and `queued`: a place is taken before the item of a batch is counted and given
/// back before the outcome is, and a cancelled computation of a [`CpuPool`](crate::CpuPool) keeps its
/// place until it really ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TaskStats {
    /// Places taken now.
    pub running: usize,
    /// Tasks in line now.
    pub queued: usize,
    /// Batches in line now.
    pub batches_waiting: usize,
    /// The most places ever taken at once.
    pub running_max: usize,
    /// Tasks admitted, items of batches included.
    pub submitted: u64,
    /// Tasks refused.
    pub refused: u64,
    /// Tasks that ended well.
    pub ok: u64,
    /// Tasks that returned an error, or could not be spawned.
    pub failed: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks whose time was over, running or in line.
    pub timed_out: u64,
    /// Tasks that were cancelled or killed, running or in line.
    pub cancelled: u64,
}

/// The pool has no keeper, or another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PoolClosed {
    Closed,
    Open(Pid),
}

impl PoolClosed {
    fn code(&self) -> Code {
        match self {
            Self::Closed => Code::ServiceUnavailable,
            Self::Open(_) => Code::ConstraintViolation,
        }
    }
}

impl StdError for PoolClosed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.code().as_source())
    }
}

impl fmt::Display for PoolClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the task supervisor is not running"),
            Self::Open(pid) => write!(f, "the task supervisor is already running as {pid}"),
        }
    }
}

/// The process that keeps the pool open.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) system: System,
    pub(super) pid: Pid,
}

/// Something in line that starts when it gets a place.
pub(super) trait Job: Send {
    fn launch(self: Box<Self>, owner: &Owner, slot: Slot);

    /// When it must have ended, the time in line included.
    fn deadline(&self) -> Deadline;

    /// Ends it without a start: its time is over.
    fn expire(self: Box<Self>);
}

enum InLine {
    Job(Box<dyn Job>),
    Ticket(Waker),
}

struct State {
    owner: Option<Owner>,
    /// Of the newest keeper, also after its end: whoever waits for a closed pool has deadlines too.
    system: Option<System>,
    line: BTreeMap<u64, InLine>,
    /// The jobs in line that have a deadline, the earliest first.
    deadlines: BTreeSet<(Deadline, u64)>,
    /// Tickets that got their place and have not fetched it.
    granted: BTreeSet<u64>,
    /// Tasks that have not ended; the pid is there once they are spawned.
    tasks: BTreeMap<u64, Option<Pid>>,
    next: u64,
    pumping: bool,
    stats: TaskStats,
}

/// See the module text.
pub(crate) struct Pool {
    limits: TaskLimits,
    state: Mutex<State>,
}

/// One place; free again when dropped.
pub(crate) struct Slot {
    pool: Arc<Pool>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.state.lock().stats.running -= 1;
        self.pool.pump();
    }
}

/// The place of a submitted task.
pub(super) enum Place<W> {
    /// It runs now.
    Now { work: W, owner: Owner, slot: Slot },
    /// It is in line, behind so many.
    InLine { ahead: usize, system: System },
}

/// Lets the next one work off the line, also when a launch unwinds.
struct Pumping<'a>(&'a Pool);

impl Drop for Pumping<'_> {
    fn drop(&mut self) {
        self.0.state.lock().pumping = false;
    }
}

impl State {
    fn has_room(&self, limits: TaskLimits) -> bool {
        if fault::planted("task_place_off_by_one") {
            return self.stats.running <= limits.max_children;
        }
        self.stats.running < limits.max_children
    }

    fn take_place(&mut self) {
        self.stats.running += 1;
        self.stats.running_max = self.stats.running_max.max(self.stats.running);
    }

    fn remove_from_line(&mut self, number: u64) -> Option<InLine> {
        let removed = self.line.remove(&number)?;
        match &removed {
            InLine::Job(job) => {
                self.stats.queued -= 1;
                self.deadlines.remove(&(job.deadline(), number));
            }
            InLine::Ticket(_) => self.stats.batches_waiting -= 1,
        }
        Some(removed)
    }

    /// Takes the jobs out of the line whose time is over at `now`.
    fn remove_expired(&mut self, now: Instant) -> Vec<Box<dyn Job>> {
        let mut expired = Vec::new();
        while let Some(&(deadline, number)) = self.deadlines.first()
            && deadline.has_passed(now)
        {
            self.deadlines.pop_first();
            if let Some(InLine::Job(job)) = self.remove_from_line(number) {
                expired.push(job);
            }
        }
        expired
    }
}

impl Pool {
    pub(super) fn new(limits: TaskLimits) -> Self {
        Self {
            // Its fields are public, and without a place everybody would wait for ever.
            limits: limits.max_children(limits.max_children),
            state: Mutex::new(State {
                owner: None,
                system: None,
                line: BTreeMap::new(),
                deadlines: BTreeSet::new(),
                granted: BTreeSet::new(),
                tasks: BTreeMap::new(),
                next: 0,
                pumping: false,
                stats: TaskStats::default(),
            }),
        }
    }

    pub(super) fn stats(&self) -> TaskStats {
        self.state.lock().stats
    }

    /// The system of the newest keeper; `None` before the pool was open for the first time.
    pub(super) fn system(&self) -> Option<System> {
        self.state.lock().system.clone()
    }

    pub(super) fn open(&self, system: &System, pid: Pid) -> Result<(), PoolClosed> {
        let mut state = self.state.lock();
        if let Some(owner) = &state.owner {
            return Err(PoolClosed::Open(owner.pid));
        }
        state.owner = Some(Owner { system: system.clone(), pid });
        let former = state.system.replace(system.clone());
        drop(state);
        drop(former);
        Ok(())
    }

    /// Refuses everything from now on, cancels the line, kills the tasks and returns their pids.
    pub(super) fn close(&self) -> Vec<Pid> {
        let (owner, line, pids) = {
            let mut state = self.state.lock();
            state.stats.queued = 0;
            state.stats.batches_waiting = 0;
            let pids: Vec<_> = state.tasks.values().copied().flatten().collect();
            state.deadlines.clear();
            (state.owner.take(), std::mem::take(&mut state.line), pids)
        };
        if let Some(owner) = owner {
            for pid in &pids {
                owner.system.kill(*pid);
            }
        }
        for waiting in line.into_values() {
            match waiting {
                InLine::Job(job) => drop(job),
                InLine::Ticket(waker) => waker.wake(),
            }
        }
        pids
    }

    /// Gives the task with this number a place, puts it in line, or gives it back.
    ///
    /// `make` only puts values together; it may run under the lock.
    pub(super) fn admit<F, W: Job + 'static>(
        self: &Arc<Self>,
        number: u64,
        task: F,
        make: impl FnOnce(F) -> W,
    ) -> Result<Place<W>, (F, Refusal)> {
        self.sweep_line();
        let mut state = self.state.lock();
        let Some(owner) = state.owner.clone() else {
            state.stats.refused += 1;
            return Err((task, Refusal::Closed));
        };
        if state.line.is_empty() && state.has_room(self.limits) {
            state.take_place();
            state.stats.submitted += 1;
            state.tasks.insert(number, None);
            drop(state);
            let slot = Slot { pool: Arc::clone(self) };
            return Ok(Place::Now { work: make(task), owner, slot });
        }
        let ahead = state.stats.queued;
        if ahead >= self.limits.queue_max {
            state.stats.refused += 1;
            return Err((task, Refusal::Full { running: state.stats.running, queued: ahead }));
        }
        state.stats.submitted += 1;
        state.stats.queued += 1;
        let job = make(task);
        if !job.deadline().is_never() {
            state.deadlines.insert((job.deadline(), number));
        }
        state.line.insert(number, InLine::Job(Box::new(job)));
        Ok(Place::InLine { ahead, system: owner.system })
    }

    /// Ends the jobs in a full line whose time is over; nobody else may be waiting for them.
    fn sweep_line(&self) {
        let system = {
            let state = self.state.lock();
            let full = state.stats.queued >= self.limits.queue_max && !state.deadlines.is_empty();
            state.owner.as_ref().filter(|_| full).map(|owner| owner.system.clone())
        };
        let Some(system) = system else { return };
        let now = system.env().now();
        let expired = self.state.lock().remove_expired(now);
        for job in expired {
            // What is dropped with it belongs to whoever submitted it.
            system.contain(|| job.expire());
        }
    }

    /// A number for a task or a ticket; numbers grow, so the line is in the order of arrival.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state.lock();
        state.next += 1;
        state.next
    }

    /// Gives free places to those in line, the first first.
    fn pump(self: &Arc<Self>) {
        while let Some((owner, first)) = self.next_in_line() {
            let _pumping = Pumping(self);
            match first {
                InLine::Ticket(waker) => waker.wake(),
                InLine::Job(job) => job.launch(&owner, Slot { pool: Arc::clone(self) }),
            }
        }
    }

    /// Takes the first in line, with a place taken for it, when there is room and nobody else is
    /// at it.
    fn next_in_line(&self) -> Option<(Owner, InLine)> {
        let mut state = self.state.lock();
        if state.pumping || !state.has_room(self.limits) {
            return None;
        }
        let owner = state.owner.clone()?;
        let number = *state.line.keys().next()?;
        let first = state.remove_from_line(number)?;
        state.take_place();
        match &first {
            InLine::Ticket(_) => drop(state.granted.insert(number)),
            InLine::Job(_) => drop(state.tasks.insert(number, None)),
        }
        state.pumping = true;
        Some((owner, first))
    }

    /// Takes a job out of the line. It is returned so that it is dropped without the lock.
    pub(super) fn withdraw(&self, number: u64) -> Option<Box<dyn Job>> {
        match self.state.lock().remove_from_line(number) {
            Some(InLine::Job(job)) => Some(job),
            _ => None,
        }
    }

    /// Notes the process of a task. Returns false when the task must not run: it has ended, or the
    /// pool was closed since.
    pub(super) fn spawned(&self, number: u64, pid: Pid, owner: Pid) -> bool {
        let mut state = self.state.lock();
        let Some(task) = state.tasks.get_mut(&number) else { return false };
        *task = Some(pid);
        state.owner.as_ref().is_some_and(|now| now.pid == owner)
    }

    /// Counts the outcome of a task that ran or waited.
    pub(super) fn ended(&self, number: u64, count: impl FnOnce(&mut TaskStats) -> &mut u64) {
        let mut state = self.state.lock();
        state.tasks.remove(&number);
        *count(&mut state.stats) += 1;
    }

    /// A place for an item of a batch. `ticket` is the place in line, to be given back with
    /// [`Pool::leave_line`].
    pub(super) fn poll_place(
        self: &Arc<Self>,
        ticket: &mut Option<u64>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<(Owner, Slot), PoolClosed>> {
        let mut state = self.state.lock();
        if let Some(number) = *ticket
            && state.granted.remove(&number)
        {
            *ticket = None;
            let slot = Slot { pool: Arc::clone(self) };
            let owner = state.owner.clone();
            // The drop of a slot takes the lock.
            drop(state);
            return Poll::Ready(owner.map(|owner| (owner, slot)).ok_or(PoolClosed::Closed));
        }
        let Some(owner) = state.owner.clone() else {
            *ticket = None;
            return Poll::Ready(Err(PoolClosed::Closed));
        };
        let stale = match *ticket {
            Some(number) if state.line.contains_key(&number) => {
                state.line.insert(number, InLine::Ticket(cx.waker().clone()))
            }
            _ if state.line.is_empty() && state.has_room(self.limits) => {
                state.take_place();
                *ticket = None;
                return Poll::Ready(Ok((owner, Slot { pool: Arc::clone(self) })));
            }
            _ => {
                state.next += 1;
                *ticket = Some(state.next);
                state.stats.batches_waiting += 1;
                let number = state.next;
                state.line.insert(number, InLine::Ticket(cx.waker().clone()))
            }
        };
        drop(state);
        drop(stale);
        Poll::Pending
    }

    /// Notes that an item of a batch runs.
    pub(super) fn begin_item(&self) -> u64 {
        let mut state = self.state.lock();
        state.next += 1;
        state.stats.submitted += 1;
        let number = state.next;
        state.tasks.insert(number, None);
        number
    }

    /// Gives a ticket back, with the place it was granted.
    pub(super) fn leave_line(self: &Arc<Self>, ticket: Option<u64>) {
        let Some(number) = ticket else { return };
        let (granted, waiting) = {
            let mut state = self.state.lock();
            (state.granted.remove(&number), state.remove_from_line(number))
        };
        drop(waiting);
        if granted && !fault::planted("batch_place_lost") {
            drop(Slot { pool: Arc::clone(self) });
        }
    }
}
