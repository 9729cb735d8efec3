//! The header `traceparent`.

use std::str::FromStr;

use foundation_env::fault;

use super::{SpanContext, SpanId, TraceId, TraceState, hexadecimal};

/// The bit of the flags that says that the trace is recorded.
const SAMPLED: u128 = 1;

impl SpanContext {
    /// The value of the header `traceparent`, version 00.
    ///
    /// ```
    /// use foundation_telemetry::SpanContext;
    ///
    /// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let parent: SpanContext = header.parse()?;
    /// assert_eq!(parent.traceparent(), header);
    /// # Ok::<(), foundation_telemetry::ParseTraceParentError>(())
    /// ```
    pub fn traceparent(&self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// Why a header `traceparent` cannot be read; the specification has such a trace begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTraceParentError {
    /// It has not the form `version-trace-span-flags` in lower-case hexadecimal digits.
    #[error("not of the form version-traceid-parentid-flags in lower-case hexadecimal digits")]
    Form,
    /// Version ff is forbidden.
    #[error("version ff is forbidden")]
    Version,
    /// The trace or the span is all zeros.
    #[error("the id of the trace or of the span is all zeros")]
    Zero,
}

/// Reads version 00 exactly, and of a later one the part that it has in common with it.
impl FromStr for SpanContext {
    type Err = ParseTraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ParseTraceParentError::{Form, Version, Zero};
        let mut parts = text.splitn(5, '-');
        let mut part = |digits| parts.next().and_then(|part| hexadecimal(part, digits)).ok_or(Form);
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        match (version, parts.next()) {
            (0xff, _) if !fault::planted("trace_version_unchecked") => return Err(Version),
            (0, Some(_)) => return Err(Form),
            _ => {}
        }
        let Ok(span) = u64::try_from(span) else { return Err(Form) };
        Ok(Self {
            trace_id: TraceId::from_bits(trace).ok_or(Zero)?,
            span_id: SpanId::from_bits(span).ok_or(Zero)?,
            sampled: flags & SAMPLED != 0,
            state: TraceState::EMPTY,
        })
    }
}
