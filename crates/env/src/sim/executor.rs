//! The state of a simulation and its steps.

use super::ready::{Ready, Slot};
use super::task::{Running, Signal, Task};
use super::{BoxFuture, SimOptions};
use crate::files::ReplaceFault;
use crate::random::{Random, mix};
use foundation_types::Instant;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

/// Places on the simulated blocking pool: few, so that callers do wait for one.
const BLOCKING_PLACES: usize = 2;

/// The wall clock at virtual instant zero: the start of 2026.
const WALL_START: Duration = Duration::from_hours(490_896);

/// Tasks named in a failure report.
const REPORT_TASKS_MAX: usize = 20;

/// What the environment, the executor and the wakers share.
///
/// std's locks and not `sync::Mutex`: a simulation never runs inside a model checker. One lock for all is
/// enough because one thread takes it; it is never held while foreign code runs (a poll, a wake, a drop).
pub(crate) struct Shared {
    seed: u64,
    pub(super) options: SimOptions,
    pub(super) blocking: Arc<Semaphore>,
    state: Mutex<State>,
    tree: Mutex<Tree>,
    disk: Mutex<Disk>,
}

/// What is known of the simulated disk beside its files.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Locked files, and what their holders have written of themselves.
    pub(crate) locked: BTreeMap<PathBuf, String>,
    /// How the next replacement fails.
    pub(crate) next_replace: Option<ReplaceFault>,
}

/// The in-memory files.
pub(crate) type Tree = BTreeMap<PathBuf, Vec<u8>>;

struct State {
    now: Instant,
    trace: Trace,
    steps: u64,
    /// Draws of the scheduler, apart from those of the program.
    schedule: Random,
    draws: Random,
    tasks: Vec<Option<Task>>,
    /// Empty slots of `tasks`.
    free: Vec<Slot>,
    next_id: u64,
    live: usize,
    ready: Ready,
    main: Option<Slot>,
    last: Option<Slot>,
    timers: BTreeMap<(Instant, u64), Waker>,
    next_timer: u64,
    closed: bool,
}

/// What to do next.
pub(super) enum Next {
    /// Poll the future given to `block_on`, with this waker.
    Main(Waker),
    /// Poll this task.
    Task(Running),
    /// Nothing is ready at this instant.
    Idle,
}

/// A running hash over events. Not for adversaries: it only has to differ when two runs differ.
#[derive(Clone, Copy)]
struct Trace(u64);

/// The kinds of events in a trace, so that a draw of 5 is not a poll of task 5.
#[derive(Clone, Copy)]
enum Event {
    Poll = 1,
    Draw = 2,
    Timer = 3,
    Fault = 4,
}

impl Trace {
    fn fold(&mut self, event: Event, value: u64) {
        self.0 = mix(self.0.rotate_left(7) ^ mix(value).wrapping_add(event as u64));
    }
}

