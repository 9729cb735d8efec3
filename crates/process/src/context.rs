//! What a handler can do as its process.

mod notes;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;
use foundation_telemetry::ErrorContext;
use foundation_types::{Deadline, ExitReason, HookId, Instant, MonitorId, Pid, TimerId};

use crate::address::Address;
use crate::current;
use crate::deadlock;
use crate::hook::{self, Held, HookError};
use crate::limits::LimitReached;
use crate::link::{self, Placed};
use crate::monitor::{self, Watcher};
use crate::process::Process;
use crate::record::{AnyRecord, Carried, Record, Taken, state};
use crate::reply::Reply;
use crate::signal::{Signal, SystemMessage};
use crate::spawn::Spawn;
use crate::system::System;
use crate::timer::{Fire, TimerKey};
use crate::watch;

use notes::Notes;

/// Messages and signals a process handles before it gives way to others on its thread. Tokio gives its own
/// resources 128 operations; a handler that does nothing is cheaper than any of them.
const BUDGET: u16 = 256;

/// What the loop does next.
pub(crate) enum Next<M> {
    Message(M),
    Signal(Box<Signal>),
    Inspect(Reply<String>),
}

/// What to do, or why to stop.
pub(crate) type Step<M> = Result<Next<M>, Box<ExitReason>>;

/// A timer of this process.
struct Armed<M> {
    key: TimerKey,
    due: Due<M>,
}

enum Due<M> {
    Once(M),
    Every { at: Instant, period: Duration, make: Box<dyn FnMut() -> M + Send> },
}

/// Parts that many processes never need.
struct Extras<M> {
    monitors: BTreeMap<MonitorId, Pid>,
    timers: BTreeMap<TimerId, Armed<M>>,
    /// Timers that fired while the process was suspended.
    held_timers: Vec<TimerId>,
    trap_exit: bool,
    stop: Option<Box<ExitReason>>,
    /// Who waits for the end of `init`.
    started: Option<Reply<()>>,
    /// The contexts of messages in the batch.
    carried: Carried,
}

impl<M> Extras<M> {
    fn is_empty(&self) -> bool {
        self.monitors.is_empty()
            && self.timers.is_empty()
            && self.stop.is_none()
            && !self.trap_exit
            && self.carried.is_empty()
    }
}

impl<M> Default for Extras<M> {
    fn default() -> Self {
        Self {
            monitors: BTreeMap::new(),
            timers: BTreeMap::new(),
            held_timers: Vec::new(),
            trap_exit: false,
            stop: None,
            started: None,
            carried: Carried::new(),
        }
    }
}

/// How messages come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Faster than they are handled, or not known yet.
    Dense,
    /// One by one, with a sleep before the next.
    Sparse,
    /// So, and the process was parked together with the one that it handles.
    Parked,
}

/// The process's view of itself and its system, given to every handler.
pub struct Context<M: Send + 'static> {
    record: Arc<Record<M>>,
    batch: VecDeque<M>,
    budget: u16,
    notes: Notes,
    pace: Pace,
    /// Messages handled when waiting senders were last let in, wrapping.
    granted_at: u32,
    extras: Option<Box<Extras<M>>>,
}

