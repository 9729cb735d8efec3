//! Supervised commands.
//!
//! [`Commands`] is what callers hold. It talks to one [`CommandService`], a process that decides
//! what runs and owns waiting callers, queue and cache, and that never waits itself. Each running
//! command is a [`worker`] process, linked to the service, that awaits a [`CommandRunner`].
//!
//! The result of a command travels in a slot next to the worker, and the worker's exit signal says
//! that it is there. So the end of the worker, the result, and the free place are one event, which
//! needs no room in a mailbox and cannot be lost; a worker that was killed left the slot empty.

mod output;
mod policy;
mod request;
mod settings;

mod bell;
mod commands;
mod service;

mod flight;
mod places;
mod runner;
mod worker;

#[cfg(unix)]
mod group;
#[cfg(unix)]
mod os;
#[cfg(unix)]
mod pumps;
mod scripted;

mod cache;
mod stats;

mod error;

pub use commands::Commands;
pub use error::{CommandError, Limit};
#[cfg(unix)]
pub use os::OsRunner;
pub use output::{CommandOutput, ExitStatus, Origin, Stream};
pub use places::Place;
pub use policy::{AllowList, ArgumentPolicy};
pub use request::CommandRequest;
pub use runner::{Cancel, CancelGuard, Capture, CommandRunner, Plan, Run, RunFuture, StreamKind};
pub use scripted::{Script, ScriptedRunner};
pub use service::{CommandMessage, CommandService};
pub use settings::{CommandSettings, CommandSettingsBuilder, SettingsError};
pub use stats::CommandStats;
