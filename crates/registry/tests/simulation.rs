//! The registry in simulated worlds: what lookups answer, what a death does, and a model of it all.

#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

mod deaths;
mod discovery;
mod groups;
mod indexes;
mod lookups;
mod model;
mod picks;
mod pressure;
mod queries;
mod turns;
mod views;
mod waits;
mod watches;
mod world;
