//! Starting processes.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use foundation_env::fault;
use foundation_telemetry::catalogue;
use foundation_types::{Code, Deadline, ExitReason, Pid};

use crate::address::Address;
use crate::context::Context;
use crate::current::Graveyard;
use crate::exit::ExitGuard;
use crate::life::{ProcessFuture, live};
use crate::link::Links;
use crate::process::Process;
use crate::record::{AnyRecord, Identity, Kind, Record};
use crate::reply::{self, NoAnswer, Reply};
use crate::system::System;
use crate::timer;

/// Messages that may wait in a mailbox unless [`Spawn::mailbox`] says otherwise.
pub const DEFAULT_MAILBOX: u32 = 1024;

/// Why a process was not spawned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// The system is shutting down.
    ShuttingDown,
    /// The system has as many processes as it may have.
    TooManyProcesses {
        /// [`Limits::processes_max`](crate::Limits).
        limit: usize,
    },
    /// It is neither linked to a parent nor [supervised](Spawn::supervised) otherwise, and the system is strict
    /// about that; see [`Limits::strict_supervision`](crate::Limits).
    Unsupervised,
    /// The process it was to be linked to is dead.
    NoParent(Pid),
    /// The process it was to be linked to has as many links as it may have.
    TooManyLinks {
        /// The process it was to be linked to.
        parent: Pid,
        /// [`Limits::links_per_process_max`](crate::Limits).
        limit: usize,
    },
}

/// Why a process did not start.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StartError {
    /// It was not spawned.
    Spawn(SpawnError),
    /// It ended before its `init` was done.
    Init(ExitReason),
    /// Its `init` was not done before the deadline; it was killed.
    Timeout,
}

impl SpawnError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::ShuttingDown => Code::ServiceUnavailable,
            Self::TooManyProcesses { .. } | Self::TooManyLinks { .. } => Code::ResourceExhausted,
            Self::Unsupervised => Code::ConstraintViolation,
            Self::NoParent(_) => Code::ProcessNotAlive,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShuttingDown => f.write_str("the system is shutting down"),
            Self::TooManyProcesses { limit } => {
                write!(f, "the system already has {limit} processes, the most it may have")
            }
            Self::Unsupervised => f.write_str(
                "nobody supervises the process, which this system demands: make it the child of a supervisor",
            ),
            Self::NoParent(pid) => write!(f, "the process {pid} it was to be linked to is dead"),
            Self::TooManyLinks { parent, limit } => {
                write!(f, "the process {parent} it was to be linked to already has {limit} links")
            }
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(_) => f.write_str("not spawned"),
            Self::Init(reason) => write!(f, "init failed: {reason}"),
            Self::Timeout => f.write_str("init was not done before the deadline"),
        }
    }
}

impl From<SpawnError> for StartError {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl StartError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Spawn(error) => error.code(),
            Self::Init(_) => Code::InitializationFailed,
            Self::Timeout => Code::Timeout,
        }
    }

    /// Whether another try can succeed, as the code says. After `Init` that is for a supervisor to
    /// decide.
    pub fn is_retryable(&self) -> bool {
        self.code().retry().is_retryable()
    }

    /// What a supervisor takes as the exit reason of the child.
    pub fn into_reason(self) -> ExitReason {
        match self {
            Self::Init(reason) => reason,
            other => ExitReason::from(other),
        }
    }
}

/// A process about to be spawned. Made by [`System::process`] and [`Context::process`].
#[must_use = "nothing is spawned before `spawn` or `start`"]
pub struct Spawn<P: Process> {
    system: System,
    process: P,
    label: Option<Arc<str>>,
    mailbox: u32,
    parent: Option<Pid>,
    linked: bool,
    supervised: bool,
}

impl<P: Process> Spawn<P> {
    pub(crate) fn new(system: System, process: P) -> Self {
        Self {
            system,
            process,
            label: None,
            mailbox: DEFAULT_MAILBOX,
            parent: None,
            linked: false,
            supervised: false,
        }
    }

    /// Gives the process a name for humans. It need not be unique and finds nothing.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets how many messages may wait: 1,024 by default, at least one.
    pub fn mailbox(mut self, bound: u32) -> Self {
        self.mailbox = bound.max(1);
        self
    }

