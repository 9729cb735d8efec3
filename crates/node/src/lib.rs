//! From a `system.toml` to a running system: which agents there are, what they can do, which tasks they work
//! through, and the supervision tree that does it.
//!
//! [`SystemSpec::load`] checks everything that can be checked without running: syntax, fields, names,
//! ranges, that every task's capability is offered by a pool, that every capability has an action behind it,
//! and that no tasks wait for each other in a circle. It reports all faults at once, each with its place,
//! its cause and what to do, as text with an excerpt or as JSON.
//!
//! [`Node::start`] makes the tree of it: a keeper that owns the run, and below it the pools of agents, each under
//! its own supervisor. [`Node::outcome`] waits for the end, [`Node::stop`] stops everything in order.
//!
//! ```
//! use foundation_agent::Actions;
//! use foundation_node::SystemSpec;
//!
//! let text = r#"
//! [system]
//! name = "count"
//!
//! [[pool]]
//! name = "readers"
//! capabilities = ["files.list"]
//!
//! [[task]]
//! name = "list"
//! capability = "files.lost"
//! "#;
//! let faults = SystemSpec::parse("system.toml", text, &Actions::builtin()).unwrap_err();
//! let fault = &faults.list()[0];
//! assert_eq!(fault.place.as_ref().map(|place| (place.line, place.column)), Some((11, 14)));
//! assert!(fault.remedy.contains("did you mean \"files.list\""));
//! ```

mod spec;

mod source;
mod table;

mod pools;
mod system;
mod tasks;

mod tree;

mod gauges;
mod input;
mod node;
mod switches;

mod control;
mod found;

mod diagnostic;
mod error;

pub use control::{
    AskError, Command, Control, ControlError, FlagView, Flags, ProcessView, Reply, RunView,
    TaskView, ask,
};
pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use error::NodeError;
pub use found::{Found, FoundAgent};
pub use input::check_input;
pub use node::{Node, NodeStatus, RunOptions};
pub use spec::{PoolSpec, RestartSpec, RestartType, SystemSpec};
pub use switches::{CONTEXT_PROPAGATION, SPANS, STRICT_SUPERVISION, Switches, SwitchesError};
