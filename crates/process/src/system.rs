//! A system: everything that processes share. There is no global state; systems live side by side.

use std::any::Any;
use std::cmp::Reverse;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use foundation_env::{Background, Env};
use foundation_telemetry::{Telemetry, catalogue, find_owners_by};
use foundation_types::{Deadline, ExitReason, HookId, MonitorId, NodeId, PanicReport, Pid};

use crate::address::Address;
use crate::current;
use crate::dead_letter::{DeadLetter, Log};
use crate::deadlock::Cycle;
use crate::error::CallError;
use crate::hook::{self, Exited, HookError};
use crate::inspect::{
    self, ContainedPanic, Counts, CrashReport, DeadlockReport, ProcessInfo, TopBy,
};
use crate::limits::Limits;
use crate::monitor::Monitor;
use crate::process::Process;
use crate::record::{AnyRecord, Record, Refusal};
use crate::reply::{self, Reply};
use crate::signal::SystemMessage;
use crate::spawn::{Spawn, SpawnError};
use crate::table::Table;
use crate::timer::{self, Elapsed, Timers};
use crate::watch::{self, Trace};
use crate::watchdog::{self, Stall, WorkerSlot, Workers};

/// How many of each kind of trouble there ever was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Troubles {
    /// Processes that ended with an error, a panic or a kill.
    pub crashes: u64,
    /// Entries of the dead letter log.
    pub dead_letters: u64,
    /// Handlers that did not yield for 10 ms.
    pub stalls: u64,
    /// Cycles of waits.
    pub deadlocks: u64,
    /// Panics in drops, wakers, exit hooks and `terminate` hooks, which end nothing.
    pub contained_panics: u64,
    /// `terminate` hooks that were cut off at the end of their budget.
    pub terminate_overruns: u64,
}

/// Shared by all handles and processes of a system.
pub(crate) struct SystemInner {
    env: Env,
    telemetry: Telemetry,
    limits: Limits,
    table: Arc<Table>,
    timers: Arc<Timers>,
    ids: AtomicU64,
    closing: AtomicBool,
    crashes: Log<CrashReport>,
    dead_letters: Log<DeadLetter>,
    stalls: Log<Stall>,
    deadlocks: Log<DeadlockReport>,
    contained_panics: Log<ContainedPanic>,
    terminate_overruns: AtomicU64,
    workers: Workers,
    watchdog: OnceLock<Option<Mutex<Background>>>,
}

impl SystemInner {
    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_monitor_id(&self) -> MonitorId {
        MonitorId::new(NonZeroU64::new(self.next_id()).unwrap_or(NonZeroU64::MAX))
    }

    /// Whether a shutdown has begun. Pairs with the release in [`System::shutdown`].
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A pid for a new process.
    pub(crate) fn admit(&self) -> Result<Pid, SpawnError> {
        if self.is_closing() {
            return Err(SpawnError::ShuttingDown);
        }
        self.table
            .reserve()
            .ok_or(SpawnError::TooManyProcesses { limit: self.limits.processes_max })
    }

    pub(crate) fn note_exit(&self, record: &dyn AnyRecord, reason: &ExitReason) {
        if !reason.is_orderly() {
            self.crashes.push(inspect::crash_report(self, record, reason.clone()));
        }
    }

    pub(crate) fn note_dead_letters(&self, letter: DeadLetter) {
        catalogue::PROCESS_DEAD_LETTERS.emit(self.telemetry.events(), || {
            let count = i64::try_from(letter.count).unwrap_or(i64::MAX);
            ([count], [letter.to.into(), letter.message_type.into()])
        });
        self.dead_letters.push(letter);
    }

    pub(crate) fn note_stall(&self, stall: Stall) {
        catalogue::PROCESS_STALLED.emit(self.telemetry.events(), || {
            ([], [stall.pid.into(), stall.name.as_str().into(), stall.message.into()])
        });
        self.stalls.push(stall);
    }

