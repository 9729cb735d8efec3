//! One run of a graph: what to do next, and what follows from what happened.
//!
//! The states of an item: *ready* (in `ready`), *delayed* (in `delayed`, with its instant), *running* (its
//! current attempt may be in `expiring`), *done*. `offer` takes ready to running; `fail`, `lost` and
//! `expire` take running to delayed or ready; `complete` takes any state to done, since the first result
//! counts whichever attempt it comes from. An item that leaves a state leaves that state's list in the same
//! call, so the lists never name an item in another state.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use foundation_agent::{Capability, Payload};
use foundation_env::fault;
use foundation_types::{Code, Error, ExitReason, Instant};

use crate::attempt::{Attempt, AttemptId, Completion, ItemId, Setback};
use crate::error::RunError;
use crate::graph::TaskGraph;
use crate::progress::{Progress, TaskProgress};
use crate::stage::Stage;

mod steps;
#[cfg(test)]
mod tests;

/// Bounds one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunLimits {
    /// Most items one task fans out to.
    pub items_max: usize,
    /// Most attempts at work at once.
    pub in_flight_max: usize,
    /// Largest size of all outputs together, in bytes: they are kept until the run is over. Copies count as
    /// well: an input that is cut from a list or joined from several outputs, until its item is done, and the
    /// result. While outputs are joined to a list they are there beside it.
    pub output_bytes_max: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { items_max: 200_000, in_flight_max: 1_024, output_bytes_max: 1 << 30 }
    }
}

/// Carries one run of a [`TaskGraph`] through.
#[derive(Debug)]
pub struct Run {
    graph: Arc<TaskGraph>,
    limits: RunLimits,
    names: Vec<Arc<str>>,
    stages: Vec<Stage>,
    ready: BTreeSet<ItemId>,
    delayed: BTreeSet<(Instant, ItemId)>,
    expiring: BTreeSet<(Instant, AttemptId)>,
    progress: Progress,
    /// Bytes of outputs and of copied inputs that are kept now.
    held_bytes: usize,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    Done,
    Failed(Arc<RunError>),
    Cancelled,
}

impl End {
    fn failed(error: RunError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy)]
pub enum RunState<'a> {
    /// There is work left.
    Active,
    /// Every task is done.
    Done,
    /// A task failed for good.
    Failed(&'a RunError),
    /// [`Run::cancel`] was called before the end.
    Cancelled,
}

impl Run {
    /// Starts a run: the tasks that wait for nothing are ready.
    pub fn new(graph: impl Into<Arc<TaskGraph>>, limits: RunLimits) -> Self {
        let graph = graph.into();
        let count = graph.tasks().len();
        let mut run = Self {
            names: graph.tasks().iter().map(|task| Arc::from(task.name())).collect(),
            stages: (0..count)
                .map(|task| Stage::Blocked { waiting: graph.dependencies(task).len() })
                .collect(),
            graph,
            limits,
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            expiring: BTreeSet::new(),
            progress: Progress { total: count, ..Progress::default() },
            held_bytes: 0,
            end: None,
        };
        let unblocked = (0..count).filter(|task| run.graph.dependencies(*task).is_empty());
        let unblocked: Vec<usize> = unblocked.collect();
        run.open_all(unblocked);
        run
    }

    /// Hands out attempts: at most `max`, and never more at work than the limit. Earlier tasks and earlier
    /// items come first.
    #[must_use = "an attempt that is dropped is only tried again after its deadline"]
    pub fn offer(&mut self, now: Instant, max: usize) -> Vec<Attempt> {
        if self.end.is_some() {
            return Vec::new();
        }
        self.end_delays(now);
        let room = self.limits.in_flight_max.saturating_sub(self.progress.running);
        let mut attempts = Vec::with_capacity(max.min(room).min(self.ready.len()));
        while attempts.len() < max.min(room) {
            let Some(id) = self.ready.pop_first() else { break };
            attempts.extend(self.issue(id, now));
        }
        attempts
    }

