//! Stopping children: told first, killed when their time is over, and always waited for.

use foundation_env::fault;
use foundation_process::{Monitor, System};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::spec::Shutdown;

/// A child that was told to end.
pub(crate) struct Stopping {
    monitor: Monitor,
    deadline: Deadline,
}

/// Tells a child to end, in the way its specification wants, and returns when it is to be killed.
pub(crate) fn order(system: &System, pid: Pid, shutdown: Shutdown) -> Deadline {
    match shutdown {
        Shutdown::BrutalKill => system.kill(pid),
        Shutdown::Timeout(_) | Shutdown::Infinity => system.stop(pid, ExitReason::SHUTDOWN),
    };
    match shutdown {
        Shutdown::Timeout(timeout) => system.deadline(timeout),
        Shutdown::BrutalKill | Shutdown::Infinity => Deadline::NEVER,
    }
}

/// Tells a child to end and returns at once.
pub(crate) fn begin(system: &System, pid: Pid, shutdown: Shutdown) -> Stopping {
    let monitor = system.monitor(pid);
    Stopping { monitor, deadline: order(system, pid, shutdown) }
}

impl Stopping {
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Waits until the child is Dead or its time is over; then it is killed, nothing is returned, and
    /// it is to be waited for with [`Stopping::end`].
    pub(crate) async fn grace(&mut self, system: &System) -> Option<ExitReason> {
        if let Ok(down) = system.before(self.deadline, &mut self.monitor).await {
            return Some(down.reason);
        }
        system.kill(self.monitor.pid());
        None
    }

    /// Waits until a killed child is Dead.
    ///
    /// There is no limit after the kill: a supervisor that went on without a child that does not
    /// yield would leave it behind, or run its replacement beside it. Such a child is reported by
    /// the watchdog, and whoever waits for the supervisor has a limit of its own.
    pub(crate) async fn end(self) -> ExitReason {
        self.monitor.await.reason
    }
}

/// Stops one child.
pub(crate) async fn stop(system: &System, pid: Pid, shutdown: Shutdown) -> ExitReason {
    let mut stopping = begin(system, pid, shutdown);
    if fault::planted("replacement_before_dead") {
        return ExitReason::SHUTDOWN;
    }
    match stopping.grace(system).await {
        Some(reason) => reason,
        None => stopping.end().await,
    }
}
