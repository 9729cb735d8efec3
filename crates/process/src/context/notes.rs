//! What a process keeps in mind between two messages.

/// Bits, since every process has them.
#[derive(Clone, Copy, Default)]
pub(super) struct Notes(u8);

impl Notes {
    /// The message being handled came through the user lane and counts.
    pub(super) const COUNTS: u8 = 1;
    /// A trace or an acknowledgement wants each step.
    pub(super) const WATCHED: u8 = 1 << 1;
    /// What is handled has a context, or something after it may.
    pub(super) const CARRIES: u8 = 1 << 2;

    #[inline]
    pub(super) fn has(self, note: u8) -> bool {
        self.0 & note != 0
    }

    #[inline]
    pub(super) fn set(&mut self, note: u8, holds: bool) {
        *self = self.with(note, holds);
    }

    #[inline]
    pub(super) fn with(self, note: u8, holds: bool) -> Self {
        Self(if holds { self.0 | note } else { self.0 & !note })
    }
}
