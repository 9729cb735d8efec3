//! Figures of a command service.

/// What a command service does and did. Gauges return to zero when nobody asks for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CommandStats {
    /// Gauge: commands that run, those that are being stopped included.
    pub running: usize,
    /// Gauge: those of them that are being stopped.
    pub stopping: usize,
    /// Gauge: places taken by programs that were killed, by this service or one before it, and
    /// have not ended yet.
    pub stuck: usize,
    /// Gauge: commands that wait for a place.
    pub waiting: usize,
    /// Gauge: callers that wait for a result.
    pub callers: usize,
    /// Gauge: cached results; zero after `clear_cache`.
    pub cache_entries: usize,
    /// Gauge: bytes of cached results.
    pub cache_bytes: usize,
    /// Requests answered from the cache.
    pub hits: u64,
    /// Requests that accepted a cached result and found none.
    pub misses: u64,
    /// Misses that found an equal command under way and joined it.
    pub joined: u64,
    /// Commands started.
    pub started: u64,
    /// Callers that were told of a timeout, before or after their command started.
    pub timeouts: u64,
    /// Commands stopped because nobody waited for them any more.
    pub cancelled: u64,
    /// Commands whose own process was killed or crashed.
    pub killed: u64,
    /// Requests refused by the allow list and its policies.
    pub denied: u64,
    /// Requests refused because a bound was reached.
    pub refused: u64,
    /// Cached results that gave way to newer ones.
    pub evicted: u64,
}
