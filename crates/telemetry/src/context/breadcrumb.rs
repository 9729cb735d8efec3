//! One step of the way to where something happened.

use std::borrow::Cow;

use foundation_types::Instant;
use serde::Serialize;

use crate::value::bounded;

/// What was begun, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breadcrumb {
    what: Cow<'static, str>,
    at: Instant,
}

impl Breadcrumb {
    /// The longest text, in bytes; a longer one is cut and marked with `…`.
    pub const WHAT_BYTES_MAX: usize = 256;

    pub(crate) fn new(at: Instant, what: Cow<'static, str>) -> Self {
        let what = if what.len() <= Self::WHAT_BYTES_MAX {
            what
        } else {
            Cow::Owned(bounded(what, Self::WHAT_BYTES_MAX))
        };
        Self { what, at }
    }

    /// What was begun.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// When.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// As in `read (3 ms ago)`.
    pub(crate) fn told_at(&self, now: Instant) -> String {
        let ago_ms = now.saturating_duration_since(self.at).as_millis();
        format!("{} ({ago_ms} ms ago)", self.what)
    }
}