impl<M: Send + 'static> Context<M> {
    pub(crate) fn new(record: Arc<Record<M>>, started: Option<Reply<()>>) -> Self {
        let extras =
            started.map(|started| Box::new(Extras { started: Some(started), ..Extras::default() }));
        Self {
            record,
            batch: VecDeque::new(),
            budget: BUDGET,
            // Its first step is taken in the context of whoever spawned it.
            notes: Notes::default().with(Notes::CARRIES, ErrorContext::is_any_outgoing()),
            pace: Pace::Dense,
            granted_at: 0,
            extras,
        }
    }

    fn extras(&mut self) -> &mut Extras<M> {
        self.extras.get_or_insert_with(Box::default)
    }

    fn me(&self) -> Arc<dyn AnyRecord> {
        Arc::clone(&self.record) as Arc<dyn AnyRecord>
    }

    /// Queues a signal for this process. It lives, so it gets it.
    fn tell_self(&self, message: SystemMessage) {
        let me: &dyn AnyRecord = &*self.record;
        drop(me.push_system(message));
    }

    /// The process's own pid.
    pub fn pid(&self) -> Pid {
        self.record.identity().pid
    }

    /// The system it runs in.
    pub fn system(&self) -> &System {
        &self.record.identity().system
    }

    /// An address of this process, to give to others.
    pub fn address(&self) -> Address<M> {
        Address::new(Arc::clone(&self.record))
    }

    /// The deadline that lies `timeout` ahead.
    pub fn deadline(&self, timeout: Duration) -> Deadline {
        Deadline::after(self.system().env().now(), timeout)
    }

    /// Prepares a new process whose parent is this one; see [`Spawn`].
    pub fn process<P: Process>(&self, process: P) -> Spawn<P> {
        Spawn::new(self.system().clone(), process).parent(self.pid())
    }

    /// Ends this process with `reason` when the current handler returns `Ok`. `init` counts as one:
    /// the process has started then, and its `terminate` runs.
    pub fn stop(&mut self, reason: ExitReason) {
        self.extras().stop = Some(Box::new(reason));
    }

    /// Whether exit signals arrive as [`Signal::Exit`] instead of ending this process. A kill
    /// and a shutdown by the parent cannot be trapped.
    pub fn trap_exit(&mut self, trap: bool) {
        self.extras().trap_exit = trap;
    }

    /// Asks to be told, once, when `pid` ends, with [`Signal::Down`]; at once if it is gone.
    ///
    /// # Errors
    ///
    /// [`LimitReached`] past [`Limits::monitors_per_process_max`](crate::Limits).
    pub fn monitor(&mut self, pid: Pid) -> Result<MonitorId, LimitReached> {
        let limit = self.system().limits().monitors_per_process_max;
        let own = self.pid();
        if self.extras().monitors.len() >= limit {
            return Err(LimitReached { pid: own, what: "monitors", limit });
        }
        let id = self.system().inner().next_monitor_id();
        self.extras().monitors.insert(id, pid);
        let reason = match self.system().inner().table().get(pid) {
            None => Some(ExitReason::NoProcess),
            Some(target) => monitor::place(&*target, id, Watcher::Process(self.me()))
                .err()
                .map(|(_, reason)| reason),
        };
        if let Some(reason) = reason {
            self.tell_self(SystemMessage::Down { monitor: id, pid, reason });
        }
        Ok(id)
    }

    /// Takes a monitor back. No DOWN for it arrives afterwards, also none that is already queued.
    /// Returns false when it had fired or never stood.
    pub fn demonitor(&mut self, monitor: MonitorId) -> bool {
        let Some(pid) = self.extras().monitors.remove(&monitor) else { return false };
        if let Some(target) = self.system().inner().table().get(pid) {
            drop(monitor::remove(&*target, monitor));
        }
        true
    }

    /// Links this process with `pid`: when one ends abnormally the other gets its exit signal. A
    /// link to a dead process yields its signal at once. Linking twice is linking once.
    ///
    /// # Errors
    ///
    /// [`LimitReached`] past [`Limits::links_per_process_max`](crate::Limits), of either process.
    pub fn link(&mut self, pid: Pid) -> Result<(), LimitReached> {
        let own = self.pid();
        if pid == own {
            return Ok(());
        }
        let limit = self.system().limits().links_per_process_max;
        let me = self.me();
        // Also when the peer has died and its exit signal is on the way: one link, one signal.
        let (linked, links) =
            me.locked(|control| (control.links.contains(pid), control.links.len()));
        if linked {
            return Ok(());
        }
        if links >= limit {
            return Err(LimitReached { pid: own, what: "links", limit });
        }
        let peer = self.system().inner().table().get(pid);
        match link::place(&*me, peer.as_ref(), pid, limit) {
            Placed::Linked => Ok(()),
            Placed::Dead(reason) => {
                // Void if the link is taken back before it is handled.
                let signal = SystemMessage::LinkExit { from: pid, reason };
                self.tell_self(signal);
                Ok(())
            }
            Placed::Full => Err(LimitReached { pid, what: "links", limit }),
        }
    }

    /// Takes a link back on both sides. No exit signal over it arrives afterwards.
    pub fn unlink(&mut self, pid: Pid) {
        let own = self.pid();
        if !self.me().locked(|control| control.links.remove(pid)) {
            // No link stands. What the peer may be placing at this moment stays whole.
            return;
        }
        if let Some(peer) = self.system().inner().table().get(pid) {
            peer.locked(|control| control.links.remove(own));
        }
    }

    /// Ties a value to this process: it is dropped before the process is Dead, on every way out,
    /// also on a kill.
    ///
    /// # Errors
    ///
    /// [`HookError::TooMany`] past [`Limits::hooks_per_process_max`](crate::Limits); the value is
    /// dropped.
    pub fn hold<T: Send + 'static>(&mut self, value: T) -> Result<Held, HookError> {
        self.add_exit_hook(move |_| drop(value)).map(Held)
    }

    /// Drops a held value now.
    pub fn release(&mut self, held: Held) {
        self.remove_exit_hook(held.0);
    }

    /// Adds a closure that the dying process runs between Dying and Dead, newest first. It must be
    /// short and must not wait.
    ///
    /// # Errors
    ///
    /// See [`HookError`].
    pub fn add_exit_hook(
        &mut self,
        hook: impl FnOnce(&hook::Exited) + Send + 'static,
    ) -> Result<HookId, HookError> {
        self.system().add_exit_hook(self.pid(), hook)
    }

    /// Takes an exit hook out again without running it.
    pub fn remove_exit_hook(&mut self, id: HookId) {
        drop(hook::remove(&*self.record, id));
    }

    /// Sends `message` to this process after `delay`, ahead of messages that wait in the mailbox.
    ///
    /// # Errors
    ///
    /// [`LimitReached`] past [`Limits::timers_per_process_max`](crate::Limits).
    pub fn send_after(&mut self, delay: Duration, message: M) -> Result<TimerId, LimitReached> {
        let at = self.system().env().now().saturating_add(delay);
        self.arm(at, Due::Once(message))
    }

    /// Sends a message to this process every `period`. Ticks that come while an earlier one waits
    /// are skipped; the schedule does not drift.
    ///
    /// # Errors
    ///
    /// [`LimitReached`] past [`Limits::timers_per_process_max`](crate::Limits).
    pub fn send_interval(
        &mut self,
        period: Duration,
        make: impl FnMut() -> M + Send + 'static,
    ) -> Result<TimerId, LimitReached> {
        let period = period.max(Duration::from_millis(1));
        let at = self.system().env().now().saturating_add(period);
        self.arm(at, Due::Every { at, period, make: Box::new(make) })
    }

    /// Cancels a timer. Its message does not arrive afterwards, also if it has already fired and
    /// waits. Returns false when the message was handled or the timer never stood.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        let Some(armed) = self.extras().timers.remove(&timer) else { return false };
        self.system().timers().cancel(armed.key);
        true
    }

    fn arm(&mut self, at: Instant, due: Due<M>) -> Result<TimerId, LimitReached> {
        let pid = self.pid();
        let limit = self.system().limits().timers_per_process_max;
        if self.extras().timers.len() >= limit {
            return Err(LimitReached { pid, what: "timers", limit });
        }
        let timer = TimerId::new(self.system().inner().next_id());
        let key = self.system().timers().arm(at, Fire::Process { pid, timer });
        self.extras().timers.insert(timer, Armed { key, due });
        Ok(timer)
    }
}

