//! Why a system did not start or did not live to the end of its run.

use std::fmt;
use std::sync::Arc;

use foundation_process::StartError;
use foundation_types::{Error, ExitReason};

use crate::tree::KEEPER;

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NodeError {
    /// The tree did not start; what had started was stopped again.
    NotStarted(StartError),
    /// A supervisor used up its restart budget, and the system gave up with it.
    GaveUp {
        /// The pool, or the keeper.
        child: String,
        /// Why it ended: which agent, how many restarts, the last reasons.
        reason: Arc<Error>,
    },
    /// The system was stopped by somebody else.
    Stopped(ExitReason),
}

impl NodeError {
    /// Reads the exit reason of the root.
    pub(crate) fn of_root(reason: ExitReason) -> Self {
        let ExitReason::Error(root) = &reason else { return Self::Stopped(reason) };
        let child = root.field("child").map(str::to_owned);
        // The root's error is about the supervisor below it; that one's error is the cause.
        let below = root.causes().find_map(|cause| cause.downcast_ref::<Arc<Error>>()).cloned();
        match child {
            Some(child) => {
                Self::GaveUp { child, reason: below.unwrap_or_else(|| Arc::clone(root)) }
            }
            None => Self::Stopped(reason),
        }
    }

    /// Returns what to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotStarted(_) => {
                "mend what the reason names; fewer agents (size, --workers) start with less"
                    .to_owned()
            }
            Self::GaveUp { child, .. } if child == KEEPER => {
                "report this as a defect: the keeper does not die of the work it hands out"
                    .to_owned()
            }
            Self::GaveUp { child, .. } => format!(
                "mend what ends its agents, or allow more: restart.intensity and restart.period_ms of {child:?}; \
                 if --chaos is on, lower its rate"
            ),
            Self::Stopped(_) => "start it again".to_owned(),
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "the system did not start: {error}"),
            Self::GaveUp { child, reason } => {
                let field = |key| reason.field(key).unwrap_or("?");
                let pool = if child == KEEPER { "" } else { "the pool " };
                write!(f, "{pool}{child:?} gave up")?;
                if reason.field("restarts_max").is_some() {
                    let (max, period) = (field("restarts_max"), field("period_ms"));
                    let times = if max == "1" { "time" } else { "times" };
                    write!(f, ": it may restart its agents {max} {times} in {period} ms")?;
                    write!(f, ", and they ended once more; last: {}", field("last_reasons"))?;
                } else {
                    write!(f, ": {}", reason.report())?;
                }
                Ok(())
            }
            Self::Stopped(reason) => write!(f, "the system was stopped: {reason}"),
        }
    }
}

impl std::error::Error for NodeError {}
