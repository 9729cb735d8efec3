use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The output of the future that was ready first in [`select_biased`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first future was ready.
    First(A),
    /// The second future was ready and the first was not.
    Second(B),
}

/// Waits for the first of two futures to finish; `first` is polled first at every wake.
///
/// If both are ready, `first` wins: put the event there that must not be starved, for instance the
/// system lane before the user lane. The order is fixed because a random one cannot be replayed.
/// Either future may be a `Pin<&mut F>`, to keep it after the other one has won.
///
/// # Cancel safety
/// The loser is dropped with the returned future. So both must be cancel safe, or be passed by `Pin<&mut F>`.
pub fn select_biased<A: Future + Unpin, B: Future + Unpin>(
    first: A,
    second: B,
) -> SelectBiased<A, B> {
    SelectBiased { first, second }
}

/// The future returned by [`select_biased`].
#[must_use = "futures do nothing unless awaited"]
pub struct SelectBiased<A, B> {
    first: A,
    second: B,
}

impl<A: Future + Unpin, B: Future + Unpin> Future for SelectBiased<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Poll::Ready(output) = Pin::new(&mut this.first).poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        Pin::new(&mut this.second).poll(cx).map(Either::Second)
    }
}

impl<A, B> fmt::Debug for SelectBiased<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectBiased").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
