//! Error context: what was being done, and on whose behalf, when something was said or went wrong.
//!
//! A [`ErrorContext`] is a value: a correlation id, fields, and breadcrumbs. One is current on each thread, at
//! first the empty one. [`ErrorContext::enter`] makes another current until its guard is dropped, on every way
//! out: return, error, panic, cancellation. The thread's is the only state; a process takes its own along
//! when it is polled and leaves none behind, and a future is given one by [`ErrorContext::wrap`]. So what is
//! current follows the work, not the thread.
//!
//! Cloning one copies a pointer, and changing one copies what it points to only if somebody else has it
//! too: fields and breadcrumbs are lists that share their older ends.

mod breadcrumb;
mod correlation;
pub(crate) mod entered;
mod frame;
mod wrap;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use foundation_env::Env;
use foundation_env::fault;
use foundation_env::sync::thread_local;
use foundation_types::{Error, Instant};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

pub use breadcrumb::Breadcrumb;
pub use correlation::{CorrelationId, ParseCorrelationIdError};
pub use wrap::InContext;

use frame::Frame;

use crate::Value;
use crate::trace::{SpanContext, TraceId};

thread_local! {
    static CURRENT: RefCell<ErrorContext> = const { RefCell::new(ErrorContext::EMPTY) };
    /// How many guards of this thread stand.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// What is being done and on whose behalf: a correlation id, fields, and breadcrumbs.
///
/// One is current on each thread, at first the empty one. A process takes its own along when it is polled and
/// leaves none behind, and a future is given one by [`ErrorContext::wrap`]: what is current follows the work,
/// not the thread.
///
/// The empty one has no correlation id and nothing else, and is one null pointer.
///
/// ```
/// use foundation_env::sim::{SimOptions, Simulation};
/// use foundation_telemetry::ErrorContext;
/// use foundation_types::{Code, Error};
///
/// let env = Simulation::new(7, SimOptions::default()).env();
/// let context = ErrorContext::new(&env).with("document", "report.md");
/// let error = context.scope(|| {
///     ErrorContext::breadcrumb(env.now(), "opened");
///     ErrorContext::current().enrich(Error::new(Code::Timeout, "the disk is slow"), env.now())
/// });
/// assert!(error.to_string().contains("document=report.md"));
/// assert!(ErrorContext::current().is_empty());
/// ```
#[derive(Clone, Default)]
#[must_use = "a context does nothing until it is entered"]
pub struct ErrorContext(Option<Arc<Frame>>);

impl ErrorContext {
    /// Nothing is known.
    pub const EMPTY: Self = Self(None);

    /// The most fields of a context; further ones are counted.
    pub const FIELDS_MAX: usize = 32;

    /// The most breadcrumbs of a context that can be relied on; older ones are counted and go in time.
    pub const BREADCRUMBS_MAX: usize = 64;

    /// A context with a fresh correlation id and nothing else: the beginning of a request.
    pub fn new(env: &Env) -> Self {
        Self::correlated(CorrelationId::random(env))
    }

    /// A context with that correlation id: one that came from elsewhere.
    pub fn correlated(id: CorrelationId) -> Self {
        Self(Some(Arc::new(Frame::new(id))))
    }

    /// The context that is current here.
    #[inline]
    pub fn current() -> Self {
        if Self::is_any_current() {
            return CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default();
        }
        Self::EMPTY
    }

    /// Whether nothing is known.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The id that everything done for one request shares.
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.0.as_deref().map(|frame| frame.correlation)
    }

    /// The fields, the oldest first; of several with one key the newest.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Value<'static>)> {
        self.0.as_deref().map(Frame::fields).unwrap_or_default().into_iter()
    }

    /// The value of a field.
    pub fn field(&self, key: &str) -> Option<&Value<'static>> {
        self.0.as_deref()?.field(key)
    }

    /// Fields that were beyond [`ErrorContext::FIELDS_MAX`].
    pub fn fields_omitted(&self) -> u32 {
        self.0.as_deref().map_or(0, |frame| frame.fields_omitted)
    }

    /// The breadcrumbs, the oldest first, at most [`ErrorContext::BREADCRUMBS_MAX`].
    pub fn breadcrumbs(&self) -> impl Iterator<Item = &Breadcrumb> {
        self.0.as_deref().map(Frame::breadcrumbs).unwrap_or_default().into_iter()
    }

    /// Breadcrumbs that were older than those.
    pub fn breadcrumbs_omitted(&self) -> u32 {
        self.0.as_deref().map_or(0, Frame::breadcrumbs_omitted)
    }

    /// The span of another process or system that this work belongs to; see [`SpanContext`].
    pub fn remote_parent(&self) -> Option<SpanContext> {
        self.0.as_deref()?.remote.clone()
    }

    /// That of the context that is current here.
    pub(crate) fn current_remote_parent() -> Option<SpanContext> {
        if !Self::is_any_current() || fault::planted("span_remote_parent_ignored") {
            return None;
        }
        CURRENT.try_with(|current| current.borrow().remote_parent()).ok()?
    }

    /// The trace of spans that begin in the context that is current here and have no parent: its correlation
    /// id.
    pub(crate) fn current_trace() -> Option<TraceId> {
        if !Self::is_any_current() {
            return None;
        }
        let id = CURRENT.try_with(|current| current.borrow().correlation_id()).ok()??;
        TraceId::from_bits(id.bits())
    }

    /// Adds a field, or replaces the one with that key. On the empty context it does nothing: fields
    /// belong to a request.
    pub fn with(mut self, key: &'static str, value: impl Into<Value<'static>>) -> Self {
        if let Some(frame) = &mut self.0 {
            Arc::make_mut(frame).set_field(key, Value::kept(value.into()));
        }
        self
    }

    /// Adds a breadcrumb: what was begun, and when. Does nothing on the empty context.
    pub fn with_breadcrumb(mut self, at: Instant, what: impl Into<Cow<'static, str>>) -> Self {
        self.drop_breadcrumb(at, what.into());
        self
    }

    /// Says which span of another process or system this work belongs to.
    pub fn with_remote_parent(mut self, parent: SpanContext) -> Self {
        if let Some(frame) = &mut self.0 {
            Arc::make_mut(frame).remote = Some(parent);
        }
        self
    }

    fn drop_breadcrumb(&mut self, at: Instant, what: Cow<'static, str>) {
        if let Some(frame) = &mut self.0 {
            Arc::make_mut(frame).push_breadcrumb(Breadcrumb::new(at, what));
        }
    }

    /// Adds a breadcrumb to the context that is current here, until the innermost guard is dropped.
    pub fn breadcrumb(at: Instant, what: impl Into<Cow<'static, str>>) {
        let what = what.into();
        let noted = CURRENT.try_with(|current| current.borrow_mut().drop_breadcrumb(at, what));
        noted.unwrap_or_default();
    }

    /// Makes this the current context of this thread until the guard is dropped.
    ///
    /// Guards that are dropped out of order unwind as a stack does: one takes all that were entered after it
    /// along, and those then restore nothing. The guard cannot leave its thread, so it cannot be held over an
    /// await of a future that can; those are given a context by [`ErrorContext::wrap`].
    #[inline]
    pub fn enter(self) -> Entered {
        let outer = replace(self);
        let depth = DEPTH.try_with(|depth| {
            depth.set(depth.get() + 1);
            depth.get()
        });
        Entered { outer, depth: depth.unwrap_or(0), bound: PhantomData }
    }

    /// Runs `f` with this as the current context.
    #[inline]
    pub fn scope<R>(self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Gives a future this context: it is current whenever the future is polled.
    pub fn wrap<F: Future>(self, future: F) -> InContext<F> {
        InContext::new(self, future)
    }

    /// Makes this the current context of this thread until the guard is dropped, and then takes it back, with
    /// what was added meanwhile: how work that goes on in steps, as a process or a future does, takes its
    /// context along.
    #[inline]
    pub fn resume(&mut self) -> Resumed<'_> {
        Self::exchange(self);
        Resumed(self)
    }

    /// Makes `context` the current one of the work that goes on in this step; see [`ErrorContext::resume`]. A scope
    /// uses [`ErrorContext::enter`], which changes it back.
    #[inline]
    pub fn adopt(context: Self) {
        drop(replace(context));
    }

    fn exchange(other: &mut Self) {
        if other.0.is_some() || Self::is_any_current() {
            *other = replace(std::mem::take(other));
        }
    }

    /// Whether a context other than the empty one is current here.
    #[inline]
    pub fn is_any_current() -> bool {
        entered::has_context()
    }

    /// Adds to an error what this context knows: the correlation id, the fields that the error has not
    /// itself, and the way there. The bounds of [`Error`] hold.
    pub fn enrich(&self, error: Error, now: Instant) -> Error {
        let Some(frame) = self.0.as_deref() else { return error };
        let mut error = error.with("correlation_id", frame.correlation);
        for (key, value) in frame.fields() {
            if error.field(key).is_none() || fault::planted("error_field_replaced") {
                error = error.with(key, value);
            }
        }
        let trail = self.trail(now);
        if trail.is_empty() { error } else { error.with("breadcrumbs", trail) }
    }

    /// The breadcrumbs as one line, as in `list (12 ms ago) -> read (3 ms ago)`.
    pub fn trail(&self, now: Instant) -> String {
        let mut text = String::new();
        for breadcrumb in self.breadcrumbs() {
            if !text.is_empty() {
                text.push_str(" -> ");
            }
            text.push_str(&breadcrumb.told_at(now));
        }
        text
    }
}

