//! The seam between the runtime and the outside world.
//!
//! Time, randomness, spawning, blocking work and files come from an [`Env`] and from nowhere else, so
//! that a test can own all five. There are two back ends: tokio for production, and
//! [`sim::Simulation`], a single-threaded executor with virtual time where one seed decides every
//! choice.
//!
//! It promises: the same code runs on both back ends; in a simulation the same seed gives the same
//! schedule, the same draws and the same trace hash. It does not promise that a simulation reaches
//! every interleaving; small lock-free protocols are checked exhaustively with [`sync::model`].
//!
//! ```
//! use foundation_env::sim::{SimOptions, Simulation};
//! use std::time::Duration;
//!
//! let mut simulation = Simulation::new(7, SimOptions::default());
//! let env = simulation.env();
//! let elapsed = simulation.block_on(async move {
//!     let start = env.now();
//!     env.sleep_until(start.saturating_add(Duration::from_secs(3600))).await;
//!     env.now().saturating_duration_since(start)
//! });
//! assert_eq!(elapsed, Duration::from_secs(3600)); // and no real time has passed
//! ```

pub mod fault;
pub mod sim;
pub mod sync;

mod env;
mod lane;
mod random;
mod real;
mod select;
mod sleep;

mod background;
mod blocking;
mod files;

pub use background::{Background, StopSignal};
pub use blocking::{Blocking, BlockingError};
pub use env::{Env, FaultPoint};
pub use files::{FileError, FileInfo, FileKind, FileLock, Files, FolderEntry, ReplaceFault};
pub use lane::Lane;
pub use random::Random;
pub use select::{Either, SelectBiased, select_biased};
pub use sleep::Sleep;
