//! A list that grows and never moves, so that it is read without a lock.

use std::sync::OnceLock;

const CHUNKS: usize = 33;

/// A list of values addressed by number.
///
/// A chunk stands where it was made until the list is dropped; only the writer makes chunks. The first has
/// `2^FIRST` values, each further one twice as many.
pub(crate) struct Chunks<T, const FIRST: u32> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default, const FIRST: u32> Chunks<T, FIRST> {
    pub(crate) fn new() -> Self {
        Self { chunks: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// The value with this number, if the list has been that long.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (chunk, at) = place::<FIRST>(number);
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// As [`Chunks::get`], after making the list longer if it must be. None past its greatest length.
    pub(crate) fn grow(&self, number: u32) -> Option<&T> {
        let (chunk, at) = place::<FIRST>(number);
        let fresh = || (0..1_usize << (FIRST as usize + chunk)).map(|_| T::default()).collect();
        self.chunks.get(chunk)?.get_or_init(fresh).get(at)
    }
}

/// The chunk of a number, and its place there.
#[inline]
fn place<const FIRST: u32>(number: u32) -> (usize, usize) {
    let shifted = u64::from(number) + (1 << FIRST);
    let chunk = shifted.ilog2() - FIRST;
    let at = shifted - (1 << (FIRST + chunk));
    (chunk as usize, usize::try_from(at).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_each_other_from_chunk_to_chunk() {
        let mut expected = (0, 0);
        for number in 0..100_000 {
            assert_eq!(place::<5>(number), expected);
            expected.1 += 1;
            if expected.1 == 1 << (5 + expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place::<0>(u32::MAX).0 < CHUNKS, "every number has a place");
    }

    #[test]
    fn a_value_stays_where_it_is() {
        let list: Chunks<usize, 2> = Chunks::new();
        assert!(list.get(0).is_none());
        let first = std::ptr::from_ref(list.grow(0).unwrap());
        list.grow(5_000).unwrap();
        assert!(std::ptr::eq(first, list.get(0).unwrap()));
        assert!(list.get(1 << 20).is_none());
    }
}