/// Makes `context` current and returns the one that was. Where a thread's storage is gone nothing is current.
#[inline]
fn replace(context: ErrorContext) -> ErrorContext {
    let mut context = context;
    let any = context.0.is_some();
    let swapped = CURRENT.try_with(|current| {
        std::mem::swap(&mut *current.borrow_mut(), &mut context);
        entered::mark_context(any);
    });
    swapped.unwrap_or_default();
    context
}

/// Restores the context that was current before, when it is dropped; see [`ErrorContext::enter`].
#[must_use = "the context is current only as long as this lives"]
pub struct Entered {
    outer: ErrorContext,
    depth: u32,
    /// Bound to its thread.
    bound: PhantomData<*const ()>,
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let stands = DEPTH.try_with(|depth| {
            let stands = depth.get() >= self.depth;
            if stands {
                depth.set(self.depth.saturating_sub(1));
            }
            stands
        });
        let forgets = fault::planted("context_kept_on_panic") && std::thread::panicking();
        if stands.unwrap_or(false) && !forgets {
            // What was current is dropped only after the cell is free again.
            drop(replace(std::mem::take(&mut self.outer)));
        }
    }
}

/// Takes a context back from its thread when it is dropped; see [`ErrorContext::resume`].
#[must_use = "the context is current only as long as this lives"]
pub struct Resumed<'a>(&'a mut ErrorContext);

