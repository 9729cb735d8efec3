//! The hash of local ids and pids, keyed by a number that outsiders do not know.

use std::hash::{BuildHasher, DefaultHasher, Hasher};

/// Hashes for one registry.
///
/// It is std's keyed hash, behind a number that the environment draws: nobody outside can choose ids
/// that collide, and a seed still replays a run. The order of a map built on it must never show.
#[derive(Debug, Clone)]
pub(crate) struct Seed(DefaultHasher);

impl Seed {
    pub(crate) fn new(secret: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(secret);
        Self(hasher)
    }
}

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}