    pub(crate) fn note_deadlock(&self, cycle: &Cycle) {
        if let Some(pid) = cycle.path.first() {
            catalogue::PROCESS_DEADLOCKED.emit(self.telemetry.events(), || {
                // The path ends where it begins.
                let processes = i64::try_from(cycle.path.len().saturating_sub(1));
                ([processes.unwrap_or(i64::MAX)], [(*pid).into(), cycle.endless.into()])
            });
        }
        self.deadlocks.push(DeadlockReport {
            path: cycle.path.clone(),
            failed: cycle.endless,
            at: self.env.now(),
        });
    }

    pub(crate) fn note_contained_panic(&self, process: Option<Pid>, report: PanicReport) {
        catalogue::PROCESS_PANIC_CONTAINED
            .emit(self.telemetry.events(), || ([], [report.message.as_str().into()]));
        self.contained_panics.push(ContainedPanic { process, report, at: self.env.now() });
    }

    pub(crate) fn note_terminate_overrun(&self) {
        self.terminate_overruns.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a thread to those the watchdog looks at, and starts it with the first.
    pub(crate) fn enlist_worker(self: &Arc<Self>, slot: &Arc<WorkerSlot>) {
        self.workers.enlist(slot);
        self.watchdog.get_or_init(|| {
            let system = Arc::downgrade(self);
            // Without a thread for it there is no watchdog; nothing else depends on it.
            self.env
                .background("foundation-watchdog", move |stop| watchdog::watch(&system, &stop))
                .ok()
                .flatten()
                .map(Mutex::new)
        });
    }
}

impl Drop for SystemInner {
    fn drop(&mut self) {
        self.timers.close();
    }
}

/// A handle to a system of processes. Cheap to clone; all clones are the same system.
///
/// Processes run until they end or the system is shut down; dropping the handles stops nothing.
#[derive(Clone)]
pub struct System {
    inner: Arc<SystemInner>,
}

impl System {
    /// Creates a system in an environment, with default limits.
    pub fn new(env: Env) -> Self {
        Self::with_limits(env, Limits::default())
    }

    /// Creates a system in the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn current() -> Self {
        Self::new(Env::current())
    }

    /// Creates a system with limits of its own.
    pub fn with_limits(env: Env, limits: Limits) -> Self {
        current::install_panic_hook();
        find_owners_by(current::owner);
        let table = Arc::new(Table::new(NodeId::LOCAL, limits.processes_max));
        let timers = Arc::new(Timers::new(env.clone()));
        env.spawn(timer::keep(Arc::downgrade(&timers), Arc::downgrade(&table)));
        let log_entries_max = limits.log_entries_max;
        Self {
            inner: Arc::new(SystemInner {
                telemetry: Telemetry::new(env.clone()),
                env,
                limits,
                table,
                timers,
                ids: AtomicU64::new(1),
                closing: AtomicBool::new(false),
                crashes: Log::new(log_entries_max),
                dead_letters: Log::new(log_entries_max),
                stalls: Log::new(log_entries_max),
                deadlocks: Log::new(log_entries_max),
                contained_panics: Log::new(log_entries_max),
                terminate_overruns: AtomicU64::new(0),
                workers: Workers::default(),
                watchdog: OnceLock::new(),
            }),
        }
    }

    pub(crate) fn inner(&self) -> &Arc<SystemInner> {
        &self.inner
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.inner.timers
    }

    /// The environment: clock, randomness, spawning.
    pub fn env(&self) -> &Env {
        &self.inner.env
    }

    /// What it says of itself: its events, and who hears them.
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Spawns a process with default settings and no parent.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    pub fn spawn<P: Process>(&self, process: P) -> Result<Address<P::Message>, SpawnError> {
        self.process(process).spawn()
    }

    /// Prepares a process; see [`Spawn`].
    pub fn process<P: Process>(&self, process: P) -> Spawn<P> {
        Spawn::new(self.clone(), process)
    }

    /// The deadline that lies `timeout` ahead.
    pub fn deadline(&self, timeout: Duration) -> Deadline {
        Deadline::after(self.env().now(), timeout)
    }

    /// Limits a future by a deadline.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the deadline passed first; the future is dropped then.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the future.
    pub async fn before<F: Future>(
        &self,
        deadline: Deadline,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        timer::before(self.timers(), deadline, future).await
    }

    /// Runs code that is not the caller's, such as the drop of somebody else's value: a panic in it ends
    /// nothing and is kept, see [`System::contained_panics`].
    pub fn contain(&self, f: impl FnOnce()) {
        current::contain(&self.inner, current::pid(), f);
    }

