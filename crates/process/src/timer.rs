//! Deadlines and timers: sharded wheels and one keeper task.
//!
//! A deadline on every call must cost less than the call, so nothing is spawned and no runtime
//! timer is touched: arming and cancelling are a few instructions under the lock of a shard, which
//! the same thread usually holds alone. Ticks are milliseconds, rounded up, so a timer is never
//! early.
//!
//! The keeper sleeps until the earliest tick of all shards, which it publishes in `armed_for`. An
//! insert compares its tick with `armed_for` while it holds the shard's lock, and wakes the keeper
//! only if it is earlier. The keeper publishes first and scans every shard afterwards, so an
//! insert is either seen by the scan or sees the published tick.
//!
//! A deadline whose wait is over stays armed, one for each shard, until it is due or another takes its
//! place: the next wait of the same task takes it over if it is not later than its own, and looks at the
//! clock when it fires. So a task's waker may be kept for that long, which keeps the memory of a task that
//! has ended, and nothing of what it owned.

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context as TaskContext, Poll, Waker};

use foundation_env::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use foundation_env::sync::{Mutex, thread_local};
use foundation_env::{Env, fault};
use foundation_types::{Code, Deadline, Instant, Pid, TimerId};

use crate::current;
use crate::signal::SystemMessage;
use crate::table::Table;
use crate::wheel::{Due, Key, Wheel};

const TICK_NS: u64 = 1_000_000;
/// More shards than the cores of most machines; a shard is under 2 KiB. Two in models,
/// whose threads have small stacks.
const SHARDS: u32 = if cfg!(any(foundation_loom, foundation_shuttle)) { 2 } else { 16 };

/// What happens when a timer fires.
pub(crate) enum Fire {
    Wake(Waker),
    Process { pid: Pid, timer: TimerId },
}

#[repr(align(64))]
#[derive(Default)]
struct Shard {
    armed: Mutex<Armed>,
}

/// What is under a shard's lock.
#[derive(Default)]
struct Armed {
    wheel: Wheel<Fire>,
    /// The deadline of a wait that is over, left armed for the next wait of the same task. One that makes
    /// call after call then neither arms nor cancels anything.
    spare: Option<Key>,
}

impl Armed {
    fn len(&self) -> usize {
        self.wheel.len() - usize::from(self.spare.is_some())
    }

    /// Takes the spare deadline if it wakes `waker`, and not later than `tick`. If it does not it is
    /// cancelled, and returned to be dropped without the lock.
    fn take_spare(&mut self, tick: u64, waker: &Waker) -> Result<Key, Option<Fire>> {
        let spare = self.spare.take().ok_or(None)?;
        let in_time = self.wheel.tick(spare).is_some_and(|spare| spare <= tick)
            || fault::planted("spare_deadline_late");
        match self.wheel.get_mut(spare) {
            Some(Fire::Wake(kept)) if in_time && kept.will_wake(waker) => Ok(spare),
            _ => Err(self.wheel.remove(spare)),
        }
    }

    /// Leaves a deadline for the next wait. Returns the one that was left before, cancelled.
    fn leave_spare(&mut self, key: Key) -> Option<Fire> {
        self.wheel.tick(key)?;
        let before = self.spare.replace(key)?;
        self.wheel.remove(before)
    }

    /// Takes what is due by `now`, but for the spare deadline, for which nobody waits.
    fn advance(&mut self, now: u64, due: &mut Vec<Due<Fire>>) -> Option<Fire> {
        let spare = self.spare.filter(|spare| self.wheel.tick(*spare).is_some_and(|at| at <= now));
        let spare = spare.and_then(|spare| {
            self.spare = None;
            self.wheel.remove(spare)
        });
        self.wheel.advance(now, due);
        spare
    }
}

/// The timers of one system.
pub(crate) struct Timers {
    shards: [Shard; SHARDS as usize],
    next_shard: AtomicU32,
    /// The tick the keeper sleeps for; 0 while it scans.
    armed_for: AtomicU64,
    rescan: AtomicBool,
    closed: AtomicBool,
    keeper: Mutex<Option<Waker>>,
    env: Env,
}

