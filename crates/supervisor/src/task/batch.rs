//! The same work on many items, with an outcome for each.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use foundation_process::Elapsed;
use foundation_types::Deadline;

use crate::level::Level;

use super::handle::{TaskOptions, TaskOutcome};
use super::pool::{Owner, Pool, Slot};
use super::work::{self, Control, Finish, Work, settle};

/// Outcomes kept until an earlier one is told, whatever the concurrency: as many as a pool has places by default.
const UNTOLD_MAX: usize = 1024;

/// How a batch is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchOptions {
    /// Items that run at once, at least one; the places of the pool are the other limit. The
    /// number of cores by default.
    pub max_concurrency: usize,
    /// How long each item may run; without limit by default.
    pub timeout: Option<Duration>,
    /// When the whole batch must have ended; never by default. Items that have not started then
    /// have timed out. Where the iterator does not know how many are left at most, no more are taken, and
    /// [`Batch::was_cut_short`] says so. While the pool has never been open nobody knows the time.
    pub deadline: Deadline,
    /// Whether outcomes come in the order of the items, as by default, or as they end.
    pub ordered: bool,
    /// A name for humans, of each item's process.
    pub label: Arc<str>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            max_concurrency: super::cpu::cores(),
            timeout: None,
            deadline: Deadline::NEVER,
            ordered: true,
            label: Arc::from("batch item"),
        }
    }
}

impl BatchOptions {
    /// Sets how many items run at once, at least one.
    #[must_use]
    pub fn max_concurrency(mut self, max_concurrency: usize) -> Self {
        self.max_concurrency = max_concurrency.max(1);
        self
    }

    /// Sets how long each item may run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets when the whole batch must have ended.
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets whether outcomes come in the order of the items.
    #[must_use]
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// Sets the name for humans of each item's process.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = label.into();
        self
    }
}

/// The outcome of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an item that failed says so only here"]
pub struct BatchItem<T, E> {
    /// Which item, counted from 0.
    pub index: u64,
    /// How it ended.
    pub outcome: TaskOutcome<T, E>,
}

/// Spawns an item that has a place.
type Launcher<Item, T, E> = Box<dyn Fn(Item, TaskOptions, Finish<T, E>, &Owner, Slot) + Send>;

/// Whether there are items to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    Exhausted,
    /// The deadline has passed, and there may be items without end.
    CutShort,
}

/// A batch that is being worked off. Made by
/// [`TaskSupervisor::batch`](super::TaskSupervisor::batch).
///
/// Nothing starts unless [`Batch::next`] is waited for, and at most twice
/// [`BatchOptions::max_concurrency`] items run or wait to be told in their turn; while 1,024 wait to be told,
/// none starts. Dropping it cancels what runs.
#[must_use = "nothing runs unless the outcomes are waited for"]
pub struct Batch<I: Iterator, T, E> {
    pool: Arc<Pool>,
    items: I,
    options: BatchOptions,
    launch: Launcher<I::Item, T, E>,
    /// The item that waits for a place.
    waiting: Option<I::Item>,
    ticket: Option<u64>,
    source: Source,
    /// The deadline has passed.
    expired: bool,
    /// An item was settled without a start since it last gave way.
    unstarted: bool,
    taken: u64,
    running: BTreeMap<u64, Arc<Control>>,
    ended: Arc<Level<Vec<BatchItem<T, E>>>>,
    ended_ticket: Option<u64>,
    /// Ended and not told: by index when ordered, by the order of ending when not.
    untold: BTreeMap<u64, BatchItem<T, E>>,
    /// The next to be told when ordered, the number of those ended when not.
    sequence: u64,
}

