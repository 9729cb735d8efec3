//! Where the calls of a supervisor's handle go: to one incarnation, or to a role.

use std::fmt;
use std::time::Duration;

use foundation_process::{Address, CallError, Reply};
use foundation_types::Deadline;
use foundation_types::{ExitReason, Pid};

use crate::address::ChildAddress;
use crate::error::ChildCallError;

/// Starting and stopping children takes longer than a usual call; OTP waits without limit.
const TIMEOUT: Duration = Duration::from_mins(1);

enum Kind<M: Send + 'static> {
    Incarnation(Address<M>),
    Role(ChildAddress<M>),
}

/// A process or a role, and how long calls to it wait.
pub(crate) struct Target<M: Send + 'static> {
    kind: Kind<M>,
    timeout: Duration,
}

impl<M: Send + 'static> Target<M> {
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn current(&self) -> Result<Address<M>, ChildCallError> {
        match &self.kind {
            Kind::Incarnation(address) => Ok(address.clone()),
            Kind::Role(role) => Ok(role.current()?),
        }
    }

    pub(crate) fn pid(&self) -> Result<Pid, ChildCallError> {
        self.current().map(|address| address.pid())
    }

    pub(crate) async fn call<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, ChildCallError> {
        match &self.kind {
            Kind::Incarnation(address) => {
                let deadline = address.system().deadline(self.timeout);
                Ok(address.call_until(make, deadline).await?)
            }
            Kind::Role(role) => role.call_until(make, role.deadline(self.timeout)).await,
        }
    }

    /// Stops the process and waits for its end.
    pub(crate) async fn stop(&self, deadline: Deadline) -> Result<ExitReason, ChildCallError> {
        let address = self.current()?;
        let system = address.system();
        let monitor = system.monitor(address.pid());
        system.stop(address.pid(), ExitReason::SHUTDOWN);
        let down = system.before(deadline, monitor).await.map_err(|_elapsed| CallError::Timeout)?;
        Ok(match down.reason {
            ExitReason::NoProcess => address.exit_reason().unwrap_or(ExitReason::NoProcess),
            reason => reason,
        })
    }
}

impl<M: Send + 'static> From<Address<M>> for Target<M> {
    fn from(address: Address<M>) -> Self {
        Self { kind: Kind::Incarnation(address), timeout: TIMEOUT }
    }
}

impl<M: Send + 'static> From<ChildAddress<M>> for Target<M> {
    fn from(role: ChildAddress<M>) -> Self {
        Self { kind: Kind::Role(role), timeout: TIMEOUT }
    }
}

impl<M: Send + 'static> Clone for Target<M> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            Kind::Incarnation(address) => Kind::Incarnation(address.clone()),
            Kind::Role(role) => Kind::Role(role.clone()),
        };
        Self { kind, timeout: self.timeout }
    }
}

impl<M: Send + 'static> fmt::Debug for Target<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Incarnation(address) => address.fmt(f),
            Kind::Role(role) => role.fmt(f),
        }
    }
}
