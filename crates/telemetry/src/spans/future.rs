//! A future in a span, which says how it ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use foundation_env::fault;
use pin_project_lite::pin_project;
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

use super::{OpenSpan, owner};
use crate::span::SpanStatus;

pin_project! {
    /// A future that is in its span whenever it is polled, and dropped in it. The span knows how it ended: one
    /// that is dropped before it is ready is `cancelled`, or `abandoned` if its process is over.
    ///
    /// `tracing`'s own `Instrument` does the same but for that.
    #[must_use = "futures do nothing unless polled"]
    pub struct InSpan<F: Future> {
        #[pin]
        inner: Instrumented<F>,
        judge: fn(&F::Output) -> SpanStatus,
        ready: bool,
    }

    impl<F: Future> PinnedDrop for InSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let forgets = fault::planted("span_cancel_unnoticed");
            if !this.ready && !forgets && !std::thread::panicking() && !owner::is_ending() {
                this.say(SpanStatus::Cancelled);
            }
        }
    }
}

impl<F: Future> InSpan<F> {
    /// Puts `future` into `span`, whose status nobody sets when it is ready.
    pub fn new(span: Span, future: F) -> Self {
        Self { inner: future.instrument(span), judge: |_| SpanStatus::Unset, ready: false }
    }

    fn say(&self, status: SpanStatus) {
        if let Some(open) = OpenSpan::of(self.inner.span()) {
            open.change(|span| span.set_status_unless_said(status));
        }
    }
}

impl<T, E: fmt::Display, F: Future<Output = Result<T, E>>> InSpan<F> {
    /// Puts `future` into `span`, which is `ok` or an error as what comes out of it is.
    pub fn of_result(span: Span, future: F) -> Self {
        let judge = |result: &Result<T, E>| match result {
            Ok(_) => SpanStatus::Ok,
            Err(error) => SpanStatus::error(error.to_string()),
        };
        Self { inner: future.instrument(span), judge, ready: false }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.as_mut().project();
        let polled = this.inner.poll(cx);
        if let Poll::Ready(output) = &polled {
            *this.ready = true;
            let status = (this.judge)(output);
            self.say(status);
        }
        polled
    }
}

impl<F: Future> fmt::Debug for InSpan<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InSpan").field("span", self.inner.span()).finish_non_exhaustive()
    }
}
