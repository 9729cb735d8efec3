//! Trace and span ids, and the headers in which they travel: W3C Trace Context, level 1 with the random
//! flag of level 2 (<https://www.w3.org/TR/trace-context/>).

mod parent;
mod state;

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use foundation_env::Env;
use serde::{Serialize, Serializer};

pub use parent::ParseTraceParentError;
pub use state::{ParseTraceStateError, TraceState};

/// Identifies a trace: 128 bits, not all zero. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// Makes the id with these bits; none if all are zero.
    pub const fn from_bits(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    pub const fn bits(self) -> u128 {
        self.0.get()
    }

    /// Draws a fresh one.
    pub fn random(env: &Env) -> Self {
        let bits = (u128::from(env.random_u64()) << 64) | u128::from(env.random_u64());
        Self(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MIN))
    }
}

/// Identifies a span within its trace: 64 bits, not all zero. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// Makes the id with these bits; none if all are zero.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0.get()
    }

    /// Draws a fresh one.
    pub fn random(env: &Env) -> Self {
        Self(NonZeroU64::new(env.random_u64()).unwrap_or(NonZeroU64::MIN))
    }
}

macro_rules! shown_in_hexadecimal {
    ($($id:ty, $digits:literal;)*) => {
        $(impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })*
    };
}

shown_in_hexadecimal! {
    TraceId, 32;
    SpanId, 16;
}

/// What has to be known of a span to make another its child, in this system or elsewhere.
///
/// [`SpanContext::traceparent`] writes it as the header of that name, and [`str::parse`] reads one.
/// Serialized as the fields that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Whether the trace is recorded by whoever began it.
    pub sampled: bool,
    /// What other tracing systems passed along.
    pub state: TraceState,
}

impl SpanContext {
    /// A sampled one, with nothing from other systems.
    pub fn new(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, sampled: true, state: TraceState::EMPTY }
    }

    /// With the value of the header `tracestate`. One that cannot be read is dropped, as the specification
    /// demands: the trace goes on without it.
    #[must_use]
    pub fn with_state(mut self, tracestate: &str) -> Self {
        self.state = tracestate.parse().unwrap_or(TraceState::EMPTY);
        self
    }
}

/// Reads exactly `digits` lower-case hexadecimal digits.
pub(crate) fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(plain) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests;
