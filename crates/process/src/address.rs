//! Typed handles to one incarnation of a process.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use foundation_types::{Deadline, ExitReason, Pid};

use crate::current;
use crate::deadlock::{self, Shown};
use crate::error::{CallError, SendError, TrySendError};
use crate::record::{AnyRecord, Identity, Record, Refusal, Room};
use crate::reply::{self, Reply};
use crate::system::System;
use crate::timer::Expiry;
use crate::watch;

/// The wait of [`Address::send`] and [`Address::call`], as in OTP's `gen_server:call`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A cheap handle to one incarnation of a process that handles messages of type `M`.
///
/// It does not keep the process alive, and it never reaches a restarted one: once the process is
/// dead every operation says so. To find the restarted process use its supervisor's or registry's
/// address.
///
/// Messages from one process to another arrive in the order in which they were sent, at most once.
pub struct Address<M: Send + 'static> {
    record: Arc<Record<M>>,
}

impl<M: Send + 'static> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { record: Arc::clone(&self.record) }
    }
}

impl<M: Send + 'static> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.record, &other.record)
    }
}

impl<M: Send + 'static> Eq for Address<M> {}

impl<M: Send + 'static> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.pid())
    }
}

impl<M: Send + 'static> Address<M> {
    pub(crate) fn new(record: Arc<Record<M>>) -> Self {
        Self { record }
    }

    /// The process's pid.
    pub fn pid(&self) -> Pid {
        self.record.identity().pid
    }

    /// A total order of all processes of the program: by pid, and those of different systems, which count
    /// their own, by their place in memory.
    pub(crate) fn order(&self) -> (Pid, usize) {
        (self.pid(), Arc::as_ptr(&self.record).addr())
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.record.identity()
    }

    /// The system it runs in.
    pub fn system(&self) -> &System {
        &self.record.identity().system
    }

    /// Whether the process has not yet died. True is a statement about the past.
    pub fn is_alive(&self) -> bool {
        self.exit_reason().is_none()
    }

    /// Why the process died, if it did.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        let record: &dyn AnyRecord = &*self.record;
        record.exit_reason()
    }

    /// Messages accepted and not yet handled.
    pub fn depth(&self) -> u64 {
        let record: &dyn AnyRecord = &*self.record;
        record.depth()
    }

    /// The greatest number of messages that may wait.
    pub fn capacity(&self) -> u32 {
        self.record.identity().bound
    }

    /// Queues a message without waiting.
    ///
    /// # Errors
    ///
    /// `Full` when the mailbox has no room or others wait for room; `NoProcess` when the process
    /// is dead. Both give the message back.
    #[inline]
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.record.try_push(message).map_err(|refusal| match refusal {
            Refusal::Full(message) => TrySendError::Full(message),
            Refusal::Dead(message) => TrySendError::NoProcess(message),
        })
    }

    /// Queues a message, waiting up to five seconds for room.
    ///
    /// # Errors
    ///
    /// See [`Address::send_until`].
    ///
    /// # Cancel safety
    ///
    /// See [`Address::send_until`].
    #[inline]
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        match self.record.try_push(message) {
            Ok(()) => Ok(()),
            Err(Refusal::Dead(message)) => Err(SendError::NoProcess(message)),
            Err(Refusal::Full(message)) => {
                let deadline = self.default_deadline();
                self.push_when_room(message, deadline).await
            }
        }
    }

    /// Queues a message, waiting for room until `deadline`. Waiting senders are served in the
    /// order in which they came.
    ///
    /// # Errors
    ///
    /// `NoProcess` when the process is dead, `Timeout` at the deadline, `Deadlock` when waiting
    /// would never end. All give the message back.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message was not sent; a place that was
    /// granted to it goes to the next sender.
    pub async fn send_until(&self, message: M, deadline: Deadline) -> Result<(), SendError<M>> {
        match self.record.try_push(message) {
            Ok(()) => Ok(()),
            Err(Refusal::Dead(message)) => Err(SendError::NoProcess(message)),
            Err(Refusal::Full(message)) => self.push_when_room(message, deadline).await,
        }
    }

    /// Queues a message and waits until the process has handled it and everything before it.
    ///
    /// # Errors
    ///
    /// As [`Address::call_until`]; `Timeout` leaves open whether the message is handled later.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped future may or may not have sent.
    pub async fn send_acknowledged(&self, message: M, deadline: Deadline) -> Result<(), CallError> {
        self.refuse_self()?;
        self.send_until(message, deadline).await.map_err(CallError::from)?;
        let Some(answer) = watch::acknowledge(&*self.record) else {
            return Err(self.died_or(CallError::NoProcess));
        };
        self.wait_answer(answer, false, deadline).await
    }

    /// Reserves room for one message, waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`Address::send_until`], with nothing to give back.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; the place in the queue is lost.
    pub async fn reserve(&self, deadline: Deadline) -> Result<Permit<M>, SendError<()>> {
        self.wait_room(deadline).await.map_err(|error| error.map(|()| ()))?;
        Ok(Permit { record: Some(Arc::clone(&self.record)) })
    }

    /// Sends a message made around a reply port and waits up to five seconds for the answer, counted
    /// from the call and not from the first poll.
    ///
    /// # Errors
    ///
    /// See [`Address::call_until`].
    ///
    /// # Cancel safety
    ///
    /// See [`Address::call_until`].
    pub fn call<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> M,
    ) -> impl Future<Output = Result<R, CallError>> {
        self.call_until(make, self.default_deadline())
    }

    /// Sends a message made around a reply port and waits for the answer until `deadline`, which
    /// also limits the wait for room.
    ///
    /// # Errors
    ///
    /// `NoProcess` when the process was dead, `Exited` with its reason when it died before it
    /// answered, `NoReply` when it dropped the port, `Timeout` at the deadline, `Deadlock` when
    /// the answer can never come.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the message may be handled all the same; its answer goes nowhere.
    pub async fn call_until<R: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<R>) -> M,
        deadline: Deadline,
    ) -> Result<R, CallError> {
        self.refuse_self()?;
        let mut make = Some(make);
        // The waker goes into the slot before the message goes out: the common call then looks at
        // the slot once, when it is woken.
        let (answer, pushed) = poll_fn(|cx| {
            let (port, answer) = reply::channel_waking(Some(cx.waker().clone()));
            let Some(make) = make.take() else { return Poll::Pending };
            Poll::Ready((answer, self.record.try_push(make(port))))
        })
        .await;
        let registered = match pushed {
            Ok(()) => true,
            Err(Refusal::Dead(_)) => return Err(CallError::NoProcess),
            Err(Refusal::Full(message)) => {
                let pushed = Box::pin(self.push_when_room(message, deadline)).await;
                pushed.map_err(CallError::from)?;
                false
            }
        };
        self.wait_answer(answer, registered, deadline).await
    }

    fn default_deadline(&self) -> Deadline {
        Deadline::after(self.system().env().now(), DEFAULT_TIMEOUT)
    }

    /// A process that waits for itself waits for ever.
    fn refuse_self(&self) -> Result<(), CallError> {
        if current::is(Some(&*self.record)) {
            let own = self.pid();
            return Err(CallError::Deadlock { path: vec![own, own] });
        }
        Ok(())
    }

    fn died_or(&self, otherwise: CallError) -> CallError {
        self.exit_reason().map_or(otherwise, CallError::Exited)
    }

    /// `registered` says that the answer has the waker of the poll that is under way.
    async fn wait_answer<R: Send + 'static>(
        &self,
        mut answer: reply::Answer<R>,
        mut registered: bool,
        deadline: Deadline,
    ) -> Result<R, CallError> {
        let mut wait = Wait::new(self, deadline);
        poll_fn(|cx| {
            if !std::mem::take(&mut registered)
                && let Poll::Ready(outcome) = Pin::new(&mut answer).poll(cx)
            {
                let failed = |reply::NoAnswer| self.died_or(CallError::NoReply);
                return Poll::Ready(outcome.map_err(failed));
            }
            wait.poll_pending(cx, |shown| answer.enlist(shown)).map(|stop| Err(stop.into()))
        })
        .await
    }

    #[cold]
    async fn push_when_room(&self, message: M, deadline: Deadline) -> Result<(), SendError<M>> {
        match self.wait_room(deadline).await {
            Ok(()) => self.record.push_reserved(message).map_err(SendError::NoProcess),
            Err(error) => Err(error.map(|()| message)),
        }
    }

    async fn wait_room(&self, deadline: Deadline) -> Result<(), SendError<()>> {
        let mut place = Place { record: &self.record, ticket: None };
        let mut wait = Wait::new(self, deadline);
        poll_fn(|cx| {
            let room = self.record.poll_room(&mut place.ticket, cx.waker());
            let enlist = |shown| self.record.enlist(place.ticket, shown);
            match room {
                Room::Reserved => Poll::Ready(Ok(())),
                Room::Dead => Poll::Ready(Err(SendError::NoProcess(()))),
                Room::Waiting => wait.poll_pending(cx, enlist).map(|stop| {
                    Err(match stop {
                        Stop::Timeout => SendError::Timeout(()),
                        Stop::Deadlock(path) => SendError::Deadlock { message: (), path },
                    })
                }),
            }
        })
        .await
    }
}

