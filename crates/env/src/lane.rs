//! A small number for each thread, so that what many threads write can be spread over a few places.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// The number of a thread among those that live. While fewer threads live than [`Lane::COUNT`], no two have
/// one number; further ones share the last.
///
/// Who has a number of its own may write without contention, and even without an atomic read-modify-write, to
/// the place of that number: a number is handed on under a lock, so its next owner sees what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(usize);

/// The numbers that are free, and the lowest that was never given.
struct Free {
    returned: Vec<usize>,
    next: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { returned: Vec::new(), next: 0 });

/// No number was asked for yet.
const UNKNOWN: usize = usize::MAX;

thread_local! {
    /// Without a destructor, so that it is read at once.
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNED: Owned = Owned::take();
}

/// Gives a number back when its thread ends.
struct Owned(usize);

impl Owned {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = free.returned.pop().unwrap_or_else(|| {
            let next = free.next;
            free.next = (next + 1).min(Lane::SHARED.0);
            next
        });
        Self(number)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Destructors that run after this one share.
        NUMBER.with(|number| number.set(Lane::SHARED.0));
        if self.0 != Lane::SHARED.0 {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.push(self.0);
        }
    }
}

impl Lane {
    /// How many numbers there are.
    pub const COUNT: usize = 16;

    /// The number that all threads without one of their own share.
    const SHARED: Self = Self(Self::COUNT - 1);

    /// That of the current thread.
    #[inline]
    pub fn current() -> Self {
        match NUMBER.with(Cell::get) {
            UNKNOWN => Self::first(),
            number => Self(number),
        }
    }

    #[cold]
    fn first() -> Self {
        let number = OWNED.try_with(|owned| owned.0).unwrap_or(Self::SHARED.0);
        NUMBER.with(|known| known.set(number));
        Self(number)
    }

    /// The number, below [`Lane::COUNT`].
    #[inline]
    pub fn index(self) -> usize {
        self.0
    }

    /// Whether no other thread that lives has it.
    #[inline]
    pub fn is_exclusive(self) -> bool {
        self != Self::SHARED
    }
}

#[cfg(test)]
mod tests;
