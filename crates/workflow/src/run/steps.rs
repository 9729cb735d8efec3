//! The transitions of items and tasks; the states are described in the parent module.

use std::sync::Arc;

use foundation_agent::Payload;
use foundation_types::{Deadline, Instant};

use super::{End, Run};
use crate::attempt::{Attempt, AttemptId, ItemId, Setback};
use crate::error::RunError;
use crate::stage::{Item, ItemState, Stage};

impl Run {
    /// Delayed to ready, for the items whose instant has come.
    pub(super) fn end_delays(&mut self, now: Instant) {
        while let Some((until, id)) = self.delayed.first().copied().filter(|entry| entry.0 <= now) {
            self.delayed.remove(&(until, id));
            if let Some(input) = self.item_mut(id).and_then(|item| item.input().cloned()) {
                self.make_ready(id, input);
            }
        }
    }

    /// Any state but done to ready. The caller has taken the item out of the list of its state.
    pub(super) fn make_ready(&mut self, id: ItemId, input: Payload) {
        if let Some(item) = self.item_mut(id) {
            item.state = ItemState::Ready { input };
            self.ready.insert(id);
        }
    }

    /// Ready to running. The caller has taken the item out of the ready list.
    pub(super) fn issue(&mut self, id: ItemId, now: Instant) -> Option<Attempt> {
        let task = self.graph.tasks().get(id.task)?;
        let capability = task.capability().clone();
        let deadline = task.attempt_deadline();
        let deadline = deadline.map_or(Deadline::NEVER, |limit| Deadline::after(now, limit));
        let task = Arc::clone(self.names.get(id.task)?);
        let item = self.item_mut(id)?;
        let input = item.input()?.clone();
        item.issued += 1;
        let number = item.issued;
        let expires = deadline.instant();
        item.state = ItemState::Running { input: input.clone(), number, expires };
        let id = AttemptId::new(id, number);
        if let Some(at) = expires {
            self.expiring.insert((at, id));
        }
        self.progress.running += 1;
        self.progress.attempts += 1;
        Some(Attempt { id, task, capability, input, deadline })
    }

    /// Takes an item out of the list of its state; returns its attempt if one was at work.
    pub(super) fn leave(&mut self, id: ItemId) -> Option<AttemptId> {
        match &self.item_mut(id)?.state {
            ItemState::Running { number, expires, .. } => {
                let attempt = AttemptId::new(id, *number);
                if let Some(at) = *expires {
                    self.expiring.remove(&(at, attempt));
                }
                self.progress.running -= 1;
                return Some(attempt);
            }
            ItemState::Delayed { until, .. } => {
                let entry = (*until, id);
                self.delayed.remove(&entry);
            }
            ItemState::Ready { .. } => {
                self.ready.remove(&id);
            }
            ItemState::Done { .. } => {}
        }
        None
    }

    /// Running to delayed. The caller has taken the item out of the list of its state.
    pub(super) fn enter_delay(&mut self, id: ItemId, until: Instant) {
        if let Some(item) = self.item_mut(id)
            && let Some(input) = item.input().cloned()
        {
            item.state = ItemState::Delayed { input, until };
            self.delayed.insert((until, id));
        }
    }

    /// Any state to done. The caller has taken the item out of the list of its state.
    pub(super) fn finish(&mut self, id: ItemId, output: Payload) {
        let copies = self.copies_inputs(id.task);
        if let Some(Stage::Open { items, left }) = self.stages.get_mut(id.task)
            && let Some(item) = items.get_mut(id.index)
        {
            if copies {
                self.held_bytes -= item.input().map_or(0, Payload::size);
            }
            item.state = ItemState::Done { output };
            *left -= 1;
            self.progress.done += 1;
        }
        let opened = self.close(id.task).and_then(|unblocked| self.open_each(unblocked));
        self.end_after(opened);
    }

    /// Opens tasks whose dependencies are all done.
    pub(super) fn open_all(&mut self, unblocked: Vec<usize>) {
        let opened = self.open_each(unblocked);
        self.end_after(opened);
    }

    /// Opens tasks, and goes on with those that a task without items unblocks.
    fn open_each(&mut self, mut unblocked: Vec<usize>) -> Result<(), RunError> {
        while let Some(task) = unblocked.pop() {
            let inputs = self.inputs(task)?;
            self.open(task, inputs);
            unblocked.extend(self.close(task)?);
        }
        Ok(())
    }

    /// Ends the run when a task could not be opened, or every task is done.
    fn end_after(&mut self, opened: Result<(), RunError>) {
        let all_done = || self.stages.iter().all(|stage| matches!(stage, Stage::Done { .. }));
        match opened {
            Ok(()) if all_done() => {
                let null = Payload::null();
                let outputs = self.sink_outputs(&null);
                let joined = if outputs.len() > 1 { object_size(&outputs) } else { 0 };
                self.end = Some(self.room_for(joined).map_or_else(End::failed, |_| End::Done));
            }
            Ok(()) => {}
            Err(error) => self.end = Some(End::failed(error)),
        }
    }

    fn open(&mut self, task: usize, inputs: Vec<Payload>) {
        if self.copies_inputs(task) {
            self.held_bytes += inputs.iter().map(Payload::size).sum::<usize>();
        }
        let items: Vec<Item> = inputs.into_iter().map(Item::ready).collect();
        let left = items.len();
        self.ready.extend((0..left).map(|index| ItemId { task, index }));
        // The task counted as one item until now.
        self.progress.total = self.progress.total - 1 + left;
        if let Some(stage) = self.stages.get_mut(task) {
            *stage = Stage::Open { items, left };
        }
    }

