//! The control socket: how people look at a running system, and steer it, from another terminal.
//!
//! A Unix socket in the data folder, for its owner only. A connection carries one line of JSON each way: a command
//! with the version of the protocol, and an answer. Whoever says nothing sensible gets an error; nobody else is
//! held up by him.

mod client;
mod command;
mod handle;
mod server;

pub use client::{AskError, ask};
pub use command::{Command, ControlError, FlagView, Flags, ProcessView, Reply, RunView, TaskView};
pub use server::Control;

/// The name of the socket in the data folder.
const SOCKET: &str = "control.sock";
/// The version of the protocol.
const VERSION: u32 = 1;