    /// Hands out one attempt to somebody who can take it: the earliest ready item of the first task for whose
    /// capability `able` finds somebody. `able` is asked once per task. So a task whose agents are all at work
    /// does not hold up the others.
    #[must_use = "an attempt that is dropped is only tried again after its deadline"]
    pub fn offer_to<T>(
        &mut self,
        now: Instant,
        mut able: impl FnMut(&Capability) -> Option<T>,
    ) -> Option<(Attempt, T)> {
        if self.end.is_some() {
            return None;
        }
        self.end_delays(now);
        if self.progress.running >= self.limits.in_flight_max {
            return None;
        }
        let mut from = ItemId { task: 0, index: 0 };
        while let Some(id) = self.ready.range(from..).next().copied() {
            let capability = self.graph.tasks().get(id.task)?.capability();
            if let Some(taker) = able(capability) {
                self.ready.remove(&id);
                return self.issue(id, now).map(|attempt| (attempt, taker));
            }
            from = ItemId { task: id.task + 1, index: 0 };
        }
        None
    }

    /// Takes back an attempt that did not reach anybody: it counts for nothing and its number is given again.
    pub fn withdraw(&mut self, id: AttemptId) {
        if let Some(item) = self.current(id)
            && let Some(input) = item.input().cloned()
        {
            item.issued -= 1;
            self.leave(id.item_id());
            self.progress.attempts -= 1;
            self.make_ready(id.item_id(), input);
        }
    }

    /// Takes the result of an attempt. The first result of an item counts, also when it comes from an
    /// attempt that was given up.
    pub fn complete(&mut self, id: AttemptId, output: Payload) -> Completion {
        if !self.was_issued(id) {
            self.progress.unknown += 1;
            return Completion::Unknown;
        }
        let repeated = self.is_done(id) && !fault::planted("attempt_not_deduplicated");
        if self.end.is_some() || repeated {
            self.progress.late += 1;
            return Completion::Late;
        }
        if let Err(error) = self.hold(output.size()) {
            self.end = Some(End::failed(error));
            self.progress.late += 1;
            return Completion::Late;
        }
        self.progress.output_bytes += output.size();
        let current = self.leave(id.item_id());
        self.finish(id.item_id(), output);
        Completion::Accepted { superseded: current.filter(|current| *current != id) }
    }

    /// Takes the failure of an attempt. The item is tried again if the error may pass and the task allows
    /// another attempt, after the delay the error asks for.
    pub fn fail(&mut self, id: AttemptId, error: Error, now: Instant) -> Setback {
        let Some(task) = self.graph.tasks().get(id.task()) else { return self.not_current(id) };
        let attempts_max = task.attempts_limit();
        let Some(item) = self.current(id) else { return self.not_current(id) };
        item.errors += 1;
        let errors = item.errors;
        let input = item.excerpt();
        self.progress.errors += 1;
        let delay = error.retry_delay(errors - 1).filter(|_| errors < attempts_max);
        let Some(delay) = delay else {
            let task = self.name(id.task());
            let failure =
                RunError::TaskFailed { task, item: id.item(), input, errors, source: error };
            self.leave(id.item_id());
            self.end = Some(End::failed(failure));
            return Setback::RunFailed;
        };
        self.leave(id.item_id());
        let at = now.saturating_add(delay);
        self.enter_delay(id.item_id(), at);
        Setback::Retry { at }
    }

    /// Takes the death of the agent that worked on an attempt. The item is ready again at once: it is the
    /// agent that died, and its supervisor decides when there is another one.
    pub fn lost(&mut self, id: AttemptId, reason: &ExitReason, now: Instant) -> Setback {
        let Some(task) = self.graph.tasks().get(id.task()) else { return self.not_current(id) };
        let deaths_max = task.deaths_limit();
        let Some(item) = self.current(id) else { return self.not_current(id) };
        item.deaths += 1;
        let deaths = item.deaths;
        let input = item.excerpt();
        self.progress.deaths += 1;
        self.leave(id.item_id());
        if deaths > deaths_max {
            let task = self.name(id.task());
            let last = reason.clone();
            let item = id.item();
            let failure = RunError::TooManyDeaths { task, item, input, deaths, last };
            self.end = Some(End::failed(failure));
            return Setback::RunFailed;
        }
        self.enter_delay(id.item_id(), now);
        Setback::Retry { at: now }
    }

