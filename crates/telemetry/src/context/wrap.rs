//! A future with a context of its own.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::ErrorContext;

pin_project! {
    /// A future whose context is current whenever it is polled, and never outside of that; see
    /// [`ErrorContext::wrap`]. What it adds to its context, it finds there at the next poll.
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        context: ErrorContext,
        #[pin]
        future: F,
    }
}

impl<F> InContext<F> {
    pub(super) fn new(context: ErrorContext, future: F) -> Self {
        Self { context, future }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _resumed = this.context.resume();
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").field("context", &self.context).finish_non_exhaustive()
    }
}
