//! Choosing one of several.

/// How [`Registry::pick`](crate::Registry::pick) chooses among those who can.
///
/// Every strategy takes a healthy process if there is one, else a degraded one, never an unhealthy one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn, in an order of the registry's own. The turn is shared by all callers.
    #[default]
    RoundRobin,
    /// The one with the fewest messages that wait or are being handled; among equals any.
    ///
    /// Looks at each candidate, so it costs in proportion to their number.
    LeastLoaded,
    /// Any, each with the same probability.
    Random,
}
