//! One failure: what, where, why, and what to do about it.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::text::{bounded, cut};
use crate::{Category, Code, RetryClass, Severity};

#[cfg(test)]
mod tests;

/// Describes one failure: a [`Code`], a message, fields, and the error that caused it.
///
/// The code decides category, severity and retry. The message says what failed, in lower case and
/// without a full stop; fields carry the data, so that messages of one kind stay alike.
///
/// Everything has a bound, named by the constants below: a longer text is cut and marked with `…`, a
/// field beyond the bound is counted by [`Error::fields_omitted`], and a chain beyond it is folded.
/// An error is one pointer wide, and making one from a literal allocates once.
///
/// Two errors are equal when code, message and fields are; place, remedy and causes do not count.
///
/// ```
/// use foundation_types::{Code, Error};
///
/// let error = Error::new(Code::ResourceExhausted, "the mailbox is full")
///     .with("queue_len_max", 1000)
///     .with_place("process::mailbox")
///     .with_remedy("wait for room, or raise queue_len_max");
/// assert!(error.is_retryable() && error.should_escalate());
/// ```
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    fields: Vec<Field>,
    fields_omitted: usize,
    place: Option<String>,
    remedy: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// The message is the text of the source, so a report says it once.
    quotes_source: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    key: &'static str,
    value: String,
}

impl Error {
    /// The most fields one error carries: more than a log line can show.
    pub const FIELDS_MAX: usize = 32;

    /// The longest value of a field, place or remedy, in bytes; a longer one is cut.
    pub const VALUE_BYTES_MAX: usize = 1024;

    /// The longest message made at run time, in bytes; a longer one is cut.
    pub const MESSAGE_BYTES_MAX: usize = 4096;

    /// The most causes below one error; a longer chain is folded into its two ends.
    pub const CAUSES_MAX: usize = 64;

    /// How far a chain that others made is looked through.
    const WALK_MAX: usize = 2 * Self::CAUSES_MAX;