    /// The address of a living process that handles messages of type `M`.
    pub fn address<M: Send + 'static>(&self, pid: Pid) -> Option<Address<M>> {
        let record: Arc<dyn Any + Send + Sync> = self.inner.table.get(pid)?.into_any();
        record.downcast::<Record<M>>().ok().map(Address::new)
    }

    /// Whether the process has not yet died. True is a statement about the past.
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.inner.table.get(pid).is_some_and(|record| record.exit_reason().is_none())
    }

    /// Waits for the end of a process; see [`Monitor`].
    pub fn monitor(&self, pid: Pid) -> Monitor {
        let record = self.inner.table.get(pid);
        Monitor::new(pid, self.inner.next_monitor_id(), record.as_ref())
    }

    /// Sends an exit signal. A process that does not trap exits ends with the reason after the
    /// messages before it, unless the reason is `Normal`; `Killed` kills.
    ///
    /// Returns false when there is no such process, or when 1,024 such signals wait for it already
    /// because its handler does not yield, or it is suspended: kill it.
    pub fn exit(&self, pid: Pid, reason: ExitReason) -> bool {
        if matches!(reason, ExitReason::Killed) {
            return self.kill(pid);
        }
        let from = current::pid();
        self.push(pid, SystemMessage::ExitSignal { from, reason })
    }

    /// Ends a process at its next await, without its `terminate` hook. Names and held values are
    /// given back all the same.
    ///
    /// Returns false when there is no such process.
    pub fn kill(&self, pid: Pid) -> bool {
        self.inner.table.get(pid).is_some_and(|record| {
            record.kill();
            true
        })
    }

    /// Asks a process to stop: it finishes its current handler and runs its `terminate` hook,
    /// ahead of messages that wait.
    ///
    /// Returns false when there is no such process. If it has been told before, the first reason stands.
    pub fn stop(&self, pid: Pid, reason: ExitReason) -> bool {
        self.push(pid, SystemMessage::Shutdown { reason })
    }

    /// Stops a process and waits for its end, killing it at the deadline.
    ///
    /// Returns the exit reason; `None` when it had not died `grace` after the kill because its
    /// handler does not yield.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped future leaves the process stopping, and kills nothing.
    pub async fn stop_and_wait(
        &self,
        pid: Pid,
        reason: ExitReason,
        deadline: Deadline,
        grace: Duration,
    ) -> Option<ExitReason> {
        let mut monitor = self.monitor(pid);
        self.stop(pid, reason);
        if let Ok(down) = self.before(deadline, &mut monitor).await {
            return Some(down.reason);
        }
        self.kill(pid);
        let deadline = self.deadline(grace);
        self.before(deadline, &mut monitor).await.ok().map(|down| down.reason)
    }

    fn push(&self, pid: Pid, message: SystemMessage) -> bool {
        self.inner.table.get(pid).is_some_and(|record| record.push_order(message).is_ok())
    }

    /// Adds a closure that a dying process runs between Dying and Dead, newest first. It must be
    /// short, must not wait, and takes locks as leaves.
    ///
    /// # Errors
    ///
    /// See [`HookError`]. The hook is dropped then.
    pub fn add_exit_hook(
        &self,
        pid: Pid,
        hook: impl FnOnce(&Exited) + Send + 'static,
    ) -> Result<HookId, HookError> {
        let record = self.inner.table.get(pid).ok_or(HookError::NoProcess(pid))?;
        hook::add(&*record, &self.inner, hook)
    }

    /// Takes an exit hook out again. Returns false when it has run or was never there.
    pub fn remove_exit_hook(&self, pid: Pid, id: HookId) -> bool {
        self.inner.table.get(pid).is_some_and(|record| hook::remove(&*record, id).is_some())
    }
}