impl Shared {
    pub(super) fn new(seed: u64, options: SimOptions) -> Self {
        let mut schedule = Random::new(seed);
        let ready = Ready::new(options.policy, &mut schedule);
        let state = State {
            now: Instant::ORIGIN,
            trace: Trace(seed),
            steps: 0,
            schedule,
            draws: Random::new(mix(seed)),
            tasks: Vec::new(),
            free: Vec::new(),
            next_id: 1,
            live: 0,
            ready,
            main: None,
            last: None,
            timers: BTreeMap::new(),
            next_timer: 0,
            closed: false,
        };
        let blocking = Arc::new(Semaphore::new(BLOCKING_PLACES));
        Self {
            seed,
            options,
            blocking,
            state: Mutex::new(state),
            tree: Mutex::default(),
            disk: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the in-memory files, locked.
    pub(crate) fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known of the disk beside its files, locked.
    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Instant {
        self.state().now
    }

    pub(super) fn set_now(&self, now: Instant) {
        let mut state = self.state();
        state.now = state.now.max(now);
    }

    pub(crate) fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + WALL_START + Duration::from_nanos(self.now().as_nanos())
    }

    pub(crate) fn random_u64(&self) -> u64 {
        let mut state = self.state();
        let value = state.draws.next_u64();
        state.trace.fold(Event::Draw, value);
        value
    }

    /// Records that a fault point was reached.
    pub(super) fn trace_fault(&self, name: &str) {
        let mut state = self.state();
        let hash = name.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
        state.trace.fold(Event::Fault, hash);
    }

    pub(crate) fn spawn(self: &Arc<Self>, future: BoxFuture, name: &'static str) {
        let mut state = self.state();
        if state.closed {
            drop(state); // the future's own drop may call back
            drop(future);
            return;
        }
        state.live += 1;
        let (slot, waker) = state.admit(self, name);
        if let Some(task) = state.task(slot) {
            task.parked = Some((future, waker));
        }
    }

    /// Adds the entry of the future that `block_on` polls itself.
    pub(super) fn set_main(self: &Arc<Self>) {
        let mut state = self.state();
        let (slot, _) = state.admit(self, "block_on");
        state.main = Some(slot);
    }

    pub(super) fn clear_main(&self) {
        let mut state = self.state();
        if let Some(slot) = state.main.take() {
            let removed = state.vacate(slot);
            drop(state);
            drop(removed);
        }
    }

    /// Picks the next task and counts the step.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        if state.steps >= self.options.steps_max && !state.ready.is_empty() {
            drop(state);
            self.fail("livelock: the limit of polls is reached and tasks are still ready");
        }
        state.next()
    }

    /// Puts a task back that is not finished.
    pub(super) fn park(&self, slot: Slot, id: u64, future: BoxFuture, waker: Waker) {
        let mut state = self.state();
        match state.task(slot) {
            Some(task) if task.id == id => task.parked = Some((future, waker)),
            _ => {
                drop(state);
                drop((future, waker));
            }
        }
    }

    /// Removes a task that has ended.
    pub(super) fn remove(&self, slot: Slot, id: u64) {
        let mut state = self.state();
        if state.task(slot).is_some_and(|task| task.id == id) {
            state.live -= 1;
            let removed = state.vacate(slot);
            drop(state);
            drop(removed);
        }
    }

    /// Puts a task into the ready set: the second half of a wake.
    pub(super) fn make_ready(&self, slot: Slot, id: u64) {
        let mut state = self.state();
        if let Some(task) = state.task(slot)
            && task.id == id
            && !mem::replace(&mut task.in_ready, true)
        {
            state.ready.push(slot);
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.state().ready.is_empty()
    }

    /// Moves the clock to the next timer if that is not after `until`, and fires all timers due then, in
    /// the order they were set. Reports whether one fired.
    pub(super) fn fire_next_timers(&self, until: Instant) -> bool {
        let mut state = self.state();
        let Some((&(at, _), _)) = state.timers.first_key_value() else { return false };
        if at > until {
            return false;
        }
        state.now = state.now.max(at);
        while let Some(entry) = state.timers.first_entry()
            && entry.key().0 == at
        {
            let ((_, sequence), waker) = entry.remove_entry();
            state.trace.fold(Event::Timer, at.as_nanos());
            state.trace.fold(Event::Timer, sequence);
            drop(state);
            waker.wake();
            state = self.state();
        }
        true
    }

    /// Sets or refreshes a timer and returns its sequence number.
    pub(super) fn set_timer(&self, at: Instant, sequence: Option<u64>, waker: &Waker) -> u64 {
        let mut state = self.state();
        let sequence = sequence.unwrap_or_else(|| {
            state.next_timer += 1;
            state.next_timer
        });
        if !state.closed {
            let replaced = state.timers.insert((at, sequence), waker.clone());
            drop(state);
            drop(replaced);
        }
        sequence
    }

    pub(super) fn cancel_timer(&self, at: Instant, sequence: u64) {
        let removed = self.state().timers.remove(&(at, sequence));
        drop(removed);
    }

    /// Drops every task and timer; later spawns and wakes do nothing.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.ready.clear();
        state.free.clear();
        state.live = 0;
        let tasks = mem::take(&mut state.tasks);
        let timers = mem::take(&mut state.timers);
        drop(state);
        drop(tasks);
        drop(timers);
        self.tree().clear();
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn trace_hash(&self) -> u64 {
        self.state().trace.0
    }

    pub(super) fn steps(&self) -> u64 {
        self.state().steps
    }

    pub(super) fn live_tasks(&self) -> usize {
        self.state().live
    }

    pub(super) fn pending_timers(&self) -> usize {
        self.state().timers.len()
    }

    /// Panics with a report of the tasks that are left.
    #[expect(
        clippy::panic,
        reason = "a run that cannot go on is a failed test; nobody could handle it"
    )]
    pub(super) fn fail(&self, cause: &str) -> ! {
        let report = self.state().report();
        panic!("simulation stopped: {cause}; seed {}, {:?}, {report}", self.seed, self.options);
    }
}

