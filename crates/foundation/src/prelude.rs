//! What most files need: `use foundation::prelude::*;`.
//!
//! Names that mean several things (a strategy, a name, limits) are left to their modules.

pub use foundation_env::Env;
pub use foundation_macros::process;
pub use foundation_process::{
    Address, CallError, Context, Down, Monitor, Outcome, Process, Reply, SendError, Signal, System,
    TrySendError,
};
pub use foundation_types::{Deadline, ExitReason, Pid};
