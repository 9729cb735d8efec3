//! Registering without waiting for the turn.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::{Env, Sleep, fault};
use foundation_types::{Instant, Pid};

use crate::batch::NewEntry;
use crate::entry::Entry;
use crate::error::RegisterError;
use crate::metadata::Metadata;
use crate::name::Name;
use crate::namespace::{Commit, Namespace, Published, Request};
use crate::patience::Patience;
use crate::registry::Registry;
use crate::revision::Revision;

type Outcome = Result<Revision, RegisterError>;

impl Registry {
    /// As [`Registry::register`], without ever waiting for a turn: if others write, the registration is queued and
    /// made by whoever ends that turn. The [`Ticket`] is a future of the same result.
    ///
    /// Those of one caller are made in the order of its calls. A ticket that is dropped takes nothing back. A
    /// registration whose turn does not come within the bound of the handle ([`Registry::within`]) is never made.
    ///
    /// # Errors
    ///
    /// The ticket has those of [`Registry::register`]: `Busy` at the end of the bound, or at once when too many
    /// wait ([`Limits::waiting_registrations_max`](crate::Limits)), or when the namespace is new and another one is made at the same moment.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Registry};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let name = Name::new("agents", "reader-1")?;
    /// let ticket = registry.register_async(worker.pid(), name.clone(), Metadata::new(["text.read"])?);
    /// let revision = ticket.await?;
    /// assert_eq!(registry.revision("agents"), revision);
    /// # Ok(())
    /// # }
    /// ```
    pub fn register_async(&self, pid: Pid, name: Name, metadata: Metadata) -> Ticket {
        match self.register_soon(pid, name, metadata) {
            Ok(ticket) => ticket,
            Err(error) => Ticket(Kind::Decided(Err(error))),
        }
    }

    fn register_soon(
        &self,
        pid: Pid,
        name: Name,
        metadata: Metadata,
    ) -> Result<Ticket, RegisterError> {
        let env = self.shared().system().env();
        let namespace = self.namespace_of(&name, &mut Patience::new(env, Duration::ZERO))?;
        let asked_at = env.now();
        let entry = self.entry(NewEntry { pid, name, metadata }, asked_at)?;
        let hash = namespace.key(&entry.name).hash;
        if let Some(turn) = namespace.turn_now() {
            let mut commit = Commit::new(namespace, turn);
            self.enter(&mut commit, namespace, hash, entry, true)?;
            return Ok(Ticket(Kind::Decided(Ok(self.shared().finish(commit.publish())))));
        }
        let bound = self.write_wait_max();
        let waiting = Waiting {
            shared: Arc::new(Mutex::new(State::Waiting(None))),
            env: env.clone(),
            expiry: None,
            asked_at,
            deadline: asked_at.saturating_add(bound),
            namespace: Arc::clone(&namespace.label),
        };
        let registering = Registering {
            registry: self.clone(),
            namespace: Arc::clone(namespace),
            hash,
            name: entry.name.clone(),
            entry: Some(entry),
            asked_at,
            deadline: waiting.deadline,
            outcome: Ok(()),
            shared: Arc::clone(&waiting.shared),
        };
        let len_max = self.shared().limits().waiting_registrations_max;
        match namespace.request(Box::new(registering), len_max) {
            Ok(()) => Ok(Ticket(Kind::Waiting(waiting))),
            Err(_full) => Err(busy(&namespace.label, Duration::ZERO)),
        }
    }
}

fn busy(namespace: &Arc<str>, waited: Duration) -> RegisterError {
    RegisterError::Busy { namespace: Arc::clone(namespace), waited }
}

/// What becomes of a registration that was asked for with [`Registry::register_async`].
///
/// # Cancel safety
///
/// Dropping it forgets the answer; the registration is made or refused all the same.
#[must_use = "it says whether the registration was made"]
pub struct Ticket(Kind);

enum Kind {
    Decided(Outcome),
    Waiting(Waiting),
}

struct Waiting {
    shared: Arc<Mutex<State>>,
    env: Env,
    /// Made by the first poll: many tickets are never waited for.
    expiry: Option<Sleep>,
    asked_at: Instant,
    deadline: Instant,
    namespace: Arc<str>,
}

/// How far a queued registration is. It is taken or given up under this lock, so never both.
enum State {
    /// Nobody has taken it up.
    Waiting(Option<Waker>),
    /// Somebody makes it.
    Taken(Option<Waker>),
    Decided(Outcome),
}

/// A registration in the queue.
struct Registering {
    registry: Registry,
    namespace: Arc<Namespace>,
    hash: u64,
    name: Name,
    entry: Option<Entry>,
    asked_at: Instant,
    deadline: Instant,
    outcome: Result<(), RegisterError>,
    shared: Arc<Mutex<State>>,
}

