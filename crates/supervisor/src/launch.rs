//! Starting a child: from a specification without a type to a process with one.

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::{Either, select_biased};
use foundation_process::{Address, Context, Outcome, Process, Reply, Signal, SpawnError, System};
use foundation_types::{Code, Error, ExitReason, Pid};

use crate::error::SupervisorError;
use crate::level::Level;
use crate::lineage::Lineage;
use crate::role::{AnyRole, Ready, Role};

/// The way back to whoever asked for a child.
pub(crate) type StartReply = Reply<Result<Pid, SupervisorError>>;

/// How a child is to be spawned.
pub(crate) struct Launch<'a> {
    pub(crate) system: &'a System,
    pub(crate) parent: Pid,
    pub(crate) label: Arc<str>,
    pub(crate) mailbox: u32,
    pub(crate) start_timeout: Option<Duration>,
    /// Where the child notes whom it leaves behind.
    pub(crate) lineage: Lineage,
    /// Whom to tell that the child has started, beside those who wait for [`Started`].
    pub(crate) reply: Option<StartReply>,
}

/// A child that was spawned and perhaps has not started yet.
pub(crate) struct Spawned {
    pub(crate) pid: Pid,
    pub(crate) started: Arc<Started>,
    life: Box<dyn Life>,
}

impl Spawned {
    /// The exit reason of the process, which a monitor that was placed after its death does not
    /// know; `told` when it still lives.
    pub(crate) fn reason_or(&self, told: ExitReason) -> ExitReason {
        match told {
            ExitReason::NoProcess => self.life.exit_reason().unwrap_or(told),
            told => told,
        }
    }

    /// Waits until the child has started or died.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the child goes on starting.
    pub(crate) async fn outcome(&self, system: &System) -> Result<(), ExitReason> {
        let started = pin!(self.started.level.wait(|started| started.then_some(())));
        match select_biased(started, system.monitor(self.pid)).await {
            Either::First(()) => Ok(()),
            Either::Second(down) => Err(self.reason_or(down.reason)),
        }
    }
}

/// Whether a child has done its `init`.
pub(crate) struct Started {
    level: Level<bool>,
    reply: Mutex<Option<StartReply>>,
}

impl Started {
    fn succeed(&self, pid: Pid) {
        self.level.update(|started| *started = true);
        if let Some(reply) = self.take_reply() {
            reply.send(Ok(pid));
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.level.read(|started| *started)
    }

    /// Whoever still waits to hear of the start.
    pub(crate) fn take_reply(&self) -> Option<StartReply> {
        self.reply.lock().take()
    }
}

/// A process seen from its supervisor.
trait Life: Send + Sync {
    fn exit_reason(&self) -> Option<ExitReason>;
}

impl<M: Send + 'static> Life for Address<M> {
    fn exit_reason(&self) -> Option<ExitReason> {
        Self::exit_reason(self)
    }
}

/// Makes the processes of one child specification.
pub(crate) trait Starter: Send + Sync {
    /// Spawns a process, linked to its supervisor, and returns at once.
    ///
    /// On failure it gives back whom to tell.
    fn spawn(&self, launch: Launch<'_>) -> Result<Spawned, (SpawnError, Option<StartReply>)>;

    /// The role that these processes fill.
    fn role(&self) -> &dyn AnyRole;

    /// The role, to keep.
    fn shared_role(&self) -> Arc<dyn AnyRole>;

    /// The role as the value it is, to find its message type again.
    fn typed_role(&self) -> Arc<dyn Any + Send + Sync>;
}

/// The factory of a child and the role it fills.
pub(crate) struct Recipe<P: Process, F> {
    role: Arc<Role<P::Message>>,
    factory: F,
    /// Readiness is told by the child and not implied by the end of its `init`.
    tells_ready: bool,
    /// Hands the lineage to a child that is a supervisor.
    inherit: fn(&mut P, &Lineage),
}

impl<P: Process, F: Fn(Ready) -> P + Send + Sync + 'static> Recipe<P, F> {
    pub(crate) fn starter(
        factory: F,
        tells_ready: bool,
        inherit: fn(&mut P, &Lineage),
    ) -> Arc<dyn Starter> {
        let role = Arc::new(Role::new());
        Arc::new(Shared(Arc::new(Self { role, factory, tells_ready, inherit })))
    }
}

struct Shared<P: Process, F>(Arc<Recipe<P, F>>);

