//! Waiting for names: until they are taken, until they are free, and addresses that follow them.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use foundation_process::{Address, CallError, DEFAULT_TIMEOUT, Reply, SendError};
use foundation_types::{Deadline, Pid};

use crate::error::{AwaitError, NamedCallError, NamedSendError};
use crate::name::Name;
use crate::namespace::Registration;
use crate::registry::Registry;
use crate::revision::Revision;
use crate::watch::Watch;

impl Registry {
    /// Waits until a name is taken, and returns what is registered under it.
    ///
    /// # Errors
    ///
    /// `Timeout` at the deadline; `Watch` when the namespace cannot be watched.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn await_registered(
        &self,
        name: &Name,
        deadline: Deadline,
    ) -> Result<Registration, AwaitError> {
        self.until(name, deadline, || self.lookup(name)).await
    }

    /// Waits until `owner` no longer has a name: it has been freed, or another process has it.
    ///
    /// # Errors
    ///
    /// As [`Registry::await_registered`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn await_gone(
        &self,
        name: &Name,
        owner: Pid,
        deadline: Deadline,
    ) -> Result<(), AwaitError> {
        self.until(name, deadline, || (self.whereis(name) != Some(owner)).then_some(())).await
    }

    /// Waits until a namespace has come to a revision, and returns the one that stands then. For who was told of
    /// a revision that a commit under way will have; one that a call has returned is there.
    ///
    /// Wakes with each change of the namespace. The numbers that stand between two changes belong to none: one
    /// of those may be noticed with the next change only, or at the deadline.
    ///
    /// # Errors
    ///
    /// `NotReached` at the deadline; `Watch` when the namespace cannot be watched.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn await_revision(
        &self,
        namespace: &str,
        revision: Revision,
        deadline: Deadline,
    ) -> Result<Revision, AwaitError> {
        let reached = || Some(self.revision(namespace)).filter(|stands| *stands >= revision);
        if let Some(stands) = reached() {
            return Ok(stands);
        }
        let mut watch = self.watch_changes(namespace, |_| true)?;
        let answer = async {
            loop {
                // After the watch began, so that no change falls between.
                if let Some(stands) = reached() {
                    return stands;
                }
                next_change(&mut watch).await;
            }
        };
        let waited = self.shared().system().before(deadline, answer).await.ok();
        let (wanted, stands) = (revision, self.revision(namespace));
        let missed = || AwaitError::NotReached { namespace: namespace.into(), wanted, stands };
        waited.or_else(reached).ok_or_else(missed)
    }

    /// The address of a name, whoever has it.
    pub fn named<M: Send + 'static>(&self, name: Name) -> NamedAddress<M> {
        NamedAddress { registry: self.clone(), name, message: PhantomData }
    }

    /// Looks until there is an answer: now, and after each change of the name.
    async fn until<R>(
        &self,
        name: &Name,
        deadline: Deadline,
        look: impl Fn() -> Option<R>,
    ) -> Result<R, AwaitError> {
        if let Some(found) = look() {
            return Ok(found);
        }
        let wanted = name.clone();
        let mut watch = self.watch_changes(name.namespace(), move |entry| entry.name == wanted)?;
        let answer = async {
            loop {
                // After the watch began, so that no change falls between.
                if let Some(found) = look() {
                    return found;
                }
                next_change(&mut watch).await;
            }
        };
        let waited = self.shared().system().before(deadline, answer).await;
        waited.map_err(|_elapsed| AwaitError::Timeout { name: name.clone() })
    }
}

/// Waits until something may have changed.
pub(crate) async fn next_change(watch: &mut Watch) {
    if watch.changed().await.is_err() {
        watch.skip_to_newest();
    }
}

/// A cheap handle to a name, whichever process has it.
///
/// It is used like an [`Address`]. While nobody has the name, because its owner is being restarted for
/// instance, it waits until the deadline.
///
/// # Consistency
///
/// A message is handed to one process at most. It goes to the next owner only if the one before was dead when
/// it was handed over; what a process accepted and did not handle is lost with it, and a call says so with
/// [`CallError::Exited`].
pub struct NamedAddress<M: Send + 'static> {
    registry: Registry,
    name: Name,
    message: PhantomData<fn(M)>,
}