    /// Gives up the attempts whose deadline has passed and returns them, so that their agents can be told.
    /// Each counts as failed with a timeout; a result that still comes is welcome.
    #[must_use = "the agents at work on these attempts do not know that they are given up"]
    pub fn expire(&mut self, now: Instant) -> Vec<AttemptId> {
        let mut expired = Vec::new();
        while let Some((at, id)) = self.expiring.first().copied() {
            if self.end.is_some() || at > now {
                break;
            }
            let error = Error::new(Code::Timeout, "the attempt passed its deadline")
                .with("attempt", id)
                .with_remedy("raise deadline_ms of the task or give it less work per item");
            match self.fail(id, error, now) {
                Setback::Retry { .. } | Setback::RunFailed => expired.push(id),
                // Each entry stands for a current attempt; dropping it all the same keeps the loop finite.
                Setback::Stale => {
                    self.expiring.remove(&(at, id));
                }
            }
        }
        expired
    }

    /// Ends the run before its time. Results that still come count as late.
    pub fn cancel(&mut self) {
        if self.end.is_none() {
            self.end = Some(End::Cancelled);
        }
    }

    /// Ends the run because nobody who could take the first ready item has come for so long.
    pub fn starve(&mut self, waited: Duration) {
        if self.end.is_some() {
            return;
        }
        if let Some(id) = self.ready.first()
            && let Some(task) = self.graph.tasks().get(id.task)
        {
            let (task, capability) = (task.name().to_owned(), task.capability().clone());
            self.end = Some(End::failed(RunError::NoAgent { task, capability, waited }));
        }
    }

    /// Returns whether an item could be handed out at once.
    pub fn has_ready(&self) -> bool {
        self.end.is_none() && !self.ready.is_empty()
    }

    /// Returns when to call [`expire`](Self::expire) and [`offer`](Self::offer) again if nothing else
    /// happens: the next deadline or the end of the next delay.
    pub fn next_wake(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        let delayed = self.delayed.first().map(|entry| entry.0);
        let expiring = self.expiring.first().map(|entry| entry.0);
        delayed.into_iter().chain(expiring).min()
    }

    /// Returns whether the run goes on.
    pub fn state(&self) -> RunState<'_> {
        match &self.end {
            None => RunState::Active,
            Some(End::Done) => RunState::Done,
            Some(End::Failed(error)) => RunState::Failed(error),
            Some(End::Cancelled) => RunState::Cancelled,
        }
    }

    /// Returns why the run failed, to keep.
    pub fn failure(&self) -> Option<Arc<RunError>> {
        match &self.end {
            Some(End::Failed(error)) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// Returns the graph.
    pub fn graph(&self) -> &TaskGraph {
        &self.graph
    }

    /// Returns the counters.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Returns how far each task is, in the order of the tasks.
    pub fn task_progress(&self) -> impl Iterator<Item = TaskProgress<'_>> {
        self.graph.tasks().iter().zip(&self.stages).map(|(task, stage)| {
            let (done, total) = match stage {
                Stage::Blocked { .. } if task.fan_out().is_some() => (0, None),
                Stage::Blocked { .. } => (0, Some(1)),
                Stage::Open { items, left } => (items.len() - left, Some(items.len())),
                Stage::Done { items, .. } => (*items, Some(*items)),
            };
            TaskProgress { task: task.name(), done, total }
        })
    }

    /// Returns the output of a task that is done.
    pub fn output(&self, task: &str) -> Option<&Payload> {
        match self.stages.get(self.graph.index_of(task)?)? {
            Stage::Done { output, .. } => Some(output),
            Stage::Blocked { .. } | Stage::Open { .. } => None,
        }
    }

    /// Returns the result: the output of the task nothing waits for, or an object with one field per task if
    /// there are several. Tasks that are not done are `null`.
    ///
    /// # Errors
    /// `serialization_failed` when a task name has no JSON form.
    pub fn result(&self) -> Result<Payload, Error> {
        let null = Payload::null();
        match self.sink_outputs(&null).as_slice() {
            [(_, only)] => Ok((*only).clone()),
            several => Payload::object(several.iter().copied()),
        }
    }

    fn sink_outputs<'a>(&'a self, missing: &'a Payload) -> Vec<(&'a str, &'a Payload)> {
        let tasks = self.graph.sinks().filter_map(|sink| self.graph.tasks().get(sink));
        let outputs = tasks.map(|task| (task.name(), self.output(task.name()).unwrap_or(missing)));
        outputs.collect()
    }
}
