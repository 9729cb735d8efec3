//! Waiting for names: until they are taken, until they are free, and addresses that follow them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::task::Poll;

use foundation_env::fault;
use foundation_process::{Address, CallError, DEFAULT_TIMEOUT, Reply, SendError};
use foundation_types::{Deadline, Pid};

use crate::entry::Entry;
use crate::error::{AwaitError, NamedCallError, NamedSendError, WatchError};
use crate::label::{LabelKind, checked};
use crate::name::Name;
use crate::namespace::{Purpose, Registration};
use crate::patience::Patience;
use crate::registry::{Held, Registry};
use crate::revision::Revision;
use crate::watch::{Watch, Watched};

/// How often a wait looks in one poll before it lets others run.
const LOOKS_MAX: usize = 8;

impl Registry {
    /// Waits until a name is taken, and returns what is registered under it.
    ///
    /// Beginning to wait takes a turn to write, for which it waits like any change ([`Registry::within`]), but never
    /// longer than until the deadline. A namespace that is new counts as used from then on, whether the name ever
    /// comes or not ([`Limits::namespaces_max`](crate::Limits)).
    ///
    /// # Errors
    ///
    /// `Timeout` at the deadline; `Watch` when the namespace cannot be watched: the turn did not come in time
    /// ([`WatchError::Busy`]), or a bound is reached, of namespaces or of waits
    /// ([`Limits::waits_per_namespace_max`](crate::Limits)).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn await_registered(
        &self,
        name: &Name,
        deadline: Deadline,
    ) -> Result<Registration, AwaitError> {
        self.until_name(name, deadline, || self.lookup(name)).await
    }

    /// Waits until `owner` no longer has a name: it has been freed, or another process has it. Waits as
    /// [`Registry::await_registered`] does, which also says what waiting uses up.
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
        let is_gone = || (self.whereis(name) != Some(owner)).then_some(());
        self.until_name(name, deadline, is_gone).await
    }

    /// Waits until a namespace has come to a revision, and returns the one that stands then. For who was told of
    /// a revision that a commit under way will have; one that a call has returned is there.
    ///
    /// Wakes with each change of the namespace. The numbers that stand between two changes belong to none: one
    /// of those may be noticed with the next change only, or at the deadline. Waits as
    /// [`Registry::await_registered`] does, which also says what waiting uses up.
    ///
    /// # Errors
    ///
    /// `NotReached` at the deadline; `Watch` as [`Registry::await_registered`], or when the text is no namespace.
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
        let watched = || {
            let label = checked(LabelKind::Namespace, namespace).map_err(WatchError::Label)?;
            Ok(Watched { held: Held::Names, label, interest: Box::new(|_| true) })
        };
        let missed = || {
            let (wanted, stands) = (revision, self.revision(namespace));
            AwaitError::NotReached { namespace: namespace.into(), wanted, stands }
        };
        self.until(deadline, watched, reached, missed).await
    }

    /// The address of a name, whoever has it.
    pub fn named<M: Send + 'static>(&self, name: Name) -> NamedAddress<M> {
        NamedAddress { registry: self.clone(), name, message: PhantomData }
    }

    /// Looks until there is an answer: now, and after each change of the name.
    async fn until_name<R>(
        &self,
        name: &Name,
        deadline: Deadline,
        look: impl Fn() -> Option<R>,
    ) -> Result<R, AwaitError> {
        let watched = || {
            let wanted = name.clone();
            let interest = Box::new(move |entry: &Entry| entry.name == wanted);
            Ok(Watched { held: Held::Names, label: name.namespace().into(), interest })
        };
        let missed = || AwaitError::Timeout { name: name.clone() };
        self.until(deadline, watched, look, missed).await
    }

    /// Looks until there is an answer: now, after each change of what is watched, and at the deadline.
    pub(crate) async fn until<R>(
        &self,
        deadline: Deadline,
        watched: impl FnOnce() -> Result<Watched, WatchError>,
        look: impl Fn() -> Option<R>,
        missed: impl FnOnce() -> AwaitError,
    ) -> Result<R, AwaitError> {
        if let Some(found) = look() {
            return Ok(found);
        }
        let Some(mut watch) = self.begin_wait(watched()?, deadline)? else {
            return look().ok_or_else(missed);
        };
        let answer = poll_fn(|cx| {
            for _ in 0..LOOKS_MAX {
                // After the watch began, or went on from what is newest, so that no change falls between.
                if let Some(found) = look() {
                    return Poll::Ready(found);
                }
                if watch.poll_changed(cx).is_pending() {
                    return Poll::Pending;
                }
                watch.skip_to_newest();
            }
            // Writers may be as fast as this is, and the deadline would never be looked at.
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let waited = self.shared().system().before(deadline, answer).await.ok();
        waited.or_else(look).ok_or_else(missed)
    }

    /// Begins to watch for a wait; none if the deadline came before the turn.
    fn begin_wait(
        &self,
        watched: Watched,
        deadline: Deadline,
    ) -> Result<Option<Watch>, WatchError> {
        let (env, bound) = (self.shared().system().env(), self.write_wait_max());
        let mut left = deadline.remaining(env.now()).filter(|left| *left <= bound);
        if fault::planted("registry_await_overruns") {
            left = None;
        }
        let mut patience = Patience::new(env, left.unwrap_or(bound));
        match self.begin_watch(watched, Purpose::Wait, &mut patience) {
            Ok(watch) => Ok(Some(watch)),
            Err(WatchError::Busy { .. }) if left.is_some() || deadline.has_passed(env.now()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A cheap handle to a name, whichever process has it.
///
/// It is used like an [`Address`]. While nobody has the name, because its owner is being restarted for
/// instance, it waits until the deadline, as [`Registry::await_registered`] does: at most
/// [`Limits::waits_per_namespace_max`](crate::Limits) wait in a namespace at one time, and one more is answered at
/// once with `Nobody` and [`WatchError::TooManyWaits`]. A namespace that is new counts as used once somebody waits.
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
    /// `Timeout` at the deadline, `OtherMessages` when the owner handles messages of another type, `Watch` as
    /// [`Registry::await_registered`].
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
    /// [`NamedSendError`], with the message: `Nobody` with what [`NamedAddress::resolve`] says, `Send` when the owner did
    /// not take it.
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
