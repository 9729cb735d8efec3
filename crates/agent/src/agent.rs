//! The process that carries out actions.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use foundation_process::{Context, Outcome, Process, System, catch_panic};
use foundation_telemetry::{InSpan, Metric, OpenSpan, SpanStatus};
use foundation_types::{Code, Error, ExitReason, Instant, Pid};

use crate::action::ActionHandle;
use crate::capability::Capability;
use crate::context::ActionContext;
use crate::directory::{Directory, DirectoryEntry};
use crate::job::{Death, Job, Manner, Moment};

static JOBS: Metric<2> = Metric::counter(
    "foundation_agent_jobs_total",
    ["capability", "outcome"],
    "Jobs that agents carried out.",
);
static JOB_US: Metric<1> =
    Metric::histogram("foundation_agent_job_us", ["capability"], "How long jobs took.");

/// A process with capabilities.
///
/// It enters itself in its [`Directory`] before its first job and carries out one job after the other, each
/// action on the pool for blocking work, so no thread of the runtime waits for a disk. It keeps nothing
/// between jobs: whoever handed out a job keeps what is needed to hand it out again.
///
/// Its entry has a resource `load`: 1 while an action runs, else 0. An action never waits for the registry to take
/// that down for longer than a change of it may; if it is refused, the entry lags until the next one.
///
/// An action that returns an error is answered with it. An action that panics ends the agent with that panic,
/// as a panic in a handler would; its supervisor starts another one.
#[derive(Debug)]
pub struct Agent {
    name: Arc<str>,
    actions: Arc<BTreeMap<Capability, ActionHandle>>,
    context: ActionContext,
    directory: Directory,
    /// Once it has entered.
    entry: Option<DirectoryEntry>,
    jobs_done: u64,
    /// Changes of its load that the registry refused.
    loads_untold: u64,
}

/// What an [`Agent`] can be told.
#[derive(Debug)]
pub enum AgentMessage {
    /// Carry this out and answer.
    Work(Job),
}

impl Agent {
    /// Makes an agent; the name is for people and unique in the directory.
    pub fn new(
        name: impl Into<Arc<str>>,
        actions: Arc<BTreeMap<Capability, ActionHandle>>,
        context: ActionContext,
        directory: Directory,
    ) -> Self {
        let (name, entry) = (name.into(), None);
        Self { name, actions, context, directory, entry, jobs_done: 0, loads_untold: 0 }
    }

    async fn work(&mut self, job: Job, system: &System, own: Pid) -> Outcome {
        let Job { capability, input, cancelled, death, answer } = job;
        die_if(death, Moment::Before, system, own).await;
        let Some(action) = self.actions.get(&capability).cloned() else {
            answer.send(Err(self.unable(&capability)));
            return Ok(());
        };
        self.tell_load(true);
        let begun = system.env().now();
        let scope = self.context.clone().with_cancel(cancelled);
        let mut running = system.env().blocking(move || catch_panic(|| action.run(&input, &scope)));
        if death.is_some_and(|death| death.moment == Moment::During) {
            // The first poll hands the action to the pool.
            poll_fn(|cx| Poll::Ready(Pin::new(&mut running).poll(cx).is_ready())).await;
            die_if(death, Moment::During, system, own).await;
        }
        let result = running.await?.map_err(ExitReason::panic)?;
        die_if(death, Moment::After, system, own).await;
        count(&capability, begun, result.is_ok(), system);
        match &result {
            Ok(_) => tracing::debug!("the action is done"),
            Err(error) => {
                tracing::info!(%error, "the action failed");
                if let Some(span) = OpenSpan::current() {
                    span.set_status(SpanStatus::error(error.to_string()));
                }
            }
        }
        // First, so that whoever has the answer finds the agent idle.
        self.tell_load(false);
        answer.send(result);
        self.jobs_done += 1;
        Ok(())
    }

    fn tell_load(&mut self, is_busy: bool) {
        let Some(entry) = &mut self.entry else { return };
        if self.directory.set_busy(entry, is_busy).is_err() {
            self.loads_untold += 1;
        }
    }

    fn unable(&self, capability: &Capability) -> Error {
        Error::new(Code::InvalidInput, "the agent was asked for what it cannot do")
            .with("agent", &self.name)
            .with("capability", capability)
            .with_remedy("report this as a defect: work is handed out by capability")
    }
}

/// A metric that cannot be had is not counted in; the job is done all the same.
fn count(capability: &Capability, begun: Instant, is_ok: bool, system: &System) {
    let metrics = system.telemetry().metrics();
    let outcome = if is_ok { "ok" } else { "error" };
    if let Ok(jobs) = JOBS.to_counter(metrics, [capability.as_str(), outcome]) {
        jobs.increment();
    }
    if let Ok(took) = JOB_US.to_histogram(metrics, [capability.as_str()]) {
        let duration = system.env().now().saturating_duration_since(begun);
        took.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }
}

/// Ends this process if that is planned for this moment, and otherwise returns at once.
async fn die_if(death: Option<Death>, moment: Moment, system: &System, own: Pid) {
    match death {
        Some(death) if death.moment == moment => match death.manner {
            Manner::Panic => planned_panic(),
            Manner::Kill => {
                system.kill(own);
                // The kill takes effect here.
                pending::<()>().await;
            }
        },
        _ => {}
    }
}

#[expect(clippy::panic, reason = "a planned death by panic is a panic")]
fn planned_panic() -> ! {
    panic!("chaos: this death was asked for")
}

impl Process for Agent {
    type Message = AgentMessage;

    const MESSAGE_KINDS: &'static [&'static str] = &["work"];

    async fn init(&mut self, context: &mut Context<AgentMessage>) -> Outcome {
        let entered = self.directory.enter(context.pid(), &self.name, self.actions.keys())?;
        self.entry = Some(entered);
        Ok(())
    }

    async fn handle(
        &mut self,
        message: AgentMessage,
        context: &mut Context<AgentMessage>,
    ) -> Outcome {
        let AgentMessage::Work(job) = message;
        let system = context.system().clone();
        let span = tracing::info_span!(
            "agent.work",
            agent = &*self.name,
            capability = job.capability.as_str()
        );
        let work = self.work(job, &system, context.pid());
        InSpan::new(span, work).await
    }

    fn inspect(&self) -> String {
        let can: Vec<&str> = self.actions.keys().map(Capability::as_str).collect();
        let untold = match self.loads_untold {
            0 => String::new(),
            count => format!(", {count} changes of load untold"),
        };
        format!("{}: can {}, {} jobs done{untold}", self.name, can.join(", "), self.jobs_done)
    }
}
