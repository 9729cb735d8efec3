//! The process that owns a run: hands attempts to agents and takes what becomes of them.
//!
//! # Who does what
//!
//! The keeper is the only one who changes its [`Run`]. For each ready item it asks the [`Directory`] for a
//! living agent that has the capability and is not at work for it; an agent has one attempt at a time, so what
//! waits, waits in the run, where it is counted and bounded. Agents answer, die or pass their deadline; the
//! keeper tells the run, and the run decides what is tried again.
//!
//! # Why nothing is lost or counted twice
//!
//! * An agent is monitored before it gets work. Its answer, if it sent one, arrives before the news of its
//!   death, so a death with work in hand means that no answer comes: the attempt is lost and tried again.
//! * Answers name their attempt and the run takes the first one of each item. Which one is first does not
//!   matter: actions return equal outputs for equal inputs.
//!
//! # Why nobody waits without end
//!
//! * Room for an answer is reserved in the keeper's mailbox before the work is handed out, so an agent never
//!   waits for the keeper and the keeper never for an agent.
//! * An attempt past its deadline is given up. Its agent is told, and killed when it has not answered
//!   [`Keeper::OVERDUE_GRACE`] later, so an action that hangs costs a restart and not an agent. It keeps its
//!   thread all the same, since nothing can stop a thread: an action asks [`ActionContext::check`] between
//!   its steps.
//!
//! [`ActionContext::check`]: foundation_agent::ActionContext::check
//! * When nobody is at work, work is ready, and no living agent could take it for [`Keeper::STARVED_MAX`], the run fails.
//! * Each arrival of an agent is told by the directory; nothing is polled.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foundation_agent::{AgentMessage, AnswerPort, CancelFlag, Capability, Directory, Job, Payload};
use foundation_process::{Address, Context, LimitReached, Outcome, Permit, Process, Reply, Signal};
use foundation_telemetry::ErrorContext;
use foundation_types::{Error, ExitReason, Instant, Pid, TimerId};

use crate::attempt::{Attempt, AttemptId, Completion, Setback};
use crate::chaos::Chaos;
use crate::outcome::{RunEnd, RunOutcome, RunStatus};
use crate::run::{Run, RunState};

/// Carries a run through with the agents of a directory; the one process that changes it.
///
/// Give it a mailbox of at least the number of agents and some room for callers: an answer reserves its place
/// when the work is handed out, and without a free place no more work is.
#[derive(Debug)]
pub struct Keeper {
    run: Run,
    directory: Directory,
    chaos: Option<Chaos>,
    /// Agents that were ever given work and live, as far as is known.
    agents: BTreeMap<Pid, Known>,
    /// Agents that were told to give up, and when they are killed.
    overdue: BTreeSet<(Instant, Pid)>,
    /// Agents with work.
    at_work: BTreeSet<Pid>,
    panics: u64,
    kills: u64,
    /// Since when work has waited for an agent that does not exist.
    starved: Option<Instant>,
    /// Until when an interrupted run waits for what is at work.
    drained_by: Option<Instant>,
    /// With what the run has ended, made once: a result that is joined from several may be large.
    end: Option<RunEnd>,
    waiters: Vec<Reply<RunOutcome>>,
    alarm: Option<(Instant, TimerId)>,
    /// Whether the news of an arrival is in the mailbox; one is enough.
    arrival_told: Arc<AtomicBool>,
}

/// An agent that lives as far as is known; it is monitored.
#[derive(Debug, Default)]
struct Known {
    work: Option<Work>,
}

#[derive(Debug)]
struct Work {
    attempt: AttemptId,
    cancelled: CancelFlag,
    kill_at: Option<Instant>,
}

/// What a [`Keeper`] can be told.
#[derive(Debug)]
pub enum KeeperMessage {
    /// An agent is done with an attempt. Sent by the agent through its [`AnswerPort`].
    Answer {
        /// The agent.
        agent: Pid,
        /// The attempt.
        attempt: AttemptId,
        /// What came of it.
        result: Result<Payload, Error>,
    },
    /// An agent has entered the directory.
    Arrived,
    /// An instant that the keeper waits for has come.
    Wake,
    /// Tell how far the run is.
    Status(Reply<RunStatus>),
    /// Tell how the run ended, once it has.
    Outcome(Reply<RunOutcome>),
    /// Hand out nothing more, let agents finish or give up, and end.
    Interrupt,
}