    /// Makes an error; a literal message is not copied.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into();
        if let Cow::Owned(text) = &mut message {
            cut(text, Self::MESSAGE_BYTES_MAX);
        }
        Self(Box::new(Inner {
            code,
            message,
            fields: Vec::new(),
            fields_omitted: 0,
            place: None,
            remedy: None,
            source: None,
            quotes_source: false,
        }))
    }

    /// Makes an error of any error: its text becomes the message, cut as any other, and itself the
    /// cause. The code is the first in the chain, of an [`Error`] or a [`Code::as_source`], or
    /// [`Code::Unknown`] if nobody has classified it.
    ///
    /// The message keeps different failures apart, since causes do not count in a comparison. An
    /// [`Error`] is returned as it is.
    ///
    /// ```
    /// use std::io;
    /// use foundation_types::Error;
    ///
    /// let error = Error::of(io::Error::other("the disk is gone"));
    /// assert_eq!(error.report().to_string(), "E9999 unknown: the disk is gone");
    /// ```
    pub fn of<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        match take(error) {
            Ok(own) => own,
            Err(error) => {
                let message = bounded(&error, Self::MESSAGE_BYTES_MAX);
                let mut made = Self::new(code_of(&error), message).caused_by(error);
                // A folded chain says more than its first link.
                made.0.quotes_source =
                    made.0.source.as_ref().is_some_and(|source| !source.is::<Folded>());
                made
            }
        }
    }

    /// Adds a field, or replaces the one with that key.
    ///
    /// Past [`Error::FIELDS_MAX`] a new field is only counted.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let inner = &mut *self.0;
        if let Some(field) = inner.fields.iter_mut().find(|field| field.key == key) {
            field.value = bounded(value, Self::VALUE_BYTES_MAX);
        } else if inner.fields.len() < Self::FIELDS_MAX {
            inner.fields.push(Field { key, value: bounded(value, Self::VALUE_BYTES_MAX) });
        } else {
            inner.fields_omitted += 1;
        }
        self
    }

    /// Says where it failed: an operation, a path, a peer.
    #[must_use]
    pub fn with_place(mut self, place: impl fmt::Display) -> Self {
        self.0.place = Some(bounded(place, Self::VALUE_BYTES_MAX));
        self
    }

    /// Says what somebody can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.0.remedy = Some(bounded(remedy, Self::VALUE_BYTES_MAX));
        self
    }

    /// Sets the error that caused this one; the code stays that of this error.
    ///
    /// A chain longer than [`Error::CAUSES_MAX`] is folded into one cause that keeps the text of
    /// its first and its last link, so that wrapping in a loop stays bounded.
    #[must_use]
    pub fn caused_by<E: StdError + Send + Sync + 'static>(mut self, source: E) -> Self {
        self.0.source = Some(match Folded::of(&source) {
            Some(folded) => Box::new(folded),
            None => Box::new(source),
        });
        self.0.quotes_source = false;
        self
    }

    /// Adds what a caller knows about the failure, keeping its code: the new error has the same
    /// code, and this one as its cause.
    #[must_use]
    pub fn wrap(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(self.code(), message).caused_by(self)
    }

    /// Returns the kind of failure.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the side on which the failure arose.
    pub fn category(&self) -> Category {
        self.0.code.category()
    }

    /// Returns how much the failure matters.
    pub fn severity(&self) -> Severity {
        self.0.code.severity()
    }

    /// Returns the advice on retry.
    pub fn retry(&self) -> RetryClass {
        self.0.code.retry()
    }

    /// Tells whether another try may succeed.
    pub fn is_retryable(&self) -> bool {
        self.retry().is_retryable()
    }

    /// Returns how long to wait before a retry, or `None` if there should be none.
    ///
    /// `attempt` counts the retries already made: 0 asks for the delay before the first one.
    pub fn retry_delay(&self, attempt: u32) -> Option<Duration> {
        self.retry().delay(attempt)
    }

    /// Tells whether somebody beyond the caller has to hear of it: high or critical.
    pub fn should_escalate(&self) -> bool {
        self.severity().should_escalate()
    }

    /// Returns what failed.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the value of a field.
    pub fn field(&self, key: &str) -> Option<&str> {
        self.fields().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Returns the fields in the order in which they were added.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.fields.iter().map(|field| (field.key, field.value.as_str()))
    }

    /// Returns how many fields were left out because the error was full.
    pub fn fields_omitted(&self) -> usize {
        self.0.fields_omitted
    }

    /// Returns where it failed.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Returns what somebody can do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Returns the causes, the nearest first and without this error itself; at most
    /// [`Error::CAUSES_MAX`]. A [`Code`] in the chain classifies a cause and is none.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        causes_from(self.source()).take(Self::CAUSES_MAX)
    }

    /// Returns the error with all its causes on one line, for logs and people.
    pub fn report(&self) -> Report<'_> {
        Report(self)
    }

    fn serialize_link<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("code", &self.code())?;
        map.serialize_entry("name", self.code().name())?;
        map.serialize_entry("category", &self.category())?;
        map.serialize_entry("severity", &self.severity())?;
        map.serialize_entry("retry", &self.retry())?;
        map.serialize_entry("message", self.message())?;
        map.serialize_entry("fields", &Fields(&self.0.fields))?;
        map.serialize_entry("fields_omitted", &self.fields_omitted())?;
        map.serialize_entry("place", &self.place())?;
        map.serialize_entry("remedy", &self.remedy())
    }
}

impl fmt::Display for Error {
    /// Writes code, message, fields, place and remedy, but no cause; see [`Error::report`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())?;
        for (index, (key, value)) in self.fields().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { " (" } else { ", " })?;
        }
        if self.fields_omitted() > 0 {
            write!(f, ", {} more", self.fields_omitted())?;
        }
        if !self.0.fields.is_empty() {
            f.write_str(")")?;
        }
        if let Some(place) = self.place() {
            write!(f, " at {place}")?;
        }
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.code() == other.code()
            && self.message() == other.message()
            && self.0.fields == other.0.fields
    }
}

