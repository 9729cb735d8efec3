//! Feature flags: declared once, read without a lock, changed in audited steps.
//!
//! A [`Flag`] is declared in code or data and collected in a [`Catalogue`]; a name that is not in it is an error
//! for readers and writers alike. A flag is off, on, or on for a percentage of keys, with overrides for single
//! keys. [`Flags`] owns the state; a [`FlagHandle`] reads one flag for the price of two loads.
//!
//! It promises: several flags change in one step, which no reader sees in part; every change leaves one record
//! that says who, when, from what, to what and why; who is in a percentage stays in it while it rises, on every
//! machine and in every version; a subscriber is told of each step after it can be read, in order, or of how many
//! it missed. [`Flags`] live in memory; those of [`DurableFlags`] outlive the program, and no reader sees a change of
//! them that a crash could take back. A [`Rollout`] takes them through the stages of a [`Plan`], and back.
//!
//! ```
//! use foundation_env::sim::{SimOptions, Simulation};
//! use foundation_flags::{Catalogue, Flag, Flags, Note, Value};
//!
//! const SPANS: Flag = Flag::new("spans", "records spans");
//!
//! let env = Simulation::new(1, SimOptions::default()).env();
//! let flags = Flags::new(env, Catalogue::new([SPANS])?);
//! let spans = flags.handle(&SPANS)?;
//! assert!(!spans.is_enabled());
//! flags.set(&SPANS, Value::percent(25)?, &Note::new("alice", "a careful start"))?;
//! assert!(!spans.is_enabled(), "a percentage says nothing without a key");
//! assert!(spans.is_enabled_for("agent-3") != spans.is_enabled_for("agent-0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod value;

mod flag;

mod bucket;

mod change;

#[cfg_attr(
    not(foundation_loom),
    expect(unreachable_pub, reason = "the model check in tests/ reaches it, under its cfg only")
)]
mod live;

mod flags;

mod handle;

mod subscription;

mod durable;
mod saved;

mod rollout;

pub use bucket::bucket;
pub use change::{Change, Edit, Note, Step};
pub use durable::{DurableError, DurableFlags, OpenError};
pub use flag::{Catalogue, CatalogueError, Flag, UnknownFlag};
pub use flags::{Audit, ChangeError, Flags};
pub use handle::FlagHandle;
pub use rollout::{
    Check, CheckResult, Health, NotReady, Observation, Plan, PlanError, PlanFault, Risk, Rollout,
    RolloutEntry, RolloutError, RolloutState, RolloutStatus, Sample, Stage, Thresholds, Transition,
};
pub use saved::DamagedState;
pub use subscription::{Notice, SubscribeError, Subscription};
pub use value::{Setting, Value, ValueError};

#[cfg(foundation_loom)]
#[doc(hidden)]
pub mod model {
    //! The protocol of readers and the writer, for the model checker.
    pub use crate::live::Live;
}