/// A place in the queue for room, left when dropped.
struct Place<'a, M: Send + 'static> {
    record: &'a Record<M>,
    ticket: Option<u64>,
}

impl<M: Send + 'static> Drop for Place<'_, M> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.record.leave_queue(ticket);
        }
    }
}

/// Why a wait was given up.
enum Stop {
    Timeout,
    Deadlock(Vec<Pid>),
}

impl From<Stop> for CallError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Timeout => Self::Timeout,
            Stop::Deadlock(path) => Self::Deadlock { path },
        }
    }
}

/// What every wait for another process has: a deadline, and a look for cycles.
struct Wait<'a> {
    target: &'a dyn AnyRecord,
    deadline: Deadline,
    expiry: Expiry<'a>,
    /// The process that waits: the one whose poll was the last that was pending.
    process: Option<Arc<dyn AnyRecord>>,
    /// A cycle was found that ends by itself.
    reported: bool,
}

impl<'a> Wait<'a> {
    fn new<M: Send + 'static>(address: &'a Address<M>, deadline: Deadline) -> Self {
        Self {
            target: &*address.record,
            deadline,
            expiry: Expiry::new(address.system().timers(), deadline),
            process: None,
            reported: false,
        }
    }

    /// After a pending poll: shows the wait and looks for a cycle, when it is new here or no wait of the
    /// process is shown, then looks for the deadline. `enlist` tells the other side which wait to hide,
    /// or that there is none; it says false when the wait is already over.
    fn poll_pending(
        &mut self,
        cx: &mut TaskContext<'_>,
        enlist: impl Fn(Option<Shown>) -> bool,
    ) -> Poll<Stop> {
        let moved = !current::is(self.process.as_deref());
        if moved && std::mem::replace(&mut self.process, current::record()).is_some() {
            enlist(None);
        }
        let endless = self.deadline.is_never();
        if let Some(process) = &self.process
            && (moved || deadlock::is_clear(&**process))
            && let Some(shown) = deadlock::show(process, self.target, endless)
            && enlist(Some(shown))
            && let Some(cycle) = deadlock::find(&**process, self.target, endless)
        {
            if cycle.endless || !std::mem::replace(&mut self.reported, true) {
                process.identity().system.inner().note_deadlock(&cycle);
            }
            if cycle.endless {
                return Poll::Ready(Stop::Deadlock(cycle.path));
            }
        }
        self.expiry.poll_expired(cx).map(|()| Stop::Timeout)
    }
}

/// Room for one message in a mailbox; given back when dropped.
#[must_use = "dropping a permit gives the room back"]
pub struct Permit<M: Send + 'static> {
    record: Option<Arc<Record<M>>>,
}

impl<M: Send + 'static> Permit<M> {
    /// Queues the message in the reserved room. Never waits.
    ///
    /// # Errors
    ///
    /// `NoProcess`, with the message, when the process died meanwhile.
    pub fn send(mut self, message: M) -> Result<(), SendError<M>> {
        match self.record.take() {
            Some(record) => record.push_reserved(message).map_err(SendError::NoProcess),
            None => Err(SendError::NoProcess(message)),
        }
    }
}

impl<M: Send + 'static> Drop for Permit<M> {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.release_room();
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Permit<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