impl State {
    fn task(&mut self, slot: Slot) -> Option<&mut Task> {
        self.tasks.get_mut(slot).and_then(Option::as_mut)
    }

    /// Makes an entry, puts it into the ready set and returns its place and waker.
    fn admit(&mut self, shared: &Arc<Shared>, name: &'static str) -> (Slot, Waker) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let id = self.next_id;
        self.next_id += 1;
        let signal = Arc::new(Signal::queued(Arc::clone(shared), slot, id));
        let waker = Waker::from(Arc::clone(&signal));
        if let Some(entry) = self.tasks.get_mut(slot) {
            *entry = Some(Task { id, name, parked: None, signal, in_ready: true });
        }
        self.ready.admit(slot, &mut self.schedule);
        self.ready.push(slot);
        (slot, waker)
    }

    /// Empties a slot, and takes it from the ready set if the task was woken in its last poll.
    #[must_use = "a task is dropped after the lock is released"]
    fn vacate(&mut self, slot: Slot) -> Option<Task> {
        let removed = self.tasks.get_mut(slot).and_then(Option::take)?;
        if removed.in_ready {
            self.ready.remove(slot);
        }
        self.free.push(slot);
        Some(removed)
    }

    fn next(&mut self) -> Next {
        if let Some(last) = self.last.take()
            && self.task(last).is_some_and(|task| task.in_ready)
        {
            self.ready.yielded(last);
        }
        while let Some(slot) = self.ready.pick(&mut self.schedule) {
            let main = self.main == Some(slot);
            // Invariant: the ready set holds slots of live tasks only; `vacate` sees to that.
            let Some(task) = self.task(slot) else { continue };
            task.in_ready = false;
            task.signal.clear();
            let id = task.id;
            let next = if main {
                Next::Main(Waker::from(Arc::clone(&task.signal)))
            } else if let Some((future, waker)) = task.parked.take() {
                Next::Task(Running { slot, id, future, waker })
            } else {
                continue; // woken again while it is being polled: only a nested run could see this
            };
            self.last = Some(slot);
            self.steps += 1;
            self.trace.fold(Event::Poll, id);
            return next;
        }
        Next::Idle
    }

    fn report(&self) -> String {
        let mut lines = vec![format!(
            "at {:?} after {} polls, {} timers, tasks left:",
            Duration::from_nanos(self.now.as_nanos()),
            self.steps,
            self.timers.len()
        )];
        let tasks = self.tasks.iter().flatten();
        lines.extend(tasks.clone().take(REPORT_TASKS_MAX).map(|task| {
            let state = if task.in_ready { "ready" } else { "waiting" };
            format!("  #{} {state} {}", task.id, task.name)
        }));
        let more = tasks.count().saturating_sub(REPORT_TASKS_MAX);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        lines.join("\n")
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Simulation")
            .field("seed", &self.seed)
            .field("options", &self.options)
            .field("now", &state.now)
            .field("steps", &state.steps)
            .field("live_tasks", &state.live)
            .field("timers", &state.timers.len())
            .finish_non_exhaustive()
    }
}
