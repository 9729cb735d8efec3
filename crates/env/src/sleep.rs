use crate::sim::SimSleep;
use foundation_types::Instant;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time;

/// The future returned by [`Env::sleep_until`](crate::Env::sleep_until): ready once its instant has come.
///
/// # Cancel safety
/// Dropping it forgets the wait and nothing else.
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep(Kind);

enum Kind {
    // Boxed because tokio's timer entry may not move, while a `Sleep` should be `Unpin`.
    Real { timer: Pin<Box<tokio::time::Sleep>>, epoch: time::Instant },
    Sim(SimSleep),
}

/// Where an instant after the end of the clock is put: far enough never to matter.
const FAR: time::Duration = time::Duration::from_hours(30 * 365 * 24);

/// Converts our instant to tokio's.
fn real_instant(epoch: time::Instant, at: Instant) -> tokio::time::Instant {
    let offset = time::Duration::from_nanos(at.as_nanos()).min(FAR);
    epoch.checked_add(offset).unwrap_or(epoch).into()
}

impl Sleep {
    /// Starts a timer on the current tokio runtime.
    pub(crate) fn real(epoch: time::Instant, at: Instant) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(real_instant(epoch, at)));
        Self(Kind::Real { timer, epoch })
    }

    pub(crate) const fn simulated(sleep: SimSleep) -> Self {
        Self(Kind::Sim(sleep))
    }

    /// Moves the wake-up to another instant, also after it was reached.
    pub fn reset(&mut self, at: Instant) {
        match &mut self.0 {
            Kind::Real { timer, epoch } => timer.as_mut().reset(real_instant(*epoch, at)),
            Kind::Sim(sleep) => sleep.reset(at),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Kind::Real { timer, .. } => timer.as_mut().poll(cx),
            Kind::Sim(sleep) => sleep.poll(cx),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}