    /// Names the process whose orders it follows: when a linked parent ends abnormally the child
    /// ends too, even if it traps exits. Of a normal end it is told if it traps exits.
    pub fn parent(mut self, parent: Pid) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Links the process to its parent before it runs; without a parent it does nothing.
    pub fn linked(mut self) -> Self {
        self.linked = true;
        self
    }

    /// Says that the process is part of a supervision tree without a link: it is the tree's root, or whoever
    /// spawns it keeps books of it and ends it. A strict system demands this or a link.
    pub fn supervised(mut self) -> Self {
        self.supervised = true;
        self
    }

    /// Spawns the process and returns at once; its `init` runs as its first step.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    pub fn spawn(self) -> Result<Address<P::Message>, SpawnError> {
        self.launch(None)
    }

    /// Spawns the process and waits until its `init` is done.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. After `Init` the process is dead, after `Timeout` it is killed.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped the process runs on.
    pub async fn start(self, deadline: Deadline) -> Result<Address<P::Message>, StartError> {
        let system = self.system.clone();
        let (started, answer) = reply::channel();
        let address = self.launch(Some(started))?;
        match timer::before(system.timers(), deadline, answer).await {
            Ok(Ok(())) => Ok(address),
            Ok(Err(NoAnswer)) => {
                Err(StartError::Init(address.exit_reason().unwrap_or(ExitReason::Killed)))
            }
            Err(timer::Elapsed) => {
                system.kill(address.pid());
                Err(StartError::Timeout)
            }
        }
    }

    fn launch(self, started: Option<Reply<()>>) -> Result<Address<P::Message>, SpawnError> {
        let inner = self.system.inner();
        let link = self.parent.filter(|_| self.linked);
        let is_supervised = self.supervised || link.is_some();
        if inner.limits().strict_supervision
            && !is_supervised
            && !fault::planted("unsupervised_admitted")
        {
            return Err(SpawnError::Unsupervised);
        }
        let pid = inner.admit()?;
        let identity = Identity {
            pid,
            parent: self.parent,
            bound: self.mailbox,
            born: inner.next_id(),
            kind: KindOf::<P>::KIND,
            label: self.label,
            system: self.system.clone(),
        };
        let links = link.map_or(Links::None, Links::One);
        let record = Arc::new(Record::new(identity, links));
        inner.table().fill(pid, Arc::clone(&record) as Arc<dyn AnyRecord>);
        let mut guard = ExitGuard::new(Arc::clone(&record) as Arc<dyn AnyRecord>);
        // Once more, now that a shutdown can find it: a shutdown that looked before began before.
        if inner.is_closing() {
            guard.conclude(&ExitReason::SHUTDOWN, Graveyard::default(), || ());
            return Err(SpawnError::ShuttingDown);
        }
        if let Some(parent) = link {
            let limit = inner.limits().links_per_process_max;
            let joined = join_parent(inner.table().get(parent).as_deref(), parent, pid, limit);
            if let Err(error) = joined {
                // It never ran, so its end is no crash.
                guard.conclude(&ExitReason::SHUTDOWN, Graveyard::default(), || ());
                return Err(error);
            }
        }
        catalogue::PROCESS_SPAWNED.emit(inner.telemetry().events(), || {
            ([], [pid.into(), record.identity().name().into()])
        });
        let body = live(self.process, Context::new(Arc::clone(&record), started));
        inner.env().spawn(ProcessFuture::new(body, guard, inner.telemetry().outgoing_context()));
        Ok(Address::new(record))
    }
}

/// The kind of a process type, in one place in memory.
struct KindOf<P>(PhantomData<P>);

impl<P: Process> KindOf<P> {
    const KIND: &'static Kind = &Kind {
        type_name: std::any::type_name::<P>,
        message_type: std::any::type_name::<P::Message>,
        message_kinds: P::MESSAGE_KINDS,
    };
}

/// Enters the child in its parent's links.
fn join_parent(
    record: Option<&dyn AnyRecord>,
    parent: Pid,
    child: Pid,
    limit: usize,
) -> Result<(), SpawnError> {
    let Some(record) = record else { return Err(SpawnError::NoParent(parent)) };
    record.locked(|control| {
        if control.exit.is_some() {
            return Err(SpawnError::NoParent(parent));
        }
        if control.links.len() >= limit {
            return Err(SpawnError::TooManyLinks { parent, limit });
        }
        control.links.insert(child);
        Ok(())
    })
}

impl<P: Process> fmt::Debug for Spawn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn")
            .field("label", &self.label)
            .field("mailbox", &self.mailbox)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}
