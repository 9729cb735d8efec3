//! Whether something is worth keeping.

use std::fmt;
use std::sync::Arc;

use foundation_env::sync::AtomicArc;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_env::{Env, fault};
use foundation_types::Instant;

use crate::metrics::LaneCounter;
use crate::trace::TraceId;

/// Nanoseconds of the window in which an adaptive sampler counts.
const WINDOW_NS: u64 = 1_000_000_000;
/// What a share is a part of.
const WHOLE: u64 = 1 << 32;

/// How a [`Sampler`] decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Sampling {
    /// It keeps everything.
    #[default]
    Always,
    /// It keeps errors only.
    Never,
    /// It keeps this share, from 0 to 1; of a trace everything or nothing, on every system alike.
    Ratio(f64),
    /// It keeps at most so many a second, and at most as many at once.
    RateLimited(u32),
    /// It keeps a share that it changes each second, such that about so many a second are kept.
    Adaptive(u32),
}

/// A share that is not from 0 to 1, or a rate of 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{sampling:?} cannot be done: a ratio is from 0 to 1 and a rate at least 1")]
pub struct SamplingError {
    /// What was asked for.
    pub sampling: Sampling,
}

/// What a [`Sampler`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SamplerStats {
    /// How many it was asked about.
    pub seen: u64,
    /// How many of them it kept.
    pub kept: u64,
}

/// Decides what is kept, without a lock. It may be told to decide otherwise at any time.
pub struct Sampler {
    env: Env,
    way: AtomicArc<Way>,
    seen: LaneCounter,
    kept: LaneCounter,
}

enum Way {
    Always,
    Never,
    /// The part of 2^32 that is kept.
    Ratio(u64),
    Limited(Limit),
    Adaptive(Adaptive),
}

/// The generic cell rate algorithm (ITU-T I.371): the time at which the next one would be due if all came
/// evenly.
struct Limit {
    interval_ns: u64,
    burst_ns: u64,
    due: AtomicU64,
}

/// The share of the second that goes on follows from how many came in the last one.
struct Adaptive {
    target: u64,
    share: AtomicU64,
    /// When the window began.
    begun: AtomicU64,
    came: AtomicU64,
}

impl Sampler {
    /// Makes one.
    ///
    /// # Errors
    /// [`SamplingError`].
    pub fn new(env: Env, sampling: Sampling) -> Result<Self, SamplingError> {
        let way = AtomicArc::new(Some(Arc::new(Way::new(sampling, env.now())?)));
        Ok(Self { env, way, seen: LaneCounter::default(), kept: LaneCounter::default() })
    }

    /// Makes one that keeps everything.
    pub fn always(env: Env) -> Self {
        let way = AtomicArc::new(Some(Arc::new(Way::Always)));
        Self { env, way, seen: LaneCounter::default(), kept: LaneCounter::default() }
    }

    /// Decides in that way from now on.
    ///
    /// # Errors
    /// [`SamplingError`]; then it goes on as before.
    pub fn set(&self, sampling: Sampling) -> Result<(), SamplingError> {
        let way = Way::new(sampling, self.env.now())?;
        drop(self.way.swap(Some(Arc::new(way))));
        Ok(())
    }

    /// Whether something is kept. Of one trace a ratio keeps everything or nothing.
    pub fn keeps(&self, trace: Option<TraceId>) -> bool {
        self.seen.add(1);
        let way = self.way.load();
        let kept = match way.as_deref() {
            None | Some(Way::Always) => true,
            Some(Way::Never) => false,
            Some(Way::Ratio(share)) => self.is_in_share(*share, trace),
            Some(Way::Limited(limit)) => limit.admits(self.env.now()),
            Some(Way::Adaptive(adaptive)) => {
                self.is_in_share(adaptive.share(self.env.now()), trace)
            }
        };
        self.kept.add(u64::from(kept));
        kept
    }

    /// Notes something that is kept whatever the way: an error.
    pub fn keep_error(&self) {
        self.seen.add(1);
        self.kept.add(1);
    }

    /// What it has done so far.
    pub fn stats(&self) -> SamplerStats {
        // Kept first: it never shows more than were seen.
        let kept = self.kept.get();
        SamplerStats { seen: self.seen.get(), kept }
    }

    fn is_in_share(&self, share: u64, trace: Option<TraceId>) -> bool {
        let drawn = match trace {
            Some(trace) if !fault::planted("sampler_splits_traces") => {
                // Its low bits are the random ones: level 2 of the W3C's trace context.
                u64::try_from(trace.bits() & u128::from(WHOLE - 1)).unwrap_or(0)
            }
            _ => self.env.random_below(WHOLE),
        };
        drawn < share
    }
}

impl Way {
    fn new(sampling: Sampling, now: Instant) -> Result<Self, SamplingError> {
        Ok(match sampling {
            Sampling::Always => Self::Always,
            Sampling::Never => Self::Never,
            Sampling::Ratio(ratio) if (0.0..=1.0).contains(&ratio) => Self::Ratio(share(ratio)),
            Sampling::RateLimited(rate @ 1..) => {
                let interval_ns = WINDOW_NS / u64::from(rate);
                let burst_ns = interval_ns * u64::from(rate - 1);
                Self::Limited(Limit { interval_ns, burst_ns, due: AtomicU64::new(0) })
            }
            Sampling::Adaptive(target @ 1..) => Self::Adaptive(Adaptive {
                target: u64::from(target),
                share: AtomicU64::new(WHOLE),
                begun: AtomicU64::new(now.as_nanos()),
                came: AtomicU64::new(0),
            }),
            sampling => return Err(SamplingError { sampling }),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "from 0 to 2^32, which an f64 holds exactly"
)]
fn share(ratio: f64) -> u64 {
    (ratio * WHOLE as f64) as u64
}

impl Limit {
    fn admits(&self, now: Instant) -> bool {
        let now = now.as_nanos();
        let mut due = self.due.load(Ordering::Relaxed);
        loop {
            if due > now.saturating_add(self.burst_ns) {
                return false;
            }
            let next = due.max(now).saturating_add(self.interval_ns);
            match self.due.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => due = other,
            }
        }
    }
}

impl Adaptive {
    /// The share that is kept now.
    fn share(&self, now: Instant) -> u64 {
        let (now, begun) = (now.as_nanos(), self.begun.load(Ordering::Acquire));
        let length = now.saturating_sub(begun);
        if length >= WINDOW_NS {
            let swapped =
                self.begun.compare_exchange(begun, now, Ordering::AcqRel, Ordering::Acquire);
            // One of those that come first in a new window looks back at the old one.
            if swapped.is_ok() {
                let came = u128::from(self.came.swap(0, Ordering::Relaxed).max(1));
                let wanted = u128::from(self.target) * u128::from(length) / u128::from(WINDOW_NS);
                let share = (u128::from(WHOLE) * wanted / came).min(u128::from(WHOLE));
                self.share.store(u64::try_from(share).unwrap_or(WHOLE), Ordering::Release);
            }
        }
        self.came.fetch_add(1, Ordering::Relaxed);
        self.share.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
