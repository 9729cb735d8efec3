//! A queue that holds one item without allocating.

use std::collections::VecDeque;

/// First in, first out. Most mailboxes and signal lanes never hold more than one item at a time;
/// those never touch the allocator.
pub(crate) struct Lane<T> {
    first: Option<T>,
    /// Empty when `first` is.
    rest: VecDeque<T>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { first: None, rest: VecDeque::new() }
    }
}

impl<T> Lane<T> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether it owns heap memory.
    #[inline]
    pub(crate) fn owns_heap(&self) -> bool {
        self.rest.capacity() > 0
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.first.take();
        if item.is_some() {
            self.first = self.rest.pop_front();
        }
        item
    }

    /// Takes the oldest item, and moves the rest into `batch`, which must be empty.
    #[inline]
    pub(crate) fn drain_into(&mut self, batch: &mut VecDeque<T>) -> Option<T> {
        let item = self.first.take();
        if !self.rest.is_empty() {
            std::mem::swap(&mut self.rest, batch);
        }
        item
    }

    /// Puts `batch` before everything that is there.
    pub(crate) fn put_back(&mut self, mut batch: VecDeque<T>) {
        batch.extend(self.first.take());
        batch.append(&mut self.rest);
        self.first = batch.pop_front();
        self.rest = batch;
    }

    /// Gives up the heap of an empty lane.
    #[inline]
    pub(crate) fn free_heap(&mut self) {
        debug_assert!(self.is_empty());
        if self.owns_heap() {
            self.rest = VecDeque::new();
        }
    }
}

impl<T> IntoIterator for Lane<T> {
    type Item = T;
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<T>, std::collections::vec_deque::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

#[cfg(test)]
mod tests;