impl Ticket {
    /// Returns the result if there is one by now. Past the bound of the handle there is: `Busy`, unless somebody makes
    /// the registration at this moment.
    pub fn try_result(&self) -> Option<Result<Revision, RegisterError>> {
        match &self.0 {
            Kind::Waiting(waiting) if waiting.is_late() => waiting.give_up(),
            kind => kind.decided(),
        }
    }
}

impl Future for Ticket {
    type Output = Result<Revision, RegisterError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = match &mut self.0 {
            Kind::Decided(outcome) => return Poll::Ready(outcome.clone()),
            Kind::Waiting(waiting) => waiting,
        };
        // A stranger's code, so before the lock; the one it takes the place of is dropped after.
        let waker = cx.waker().clone();
        let replaced = match &mut *waiting.shared.lock() {
            State::Decided(outcome) => return Poll::Ready(outcome.clone()),
            State::Waiting(kept) | State::Taken(kept) => kept.replace(waker),
        };
        drop(replaced);
        let Waiting { env, expiry, deadline, .. } = waiting;
        let expiry = expiry.get_or_insert_with(|| env.sleep_until(*deadline));
        match Pin::new(expiry).poll(cx) {
            Poll::Ready(()) => waiting.give_up().map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Kind {
    fn decided(&self) -> Option<Outcome> {
        match self {
            Self::Decided(outcome) => Some(outcome.clone()),
            Self::Waiting(waiting) => match &*waiting.shared.lock() {
                State::Decided(outcome) => Some(outcome.clone()),
                State::Waiting(_) | State::Taken(_) => None,
            },
        }
    }
}

impl Waiting {
    fn is_late(&self) -> bool {
        self.env.now() >= self.deadline && !fault::planted("registry_ticket_asked_never_ends")
    }

    /// Refuses it at its deadline, unless somebody has taken it up.
    fn give_up(&self) -> Option<Outcome> {
        let waited = self.env.now().saturating_duration_since(self.asked_at);
        let mut state = self.shared.lock();
        match &*state {
            State::Decided(outcome) => Some(outcome.clone()),
            State::Taken(_) => None,
            State::Waiting(_) => {
                let outcome = Err(busy(&self.namespace, waited));
                let before = std::mem::replace(&mut *state, State::Decided(outcome.clone()));
                drop(state);
                drop(before);
                Some(outcome)
            }
        }
    }
}

impl Registering {
    /// Has the one outcome told that there is, whoever waits for it.
    fn tell(&self, outcome: Outcome) {
        let mut state = self.shared.lock();
        let waker = match &mut *state {
            State::Decided(_) => return,
            State::Waiting(waker) | State::Taken(waker) => waker.take(),
        };
        *state = State::Decided(outcome);
        drop(state);
        if let Some(waker) = waker {
            self.registry.shared().system().contain(|| waker.wake());
        }
    }

    /// Takes it up, unless it was given up.
    fn take(&self) -> bool {
        let mut state = self.shared.lock();
        let State::Waiting(waker) = &mut *state else { return false };
        *state = State::Taken(waker.take());
        true
    }
}

impl Request for Registering {
    fn decide(&mut self, commit: &mut Commit<'_>) {
        let now = self.registry.now();
        let Some(entry) = self.entry.take() else { return };
        if !self.take() {
            return;
        }
        if now > self.deadline && !fault::planted("registry_late_registration_made") {
            let waited = now.saturating_duration_since(self.asked_at);
            self.outcome = Err(busy(&self.namespace.label, waited));
            return;
        }
        let entered = self.registry.enter(commit, &self.namespace, self.hash, entry, true);
        self.outcome = entered.map(drop);
    }

    fn finish(&self, published: Published) -> Revision {
        self.registry.shared().finish(published)
    }

    fn answer(mut self: Box<Self>, revision: Revision) {
        let outcome = std::mem::replace(&mut self.outcome, Ok(()));
        self.tell(outcome.map(|()| revision));
    }

    fn carrier(&self) -> Box<dyn FnOnce()> {
        let rest = Rest(Arc::clone(&self.namespace));
        let env = self.registry.shared().system().env().clone();
        Box::new(move || env.spawn(rest.serve()))
    }
}

/// Its turn was interrupted before there was an answer.
impl Drop for Registering {
    fn drop(&mut self) {
        self.tell(Err(RegisterError::Interrupted { name: self.name.clone() }));
    }
}

/// Serves what is left. A task does it, and lets others run in between; if there are no tasks any more its drop
/// does.
struct Rest(Arc<Namespace>);

impl Rest {
    async fn serve(self) {
        while self.0.serve_some(false) {
            let mut gave_way = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut gave_way, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        // It may be dropped by a panic of its own, which is to be the only one.
        drop(catch_unwind(AssertUnwindSafe(|| while self.0.serve_some(false) {})));
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Printing decides nothing.
        f.debug_tuple("Ticket").field(&self.0.decided()).finish()
    }
}
