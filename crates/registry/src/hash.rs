//! The hash of local ids, values and pids, keyed by a number that outsiders do not know.

use std::hash::BuildHasher;

use foldhash::SharedSeed;
use foldhash::quality::{FoldHasher, SeedableRandomState};

/// Hashes for one registry.
///
/// The key is a number that the environment draws, so nobody can prepare ids that collide without seeing
/// hashes, which the registry never shows; and a seed still replays a run. It is no cryptographic hash. The
/// order of a map built on it must never show.
#[derive(Debug, Clone)]
pub(crate) struct Seed(SeedableRandomState);

impl Seed {
    pub(crate) fn new(secret: u64) -> Self {
        // The shared part is the program's own and fixed: what is secret is the other.
        Self(SeedableRandomState::with_seed(secret, SharedSeed::global_fixed()))
    }
}

impl BuildHasher for Seed {
    type Hasher = FoldHasher<'static>;

    #[inline]
    fn build_hasher(&self) -> FoldHasher<'static> {
        self.0.build_hasher()
    }
}