/// The loop's side.
impl<M: Send + 'static> Context<M> {
    /// Makes the context current in which the message that is about to be handled was sent, or none.
    #[cold]
    fn adopt(&mut self) {
        let number = if self.notes.has(Notes::COUNTS) { self.handled() + 1 } else { 0 };
        let mut own = None;
        self.notes.set(Notes::CARRIES, false);
        if let Some(extras) = &mut self.extras {
            let any = fault::planted("context_of_another_message");
            own = extras.carried.pop_front_if(|(of, _)| *of == number || any);
            // What this one leaves behind is taken away before the next.
            self.notes.set(Notes::CARRIES, own.is_some() || !extras.carried.is_empty());
        }
        ErrorContext::adopt(own.map(|(_, context)| context).unwrap_or_default());
    }

    /// Notes that something without a context is about to be handled.
    pub(crate) fn begin_signal(&mut self) {
        if self.notes.has(Notes::CARRIES) {
            self.adopt();
        }
    }

    /// Notes what is about to be handled.
    #[inline]
    pub(crate) fn begin(&mut self, kind: usize) {
        if self.notes.has(Notes::CARRIES) {
            self.adopt();
        }
        if !self.record.identity().kind.message_kinds.is_empty() {
            let kind = u32::try_from(kind).unwrap_or(u32::MAX);
            self.record.own().kind.store(kind, Ordering::Relaxed);
        }
        if self.notes.has(Notes::WATCHED) {
            // The loop does not look again once the last request is gone.
            self.notes.set(
                Notes::WATCHED,
                self.record.own().state.load(Ordering::Relaxed) & state::WATCHED != 0,
            );
        }
        if self.notes.has(Notes::WATCHED) {
            watch::note_message(&*self.record, kind);
        }
    }

    /// Counts the message whose handler has returned, if one has. A wait whose future the handler has put
    /// aside counts no longer.
    #[inline]
    pub(crate) fn done(&mut self) {
        deadlock::clear(&*self.record);
        if self.notes.has(Notes::COUNTS) {
            self.notes.set(Notes::COUNTS, false);
            // Only this process writes it, so a load and a store do.
            self.record.own().handled.store(self.handled() + 1, Ordering::Release);
        }
    }

    /// User messages handled so far.
    #[inline]
    fn handled(&self) -> u64 {
        self.record.own().handled.load(Ordering::Relaxed)
    }

    /// Tells whoever waits for it that `init` is done.
    pub(crate) fn report_started(&mut self) {
        deadlock::clear(&*self.record);
        if let Some(started) = self.extras.as_mut().and_then(|extras| extras.started.take()) {
            started.send(());
        }
        if self.extras.as_ref().is_some_and(|extras| extras.is_empty()) {
            self.extras = None;
        }
    }

    /// Whether the loop ended by a kill, after which no user code runs.
    pub(crate) fn was_killed(&self) -> bool {
        self.record.own().state.load(Ordering::Acquire) & state::KILL != 0
    }

    #[inline]
    pub(crate) fn take_stop(&mut self) -> Option<Box<ExitReason>> {
        self.extras.as_mut()?.stop.take()
    }

    pub(crate) fn begin_exit(&self) {
        self.record.own().state.fetch_or(state::EXITING, Ordering::AcqRel);
    }

    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Step<M>> {
        loop {
            if self.budget == 0 {
                self.budget = BUDGET;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let requests = self.record.own().state.load(Ordering::Acquire);
            if requests != 0 && !(requests == state::WAITERS && self.may_pass_waiters()) {
                match self.attend(requests, cx) {
                    Attention::Go => {}
                    Attention::Again => {
                        self.budget = self.budget.saturating_sub(1);
                        continue;
                    }
                    Attention::Sleep => return Poll::Pending,
                    Attention::Do(next) => {
                        self.budget -= 1;
                        return Poll::Ready(next);
                    }
                }
            }
            if let Some(message) = self.batch.pop_front() {
                self.budget -= 1;
                self.notes.set(Notes::COUNTS, true);
                return Poll::Ready(Ok(Next::Message(message)));
            }
            if self.pace == Pace::Parked {
                if self.record.is_parked() {
                    self.pace = Pace::Sparse;
                    self.budget = BUDGET;
                    return Poll::Pending;
                }
                self.pace = Pace::Dense;
            }
            let sparse = self.pace == Pace::Sparse;
            let mut carried = None;
            let taken = self.record.take(&mut self.batch, &mut carried, cx.waker(), sparse);
            if let Some(carried) = carried {
                self.notes.set(Notes::CARRIES, true);
                self.extras().carried.extend(*carried);
            }
            let (message, pace) = match taken {
                Taken::Message(message) => (message, Pace::Dense),
                Taken::Alone(message) => (message, Pace::Parked),
                Taken::Other => continue,
                Taken::Sleep => {
                    self.pace = Pace::Sparse;
                    self.budget = BUDGET;
                    return Poll::Pending;
                }
            };
            self.pace = pace;
            self.budget -= 1;
            self.notes.set(Notes::COUNTS, true);
            return Poll::Ready(Ok(Next::Message(message)));
        }
    }

    /// Everything beside the next user message.
    #[cold]
    fn attend(&mut self, requests: u32, cx: &mut TaskContext<'_>) -> Attention<M> {
        if requests & state::KILL != 0 {
            return Attention::Do(Err(Box::new(ExitReason::Killed)));
        }
        if requests & state::GIVE_WAY != 0 {
            self.record.own().state.fetch_and(!state::GIVE_WAY, Ordering::AcqRel);
            self.budget = 0;
            return Attention::Again;
        }
        self.notes.set(Notes::WATCHED, requests & state::WATCHED != 0);
        if self.notes.has(Notes::WATCHED) {
            watch::note_handled(&*self.record, self.handled());
        }
        if requests & state::SYSTEM != 0
            && let Some(message) = self.record.take_system(self.handled())
        {
            return match self.judge(message) {
                Some(next) => Attention::Do(next),
                None => Attention::Again,
            };
        }
        if requests & state::SUSPENDED != 0 {
            // Into the room that is there; no message will be handled that makes more.
            if requests & state::WAITERS != 0 {
                self.let_waiters_in();
            }
            return if self.record.sleep_suspended(cx.waker()) {
                Attention::Sleep
            } else {
                Attention::Again
            };
        }
        if requests & state::WAITERS != 0 {
            self.let_waiters_in();
        }
        Attention::Go
    }

    /// Whether waiting senders wait a little longer: they are let in many at a time, since waking
    /// one for each handled message would cost more than the message. A quarter of the mailbox
    /// keeps one sender and the process running side by side; with half of it they took turns
    /// and moved half as many messages.
    #[inline]
    fn may_pass_waiters(&self) -> bool {
        let since = self.handled_wrapping().wrapping_sub(self.granted_at);
        !self.batch.is_empty() && since < self.record.identity().bound / 4
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used")]
    fn handled_wrapping(&self) -> u32 {
        self.handled() as u32
    }

    fn let_waiters_in(&mut self) {
        self.granted_at = self.handled_wrapping();
        self.record.grant_room();
    }

    /// What a system message means for this process now; none when it is void or done.
    fn judge(&mut self, message: SystemMessage) -> Option<Step<M>> {
        if self.notes.has(Notes::WATCHED) {
            watch::note_signal(&*self.record, message.name());
        }
        match message {
            SystemMessage::Shutdown { reason } => Some(Err(Box::new(reason))),
            SystemMessage::Drain => Some(Err(Box::new(ExitReason::SHUTDOWN))),
            SystemMessage::LinkExit { from, reason } => {
                if !self.me().locked(|control| control.links.remove(from)) {
                    return None;
                }
                if self.record.identity().parent == Some(from) && !reason.is_normal() {
                    return Some(Err(Box::new(reason)));
                }
                self.judge_exit(Some(from), reason)
            }
            SystemMessage::ExitSignal { from, reason } => self.judge_exit(from, reason),
            SystemMessage::Down { monitor, pid, reason } => {
                self.extras().monitors.remove(&monitor)?;
                Some(Ok(Next::Signal(Box::new(Signal::Down { monitor, pid, reason }))))
            }
            SystemMessage::Timer(timer) if self.is_suspended() => {
                self.extras().held_timers.push(timer);
                None
            }
            SystemMessage::Timer(timer) => self.judge_timer(timer),
            SystemMessage::Suspend(reply) => {
                self.record.own().state.fetch_or(state::SUSPENDED, Ordering::AcqRel);
                reply.send(());
                None
            }
            SystemMessage::Resume(reply) => {
                self.record.own().state.fetch_and(!state::SUSPENDED, Ordering::AcqRel);
                for timer in std::mem::take(&mut self.extras().held_timers) {
                    self.tell_self(SystemMessage::Timer(timer));
                }
                reply.send(());
                None
            }
            SystemMessage::Inspect(reply) => Some(Ok(Next::Inspect(reply))),
        }
    }

    fn is_suspended(&self) -> bool {
        self.record.own().state.load(Ordering::Relaxed) & state::SUSPENDED != 0
    }

    fn judge_exit(&mut self, from: Option<Pid>, reason: ExitReason) -> Option<Step<M>> {
        if self.extras().trap_exit {
            let from = from.unwrap_or_else(|| self.pid());
            return Some(Ok(Next::Signal(Box::new(Signal::Exit { from, reason }))));
        }
        (!reason.is_normal()).then(|| Err(Box::new(reason)))
    }

    fn judge_timer(&mut self, timer: TimerId) -> Option<Step<M>> {
        let armed = self.extras().timers.remove(&timer)?;
        match armed.due {
            Due::Once(message) => Some(Ok(Next::Message(message))),
            Due::Every { at, period, mut make } => {
                let made = catch_unwind(AssertUnwindSafe(&mut make));
                let message = match made {
                    Ok(message) => message,
                    Err(panic) => return Some(Err(Box::new(current::panic_reason(panic)))),
                };
                let now = self.system().env().now();
                let mut at = at.saturating_add(period);
                if at < now {
                    let missed = now.saturating_duration_since(at).as_nanos() / period.as_nanos();
                    let missed = u32::try_from(missed + 1).unwrap_or(u32::MAX);
                    at = at.saturating_add(period.saturating_mul(missed));
                }
                let pid = self.pid();
                let key = self.system().timers().arm(at, Fire::Process { pid, timer });
                let due = Due::Every { at, period, make };
                self.extras().timers.insert(timer, Armed { key, due });
                Some(Ok(Next::Message(message)))
            }
        }
    }
}

enum Attention<M> {
    /// Go on with the next user message.
    Go,
    /// Look again.
    Again,
    Sleep,
    Do(Step<M>),
}

impl<M: Send + 'static> Drop for Context<M> {
    fn drop(&mut self) {
        if !self.batch.is_empty() {
            self.record.give_back(std::mem::take(&mut self.batch));
        }
        let Some(extras) = self.extras.take() else { return };
        let system = self.system();
        for armed in extras.timers.into_values() {
            system.timers().cancel(armed.key);
            // One by one: a panic in a drop that runs because of another one would end the program.
            current::contain(system.inner(), Some(self.pid()), || drop(armed.due));
        }
        for (monitor, pid) in &extras.monitors {
            if let Some(target) = system.inner().table().get(*pid) {
                drop(monitor::remove(&*target, *monitor));
            }
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Context<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("pid", &self.pid())
            .field("handled", &self.handled())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
