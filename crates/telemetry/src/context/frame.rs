//! What a context points to.

use std::sync::Arc;

use super::{Breadcrumb, CorrelationId, ErrorContext};
use crate::Value;
use crate::trace::SpanContext;

/// The data of a context. Its lists share their older ends with those of the contexts it came from, so
/// neither a clone nor a change copies them.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) correlation: CorrelationId,
    pub(super) remote: Option<SpanContext>,
    fields: List<(&'static str, Value<'static>)>,
    pub(super) fields_omitted: u32,
    breadcrumbs_cut: u32,
    breadcrumbs: List<Breadcrumb>,
}

impl Frame {
    pub(super) fn new(correlation: CorrelationId) -> Self {
        Self {
            correlation,
            remote: None,
            fields: List::EMPTY,
            fields_omitted: 0,
            breadcrumbs_cut: 0,
            breadcrumbs: List::EMPTY,
        }
    }

    pub(super) fn says_as(&self, other: &Self) -> bool {
        self.correlation == other.correlation
            && self.remote == other.remote
            && self.fields() == other.fields()
            && self.breadcrumbs() == other.breadcrumbs()
    }

    pub(super) fn field(&self, key: &str) -> Option<&Value<'static>> {
        self.fields.newest_first().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    pub(super) fn fields(&self) -> Vec<(&'static str, &Value<'static>)> {
        let mut fields: Vec<(&'static str, &Value<'static>)> = Vec::new();
        for (key, value) in self.fields.newest_first() {
            if fields.iter().all(|(known, _)| known != key) {
                fields.push((key, value));
            }
        }
        fields.reverse();
        fields
    }

    /// Puts a newer value before the older one, which is only taken out when the list is full.
    pub(super) fn set_field(&mut self, key: &'static str, value: Value<'static>) {
        if self.fields.len() >= ErrorContext::FIELDS_MAX {
            let kept = self.fields().into_iter().filter(|(known, _)| *known != key);
            let kept: List<_> = kept.map(|(known, value)| (known, value.clone())).collect();
            if kept.len() >= ErrorContext::FIELDS_MAX {
                self.fields_omitted = self.fields_omitted.saturating_add(1);
                return;
            }
            self.fields = kept;
        }
        self.fields.push((key, value));
    }

    pub(super) fn breadcrumbs(&self) -> Vec<&Breadcrumb> {
        let newest = self.breadcrumbs.newest_first().take(ErrorContext::BREADCRUMBS_MAX);
        let mut breadcrumbs: Vec<_> = newest.collect();
        breadcrumbs.reverse();
        breadcrumbs
    }

    pub(super) fn breadcrumbs_omitted(&self) -> u32 {
        let over = self.breadcrumbs.len().saturating_sub(ErrorContext::BREADCRUMBS_MAX);
        self.breadcrumbs_cut.saturating_add(u32::try_from(over).unwrap_or(u32::MAX))
    }

    /// Adds one. The list is cut to the newest when it is twice as long, so a breadcrumb costs one block of
    /// memory and, spread over all, one more copy.
    pub(super) fn push_breadcrumb(&mut self, breadcrumb: Breadcrumb) {
        if self.breadcrumbs.len() >= 2 * ErrorContext::BREADCRUMBS_MAX {
            self.breadcrumbs_cut = self.breadcrumbs_omitted();
            let kept: List<_> = self.breadcrumbs().into_iter().cloned().collect();
            self.breadcrumbs = kept;
        }
        self.breadcrumbs.push(breadcrumb);
    }
}

/// A list whose older end may be shared. Never longer than twice the greatest bound above, so it may be
/// dropped by recursion.
struct List<T> {
    newest: Option<Arc<Link<T>>>,
    len: usize,
}

struct Link<T> {
    item: T,
    before: Option<Arc<Link<T>>>,
}

impl<T> List<T> {
    const EMPTY: Self = Self { newest: None, len: 0 };

    fn len(&self) -> usize {
        self.len
    }

    fn push(&mut self, item: T) {
        let before = self.newest.take();
        self.newest = Some(Arc::new(Link { item, before }));
        self.len += 1;
    }

    fn newest_first(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.newest.as_deref(), |link| link.before.as_deref())
            .map(|link| &link.item)
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self { newest: self.newest.clone(), len: self.len }
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::EMPTY;
        items.into_iter().for_each(|item| list.push(item));
        list
    }
}
