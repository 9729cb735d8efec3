//! Random workloads in the simulation, with options drawn for each seed.
//!
//! * [`sequential`]: one operation at a time, and after each the system must equal a plain model.
//! * [`concurrent`]: everything at once; each result must be one that some order allows, and the
//!   books must balance at the end.
//!
//! Every seed runs twice and must leave the same trace.

#![cfg(test)]

#[path = "simulation/actor.rs"]
mod actor;
#[path = "simulation/concurrent.rs"]
mod concurrent;
#[path = "simulation/model.rs"]
mod model;
#[path = "simulation/sequential.rs"]
mod sequential;
