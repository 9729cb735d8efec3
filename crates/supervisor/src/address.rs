//! Addresses of roles: they find the restarted process again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Address, CallError, DEFAULT_TIMEOUT, Reply};
use foundation_types::Deadline;

use crate::error::{ChildCallError, ChildSendError, Failed, Unavailable};
use crate::role::{Absence, Role};

/// A cheap handle to a supervised child, whichever process fills its role.
///
/// It is used like an [`Address`]. While the child is restarted it waits, until the deadline, and
/// then says [`Restarting`](Unavailable::Restarting). When nobody is going to fill the role it says
/// so at once: [`Stopped`](Unavailable::Stopped) or [`GaveUp`](Unavailable::GaveUp).
///
/// # Consistency
///
/// A message is handed to one process at most. It goes to the next incarnation only if the one
/// before was dead when it was handed over; what a process accepted and did not handle is lost with
/// it, and a call says so with [`CallError::Exited`].
pub struct ChildAddress<M: Send + 'static> {
    id: Arc<str>,
    role: Arc<Role<M>>,
}

impl<M: Send + 'static> Clone for ChildAddress<M> {
    fn clone(&self) -> Self {
        Self { id: Arc::clone(&self.id), role: Arc::clone(&self.role) }
    }
}

impl<M: Send + 'static> ChildAddress<M> {
    pub(crate) fn find(id: Arc<str>, role: Arc<dyn Any + Send + Sync>) -> Option<Self> {
        role.downcast().ok().map(|role| Self { id, role })
    }

    /// The child's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The address of the process that fills the role now.
    ///
    /// # Errors
    ///
    /// See [`Unavailable`]; `Restarting` also when the process has just died.
    pub fn current(&self) -> Result<Address<M>, Unavailable> {
        match self.role.holder() {
            Ok(address) if address.is_alive() => Ok(address),
            Ok(_) => Err(self.unavailable(Absence::Restarting)),
            Err(absence) => Err(self.unavailable(absence)),
        }
    }

    /// Waits for a process that fills the role and serves.
    ///
    /// # Errors
    ///
    /// See [`Unavailable`]; `Restarting` at once when no supervisor has the child yet.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait_current(&self, deadline: Deadline) -> Result<Address<M>, Unavailable> {
        let Some(system) = self.role.system() else {
            return Err(self.unavailable(Absence::Restarting));
        };
        let found = system.before(deadline, self.serving()).await;
        found.unwrap_or(Err(Absence::Restarting)).map_err(|absence| self.unavailable(absence))
    }

    /// The living process that serves, or why there will be none.
    async fn serving(&self) -> Result<Address<M>, Absence> {
        loop {
            let address = self.role.wait().await?;
            if address.is_alive() {
                return Ok(address);
            }
            // Dead, and its supervisor has not handled that yet.
            self.role.wait_without(&address).await;
        }
    }

    fn default_deadline(&self) -> Deadline {
        self.deadline(DEFAULT_TIMEOUT)
    }

    /// The deadline that lies `timeout` ahead; before any supervisor has the child nothing waits.
    pub(crate) fn deadline(&self, timeout: Duration) -> Deadline {
        self.role.system().map_or(Deadline::NEVER, |system| system.deadline(timeout))
    }

    fn unavailable(&self, absence: Absence) -> Unavailable {
        let child = Arc::clone(&self.id);
        match absence {
            Absence::Restarting => Unavailable::Restarting { child },
            Absence::Stopped(reason) => Unavailable::Stopped { child, reason },
            Absence::GaveUp(reason) => Unavailable::GaveUp { child, reason },
        }
    }

    /// Queues a message without waiting.
    ///
    /// # Errors
    ///
    /// `Full` when the mailbox has no room, `Unavailable` when nobody fills the role now.
    pub fn try_send(&self, message: M) -> Result<(), ChildSendError<M>> {
        let address = match self.current() {
            Ok(address) => address,
            Err(cause) => return Err(ChildSendError::Unavailable { message, cause }),
        };
        address.try_send(message).map_err(|error| match Failed::of_try(error, &self.id) {
            Failed::For(error) => error,
            Failed::Dead(message) => self.restarting(message),
        })
    }

    fn restarting(&self, message: M) -> ChildSendError<M> {
        let cause = self.unavailable(Absence::Restarting);
        ChildSendError::Unavailable { message, cause }
    }

    /// Queues a message, waiting up to five seconds for the child and for room.
    ///
    /// # Errors
    ///
    /// See [`ChildAddress::send_until`].
    ///
    /// # Cancel safety
    ///
    /// See [`ChildAddress::send_until`].
    pub async fn send(&self, message: M) -> Result<(), ChildSendError<M>> {
        self.send_until(message, self.default_deadline()).await
    }

    /// Queues a message, waiting for the child and for room until `deadline`.
    ///
    /// # Errors
    ///
    /// `Unavailable` when nobody fills the role, `Full` when its mailbox had no room, both at the
    /// deadline or when waiting is useless; `Deadlock` when waiting would never end.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message was not sent.
    pub async fn send_until(
        &self,
        mut message: M,
        deadline: Deadline,
    ) -> Result<(), ChildSendError<M>> {
        loop {
            let address = match self.wait_current(deadline).await {
                Ok(address) => address,
                Err(cause) => return Err(ChildSendError::Unavailable { message, cause }),
            };
            let Err(error) = address.send_until(message, deadline).await else { return Ok(()) };
            match Failed::of_send(error, &self.id) {
                Failed::For(error) => return Err(error),
                Failed::Dead(back) => message = back,
            }
        }
    }

    /// Sends a message made around a reply port and waits up to five seconds for the child and
    /// for its answer.
    ///
    /// # Errors
    ///
    /// See [`ChildAddress::call_until`].
    ///
    /// # Cancel safety
    ///
    /// See [`ChildAddress::call_until`].
    pub async fn call<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, ChildCallError> {
        self.call_until(make, self.default_deadline()).await
    }

    /// Sends a message made around a reply port and waits for the child and for its answer until
    /// `deadline`.
    ///
    /// # Errors
    ///
    /// `Unavailable` when nobody fills the role, and nothing was sent; `Call` when the process that
    /// filled it failed to answer, for instance because it died meanwhile.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the message may be handled all the same; its answer goes nowhere.
    pub async fn call_until<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> M,
        deadline: Deadline,
    ) -> Result<R, ChildCallError> {
        let address = self.wait_current(deadline).await?;
        match address.call_until(make, deadline).await {
            // It died between the look and the call, which nobody received.
            Err(CallError::NoProcess) => Err(self.unavailable(Absence::Restarting).into()),
            answer => answer.map_err(ChildCallError::from),
        }
    }
}

impl<M: Send + 'static> fmt::Debug for ChildAddress<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildAddress({:?}, {:?})", self.id, self.role)
    }
}