impl<M: Send + 'static> NamedAddress<M> {
    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Waits for a process that has the name and is alive.
    ///
    /// # Errors
    ///
    /// `Timeout` at the deadline, `OtherMessages` when the owner handles messages of another type, `Watch` when
    /// the namespace cannot be watched.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn resolve(&self, deadline: Deadline) -> Result<Address<M>, AwaitError> {
        loop {
            let owner = self.registry.await_registered(&self.name, deadline).await?.pid;
            let system = self.registry.shared().system();
            if let Some(address) = system.address(owner) {
                return Ok(address);
            }
            if system.is_alive(owner) {
                return Err(AwaitError::OtherMessages { name: self.name.clone(), owner });
            }
            self.registry.await_gone(&self.name, owner, deadline).await?;
        }
    }

    /// Queues a message, waiting for an owner and for room until `deadline`.
    ///
    /// # Errors
    ///
    /// [`NamedSendError`], with the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message was not sent.
    pub async fn send_until(
        &self,
        mut message: M,
        deadline: Deadline,
    ) -> Result<(), NamedSendError<M>> {
        loop {
            let address = match self.resolve(deadline).await {
                Ok(address) => address,
                Err(cause) => return Err(NamedSendError::Nobody { message, cause }),
            };
            match address.send_until(message, deadline).await {
                Ok(()) => return Ok(()),
                Err(SendError::NoProcess(back)) => message = back,
                Err(error) => return Err(NamedSendError::Send(error)),
            }
        }
    }

    /// As [`NamedAddress::send_until`], with a deadline five seconds ahead.
    ///
    /// # Errors
    ///
    /// [`NamedSendError`], with the message.
    ///
    /// # Cancel safety
    ///
    /// As [`NamedAddress::send_until`].
    pub async fn send(&self, message: M) -> Result<(), NamedSendError<M>> {
        let deadline = self.registry.shared().system().deadline(DEFAULT_TIMEOUT);
        self.send_until(message, deadline).await
    }

    /// Sends a message made around a reply port and waits for an owner and for its answer until `deadline`.
    ///
    /// # Errors
    ///
    /// `Nobody` when nobody had the name, and nothing was sent; `Call` when the owner failed to answer, for
    /// instance because it died meanwhile.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the message may be handled all the same; its answer goes nowhere.
    pub async fn call_until<R: Send + 'static>(
        &self,
        make: impl Fn(Reply<R>) -> M,
        deadline: Deadline,
    ) -> Result<R, NamedCallError> {
        loop {
            let address = self.resolve(deadline).await.map_err(NamedCallError::Nobody)?;
            match address.call_until(&make, deadline).await {
                // It died between the look and the call, which nobody received.
                Err(CallError::NoProcess) => {}
                answer => return answer.map_err(NamedCallError::Call),
            }
        }
    }

    /// As [`NamedAddress::call_until`], with a deadline five seconds ahead.
    ///
    /// # Errors
    ///
    /// As [`NamedAddress::call_until`].
    ///
    /// # Cancel safety
    ///
    /// As [`NamedAddress::call_until`].
    pub fn call<R: Send + 'static>(
        &self,
        make: impl Fn(Reply<R>) -> M,
    ) -> impl Future<Output = Result<R, NamedCallError>> {
        self.call_until(make, self.registry.shared().system().deadline(DEFAULT_TIMEOUT))
    }
}

impl<M: Send + 'static> Clone for NamedAddress<M> {
    fn clone(&self) -> Self {
        let (registry, name) = (self.registry.clone(), self.name.clone());
        Self { registry, name, message: PhantomData }
    }
}

impl<M: Send + 'static> fmt::Debug for NamedAddress<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedAddress({})", self.name)
    }
}