/// For operators.
impl System {
    /// Every living process.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.living().iter().map(|record| inspect::info(&self.inner, &**record)).collect()
    }

    /// One process.
    pub fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.inner.table.get(pid).map(|record| inspect::info(&self.inner, &*record))
    }

    /// The `n` processes with the most of something, most first.
    pub fn top(&self, n: usize, by: TopBy) -> Vec<ProcessInfo> {
        let mut all = self.processes();
        all.sort_by_key(|info| {
            Reverse(match by {
                TopBy::Depth => u128::from(info.depth),
                TopBy::Busy => info.busy.as_nanos(),
                TopBy::Handled => u128::from(info.handled),
            })
        });
        all.truncate(n);
        all
    }

    /// Sizes of all tables.
    pub fn counts(&self) -> Counts {
        inspect::counts(&self.inner)
    }

    /// Keeps a process from handling user messages; system signals are still handled, except exit
    /// signals and DOWN that came after messages which wait.
    ///
    /// # Errors
    ///
    /// See [`CallError`]. After `Timeout` it is suspended as soon as its handler returns.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not suspend.
    pub async fn suspend(&self, pid: Pid, deadline: Deadline) -> Result<(), CallError> {
        self.ask(pid, SystemMessage::Suspend, deadline).await
    }

    /// Lets a suspended process go on.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not resume.
    pub async fn resume(&self, pid: Pid, deadline: Deadline) -> Result<(), CallError> {
        self.ask(pid, SystemMessage::Resume, deadline).await
    }

    /// What [`Process::inspect`] says, between two messages.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn get_state(&self, pid: Pid, deadline: Deadline) -> Result<String, CallError> {
        self.ask(pid, SystemMessage::Inspect, deadline).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        pid: Pid,
        make: impl FnOnce(Reply<T>) -> SystemMessage,
        deadline: Deadline,
    ) -> Result<T, CallError> {
        let record = self.inner.table.get(pid).ok_or(CallError::NoProcess)?;
        if current::is(Some(&*record)) {
            return Err(CallError::Deadlock { path: vec![pid, pid] });
        }
        let (port, answer) = reply::channel();
        match record.push_order(make(port)) {
            Ok(()) => {}
            Err(Refusal::Dead(_)) => return Err(CallError::NoProcess),
            Err(Refusal::Full(_)) => return Err(CallError::Full),
        }
        match self.before(deadline, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(record.exit_reason().map_or(CallError::NoReply, CallError::Exited)),
            Err(Elapsed) => Err(CallError::Timeout),
        }
    }

    /// Records what a process handles, in a ring of `capacity` events; see [`Trace`].
    pub fn trace(&self, pid: Pid, capacity: usize) -> Option<Trace> {
        self.inner.table.get(pid).map(|record| watch::trace(&record, capacity))
    }

    /// The newest crashes, oldest first.
    pub fn crashes(&self) -> Vec<CrashReport> {
        self.inner.crashes.read().0
    }

    /// The newest dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead_letters.read().0
    }

    /// The newest handlers that did not yield, oldest first.
    pub fn stalls(&self) -> Vec<Stall> {
        self.inner.stalls.read().0
    }

    /// The newest cycles of waits, oldest first.
    pub fn deadlocks(&self) -> Vec<DeadlockReport> {
        self.inner.deadlocks.read().0
    }

    /// The newest panics that were kept from ending anything, oldest first.
    pub fn contained_panics(&self) -> Vec<ContainedPanic> {
        self.inner.contained_panics.read().0
    }

    /// How many of each there ever were.
    pub fn troubles(&self) -> Troubles {
        Troubles {
            crashes: self.inner.crashes.read().1,
            dead_letters: self.inner.dead_letters.read().1,
            stalls: self.inner.stalls.read().1,
            deadlocks: self.inner.deadlocks.read().1,
            contained_panics: self.inner.contained_panics.read().1,
            terminate_overruns: self.inner.terminate_overruns.load(Ordering::Relaxed),
        }
    }
}

/// What became of the processes at a shutdown.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[must_use = "it says what did not stop"]
pub struct ShutdownReport {
    /// Top-level processes that stopped by themselves.
    pub stopped: usize,
    /// Processes that had to be killed.
    pub killed: Vec<Pid>,
    /// Processes that did not even die when killed: their handlers do not yield.
    pub stuck: Vec<ProcessInfo>,
}

/// After a kill at shutdown, a process may take this long to reach its next await.
const KILL_GRACE: Duration = Duration::from_secs(1);

