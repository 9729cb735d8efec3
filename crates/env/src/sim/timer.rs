//! A simulated sleep.

use super::executor::Shared;
use foundation_types::Instant;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A wait for a virtual instant. The timer is set at the first poll and removed on drop.
pub(crate) struct SimSleep {
    shared: Arc<Shared>,
    at: Instant,
    /// The timer's sequence number once it is set; ties fire in this order.
    sequence: Option<u64>,
}

impl SimSleep {
    pub(crate) const fn new(shared: Arc<Shared>, at: Instant) -> Self {
        Self { shared, at, sequence: None }
    }

    pub(crate) fn reset(&mut self, at: Instant) {
        self.cancel();
        self.at = at;
    }

    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.shared.now() >= self.at {
            self.cancel();
            return Poll::Ready(());
        }
        // The last instant stands for never: no timer, so that waiting for it alone is a deadlock.
        if self.at.as_nanos() == u64::MAX {
            return Poll::Pending;
        }
        self.sequence = Some(self.shared.set_timer(self.at, self.sequence, cx.waker()));
        Poll::Pending
    }

    fn cancel(&mut self) {
        if let Some(sequence) = self.sequence.take() {
            self.shared.cancel_timer(self.at, sequence);
        }
    }
}

impl Drop for SimSleep {
    fn drop(&mut self) {
        self.cancel();
    }
}
