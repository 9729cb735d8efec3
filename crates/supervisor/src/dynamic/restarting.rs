//! From the death of a child of a dynamic supervisor to its restart.

use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Context, Outcome};
use foundation_types::{ExitReason, Pid};

use crate::audit::RestartRecord;
use crate::error::SupervisorError;
use crate::restart::{self, Cause, Ended, Fate, History, Next, Rules};
use crate::role::Absence;

use super::child::State;
use super::{Due, DynamicMessage, DynamicSupervisor};

/// How often to look at whom a dead child has left behind while there is no room for a monitor. Short beside
/// any restart that a human waits for; rare, since a dead child leaves the room that its monitor had.
const REMNANT_PERIOD: Duration = Duration::from_millis(20);

impl DynamicSupervisor {
    pub(super) fn child_down(
        &mut self,
        pid: Pid,
        told: ExitReason,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        if let Some(key) = self.remnants.remove(&pid) {
            return self.subtree_down(key, context);
        }
        let found =
            self.by_pid.get(&pid).and_then(|key| Some((*key, self.children.get_mut(*key)?)));
        let Some((key, child)) = found else { return Ok(()) };
        let State::Running(spawned) = &child.state else { return Ok(()) };
        if child.ended.is_some() {
            return Ok(());
        }
        child.ended = Some(spawned.reason_or(told));
        // The exit signal comes before the DOWN, whose monitor would keep its room until then.
        if let Some(monitor) = child.monitor.take() {
            context.demonitor(monitor);
        }
        self.offspring.set_pid(key, None);
        child.spec.role().down(Absence::Restarting);
        self.subtree_down(key, context)
    }

    /// Goes on when nobody is left of a dead child, and waits for the next one otherwise.
    fn subtree_down(&mut self, key: u64, context: &mut Context<DynamicMessage>) -> Outcome {
        if let Some(pid) = self.offspring.lineage(key).first_alive(context.system()) {
            if context.monitor(pid).is_ok() {
                self.remnants.insert(pid, key);
            } else {
                let at = context.system().env().now().saturating_add(REMNANT_PERIOD);
                self.alarms.add(at, Due::Remnant(key));
            }
            return Ok(());
        }
        let Some(child) = self.children.get_mut(key) else { return Ok(()) };
        let State::Running(spawned) = &child.state else { return Ok(()) };
        let Some(reason) = child.ended.take() else { return Ok(()) };
        let started = spawned.started.is_done();
        let first_caller = spawned.started.take_reply();
        if first_caller.is_some() || child.stopping.is_some() {
            if let Some(reply) = first_caller {
                let child = Arc::clone(&child.spec.id);
                let reason = reason.clone();
                reply.send(Err(SupervisorError::NotStarted { child, reason }));
            }
            self.forget(key, Absence::Stopped(reason));
            return Ok(());
        }
        let lifetime = context.system().env().now().saturating_duration_since(child.spawned_at);
        if started && child.spec.backoff.unwrap_or(self.backoff).forgives(lifetime) {
            child.attempt = 0;
        }
        let cause = if started { Cause::Exit } else { Cause::FailedRestart };
        self.child_ended(key, cause, reason, context)
    }

    /// Carries out what [`restart::decide`] says.
    fn child_ended(
        &mut self,
        key: u64,
        mut cause: Cause,
        mut reason: ExitReason,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        // A failed restart is not tried again at once, so this goes round twice at most.
        loop {
            let now = context.system().env().now();
            let Some(child) = self.children.get_mut(key) else { return Ok(()) };
            let ended =
                Ended { cause, reason: &reason, restart: child.spec.restart, significant: false };
            let exhausted = self.intensity.is_exhausted(now);
            let history = History { exhausted, significant_left: 0 };
            let decision = restart::decide(ended, Rules::default(), history);
            if decision.supervisor == Next::GiveUp {
                self.audit.failed(&child.spec.id, &reason);
                let reason = self.audit.give_up(&self.label, &self.intensity);
                self.gave_up = Some(reason.clone());
                return Err(reason);
            }
            if !matches!(decision.child, Fate::Restart(_)) {
                self.forget(key, Absence::Stopped(reason));
                return Ok(());
            }
            self.audit.failed(&child.spec.id, &reason);
            self.intensity.record(now);
            child.attempt = child.attempt.saturating_add(1);
            let backoff = child.spec.backoff.unwrap_or(self.backoff);
            let wait = backoff.draw(child.attempt, context.system().env());
            if !wait.is_zero() || cause == Cause::FailedRestart {
                let alarm = self.alarms.add(now.saturating_add(wait), Due::Restart(key));
                child.state = State::Waiting(alarm);
                child.last_reason = Some(reason);
                return Ok(());
            }
            match self.restart(key, &reason, context) {
                Ok(()) => return Ok(()),
                Err(why) => (cause, reason) = (Cause::FailedRestart, why),
            }
        }
    }

    /// Spawns the next process of a child.
    fn restart(
        &mut self,
        key: u64,
        reason: &ExitReason,
        context: &mut Context<DynamicMessage>,
    ) -> Result<(), ExitReason> {
        let Some(child) = self.children.get(key) else { return Ok(()) };
        let spawned = self.spawn(key, &child.spec, None, context);
        let now = context.system().env().now();
        self.audit.restarted(RestartRecord {
            number: 0,
            child: Arc::clone(&child.spec.id),
            old: Some(child.pid),
            new: spawned.as_ref().ok().map(|spawned| spawned.pid),
            reason: reason.clone(),
            at: now,
            attempt: child.attempt,
        });
        let spawned = spawned.map_err(|(reason, _)| reason)?;
        let pid = spawned.pid;
        // A refusal is a failed restart: it is counted when the process is Dead.
        let monitor = Self::watch(pid, context).ok();
        if let Some(child) = self.children.get_mut(key) {
            self.by_pid.remove(&child.pid);
            self.by_pid.insert(pid, key);
            child.pid = pid;
            child.monitor = monitor;
            child.spawned_at = now;
            child.state = State::Running(spawned);
        }
        Ok(())
    }

    /// Does what is due: restarts whose wait is over, kills whose grace is.
    pub(super) fn alarm(&mut self, context: &mut Context<DynamicMessage>) -> Outcome {
        for due in self.alarms.take(context.system().env().now()) {
            match due {
                // Harmless when it is Dead and its subtree is not: pids are not used twice.
                Due::Kill(pid) => drop(context.system().kill(pid)),
                Due::Remnant(key) => self.subtree_down(key, context)?,
                Due::Restart(key) => {
                    let Some(child) = self.children.get_mut(key) else { continue };
                    if !matches!(child.state, State::Waiting(_)) {
                        continue;
                    }
                    let reason = child.last_reason.take().unwrap_or(ExitReason::NoProcess);
                    if let Err(why) = self.restart(key, &reason, context) {
                        self.child_ended(key, Cause::FailedRestart, why, context)?;
                    }
                }
            }
        }
        Ok(())
    }
}