    /// Closes a task whose items are all done; returns the tasks that waited for nothing else.
    fn close(&mut self, task: usize) -> Result<Vec<usize>, RunError> {
        let mut unblocked = Vec::new();
        let Some(Stage::Open { items, left: 0 }) = self.stages.get(task) else {
            return Ok(unblocked);
        };
        let fan_out = self.graph.tasks().get(task).is_some_and(|task| task.fan_out().is_some());
        if fan_out {
            // The list takes the place of its items, and has brackets and commas beside.
            self.hold(items.len().saturating_sub(1) + 2)?;
        }
        if let Some(stage) = self.stages.get_mut(task) {
            stage.close(fan_out);
        }
        for dependant in self.graph.dependants(task) {
            if let Some(Stage::Blocked { waiting }) = self.stages.get_mut(*dependant) {
                *waiting -= 1;
                if *waiting == 0 {
                    unblocked.push(*dependant);
                }
            }
        }
        Ok(unblocked)
    }

    /// Makes the inputs of the items of a task from the outputs of what it waited for.
    fn inputs(&self, task: usize) -> Result<Vec<Payload>, RunError> {
        let dependencies = self.graph.dependencies(task);
        let outputs: Vec<(&str, &Payload)> =
            dependencies.iter().filter_map(|dependency| self.named_output(*dependency)).collect();
        let fan_out = self.graph.tasks().get(task).is_some_and(|task| task.fan_out().is_some());
        match outputs.as_slice() {
            [] => Ok(vec![Payload::null()]),
            [(source_task, list), ..] if fan_out => {
                self.room_for(list.size())?;
                list.items(self.limits.items_max).map_err(|source| RunError::FanOut {
                    task: self.name(task),
                    source_task: (*source_task).to_owned(),
                    source,
                })
            }
            [(_, only)] => Ok(vec![(*only).clone()]),
            several => {
                self.room_for(object_size(several))?;
                Payload::object(several.iter().copied())
                    .map(|object| vec![object])
                    .map_err(|source| RunError::Join { task: self.name(task), source })
            }
        }
    }

    /// Whether the inputs of a task are texts of their own; a single output is passed on and shared.
    fn copies_inputs(&self, task: usize) -> bool {
        let fan_out = self.graph.tasks().get(task).is_some_and(|task| task.fan_out().is_some());
        fan_out || self.graph.dependencies(task).len() > 1
    }

    /// Counts bytes that are kept from now on.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), RunError> {
        self.held_bytes = self.room_for(bytes)?;
        Ok(())
    }

    /// Returns what would be kept with so many bytes more, if that is allowed.
    fn room_for(&self, bytes: usize) -> Result<usize, RunError> {
        let bytes_max = self.limits.output_bytes_max;
        let held = self.held_bytes.saturating_add(bytes);
        if held <= bytes_max { Ok(held) } else { Err(RunError::OutputsTooLarge { bytes_max }) }
    }

    fn named_output(&self, task: usize) -> Option<(&str, &Payload)> {
        match self.stages.get(task)? {
            Stage::Done { output, .. } => Some((self.names.get(task)?, output)),
            Stage::Blocked { .. } | Stage::Open { .. } => None,
        }
    }

    /// Returns the item of an attempt that is at work in a run that goes on.
    pub(super) fn current(&mut self, id: AttemptId) -> Option<&mut Item> {
        if self.end.is_some() {
            return None;
        }
        let item = self.item_mut(id.item_id())?;
        let current =
            matches!(item.state, ItemState::Running { number, .. } if number == id.number());
        current.then_some(item)
    }

    /// Counts news of an attempt that is not at work.
    pub(super) fn not_current(&mut self, id: AttemptId) -> Setback {
        if self.was_issued(id) {
            self.progress.stale += 1;
        } else {
            self.progress.unknown += 1;
        }
        Setback::Stale
    }

    /// Returns whether an attempt was handed out. A closed task has forgotten how often each of its items
    /// was tried, so there it answers for the item.
    pub(super) fn was_issued(&self, id: AttemptId) -> bool {
        match self.stages.get(id.task()) {
            None | Some(Stage::Blocked { .. }) => false,
            Some(Stage::Done { items, .. }) => id.item() < *items,
            Some(Stage::Open { items, .. }) => {
                items.get(id.item()).is_some_and(|item| (1..=item.issued).contains(&id.number()))
            }
        }
    }

    pub(super) fn is_done(&self, id: AttemptId) -> bool {
        match self.stages.get(id.task()) {
            None | Some(Stage::Blocked { .. }) => false,
            Some(Stage::Done { .. }) => true,
            Some(Stage::Open { items, .. }) => items
                .get(id.item())
                .is_some_and(|item| matches!(item.state, ItemState::Done { .. })),
        }
    }

    pub(super) fn name(&self, task: usize) -> String {
        self.names.get(task).map(ToString::to_string).unwrap_or_default()
    }

    fn item_mut(&mut self, id: ItemId) -> Option<&mut Item> {
        self.stages.get_mut(id.task)?.item_mut(id.index)
    }
}

/// The size of the object that [`Payload::object`] makes. Names of tasks have nothing to escape.
fn object_size(fields: &[(&str, &Payload)]) -> usize {
    let each = fields.iter().map(|(name, value)| name.len() + r#""":,"#.len() + value.size());
    // The last field has no comma.
    each.sum::<usize>() + "{}".len() - usize::from(!fields.is_empty())
}