/// An armed timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    shard: u32,
    key: Key,
}

fn tick_of(instant: Instant) -> u64 {
    let tick = instant.as_nanos().div_ceil(TICK_NS);
    if fault::planted("timer_drawn_from_outside") {
        return tick + RandomState::new().hash_one(tick) % 4;
    }
    tick
}

impl Timers {
    pub(crate) fn new(env: Env) -> Self {
        Self {
            shards: Default::default(),
            next_shard: AtomicU32::new(0),
            armed_for: AtomicU64::new(0),
            rescan: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            keeper: Mutex::new(None),
            env,
        }
    }

    /// Armed timers, of calls, sends and processes together.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.armed.lock().len()).sum()
    }

    fn shard(&self, index: u32) -> &Shard {
        let [first, ..] = &self.shards;
        self.shards.get(index as usize).unwrap_or(first)
    }

    pub(crate) fn arm(&self, at: Instant, fire: Fire) -> TimerKey {
        let tick = tick_of(at);
        self.insert(tick, |armed| armed.wheel.insert(tick, fire))
    }

    /// Arms the deadline of a wait. It may fire early.
    fn arm_wait(&self, at: Instant, waker: &Waker) -> TimerKey {
        let tick = tick_of(at);
        let mut stale = None;
        let key = self.insert(tick, |armed| match armed.take_spare(tick, waker) {
            Ok(key) => key,
            Err(fire) => {
                stale = fire;
                armed.wheel.insert(tick, Fire::Wake(waker.clone()))
            }
        });
        drop(stale);
        key
    }

    fn insert(&self, tick: u64, f: impl FnOnce(&mut Armed) -> Key) -> TimerKey {
        let shard = thread_shard(&self.next_shard);
        let (key, wake) = {
            let mut armed = self.shard(shard).armed.lock();
            let key = f(&mut armed);
            (key, tick < self.armed_for.load(Ordering::Relaxed))
        };
        if wake {
            self.wake_keeper();
        }
        TimerKey { shard, key }
    }

    /// Cancels a timer. Returns false when it has fired.
    pub(crate) fn cancel(&self, key: TimerKey) -> bool {
        let fire = self.shard(key.shard).armed.lock().wheel.remove(key.key);
        fire.is_some()
    }

    /// Ends a wait before its deadline, which is left for the next.
    fn end_wait(&self, key: TimerKey) {
        let before = self.shard(key.shard).armed.lock().leave_spare(key.key);
        drop(before);
    }

    /// Makes sure that `waker` is the one that is woken. Returns false when the timer has fired.
    fn rewake(&self, key: TimerKey, waker: &Waker) -> bool {
        let mut armed = self.shard(key.shard).armed.lock();
        match armed.wheel.get_mut(key.key) {
            Some(Fire::Wake(kept)) => {
                if !kept.will_wake(waker) {
                    let stale = std::mem::replace(kept, waker.clone());
                    drop(armed);
                    drop(stale);
                }
                true
            }
            _ => false,
        }
    }

    fn wake_keeper(&self) {
        self.rescan.store(true, Ordering::Release);
        let waker = self.keeper.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the keeper.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake_keeper();
    }

    fn fire_due(&self, now: u64, table: &Table) {
        let mut due = Vec::new();
        for shard in &self.shards {
            let spare = shard.armed.lock().advance(now, &mut due);
            drop(spare);
        }
        // Those of one thread in the order in which they were armed, also when the keeper is late.
        due.sort_by_key(|due| due.order);
        for due in due {
            match due.payload {
                Fire::Wake(waker) => current::wake(waker),
                Fire::Process { pid, timer } => {
                    if let Some(record) = table.get(pid) {
                        drop(record.push_system(SystemMessage::Timer(timer)));
                    }
                }
            }
        }
    }

    fn next_tick(&self) -> Option<u64> {
        self.shards.iter().filter_map(|shard| shard.armed.lock().wheel.next_tick()).min()
    }
}

