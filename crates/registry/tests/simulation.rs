//! The registry in simulated worlds and on threads: what lookups answer, what a death does, a model of it
//! all, and histories that must fit one order.

#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

mod batches;
mod deaths;
mod discovery;
mod effects;
mod elixir;
mod groups;
mod history;
mod indexes;
mod lookups;
mod model;
mod picks;
mod pressure;
mod queries;
mod replay;
mod sizes;
mod turns;
mod views;
mod waits;
mod watches;
mod world;