impl<I, T, E> Batch<I, T, E>
where
    I: Iterator,
    I::Item: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    pub(super) fn new<Fut, F>(pool: Arc<Pool>, items: I, options: BatchOptions, task: F) -> Self
    where
        Fut: Future<Output = TaskOutcome<T, E>> + Send + 'static,
        F: Fn(I::Item, work::TaskContext, Arc<Slot>) -> Fut + Send + Sync + 'static,
    {
        let task = Arc::new(task);
        let launch: Launcher<I::Item, T, E> =
            Box::new(move |item, options, finish, owner, slot| {
                let task = Arc::clone(&task);
                let begin = move |context, slot| task(item, context, slot);
                settle(Work { begin, options, finish }, owner, slot);
            });
        // Its fields are public, and without a place nothing would ever start.
        let max_concurrency = options.max_concurrency;
        Self {
            pool,
            items,
            options: options.max_concurrency(max_concurrency),
            launch,
            waiting: None,
            ticket: None,
            source: Source::Open,
            expired: false,
            unstarted: false,
            taken: 0,
            running: BTreeMap::new(),
            ended: Arc::new(Level::new(Vec::new())),
            ended_ticket: None,
            untold: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Works on until there is an outcome to tell; `None` when all are told.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: items go on running, and no outcome is lost.
    pub async fn next(&mut self) -> Option<BatchItem<T, E>> {
        let asked = Asked(self);
        asked.0.next_outcome().await
    }

    async fn next_outcome(&mut self) -> Option<BatchItem<T, E>> {
        let deadline = self.options.deadline;
        let system = if deadline.is_never() { None } else { self.pool.system() };
        if let Some(system) = system {
            // With an outcome at each poll the limit below would never be looked at.
            self.expired |= deadline.has_passed(system.env().now());
            if !self.expired {
                match system.before(deadline, poll_fn(|cx| self.poll_next(cx))).await {
                    Ok(item) => return item,
                    // Items that run end themselves at the same instant.
                    Err(Elapsed) => self.expired = true,
                }
            }
        }
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits for all outcomes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels what runs and forgets the outcomes.
    pub async fn collect(mut self) -> Vec<BatchItem<T, E>> {
        let mut outcomes = Vec::new();
        while let Some(item) = self.next().await {
            outcomes.push(item);
        }
        outcomes
    }

    /// Whether items may be left that were not taken, since the deadline passed and the iterator did not know
    /// how many are left at most. Then [`Batch::next`] returns `None` without an outcome for them.
    pub fn was_cut_short(&self) -> bool {
        self.source == Source::CutShort
    }

    fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<BatchItem<T, E>>> {
        if self.gives_way(cx) {
            return Poll::Pending;
        }
        loop {
            let look = |ended: &mut Vec<_>| (!ended.is_empty()).then(|| std::mem::take(ended));
            while let Poll::Ready(ended) = self.ended.poll(&mut self.ended_ticket, cx, look) {
                for item in ended {
                    self.running.remove(&item.index);
                    self.keep(item);
                }
            }
            if let Some(item) = self.tell() {
                return Poll::Ready(Some(item));
            }
            // Nothing to tell: in order, and the item before still runs.
            if self.gives_way(cx) {
                return Poll::Pending;
            }
            if self.waiting.is_none() && self.source == Source::Open && self.may_start() {
                if self.expired && self.items.size_hint().1.is_none() {
                    self.source = Source::CutShort;
                } else {
                    self.waiting = self.items.next();
                    if self.waiting.is_none() {
                        self.source = Source::Exhausted;
                    }
                }
            }
            if self.waiting.is_none() {
                let done = self.source != Source::Open && self.running.is_empty();
                return if done { Poll::Ready(None) } else { Poll::Pending };
            }
            if !self.start_waiting(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Items settled without a start wait for nothing: whoever takes outcomes in a loop would keep its
    /// thread, and nobody would ever open the pool again.
    fn gives_way(&mut self, cx: &TaskContext<'_>) -> bool {
        let gives_way = std::mem::take(&mut self.unstarted);
        if gives_way {
            cx.waker().wake_by_ref();
        }
        gives_way
    }

    /// Ordered outcomes that wait for an earlier one count too, so that what is kept is bounded.
    fn may_start(&self) -> bool {
        let (max, running, untold) =
            (self.options.max_concurrency, self.running.len(), self.untold.len());
        running < max && untold < UNTOLD_MAX && running + untold < max.saturating_mul(2)
    }

    /// Starts the item that waits for a place, or settles it without. Returns false when there is
    /// no place yet.
    fn start_waiting(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let without = if self.expired {
            self.pool.leave_line(self.ticket.take());
            TaskOutcome::TimedOut
        } else {
            match self.pool.poll_place(&mut self.ticket, cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok((owner, slot))) => {
                    self.launch_waiting(&owner, slot);
                    return true;
                }
                Poll::Ready(Err(_closed)) => TaskOutcome::Cancelled,
            }
        };
        drop(self.waiting.take());
        self.unstarted = true;
        let index = self.taken;
        self.taken += 1;
        self.keep(BatchItem { index, outcome: without });
        true
    }

    fn launch_waiting(&mut self, owner: &Owner, slot: Slot) {
        let Some(item) = self.waiting.take() else { return };
        let index = self.taken;
        self.taken += 1;
        let control = Control::new(Arc::clone(&self.pool), self.pool.begin_item());
        let ended = Arc::clone(&self.ended);
        let finish = Finish::new(Arc::clone(&control), move |outcome| {
            ended.update(|ended| ended.push(BatchItem { index, outcome }));
        });
        self.running.insert(index, control);
        let mut options = TaskOptions::default()
            .deadline(self.options.deadline)
            .label(Arc::clone(&self.options.label));
        options.timeout = self.options.timeout;
        (self.launch)(item, options, finish, owner, slot);
    }

    fn keep(&mut self, item: BatchItem<T, E>) {
        let key = if self.options.ordered {
            item.index
        } else {
            self.sequence += 1;
            self.sequence
        };
        self.untold.insert(key, item);
    }

    fn tell(&mut self) -> Option<BatchItem<T, E>> {
        if !self.options.ordered {
            return self.untold.pop_first().map(|(_, item)| item);
        }
        let item = self.untold.remove(&self.sequence)?;
        self.sequence += 1;
        Some(item)
    }
}

/// A batch that somebody waits for. A place in line is kept no longer: nobody would take the place of the pool
/// that it is granted, and everybody else would wait for it.
struct Asked<'a, I: Iterator, T, E>(&'a mut Batch<I, T, E>);

impl<I: Iterator, T, E> Drop for Asked<'_, I, T, E> {
    fn drop(&mut self) {
        self.0.pool.leave_line(self.0.ticket.take());
    }
}

impl<I: Iterator, T, E> Drop for Batch<I, T, E> {
    fn drop(&mut self) {
        self.pool.leave_line(self.ticket.take());
        self.ended.forget(self.ended_ticket.take());
        for control in self.running.values() {
            control.cancel();
        }
    }
}

impl<I: Iterator, T, E> fmt::Debug for Batch<I, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("taken", &self.taken)
            .field("running", &self.running.len())
            .field("untold", &self.untold.len())
            .finish_non_exhaustive()
    }
}