/// The task that fires timers; ends when the system is gone or closed.
pub(crate) async fn keep(timers: Weak<Timers>, table: Weak<Table>) {
    loop {
        let sleep = {
            let (Some(timers), Some(table)) = (timers.upgrade(), table.upgrade()) else { return };
            if timers.closed.load(Ordering::Acquire) {
                return;
            }
            timers.armed_for.store(0, Ordering::Relaxed);
            timers.fire_due(timers.env.now().as_nanos() / TICK_NS, &table);
            let mut armed_for = u64::MAX;
            // Publish, then scan: what was inserted before the publication is seen here.
            loop {
                timers.armed_for.store(armed_for, Ordering::Relaxed);
                match timers.next_tick() {
                    Some(tick) if tick < armed_for => armed_for = tick,
                    _ => break,
                }
            }
            (armed_for != u64::MAX).then(|| {
                timers.env.sleep_until(Instant::from_nanos(armed_for.saturating_mul(TICK_NS)))
            })
        };
        wait(&timers, sleep).await;
    }
}

/// Sleeps until the time has come or somebody asks for a rescan.
async fn wait(timers: &Weak<Timers>, sleep: Option<foundation_env::Sleep>) {
    let mut sleep = std::pin::pin!(sleep);
    poll_fn(|cx| {
        let Some(timers) = timers.upgrade() else { return Poll::Ready(()) };
        let stale = timers.keeper.lock().replace(cx.waker().clone());
        drop(stale);
        if timers.rescan.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        match sleep.as_mut().as_pin_mut() {
            Some(sleep) => sleep.poll(cx),
            None => Poll::Pending,
        }
    })
    .await;
}

/// The shard of the current thread, chosen when the thread first arms a timer.
fn thread_shard(next: &AtomicU32) -> u32 {
    thread_local! {
        static SHARD: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
    }
    SHARD
        .try_with(|shard| {
            shard.get().unwrap_or_else(|| {
                let chosen = next.fetch_add(1, Ordering::Relaxed) % SHARDS;
                shard.set(Some(chosen));
                chosen
            })
        })
        .unwrap_or(0)
}

/// A deadline inside a future: armed with the first pending poll, cancelled by its drop.
pub(crate) struct Expiry<'a> {
    timers: &'a Timers,
    deadline: Deadline,
    armed: Option<TimerKey>,
}

impl<'a> Expiry<'a> {
    pub(crate) fn new(timers: &'a Timers, deadline: Deadline) -> Self {
        Self { timers, deadline, armed: None }
    }

    /// Ready when the deadline has passed. Poll it after the future it limits.
    pub(crate) fn poll_expired(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Some(at) = self.deadline.instant() else { return Poll::Pending };
        if let Some(key) = self.armed {
            if self.timers.rewake(key, cx.waker()) {
                return Poll::Pending;
            }
            self.armed = None;
            let early = fault::planted("early_deadline_believed");
            if early || self.deadline.has_passed(self.timers.env.now()) {
                return Poll::Ready(());
            }
        }
        self.armed = Some(self.timers.arm_wait(at, cx.waker()));
        Poll::Pending
    }
}

impl Drop for Expiry<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.armed {
            self.timers.end_wait(key);
        }
    }
}

impl fmt::Debug for Expiry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry").field("deadline", &self.deadline).finish()
    }
}

/// Limits a future by a deadline of the system's wheel.
///
/// # Errors
///
/// [`Elapsed`] when the deadline passed first; the future is dropped then.
pub(crate) async fn before<F: Future>(
    timers: &Timers,
    deadline: Deadline,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    let mut expiry = Expiry::new(timers, deadline);
    poll_fn(|cx| match Pin::as_mut(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => expiry.poll_expired(cx).map(|()| Err(Elapsed)),
    })
    .await
}

/// A deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl Elapsed {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::Timeout
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed")
    }
}
