//! What the tests of all crates share.
//!
//! - [`sim_seeds`] runs a scenario under many seeds, each twice, and says how to replay a failure.
//! - [`wait_for`] waits on a level, never on an edge, and says what it saw when it gives up.
//! - [`Swarm`] draws the options of a run: ranges with their ends, and weights with some at zero.
//! - [`linearize`] judges whether a recorded history is one of an object that does one thing after the other.
//! - [`CountingAllocator`] counts live bytes and allocations exactly.
//!
//! It panics where a test has failed; that is its purpose. It is a dev-dependency only.
//!
//! ```
//! use foundation_testkit::{sim_seeds, wait_for};
//! use foundation_types::Deadline;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! sim_seeds(0..20, |env, _seed| async move {
//!     let done = Arc::new(AtomicU32::new(0));
//!     for _ in 0..3 {
//!         let done = Arc::clone(&done);
//!         env.spawn(async move { done.fetch_add(1, Ordering::Relaxed); });
//!     }
//!     let deadline = Deadline::after(env.now(), Duration::from_secs(1));
//!     wait_for(&env, "three tasks", deadline, || match done.load(Ordering::Relaxed) {
//!         3 => Ok(()),
//!         count => Err(format!("{count} are done")),
//!     })
//!     .await;
//! });
//! ```

mod allocator;
mod history;
mod seeds;
mod swarm;
mod wait;

pub use allocator::{Allocations, CountingAllocator};
pub use history::{Call, Stuck, linearize};
pub use seeds::{
    Failure, Outcome, first_failure, sim_options, sim_run, sim_seeds, sim_seeds_once,
    sim_seeds_with,
};
pub use swarm::{Swarm, Weights};
pub use wait::wait_for;
