//! What reaches a process beside its messages: exit signals, DOWN, timers and orders.

use std::fmt;

use foundation_types::{ExitReason, MonitorId, Pid, TimerId};

use crate::reply::Reply;

/// A system signal handed to [`Process::handle_signal`](crate::Process::handle_signal).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Signal {
    /// A linked process died, or somebody sent an exit signal, and this process traps exits.
    Exit {
        /// The process that died or sent the signal; the receiver itself when the signal came from
        /// outside of all processes.
        from: Pid,
        /// Why it died, or the reason that was sent.
        reason: ExitReason,
    },
    /// A monitored process died.
    Down {
        /// What [`Context::monitor`](crate::Context::monitor) returned.
        monitor: MonitorId,
        /// The process that died.
        pid: Pid,
        /// Why it died; [`ExitReason::NoProcess`] when it was gone before it was monitored.
        reason: ExitReason,
    },
}

/// Everything that travels in the system lane.
pub(crate) enum SystemMessage {
    /// A linked process died: handled only while the link still stands.
    LinkExit { from: Pid, reason: ExitReason },
    /// Somebody called `exit(pid, reason)`: no link is needed.
    ExitSignal { from: Option<Pid>, reason: ExitReason },
    /// A monitored process died: handled only while the monitor still stands.
    Down { monitor: MonitorId, pid: Pid, reason: ExitReason },
    /// The supervisor or the system asks for an orderly stop.
    Shutdown { reason: ExitReason },
    /// The system stops: end in order after what was accepted before.
    Drain,
    /// A timer of this process fired.
    Timer(TimerId),
    /// Handle no user message until `Resume`.
    Suspend(Reply<()>),
    /// Undo `Suspend`.
    Resume(Reply<()>),
    /// Describe the state between two messages.
    Inspect(Reply<String>),
}

impl SystemMessage {
    /// Whether this message is handed out ahead of the user messages that were queued before it.
    ///
    /// DOWN and exit signals are not: nothing that a process sent before its death may arrive
    /// after the news of its death.
    pub(crate) fn jumps_queue(&self) -> bool {
        !matches!(
            self,
            Self::LinkExit { .. } | Self::ExitSignal { .. } | Self::Down { .. } | Self::Drain
        )
    }

    /// Whether it comes from outside and is bounded by number.
    pub(crate) fn is_order(&self) -> bool {
        !matches!(
            self,
            Self::LinkExit { .. } | Self::Down { .. } | Self::Timer(_) | Self::Shutdown { .. }
        )
    }

    /// Whether it asks for an orderly stop, for which one such message is enough.
    pub(crate) fn is_stop(&self) -> bool {
        matches!(self, Self::Shutdown { .. })
    }

    /// A short name for traces.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::LinkExit { .. } => "EXIT",
            Self::ExitSignal { .. } => "exit signal",
            Self::Down { .. } => "DOWN",
            Self::Shutdown { .. } => "shutdown",
            Self::Drain => "drain",
            Self::Timer(_) => "timer",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::Inspect(_) => "inspect",
        }
    }
}

impl fmt::Debug for SystemMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
