use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why work on the blocking pool gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockingError {
    /// The closure panicked with this message.
    #[error("work on the blocking pool panicked: {message}")]
    Panicked {
        /// The text given to `panic!`, or a note that it was not text.
        message: String,
    },
    /// The runtime is shutting down, so the closure was not run.
    #[error(
        "the blocking pool is shutting down and took no more work; start the work before shutdown"
    )]
    ShuttingDown,
}

impl BlockingError {
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked { message: text.unwrap_or("panic payload is not text").to_owned() }
    }
}

/// The future returned by [`Env::blocking`](crate::Env::blocking): the result of work on the pool.
///
/// # Cancel safety
/// Nothing is submitted before the first poll. Dropped while it waits for a free place, the closure
/// never runs; dropped later, the closure runs to its end and its result is dropped.
#[must_use = "futures do nothing unless awaited"]
pub struct Blocking<T>(Pin<Box<dyn Future<Output = Result<T, BlockingError>> + Send>>);

impl<T> Blocking<T> {
    pub(crate) fn new(
        future: impl Future<Output = Result<T, BlockingError>> + Send + 'static,
    ) -> Self {
        // One box is nothing beside the two thread switches the work costs.
        Self(Box::pin(future))
    }
}

impl<T> Future for Blocking<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}
