//! Processes: typed mailboxes, links, monitors, timers, and an exit protocol that keeps its word.
//!
//! # What it promises
//!
//! * Whoever learns of a death, in whatever way, finds the name of the dead free, its exit hooks
//!   done and its held values dropped; until then nobody else can have them.
//! * Each monitor fires exactly once, each link at most once, also when placed while the process
//!   dies or after.
//! * Messages from one process to another arrive in order, at most once, and none of them after
//!   the news of the sender's death.
//! * Every mailbox has a bound, every wait takes a deadline, and a cycle of sends and calls without
//!   one is found.
//!
//! # What it does not promise
//!
//! * A sent message is handled: the process may die first. [`Address::send_acknowledged`] says.
//! * A handler that never yields can be stopped. It is reported, and keeps its names.
//!
//! # Examples
//!
//! See [`Process`].

#[cfg(panic = "abort")]
compile_error!("processes contain panics: build with panic = \"unwind\"");

mod address;
mod context;
mod delivery;
mod limits;
mod process;
mod reply;
mod signal;
mod spawn;
mod system;

mod current;
mod exit;
mod lane;
mod life;
mod record;
mod table;

mod dead_letter;
mod deadlock;
mod error;
mod hook;
mod inspect;
mod link;
mod monitor;
mod timer;
mod watch;
mod watchdog;
mod wheel;

#[cfg(any(foundation_loom, foundation_shuttle))]
#[doc(hidden)]
pub mod model;

pub use address::{Address, DEFAULT_TIMEOUT, Permit};
pub use context::Context;
pub use current::catch_panic;
pub use dead_letter::{DeadLetter, DeadLetterCause};
pub use delivery::{BROADCAST_MAX, BroadcastError, Delivery, DeliveryOutcome, Rule};
pub use error::{CallError, SendError, TrySendError};
pub use hook::{Exited, Held, HookError};
pub use inspect::{
    ContainedPanic, Counts, CrashReport, DeadlockReport, ProcessInfo, ProcessState, TopBy,
};
pub use limits::{LimitReached, Limits};
pub use monitor::{Down, Monitor};
pub use process::{Outcome, Process};
pub use reply::Reply;
pub use signal::Signal;
pub use spawn::{DEFAULT_MAILBOX, Spawn, SpawnError, StartError};
pub use system::{ShutdownReport, System, Troubles};
pub use timer::Elapsed;
pub use watch::{Trace, TraceEvent, TraceStep};
pub use watchdog::Stall;