impl Eq for Error {}

impl Serialize for Error {
    /// Writes a map with all parts, and under `causes` the chain, the nearest first: an [`Error`] with
    /// the same parts, any other error with its text as `message`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_link(&mut map)?;
        map.serialize_entry("causes", &Causes(self))?;
        map.end()
    }
}

/// Shows an [`Error`] and all its causes on one line; made by [`Error::report`].
#[derive(Clone, Copy, Debug)]
pub struct Report<'a>(&'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut is_said = self.0.0.quotes_source;
        for cause in self.0.causes() {
            if !is_said {
                write!(f, ", caused by: {cause}")?;
            }
            is_said = as_error(cause).is_some_and(|error| error.0.quotes_source);
        }
        Ok(())
    }
}

/// Returns the value as a `T` if that is its type, or else as it came.
pub(crate) fn take<T: Any, E: Any>(value: E) -> Result<T, E> {
    // The option lets it be moved out through the reference without a box.
    let mut slot = Some(value);
    let any: &mut dyn Any = &mut slot;
    let taken = any.downcast_mut::<Option<T>>().and_then(Option::take);
    match (taken, slot) {
        (Some(taken), _) => Ok(taken),
        (None, Some(value)) => Err(value),
        (None, None) => unreachable!("what was not taken is still there"),
    }
}

/// The link of a chain as one of our errors, owned or shared.
fn as_error<'a>(link: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let shared = || link.downcast_ref::<Arc<Error>>().map(AsRef::as_ref);
    link.downcast_ref::<Error>().or_else(shared)
}

/// The errors of a chain, without the codes that some of them name at its end.
fn causes_from<'a>(
    first: Option<&'a (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(first, |&link| link.source()).filter(|link| !link.is::<Code>())
}

/// The first code in a chain.
fn code_of(first: &(dyn StdError + 'static)) -> Code {
    // A foreign chain may be endless.
    let mut links = iter::successors(Some(first), |&link| link.source()).take(Error::WALK_MAX);
    let named = |link: &(dyn StdError + 'static)| link.downcast_ref::<Code>().copied();
    links
        .find_map(|link| named(link).or_else(|| as_error(link).map(Error::code)))
        .unwrap_or(Code::Unknown)
}

/// Stands for a chain of causes that was too long to keep.
#[derive(Debug)]
struct Folded {
    first: String,
    last: String,
    omitted: usize,
}

impl Folded {
    /// Folds the chain that starts with `first`, or returns `None` if it is short enough to keep.
    fn of(first: &(dyn StdError + 'static)) -> Option<Self> {
        // A foreign chain may be long or even endless, so the walk to its end is bounded too.
        let links = causes_from(Some(first)).take(Error::WALK_MAX);
        let (len, last) = links.fold((0, first), |(len, _), link| (len + 1, link));
        (len > Error::CAUSES_MAX).then(|| Self {
            first: bounded(first, Error::VALUE_BYTES_MAX),
            last: bounded(last, Error::VALUE_BYTES_MAX),
            omitted: len - 2,
        })
    }
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, omitted } = self;
        write!(f, "{first}, caused by {omitted} errors left out here, caused by: {last}")
    }
}

impl StdError for Folded {}

struct Fields<'a>(&'a [Field]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|field| (field.key, &field.value)))
    }
}

struct Causes<'a>(&'a Error);

impl Serialize for Causes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let causes: Vec<Cause<'_>> = self.0.causes().map(Cause).collect();
        serializer.collect_seq(causes)
    }
}

struct Cause<'a>(&'a (dyn StdError + 'static));

impl Serialize for Cause<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match as_error(self.0) {
            Some(error) => error.serialize_link(&mut map)?,
            None => map.serialize_entry("message", &bounded(self.0, Error::MESSAGE_BYTES_MAX))?,
        }
        map.end()
    }
}
