//! Crashes on purpose, for the tests of what a crash leaves behind.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A place at which a test may let a writer crash.
#[cfg(not(test))]
#[inline]
pub(crate) const fn point() {}

/// A place at which a test may let a writer crash.
#[cfg(test)]
pub(crate) fn point() {
    let left = LEFT.get();
    LEFT.set(left.and_then(|left| left.checked_sub(1)));
    assert_ne!(left, Some(0), "crashed on purpose");
}

/// Lets this thread crash at the point after so many; tells whether it has done so since the last call.
#[cfg(test)]
pub(crate) fn after(points: Option<u32>) -> bool {
    LEFT.replace(points).is_none()
}

#[cfg(test)]
mod tests;
