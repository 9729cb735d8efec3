//! The first few of many.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The first `count` in an order, sorted. Keeps no more than one above that at any time, and compares most of the
/// others once.
pub(crate) fn first<T>(
    items: impl Iterator<Item = T>,
    count: usize,
    order: &impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    // The last one of those that are kept is on top.
    let mut kept = BinaryHeap::new();
    for item in items.take(if count == 0 { 0 } else { usize::MAX }) {
        let item = Ordered { item, order };
        if kept.len() < count {
            kept.push(item);
        } else if let Some(mut last) = kept.peek_mut()
            && item < *last
        {
            *last = item;
        }
    }
    kept.into_sorted_vec().into_iter().map(|ordered| ordered.item).collect()
}

/// An item that is compared in an order of the caller's.
struct Ordered<'a, T, F> {
    item: T,
    order: &'a F,
}

impl<T, F: Fn(&T, &T) -> Ordering> Ord for Ordered<'_, T, F> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.order)(&self.item, &other.item)
    }
}

impl<T, F: Fn(&T, &T) -> Ordering> PartialOrd for Ordered<'_, T, F> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T, F: Fn(&T, &T) -> Ordering> PartialEq for Ordered<'_, T, F> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T, F: Fn(&T, &T) -> Ordering> Eq for Ordered<'_, T, F> {}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Whoever asks for a few of many pays for a few: all that came were kept and sorted at the end.
    #[test]
    fn the_first_ones_are_kept_and_no_others() {
        let numbers: Vec<u32> = (0..1_000_u32).map(|n| n * 7_919 % 1_009 / 2).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        for count in [0, 1, 2, 7, 999, 1_000, 1_001, usize::MAX] {
            let (token, most) = (Rc::new(()), Cell::new(0));
            let items = numbers.iter().map(|number| {
                most.set(most.get().max(Rc::strong_count(&token)));
                (*number, Rc::clone(&token))
            });
            let order = |a: &(u32, _), b: &(u32, _)| a.0.cmp(&b.0);
            let found: Vec<_> = first(items, count, &order).into_iter().map(|(n, _)| n).collect();
            let len = count.min(sorted.len());
            assert_eq!(found, sorted[..len], "{count}");
            // One is ours, and the next one is made when what it replaces may still be there.
            assert!(most.get() <= len + 1, "{count}: {most:?}");
        }
    }
}
