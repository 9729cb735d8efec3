//! The behaviour of processes, one module for each part of the promise.
//!
//! Scenarios run in the simulation under several seeds, each twice; those that need real threads or
//! the end of a runtime run on tokio.

#![cfg(test)]

mod call;
mod containment;
mod context;
mod deadlock;
mod delivery;
mod events;
mod exit;
mod inspect;
mod link;
mod mailbox;
mod monitor;
mod order;
mod probe;
mod shutdown;
mod spans;
mod spawn;
mod subject;
mod timer;
mod watchdog;
