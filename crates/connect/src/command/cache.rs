//! Results of successful commands, bounded in number, bytes and age.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foundation_types::{Deadline, Instant};

use super::output::CommandOutput;
use super::request::Key;

/// What an entry takes beside its texts: tree nodes, key and output themselves, roughly. It keeps the byte bound meaningful for commands that write nothing.
const ENTRY_BYTES: usize = 512;

/// Keyed by request; at most `entries_max` entries of together `bytes_max` bytes.
#[derive(Debug)]
pub(crate) struct Cache {
    entries_max: usize,
    bytes_max: usize,
    entries: BTreeMap<Arc<Key>, Entry>,
    /// Oldest first. Invariant: has the same entries.
    by_age: BTreeMap<u64, Arc<Key>>,
    next_age: u64,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    output: CommandOutput,
    stored_at: Instant,
    expires: Deadline,
    age: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self {
            entries_max,
            bytes_max,
            entries: BTreeMap::new(),
            by_age: BTreeMap::new(),
            next_age: 0,
            bytes: 0,
            evicted: 0,
        }
    }

    /// The result of an equal request that is younger than both its own limit and `ttl`.
    pub(crate) fn get(&mut self, key: &Key, ttl: Duration, now: Instant) -> Option<CommandOutput> {
        let entry = self.entries.get(key)?;
        if entry.expires.has_passed(now) {
            self.remove(entry.age);
            return None;
        }
        let limit = Deadline::after(entry.stored_at, ttl);
        (!limit.has_passed(now)).then(|| entry.output.clone())
    }

    /// Keeps a result, and drops the oldest as long as there are too many.
    pub(crate) fn insert(
        &mut self,
        key: Arc<Key>,
        output: CommandOutput,
        ttl: Duration,
        now: Instant,
    ) {
        if let Some(old) = self.entries.get(&key) {
            self.remove(old.age);
        }
        let streams = output.stdout.bytes.len() + output.stderr.bytes.len();
        let bytes = ENTRY_BYTES + key.bytes() + streams;
        if bytes > self.bytes_max || self.entries_max == 0 {
            return;
        }
        while self.entries.len() >= self.entries_max || self.bytes + bytes > self.bytes_max {
            let Some((&oldest, _)) = self.by_age.first_key_value() else { break };
            self.remove(oldest);
            self.evicted += 1;
        }
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += bytes;
        self.by_age.insert(age, Arc::clone(&key));
        let expires = Deadline::after(now, ttl);
        self.entries.insert(key, Entry { output, stored_at: now, expires, age, bytes });
    }

    /// Drops everything and says how many entries that were.
    pub(crate) fn clear(&mut self) -> usize {
        let count = self.entries.len();
        self.entries.clear();
        self.by_age.clear();
        self.bytes = 0;
        count
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn remove(&mut self, age: u64) {
        let entry = self.by_age.remove(&age).and_then(|key| self.entries.remove(&key));
        self.bytes -= entry.map_or(0, |entry| entry.bytes);
    }
}

#[cfg(test)]
mod tests;
