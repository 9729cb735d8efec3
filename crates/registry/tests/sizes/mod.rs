//! Promises at the sizes at which they are stated.

mod crowds;
mod interleavings;
