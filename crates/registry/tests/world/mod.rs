//! What the registry's tests share: a process that dies in every way, and short forms.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Address, Context, Outcome, Process, Reply, System};
use foundation_registry::{Health, Limits, Metadata, Name, Registry};
use foundation_types::{Code, Error, ExitReason, Pid};

/// The ways in which a process can end that somebody can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Return,
    Error,
    Panic,
    Kill,
    Stop,
    ExitSignal,
}

impl Way {
    pub(crate) const ALL: [Self; 6] =
        [Self::Return, Self::Error, Self::Panic, Self::Kill, Self::Stop, Self::ExitSignal];

    /// Brings the end about; returns at once.
    pub(crate) fn end(self, system: &System, worker: &Address<Task>) {
        let pid = worker.pid();
        match self {
            Self::Return | Self::Error | Self::Panic => {
                let sent = worker.try_send(Task::End(self));
                assert!(sent.is_ok(), "{pid} is dead or full");
            }
            Self::Kill => assert!(system.kill(pid)),
            Self::Stop => assert!(system.stop(pid, ExitReason::SHUTDOWN)),
            Self::ExitSignal => assert!(system.exit(pid, ExitReason::shutdown_because("test"))),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Task {
    End(Way),
    /// Never answered: the call fails when the worker dies.
    Keep(Reply<()>),
}

/// A process that carries a value of the test's choice, for what its drop does.
pub(crate) struct Worker<S> {
    /// Held for its drop.
    _state: S,
    kept: Vec<Reply<()>>,
}

impl<S> Worker<S> {
    pub(crate) fn new(state: S) -> Self {
        Self { _state: state, kept: Vec::new() }
    }
}

impl<S: Send + 'static> Process for Worker<S> {
    type Message = Task;

    async fn handle(&mut self, task: Task, context: &mut Context<Task>) -> Outcome {
        match task {
            Task::End(Way::Error) => return Err(Error::new(Code::Unknown, "asked to fail").into()),
            Task::End(Way::Panic) => unreachable!("asked to panic"),
            Task::End(_) => context.stop(ExitReason::Normal),
            Task::Keep(reply) => self.kept.push(reply),
        }
        Ok(())
    }
}

/// How long a change waits for its turn: no test is about how busy the machine is, but those that say so.
const PATIENCE: Duration = Duration::from_mins(1);

/// A system with its registry.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) registry: Registry,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) fn new(env: Env) -> Self {
        let system = System::new(env);
        let registry = Registry::new(system.clone()).within(PATIENCE);
        Self { system, registry, complaints: Arc::default() }
    }

    /// Begins with another registry, which has these limits.
    pub(crate) fn limit(&mut self, limits: Limits) {
        self.registry = Registry::with_limits(self.system.clone(), limits).within(PATIENCE);
    }

    pub(crate) fn worker(&self) -> Address<Task> {
        self.worker_with(())
    }

    pub(crate) fn worker_with<S: Send + 'static>(&self, state: S) -> Address<Task> {
        self.system.spawn(Worker::new(state)).expect("the system takes processes")
    }

    pub(crate) async fn kill(&self, pid: Pid) {
        let down = self.system.monitor(pid);
        self.system.kill(pid);
        down.await;
    }

    /// Notes a failed expectation; a panic inside a process would only end the process.
    pub(crate) fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(what());
        }
    }

    pub(crate) fn assert_content(&self) {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

/// Runs a test in a simulated world, with one seed and with limits of its own.
pub(crate) fn in_world<F: Future<Output = ()>>(limits: Limits, test: impl FnOnce(World) -> F) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let mut world = World::new(simulation.env());
    world.limit(limits);
    simulation.block_on(test(world));
}

pub(crate) fn name(namespace: &str, id: &str) -> Name {
    Name::new(namespace, id).expect("the test's names are valid")
}

pub(crate) fn can(capabilities: &[&str]) -> Metadata {
    Metadata::new(capabilities.iter().copied()).expect("the test's capabilities are valid")
}

/// What metadata says beside its instants, which the registry fills in.
pub(crate) fn said(metadata: &Metadata) -> (Vec<String>, Health) {
    (metadata.capabilities().map(str::to_owned).collect(), metadata.health())
}

/// Lets others run once.
pub(crate) async fn give_way() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
