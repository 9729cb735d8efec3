//! How a measurement learns that its last message was handled; the same for every subject.

use std::collections::HashSet;
use std::hash::Hash;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

/// No news for this long means that none will come any more.
const QUIET: Duration = Duration::from_millis(400);

/// A line that is crossed once.
#[derive(Debug, Default)]
pub(crate) struct Finish {
    at: OnceLock<Instant>,
    crossed: Notify,
}

impl Finish {
    /// Marks the line as crossed now; later calls change nothing.
    pub(crate) fn cross(&self) {
        // The first crossing counts, so a second one loses nothing.
        _ = self.at.set(Instant::now());
        self.crossed.notify_one();
    }

    /// Waits until the line is crossed and returns when it was. One waiter only.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait loses nothing.
    pub(crate) async fn wait(&self) -> Instant {
        loop {
            if let Some(at) = self.at.get() {
                return *at;
            }
            self.crossed.notified().await;
        }
    }
}

/// The work every subject does with a message, and the count of those still to come.
#[derive(Debug)]
pub(crate) struct Tally {
    left: u64,
    sum: u64,
    finish: Arc<Finish>,
}

impl Tally {
    /// Makes a tally that crosses `finish` with the given message.
    pub(crate) fn new(left: u64, finish: &Arc<Finish>) -> Self {
        Self { left, sum: 0, finish: Arc::clone(finish) }
    }

    /// Handles one message.
    #[inline]
    pub(crate) fn take(&mut self, message: u64) {
        self.sum = self.sum.wrapping_add(black_box(message));
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            black_box(self.sum);
            self.finish.cross();
        }
    }
}

/// Processes that ran their start hook or their first poll, in this child process.
///
/// A static, because a pointer in the state would count as memory of an idle process.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Notes that one more process has started.
pub(crate) fn started() {
    STARTED.fetch_add(1, Ordering::Relaxed);
}

/// Waits until that many processes have started in all.
pub(crate) async fn wait_started(count: u64) {
    while STARTED.load(Ordering::Relaxed) < count {
        tokio::task::yield_now().await;
    }
}

/// What the watcher of many processes saw of their deaths.
#[derive(Debug)]
pub(crate) struct Watch {
    expected: u64,
    notices: AtomicU64,
    stale: AtomicU64,
    finish: Finish,
}

impl Watch {
    /// Makes a watch that is over after `expected` notices.
    pub(crate) fn new(expected: u64) -> Arc<Self> {
        let (notices, stale) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { expected, notices, stale, finish: Finish::default() })
    }

    /// Handles the notice of one death; `resolves` says that the dead one's name still led to it.
    pub(crate) fn notice(&self, resolves: bool) {
        if resolves {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        // Release pairs with Acquire in `stale`: who sees the last notice sees every stale name.
        if self.notices.fetch_add(1, Ordering::Release) + 1 == self.expected {
            self.finish.cross();
        }
    }

    /// Waits for the last notice and returns when it was handled.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait loses nothing.
    pub(crate) async fn wait(&self) -> Instant {
        self.finish.wait().await
    }

    /// Waits for the last notice, or until no notice has come for a while; returns how many came.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait loses nothing.
    pub(crate) async fn settle(&self) -> u64 {
        let mut seen = self.count();
        while timeout(QUIET, self.finish.wait()).await.is_err() && self.count() > seen {
            seen = self.count();
        }
        self.count()
    }

    /// Returns how many names still resolved.
    pub(crate) fn stale(&self) -> u64 {
        self.count();
        self.stale.load(Ordering::Relaxed)
    }

    fn count(&self) -> u64 {
        self.notices.load(Ordering::Acquire)
    }
}

/// A watch that counts each process once, whatever number of notices it causes.
#[derive(Debug)]
pub(crate) struct Roll<I> {
    seen: HashSet<I>,
    watch: Arc<Watch>,
}

impl<I: Hash + Eq> Roll<I> {
    /// Makes a roll that reports first notices to `watch`.
    pub(crate) fn new(watch: &Arc<Watch>) -> Self {
        Self { seen: HashSet::new(), watch: Arc::clone(watch) }
    }

    /// Handles one notice of the death of `id`.
    pub(crate) fn notice(&mut self, id: I) {
        if self.seen.insert(id) {
            self.watch.notice(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_message_crosses_the_line() {
        let finish = Arc::new(Finish::default());
        let mut tally = Tally::new(2, &finish);
        tally.take(1);
        assert!(finish.at.get().is_none());
        tally.take(1);
        let at = finish.wait().await;
        tally.take(1);
        assert_eq!(finish.wait().await, at);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_notice_is_not_waited_for_for_ever() {
        let watch = Watch::new(3);
        let mut roll = Roll::new(&watch);
        roll.notice(7);
        roll.notice(7);
        watch.notice(true);
        assert_eq!(watch.settle().await, 2);
        assert_eq!(watch.stale(), 1);
    }
}
