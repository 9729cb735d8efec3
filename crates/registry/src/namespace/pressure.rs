//! How full a namespace is, and when that is worth a warning.

use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Bounds, Namespace, Writer};

/// Tenths of a bound past which a warning is due.
const HIGH: usize = 9;
/// Tenths of a bound below which the next one may come, so that a namespace at the edge does not repeat itself.
const LOW: usize = 8;

/// How full a namespace is; see [`Registry::pressure`](crate::Registry::pressure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Registered names.
    pub entries: usize,
    /// As many there may be: [`Limits::entries_per_namespace_max`](crate::Limits).
    pub entries_max: usize,
    /// Bytes that they carry.
    pub bytes: usize,
    /// As many they may carry: [`Limits::bytes_per_namespace_max`](crate::Limits).
    pub bytes_max: usize,
    /// One of the two has passed 90 % of its bound, and both have not fallen below 80 % since.
    pub is_high: bool,
    /// Asynchronous registrations that wait for their turn.
    pub waiting: usize,
}

/// A namespace has become nearly full.
#[derive(Debug)]
pub(crate) struct Warning {
    pub(crate) namespace: Arc<str>,
    pub(crate) pressure: Pressure,
}

/// What is known of it without the writer's turn.
#[derive(Default)]
pub(super) struct Gauge {
    entries: AtomicUsize,
    bytes: AtomicUsize,
    is_high: AtomicBool,
}

impl Gauge {
    /// Notes what there is, and tells whether a warning is due; in the writer's turn.
    fn note(&self, writer: &Writer, bounds: &Bounds) -> bool {
        self.entries.store(writer.entries, Ordering::Relaxed);
        self.bytes.store(writer.bytes, Ordering::Relaxed);
        let Bounds { entries_max, bytes_max, .. } = *bounds;
        // Only the writer stores.
        let was_high = self.is_high.load(Ordering::Relaxed);
        let is_past = |value: usize, max: usize| {
            let (value, high) = (value.saturating_mul(10), max.saturating_mul(HIGH));
            value > high || (was_high && value >= max.saturating_mul(LOW))
        };
        let is_high = is_past(writer.entries, entries_max) || is_past(writer.bytes, bytes_max);
        if is_high != was_high {
            self.is_high.store(is_high, Ordering::Relaxed);
        }
        is_high && (!was_high || fault::planted("registry_warns_every_time"))
    }
}

impl Namespace {
    /// Notes how full it is after a commit; a warning, if one is due, is given without the lock.
    #[inline]
    pub(super) fn note_pressure(&self, writer: &Writer) -> Option<Warning> {
        self.gauge.note(writer, &self.bounds).then(|| self.warning())
    }

    #[cold]
    fn warning(&self) -> Warning {
        Warning { namespace: Arc::clone(&self.label), pressure: self.pressure() }
    }

    /// How full it was a moment ago. Waits for no writer.
    pub(crate) fn pressure(&self) -> Pressure {
        let Gauge { entries, bytes, is_high } = &self.gauge;
        Pressure {
            entries: entries.load(Ordering::Relaxed),
            entries_max: self.bounds.entries_max,
            bytes: bytes.load(Ordering::Relaxed),
            bytes_max: self.bounds.bytes_max,
            is_high: is_high.load(Ordering::Relaxed),
            waiting: self.requests.len(),
        }
    }
}