impl System {
    /// Stops everything: no process is spawned any more, and top-level processes are stopped one after
    /// the other, newest first; supervisors stop their children in order. Each first handles what it has
    /// accepted so far; what comes later becomes dead letters.
    ///
    /// A process that does not stop is killed, so that it does not keep the others from stopping in order:
    /// the last one has until the deadline, each before it at most half of the time that is left. At the
    /// deadline whatever still lives is killed.
    ///
    /// Not for a process of this system: it would wait for its own end until the deadline.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the system refusing new processes; calling it again goes on.
    pub async fn shutdown(&self, deadline: Deadline) -> ShutdownReport {
        self.inner.closing.store(true, Ordering::Release);
        let mut stopped = 0;
        let mut killed = Vec::new();
        // Again until none is left: children of a process that is no supervisor become top-level
        // processes by its end, and they too may stop in order until the deadline.
        'orderly: loop {
            let roots = self.roots();
            if roots.is_empty() {
                break;
            }
            let mut left = roots.len();
            for pid in roots {
                left -= 1;
                let until = if left == 0 { deadline } else { self.half_way_to(deadline) };
                if self.drain(pid, until).await {
                    stopped += 1;
                } else if self.kill_and_wait(pid, &mut killed).await.is_err()
                    || deadline.has_passed(self.env().now())
                {
                    break 'orderly;
                }
            }
        }
        let mut monitors = Vec::new();
        for record in self.living() {
            if !killed.contains(&record.pid()) {
                killed.push(record.pid());
            }
            monitors.push(self.monitor(record.pid()));
            record.kill();
        }
        let grace = self.deadline(KILL_GRACE);
        for monitor in monitors {
            if self.before(grace, monitor).await.is_err() {
                break;
            }
        }
        self.wait_settled(grace).await;
        let stuck = self.processes();
        ShutdownReport { stopped, killed, stuck }
    }

    /// Asks a process to stop after what it has accepted; says whether it did before the deadline.
    async fn drain(&self, pid: Pid, deadline: Deadline) -> bool {
        let mut monitor = self.monitor(pid);
        if !self.push(pid, SystemMessage::Drain) {
            self.stop(pid, ExitReason::SHUTDOWN);
        }
        self.before(deadline, &mut monitor).await.is_ok()
    }

    /// Kills a process that did not stop; fails when it does not even die.
    async fn kill_and_wait(&self, pid: Pid, killed: &mut Vec<Pid>) -> Result<(), Elapsed> {
        let mut monitor = self.monitor(pid);
        self.kill(pid);
        killed.push(pid);
        self.before(self.deadline(KILL_GRACE), &mut monitor).await.map(drop)
    }

    fn half_way_to(&self, deadline: Deadline) -> Deadline {
        let now = self.env().now();
        match deadline.instant() {
            Some(at) => Deadline::after(now, at.saturating_duration_since(now) / 2),
            None => deadline,
        }
    }

    /// Waits until nobody is on the way to learn of a death any more: the dead are out of the table
    /// before their letters and reports are written.
    async fn wait_settled(&self, deadline: Deadline) {
        while self.inner.workers.are_settling() {
            let now = self.env().now();
            if deadline.has_passed(now) {
                break;
            }
            // Another thread is at work for an instant; there is nobody who could wake us.
            self.env().sleep_until(now.saturating_add(Duration::from_millis(1))).await;
        }
    }

    /// The processes that are not dead. A dead one stays in the table until its thread has taken it
    /// out, and waiting for it again would go round without end.
    fn living(&self) -> Vec<Arc<dyn AnyRecord>> {
        let mut records = self.inner.table.records();
        records.retain(|record| record.exit_reason().is_none());
        records
    }

    /// Processes without a living parent, newest first.
    fn roots(&self) -> Vec<Pid> {
        let mut roots: Vec<_> = self
            .living()
            .iter()
            .map(|record| record.identity())
            .filter(|identity| identity.parent.is_none_or(|parent| !self.is_alive(parent)))
            .map(|identity| (Reverse(identity.born), identity.pid))
            .collect();
        roots.sort_unstable();
        roots.into_iter().map(|(_, pid)| pid).collect()
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("processes", &self.inner.table.len()).finish_non_exhaustive()
    }
}
