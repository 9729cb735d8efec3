//! Agents and what they can do: capabilities, actions, the process that carries them out, and the built-in
//! actions of the digest job.
//!
//! A task names a [`Capability`], never an agent; whoever runs the task finds a live agent that declares
//! it in the [`Directory`]. An [`Agent`] is a process that enters itself there and carries out one [`Job`]
//! after the other. Behind a capability stands an [`Action`]: a typed, blocking function from input to output. Between
//! tasks a value travels as a [`Payload`], which is JSON text: small to keep, cheap to clone and ready to be
//! written to a journal.
//!
//! Promises: an action sees only its input and its [`ActionContext`]; the built-in actions read files below
//! the context's root and nowhere else, write nothing, and return the same bytes for the same files. Not
//! promised: that an action stops at once when it is cancelled (it looks at [`ActionContext::check`] between
//! units of work), or that files do not change while they are read.
//!
//! ```
//! use foundation_agent::{ActionContext, Actions, Payload};
//!
//! let actions = Actions::builtin();
//! let list = actions.get("files.list").ok_or("files.list is built in")?;
//! let context = ActionContext::new(env!("CARGO_MANIFEST_DIR"));
//! let files = list.run(&Payload::null(), &context)?;
//! assert!(files.as_str().contains("Cargo.toml"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capability;
mod payload;

mod action;
mod context;

mod agent;
mod directory;
mod job;

pub mod digest;

pub use action::{Action, ActionHandle, Actions, AddActionError};
pub use agent::{Agent, AgentMessage};
pub use capability::{Capability, CapabilityError};
pub use context::{ActionContext, ActionLimits, CancelFlag};
pub use directory::{Directory, DirectoryEntry};
pub use job::{AnswerPort, Death, Job, Manner, Moment};
pub use payload::Payload;