impl Keeper {
    /// Time an agent past its deadline has to answer before it is killed: longer than the pause before the
    /// next attempt, since the late answer is as good as the next one.
    pub const OVERDUE_GRACE: Duration = Duration::from_secs(5);
    /// Time that work waits while there is no living agent for it before the run fails: longer than restarts
    /// take, unless their backoff is set to longer.
    pub const STARVED_MAX: Duration = Duration::from_mins(1);
    /// Time agents have to finish what they are at when a run is interrupted.
    pub const DRAIN_MAX: Duration = Duration::from_secs(2);

    /// Makes the keeper of a run.
    pub fn new(run: Run, directory: Directory) -> Self {
        Self {
            run,
            directory,
            chaos: None,
            agents: BTreeMap::new(),
            overdue: BTreeSet::new(),
            at_work: BTreeSet::new(),
            panics: 0,
            kills: 0,
            starved: None,
            drained_by: None,
            end: None,
            waiters: Vec::new(),
            alarm: None,
            arrival_told: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Lets agents die at work. An item that has lost as many agents as its task allows is spared from then on,
    /// so planned deaths alone never make a run fail.
    #[must_use]
    pub fn with_chaos(mut self, chaos: Option<Chaos>) -> Self {
        self.chaos = chaos;
        self
    }

    /// Takes an answer; returns at once when the agent or the attempt is not known any more.
    fn answered(
        &mut self,
        agent: Pid,
        attempt: AttemptId,
        result: Result<Payload, Error>,
        now: Instant,
    ) {
        self.release(agent, attempt);
        match result {
            Ok(output) => {
                if let Completion::Accepted { superseded: Some(in_vain) } =
                    self.run.complete(attempt, output)
                {
                    self.cancel(in_vain);
                }
            }
            // Whoever gave up because it was told to has not failed.
            Err(_) if self.drained_by.is_some() => {}
            Err(error) => {
                let (Setback::Retry { .. } | Setback::RunFailed | Setback::Stale) =
                    self.run.fail(attempt, error, now);
            }
        }
    }

    /// Notes that an agent is no longer at work on an attempt.
    fn release(&mut self, agent: Pid, attempt: AttemptId) {
        let Some(known) = self.agents.get_mut(&agent) else { return };
        if let Some(work) = known.work.take_if(|work| work.attempt == attempt) {
            self.put_down(agent, &work);
        }
    }

    fn put_down(&mut self, agent: Pid, work: &Work) {
        self.at_work.remove(&agent);
        if let Some(at) = work.kill_at {
            self.overdue.remove(&(at, agent));
        }
    }

    /// Takes the death of an agent.
    fn died(&mut self, agent: Pid, reason: &ExitReason, now: Instant) {
        let Some(Known { work: Some(work) }) = self.agents.remove(&agent) else { return };
        // What the agent began goes on without it, in a place that others wait for.
        work.cancelled.cancel();
        self.put_down(agent, &work);
        match self.run.lost(work.attempt, reason, now) {
            // It was given up before, or done by another one.
            Setback::Stale => {}
            Setback::Retry { .. } | Setback::RunFailed => match reason {
                ExitReason::Panic(_) => self.panics += 1,
                ExitReason::Killed => self.kills += 1,
                _ => {}
            },
        }
    }

    /// Tells whoever works on an attempt that its result is not wanted any more.
    fn cancel(&self, attempt: AttemptId) {
        let works = self.agents.values().filter_map(|known| known.work.as_ref());
        works.filter(|work| work.attempt == attempt).for_each(|work| work.cancelled.cancel());
    }

    fn cancel_all(&self) {
        let works = self.agents.values().filter_map(|known| known.work.as_ref());
        works.for_each(|work| work.cancelled.cancel());
    }

    /// Everything that may follow from a message, a death or the time.
    async fn go_on(&mut self, context: &mut Context<KeeperMessage>) -> Outcome {
        let now = context.system().env().now();
        self.pass_deadlines(now, context);
        if self.drained_by.is_none() {
            self.hand_out(now, context).await?;
            self.watch_starvation(now);
        } else if self.at_work.is_empty() || self.drained_by.is_some_and(|until| until <= now) {
            self.run.cancel();
        }
        self.conclude();
        self.set_alarm(now, context)?;
        Ok(())
    }

    fn pass_deadlines(&mut self, now: Instant, context: &Context<KeeperMessage>) {
        for attempt in self.run.expire(now) {
            for (agent, known) in &mut self.agents {
                if let Some(work) = known.work.as_mut().filter(|work| work.attempt == attempt) {
                    work.cancelled.cancel();
                    let kill_at = now.saturating_add(Self::OVERDUE_GRACE);
                    work.kill_at = Some(kill_at);
                    self.overdue.insert((kill_at, *agent));
                }
            }
        }
        while let Some((at, agent)) = self.overdue.first().copied().filter(|entry| entry.0 <= now) {
            self.overdue.remove(&(at, agent));
            // Its DOWN takes it out of the list of agents.
            context.system().kill(agent);
        }
    }

    /// Hands out work as long as there are both work and somebody to do it.
    async fn hand_out(
        &mut self,
        now: Instant,
        context: &mut Context<KeeperMessage>,
    ) -> Result<(), LimitReached> {
        // At work or, for now, not reachable: tried again when something has happened.
        let mut passed_over = self.at_work.clone();
        loop {
            let directory = &self.directory;
            let find = |capability: &Capability| directory.find(capability, &passed_over);
            let Some((attempt, agent)) = self.run.offer_to(now, find) else { return Ok(()) };
            let id = attempt.id;
            // Room is either there or not: waiting for it would be waiting for oneself.
            let Ok(room) = context.address().reserve(context.deadline(Duration::ZERO)).await else {
                self.run.withdraw(id);
                return Ok(());
            };
            let pid = agent.pid();
            if let Entry::Vacant(place) = self.agents.entry(pid) {
                context.monitor(pid)?;
                place.insert(Known::default());
            }
            passed_over.insert(pid);
            // Whatever is said of the attempt from here on says so.
            let request = ErrorContext::new(context.system().env())
                .with("task", attempt.task.to_string())
                .with("attempt", id.to_string());
            if request.scope(|| self.assign(attempt, &agent, room)) {
                self.at_work.insert(pid);
            } else {
                self.run.withdraw(id);
            }
        }
    }

    /// Gives an attempt to an agent; returns false when it is dead or has no room.
    fn assign(
        &mut self,
        attempt: Attempt,
        agent: &Address<AgentMessage>,
        room: Permit<KeeperMessage>,
    ) -> bool {
        let (pid, id) = (agent.pid(), attempt.id);
        let cancelled = CancelFlag::default();
        let answer = AnswerPort::new(move |result| {
            // A keeper that is dead has a successor that knows nothing of this attempt.
            drop(room.send(KeeperMessage::Answer { agent: pid, attempt: id, result }));
        });
        let job = Job {
            death: self.planned_death(id),
            capability: attempt.capability,
            input: attempt.input,
            cancelled: cancelled.clone(),
            answer,
        };
        let sent = agent.try_send(AgentMessage::Work(job)).is_ok();
        if sent && let Some(known) = self.agents.get_mut(&pid) {
            known.work = Some(Work { attempt: id, cancelled, kill_at: None });
        }
        sent
    }

    fn planned_death(&self, id: AttemptId) -> Option<foundation_agent::Death> {
        let deaths_max = self.run.graph().tasks().get(id.task())?.deaths_limit();
        self.chaos.filter(|_| id.number() <= deaths_max)?.death(id)
    }

    fn watch_starvation(&mut self, now: Instant) {
        if !self.at_work.is_empty() || !self.run.has_ready() {
            self.starved = None;
            return;
        }
        let since = *self.starved.get_or_insert(now);
        let waited = now.saturating_duration_since(since);
        if waited >= Self::STARVED_MAX {
            self.run.starve(waited);
        }
    }

    /// Answers those who wait for the end, if it has come.
    fn conclude(&mut self) {
        if matches!(self.run.state(), RunState::Active) {
            return;
        }
        self.cancel_all();
        let run = &self.run;
        let end = self.end.get_or_insert_with(|| match run.failure() {
            Some(error) => RunEnd::Failed(error),
            None if matches!(run.state(), RunState::Done) => RunEnd::of_result(run),
            None => RunEnd::Interrupted,
        });
        let end = end.clone();
        for waiter in std::mem::take(&mut self.waiters) {
            waiter.send(RunOutcome { end: end.clone(), status: self.status() });
        }
    }

    fn status(&self) -> RunStatus {
        RunStatus::new(&self.run, self.panics, self.kills)
    }

    /// Sets the timer to the next instant that matters, if it is not set to an earlier one.
    fn set_alarm(
        &mut self,
        now: Instant,
        context: &mut Context<KeeperMessage>,
    ) -> Result<(), LimitReached> {
        let starved_by = self.starved.map(|since| since.saturating_add(Self::STARVED_MAX));
        let overdue = self.overdue.first().map(|entry| entry.0);
        let active = matches!(self.run.state(), RunState::Active);
        let instants = [self.run.next_wake(), starved_by, overdue, self.drained_by];
        let Some(at) = instants.into_iter().flatten().min().filter(|_| active) else {
            return Ok(());
        };
        if self.alarm.is_some_and(|(set, _)| set <= at) {
            return Ok(());
        }
        if let Some((_, timer)) = self.alarm.take() {
            context.cancel_timer(timer);
        }
        let delay = at.saturating_duration_since(now);
        self.alarm = Some((at, context.send_after(delay, KeeperMessage::Wake)?));
        Ok(())
    }
}

impl Process for Keeper {
    type Message = KeeperMessage;

    const MESSAGE_KINDS: &'static [&'static str] =
        &["answer", "arrived", "wake", "status", "outcome", "interrupt"];

    fn message_kind(message: &KeeperMessage) -> usize {
        match message {
            KeeperMessage::Answer { .. } => 0,
            KeeperMessage::Arrived => 1,
            KeeperMessage::Wake => 2,
            KeeperMessage::Status(_) => 3,
            KeeperMessage::Outcome(_) => 4,
            KeeperMessage::Interrupt => 5,
        }
    }

    async fn init(&mut self, context: &mut Context<KeeperMessage>) -> Outcome {
        let (me, told) = (context.address(), Arc::clone(&self.arrival_told));
        self.directory.watch(move || {
            // One message stands for all arrivals until it is handled. If there is no room, so many other
            // messages wait that the keeper will look again anyway.
            if !told.swap(true, Ordering::AcqRel) && me.try_send(KeeperMessage::Arrived).is_err() {
                told.store(false, Ordering::Release);
            }
        });
        self.go_on(context).await
    }

    async fn handle(
        &mut self,
        message: KeeperMessage,
        context: &mut Context<KeeperMessage>,
    ) -> Outcome {
        let now = context.system().env().now();
        match message {
            KeeperMessage::Answer { agent, attempt, result } => {
                self.answered(agent, attempt, result, now);
            }
            // Lowered before the directory is asked: who arrives from now on is told again.
            KeeperMessage::Arrived => self.arrival_told.store(false, Ordering::Release),
            KeeperMessage::Wake => self.alarm = None,
            KeeperMessage::Status(reply) => {
                reply.send(self.status());
                return Ok(());
            }
            KeeperMessage::Outcome(reply) => {
                self.waiters.retain(|waiter| !waiter.is_abandoned());
                self.waiters.push(reply);
            }
            KeeperMessage::Interrupt => {
                self.cancel_all();
                self.drained_by.get_or_insert(now.saturating_add(Self::DRAIN_MAX));
            }
        }
        self.go_on(context).await
    }

    async fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<KeeperMessage>,
    ) -> Outcome {
        if let Signal::Down { pid, reason, .. } = signal {
            self.died(pid, &reason, context.system().env().now());
            return self.go_on(context).await;
        }
        Ok(())
    }

    fn inspect(&self) -> String {
        let progress = self.run.progress();
        format!(
            "{} of {} items done, {} at work",
            progress.done,
            progress.total,
            self.at_work.len()
        )
    }
}
