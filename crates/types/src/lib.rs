//! Plain data that every layer of Foundation shares: process identifiers, instants and deadlines,
//! exit reasons, and one error type with its catalogue of codes.
//!
//! It promises that everything here is inert: no clock, no thread, no async, no global state, and
//! no allocation beyond the texts a value carries. Every text and every list of an [`Error`] has a
//! bound; a [`PanicReport`] is as long as whoever catches the panic lets it be.
//! It does not promise a wire format beyond what each type states.
//!
//! ```
//! use std::time::Duration;
//! use foundation_types::{Code, Deadline, Error, ExitReason, Instant, Pid};
//!
//! let pid: Pid = "<0.17.3>".parse()?;
//! let deadline = Deadline::after(Instant::ORIGIN, Duration::from_secs(5));
//! assert!(!deadline.has_passed(Instant::ORIGIN));
//!
//! let error = Error::new(Code::Timeout, "no reply").with("peer", pid);
//! assert_eq!(error.retry_delay(0), Some(Duration::from_secs(1)));
//! assert_eq!(ExitReason::from(error).to_string(), "error: E4301 timeout: no reply (peer=<0.17.3>)");
//! # Ok::<(), foundation_types::ParsePidError>(())
//! ```

#![forbid(unsafe_code)]

mod pid;

mod id;

mod instant;

mod deadline;

mod exit;

mod catalogue;

mod coded;

mod text;

mod nearest;

mod error;

pub use catalogue::{Category, Code, RetryClass, Severity};
pub use deadline::Deadline;
pub use error::{Error, Report};
pub use exit::{ExitReason, PanicReport};
pub use id::{HookId, MonitorId, TimerId};
pub use instant::Instant;
pub use nearest::nearest;
pub use pid::{NodeId, ParsePidError, Pid, PidPart};