impl Drop for Resumed<'_> {
    #[inline]
    fn drop(&mut self) {
        ErrorContext::exchange(self.0);
    }
}

impl fmt::Debug for Resumed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed").field("outer", &self.0).finish_non_exhaustive()
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").field("outer", &self.outer).finish_non_exhaustive()
    }
}

/// Equal when they say the same.
impl PartialEq for ErrorContext {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other) || own.says_as(other),
            (None, None) => true,
            _ => false,
        }
    }
}

/// As a log line shows it: the correlation id and the fields.
impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(frame) = self.0.as_deref() else { return Ok(()) };
        write!(f, "correlation_id={}", frame.correlation)?;
        for (key, value) in frame.fields() {
            write!(f, " {key}={value}")?;
        }
        if frame.fields_omitted > 0 {
            write!(f, " fields_omitted={}", frame.fields_omitted)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorContext({self})")
    }
}

/// A map: `correlation_id`, `fields`, `breadcrumbs`, and how many were omitted. The empty one is an empty
/// map.
impl Serialize for ErrorContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(frame) = self.0.as_deref() {
            map.serialize_entry("correlation_id", &frame.correlation)?;
            let fields: std::collections::BTreeMap<_, _> = frame.fields().into_iter().collect();
            map.serialize_entry("fields", &fields)?;
            map.serialize_entry("fields_omitted", &frame.fields_omitted)?;
            map.serialize_entry("breadcrumbs", &frame.breadcrumbs())?;
            map.serialize_entry("breadcrumbs_omitted", &frame.breadcrumbs_omitted())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
