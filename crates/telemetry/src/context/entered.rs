//! What this thread is in, as words that are read at once: whether a context is current, and how many spans.

use std::cell::{Cell, RefCell};

use foundation_env::fault;
use foundation_env::sync::thread_local;

use super::{CorrelationId, ErrorContext};
use crate::spans::OpenSpan;

/// The bit of [`MARKS`] that says that a context other than the empty one is current.
const CONTEXT: u32 = 1;
/// What one span adds to [`MARKS`].
const SPAN: u32 = 2;

thread_local! {
    /// A word needs no destructor, so it is read without a look at the state of the storage.
    static MARKS: Cell<u32> = const { Cell::new(0) };
    /// How often a span was entered or left.
    static SPAN_CHANGES: Cell<u64> = const { Cell::new(0) };
    /// What was taken along last.
    static OUTGOING: RefCell<Option<Outgoing>> = const { RefCell::new(None) };
}

/// What messages take along from one place, so that a second one from there costs no more than a copy.
struct Outgoing {
    /// [`SPAN_CHANGES`] there.
    at: u64,
    own: ErrorContext,
    composed: ErrorContext,
}

#[inline]
pub(super) fn mark_context(any: bool) {
    let marked = MARKS.try_with(|marks| {
        let others = marks.get() & !CONTEXT;
        marks.set(if any { others | CONTEXT } else { others });
    });
    marked.unwrap_or_default();
}

#[inline]
pub(super) fn has_context() -> bool {
    MARKS.try_with(Cell::get).unwrap_or(0) & CONTEXT != 0
}

/// Notes that this thread went into a span.
#[inline]
pub(crate) fn enter_span() {
    change_spans(|marks| marks.saturating_add(SPAN));
}

/// Notes that this thread left a span.
#[inline]
pub(crate) fn exit_span() {
    change_spans(|marks| if marks >= SPAN { marks - SPAN } else { marks });
}

#[inline]
fn change_spans(f: impl FnOnce(u32) -> u32) {
    let changed = MARKS.try_with(|marks| marks.set(f(marks.get())));
    changed.unwrap_or_default();
    let counted = SPAN_CHANGES.try_with(|changes| changes.set(changes.get().wrapping_add(1)));
    counted.unwrap_or_default();
}

impl ErrorContext {
    /// Whether there is something that a message would take along: a context other than the empty one, or a
    /// span.
    #[inline]
    pub fn is_any_outgoing() -> bool {
        MARKS.try_with(Cell::get).unwrap_or(0) != 0
    }

    /// What a message takes along: the context that is current here, with the innermost recorded span as its
    /// remote parent. Where a span but no context is current, the trace is the correlation id.
    #[inline]
    pub fn outgoing() -> Self {
        if Self::is_any_outgoing() { Self::taken_along() } else { Self::EMPTY }
    }

    fn taken_along() -> Self {
        let own = Self::current();
        if MARKS.try_with(Cell::get).unwrap_or(0) < SPAN || fault::planted("span_left_behind") {
            return own;
        }
        let at = SPAN_CHANGES.try_with(Cell::get).unwrap_or_default();
        let known = OUTGOING.try_with(|outgoing| {
            let outgoing = outgoing.borrow();
            let known = outgoing.as_ref().filter(|known| known.at == at && known.own.is(&own))?;
            Some(known.composed.clone())
        });
        known.unwrap_or_default().unwrap_or_else(|| compose(at, own))
    }

    /// Whether the two are one, not only equal.
    fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => std::sync::Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        }
    }
}

#[cold]
fn compose(at: u64, own: ErrorContext) -> ErrorContext {
    // None where no span around is recorded, which is found out once as well.
    let composed = OpenSpan::current().map_or_else(
        || own.clone(),
        |open| {
            let base = if own.is_empty() {
                ErrorContext::correlated(CorrelationId::from_bits(open.trace_id().bits()))
            } else {
                own.clone()
            };
            base.with_remote_parent(open.context())
        },
    );
    let kept = Outgoing { at, own, composed: composed.clone() };
    // What was kept before is dropped only after the cell is free again.
    drop(OUTGOING.try_with(|outgoing| outgoing.replace(Some(kept))));
    composed
}
