//! Child specifications: what a supervisor has to know to start, stop and restart a child.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{DEFAULT_MAILBOX, Process};

use crate::address::ChildAddress;
use crate::backoff::Backoff;
use crate::launch::{Recipe, Starter};
use crate::lineage::Supervises;
use crate::restart::Restart;
use crate::role::{AnyRole, Ready};

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is killed.
    BrutalKill,
    /// It is told to shut down, and killed when it has not ended after this time.
    Timeout(Duration),
    /// It is told to shut down and waited for. For supervisors, whose children have limits of
    /// their own.
    Infinity,
}

impl Default for Shutdown {
    /// Five seconds.
    fn default() -> Self {
        Self::Timeout(Duration::from_secs(5))
    }
}

/// What a child is, for those who count children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChildKind {
    /// Does the work.
    Worker,
    /// Has children of its own.
    Supervisor,
}

/// A child for a supervisor: its id, how its processes are made, and how they are treated.
///
/// The type of the process is erased, so children of all types go into one supervisor. The process
/// is made by the factory each time it is started, inside its own process.
///
/// A clone stands for the same child: all clones share one role, so an address taken from one
/// finds the process started from another. Use it in one supervisor at a time. A factory of a
/// nested supervisor that clones its specifications keeps such addresses good when the nested
/// supervisor itself is restarted.
///
/// # Examples
///
/// ```
/// use foundation_process::{Context, Outcome, Process, Reply, System};
/// use foundation_supervisor::{ChildSpec, Restart, Strategy, Supervisor};
///
/// struct Counter(u64);
///
/// enum Message {
///     Next(Reply<u64>),
/// }
///
/// impl Process for Counter {
///     type Message = Message;
///
///     async fn handle(&mut self, message: Message, _: &mut Context<Message>) -> Outcome {
///         let Message::Next(reply) = message;
///         self.0 += 1;
///         reply.send(self.0);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::current();
/// let spec = ChildSpec::new("counter", || Counter(0)).restart(Restart::Transient);
/// let counter = spec.address().ok_or("another message type")?;
/// Supervisor::new(Strategy::OneForOne).child(spec).start(&system).await?;
/// assert_eq!(counter.call(Message::Next).await?, 1);
/// assert_eq!(counter.call(Message::Next).await?, 2);
///
/// let down = system.monitor(counter.current()?.pid());
/// system.kill(down.pid());
/// down.await;
/// // The address names the role, so it waits for the restarted process.
/// assert_eq!(counter.call(Message::Next).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: Arc<str>,
    pub(crate) starter: Arc<dyn Starter>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) kind: ChildKind,
    pub(crate) mailbox: u32,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
}

/// How long `init` of a worker may take unless [`ChildSpec::start_timeout`] says otherwise: OTP
/// waits without limit, and one child that hangs then hangs its whole tree.
const START_TIMEOUT: Duration = Duration::from_secs(30);

impl ChildSpec {
    /// Specifies a worker: permanent, five seconds to shut down, a mailbox of 1,024 messages, 30 s
    /// for its `init`.
    pub fn new<P: Process>(
        id: impl Into<Arc<str>>,
        factory: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        Self::from_starter(id.into(), Recipe::starter(move |_: Ready| factory(), false, |_, _| ()))
    }

    /// Specifies a worker that says itself when it serves, some time after its `init`: see
    /// [`Ready`].
    pub fn with_readiness<P: Process>(
        id: impl Into<Arc<str>>,
        factory: impl Fn(Ready) -> P + Send + Sync + 'static,
    ) -> Self {
        Self::from_starter(id.into(), Recipe::starter(factory, true, |_, _| ()))
    }

    /// Specifies a nested supervisor: permanent, with unlimited time to start and to shut down.
    ///
    /// It counts as ended only when all processes of its former subtree are Dead, also when it was
    /// killed: until then it is neither restarted, nor are its siblings, nor does its supervisor end.
    pub fn supervisor<P: Supervises>(
        id: impl Into<Arc<str>>,
        factory: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        let starter = Recipe::starter(move |_: Ready| factory(), false, P::inherit);
        let mut spec = Self::from_starter(id.into(), starter).shutdown(Shutdown::Infinity);
        spec.kind = ChildKind::Supervisor;
        spec.start_timeout = None;
        spec
    }

    fn from_starter(id: Arc<str>, starter: Arc<dyn Starter>) -> Self {
        Self {
            id,
            starter,
            restart: Restart::default(),
            shutdown: Shutdown::default(),
            significant: false,
            kind: ChildKind::Worker,
            mailbox: DEFAULT_MAILBOX,
            start_timeout: Some(START_TIMEOUT),
            backoff: None,
        }
    }

    /// Sets which ends lead to a restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Makes its end count for [`AutoShutdown`](crate::AutoShutdown). A permanent child cannot be
    /// significant, since it never ends for good.
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }

    /// Sets how many messages may wait in its mailbox.
    #[must_use]
    pub fn mailbox(mut self, bound: u32) -> Self {
        self.mailbox = bound;
        self
    }

    /// Sets how long its `init` may take; `None` is without limit.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// Sets the waits before its restarts, in place of its supervisor's.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Sets what it counts as, for a supervisor that is not one of this crate.
    #[must_use]
    pub fn kind(mut self, kind: ChildKind) -> Self {
        self.kind = kind;
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// An address of the role, good before the child is started and through all its restarts.
    /// `None` when its process handles another type of messages.
    pub fn address<M: Send + 'static>(&self) -> Option<ChildAddress<M>> {
        ChildAddress::find(Arc::clone(&self.id), self.starter.typed_role())
    }

    pub(crate) fn role(&self) -> &dyn AnyRole {
        self.starter.role()
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("significant", &self.significant)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
