//! Crashes on purpose, for the tests of what a crash leaves behind.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    /// Points until the first crash, and from there until the second one.
    static LEFT: Cell<[Option<u32>; 2]> = const { Cell::new([None; 2]) };
}

/// A place at which a test may let a writer crash.
#[cfg(not(test))]
#[inline]
pub(crate) const fn point() {}

/// A place at which a test may let a writer crash.
#[cfg(test)]
pub(crate) fn point() {
    match LEFT.get() {
        [Some(0), next] => {
            LEFT.set([next, None]);
            // Without the report: there are thousands.
            std::panic::resume_unwind(Box::new("crashed on purpose"));
        }
        [left, next] => LEFT.set([left.map(|left| left - 1), next]),
    }
}

/// Lets this thread crash at the point after so many, and again after so many more.
#[cfg(test)]
pub(crate) fn after(points: [Option<u32>; 2]) {
    LEFT.set(points);
}

/// Crashes no more, and tells whether it has done so as often as it was to.
#[cfg(test)]
pub(crate) fn end() -> bool {
    LEFT.take() == [None; 2]
}

#[cfg(test)]
mod tests;
