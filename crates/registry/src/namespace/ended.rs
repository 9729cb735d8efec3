//! Versions that have ended and wait for readers, within the bounds on them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Bounds;
use super::version::Version;

/// Oldest first.
#[derive(Default)]
pub(super) struct Ended {
    versions: VecDeque<Arc<Version>>,
    /// What they carry, each as if nothing were shared with another one.
    bytes: usize,
}

impl Ended {
    pub(super) fn len(&self) -> usize {
        self.versions.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// When the oldest one ended.
    pub(super) fn oldest_end(&self) -> Option<u64> {
        self.versions.front().map(|version| version.end())
    }

    /// Whether there is room for all of these too.
    pub(super) fn has_room(&self, more: &[Arc<Version>], bounds: &Bounds) -> bool {
        let bytes = more.iter().map(|version| version.entry.bytes()).sum::<usize>();
        self.len() + more.len() <= bounds.waiting_versions_max
            && self.bytes.saturating_add(bytes) <= bounds.waiting_bytes_max
    }

    pub(super) fn push(&mut self, version: Arc<Version>) {
        self.bytes += version.entry.bytes();
        self.versions.push_back(version);
    }

    /// Takes out the oldest one if it ended at a revision or before.
    pub(super) fn pop_until(&mut self, revision: u64) -> Option<Arc<Version>> {
        let version = self.versions.pop_front_if(|version| version.end() <= revision)?;
        self.bytes -= version.entry.bytes();
        Some(version)
    }
}