impl<P: Process, F: Fn(Ready) -> P + Send + Sync + 'static> Starter for Shared<P, F> {
    fn spawn(&self, launch: Launch<'_>) -> Result<Spawned, (SpawnError, Option<StartReply>)> {
        let Launch { system, parent, label, mailbox, start_timeout, lineage, reply } = launch;
        let started = Arc::new(Started { level: Level::new(false), reply: Mutex::new(reply) });
        let first_steps = FirstSteps {
            recipe: Arc::clone(&self.0),
            incarnation: self.0.role.begin(),
            started: Arc::clone(&started),
            start_timeout,
            lineage,
        };
        let child = Child { first_steps: Some(Box::new(first_steps)), process: None };
        let process = system.process(child).parent(parent).linked().label(label).mailbox(mailbox);
        let address = process.spawn().map_err(|error| (error, started.take_reply()))?;
        Ok(Spawned { pid: address.pid(), started, life: Box::new(address) })
    }

    fn role(&self) -> &dyn AnyRole {
        &*self.0.role
    }

    fn shared_role(&self) -> Arc<dyn AnyRole> {
        Arc::clone(&self.0.role) as Arc<dyn AnyRole>
    }

    fn typed_role(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.0.role).into_any()
    }
}

/// What a child needs until its `init` is done.
struct FirstSteps<P: Process, F> {
    recipe: Arc<Recipe<P, F>>,
    incarnation: u64,
    started: Arc<Started>,
    start_timeout: Option<Duration>,
    lineage: Lineage,
}

/// A supervised process: the user's, with a start that its supervisor hears of.
///
/// The user's value is made by the child itself, not by the supervisor, so that a factory that
/// panics or takes long is the child's failure and not its supervisor's.
struct Child<P: Process, F> {
    first_steps: Option<Box<FirstSteps<P, F>>>,
    process: Option<P>,
}

impl<P: Process, F: Fn(Ready) -> P + Send + Sync + 'static> Child<P, F> {
    fn process(&mut self) -> &mut P {
        match &mut self.process {
            Some(process) => process,
            None => unreachable!("nothing is handled before `init` is done"),
        }
    }
}

impl<P: Process, F: Fn(Ready) -> P + Send + Sync + 'static> Process for Child<P, F> {
    type Message = P::Message;

    const MESSAGE_KINDS: &'static [&'static str] = P::MESSAGE_KINDS;

    fn message_kind(message: &P::Message) -> usize {
        P::message_kind(message)
    }

    async fn init(&mut self, context: &mut Context<P::Message>) -> Outcome {
        let Some(first) = self.first_steps.take() else { return Ok(()) };
        let role = Arc::downgrade(&first.recipe.role);
        let ready = Ready::new(role, first.incarnation);
        let process = self.process.insert((first.recipe.factory)(ready));
        (first.recipe.inherit)(process, &first.lineage);
        match first.start_timeout {
            None => process.init(context).await?,
            Some(budget) => {
                let system = context.system().clone();
                let deadline = context.deadline(budget);
                let done = system.before(deadline, process.init(context)).await;
                done.map_err(|elapsed| {
                    ExitReason::error(
                        Error::new(Code::Timeout, "init was not done in time")
                            .with("start_timeout_ms", budget.as_millis())
                            .with_remedy("make init shorter, or raise the start timeout")
                            .caused_by(elapsed),
                    )
                })??;
            }
        }
        let tells_ready = first.recipe.tells_ready;
        first.recipe.role.up(first.incarnation, context.address(), !tells_ready);
        first.started.succeed(context.pid());
        Ok(())
    }

    fn handle(
        &mut self,
        message: P::Message,
        context: &mut Context<P::Message>,
    ) -> impl Future<Output = Outcome> + Send {
        self.process().handle(message, context)
    }

    fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<P::Message>,
    ) -> impl Future<Output = Outcome> + Send {
        self.process().handle_signal(signal, context)
    }

    fn terminate(
        &mut self,
        reason: &ExitReason,
        context: &mut Context<P::Message>,
    ) -> impl Future<Output = ()> + Send {
        self.process().terminate(reason, context)
    }

    fn terminate_budget(&self) -> Option<Duration> {
        self.process.as_ref().map_or(Some(Duration::ZERO), P::terminate_budget)
    }

    fn inspect(&self) -> String {
        self.process.as_ref().map_or_else(String::new, P::inspect)
    }
}
