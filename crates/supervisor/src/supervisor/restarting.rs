//! Starting, stopping and restarting the children of a static supervisor.

use std::sync::Arc;

use foundation_env::fault;
use foundation_process::{Context, Outcome, System};
use foundation_types::{ExitReason, Pid};

use crate::audit::RestartRecord;
use crate::error::SupervisorError;
use crate::launch::Launch;
use crate::restart::{self, Cause, Ended, Fate, History, Next, Restart, Strategy};
use crate::role::Absence;
use crate::shutdown;

use super::children::State;
use super::{Supervisor, SupervisorMessage};

impl Supervisor {
    /// Starts one child and waits for its `init`. When it fails the child is as it was before.
    pub(super) async fn start_child(
        &mut self,
        key: u64,
        context: &mut Context<SupervisorMessage>,
    ) -> Result<Pid, ExitReason> {
        let Some(child) = self.children.get(key) else { return Err(ExitReason::NoProcess) };
        let system = context.system().clone();
        let launch = Launch {
            system: &system,
            parent: context.pid(),
            label: Arc::clone(&child.spec.id),
            mailbox: child.spec.mailbox,
            start_timeout: child.spec.start_timeout,
            lineage: self.offspring.lineage(key),
            reply: None,
        };
        let spawned =
            child.spec.starter.spawn(launch).map_err(|(error, _)| ExitReason::from(error))?;
        let pid = spawned.pid;
        self.offspring.set_pid(key, Some(pid));
        let monitor = context.monitor(pid);
        if let (Ok(_), Ok(())) = (&monitor, spawned.outcome(&system).await) {
            drop(self.children.set(key, State::Running(spawned)));
            if let Some(child) = self.children.get_mut(key) {
                child.started_at = system.env().now();
            }
            return Ok(pid);
        }
        let failure = match monitor {
            Ok(monitor) => {
                context.demonitor(monitor);
                spawned.reason_or(ExitReason::NoProcess)
            }
            Err(limit) => {
                shutdown::stop(&system, pid, child.spec.shutdown).await;
                ExitReason::from(limit)
            }
        };
        self.subtree_gone(key, &system).await;
        Err(failure)
    }

    /// Waits for those whom a Dead child has left behind.
    async fn subtree_gone(&self, key: u64, system: &System) {
        self.offspring.set_pid(key, None);
        let lineage = self.offspring.lineage(key);
        if lineage.first_alive(system).is_some() {
            // Boxed, so that the usual stop, which leaves nobody, does not carry it.
            Box::pin(lineage.wait_gone(system)).await;
        }
    }

    /// Stops a child's process, if it has one, and takes back a restart that waits. The child is
    /// Stopped afterwards; its role still says that it is being restarted.
    pub(super) async fn stop_child(&mut self, key: u64, system: &System) -> Option<ExitReason> {
        match self.children.set(key, State::Stopped)? {
            State::Running(running) => {
                let child = self.children.get(key)?;
                let pid = running.pid;
                child.spec.role().down(Absence::Restarting);
                let told = shutdown::stop(system, pid, child.spec.shutdown).await;
                let reason = running.reason_or(told);
                self.subtree_gone(key, system).await;
                if let Some(child) = self.children.get_mut(key) {
                    child.last = Some((Some(pid), reason.clone()));
                }
                Some(reason)
            }
            State::Restarting { alarm } => {
                if let Some(alarm) = alarm {
                    self.alarms.remove(alarm);
                }
                None
            }
            State::Stopped => None,
        }
    }

    /// Removes a child that has no process.
    pub(super) fn discard(&mut self, key: u64, reason: ExitReason) {
        self.offspring.forget(key);
        if let Some(child) = self.children.remove(key) {
            child.spec.role().down(Absence::Stopped(reason));
        }
    }

    /// Stops all children, the last started first, and tells those who wait for their roles.
    pub(super) async fn stop_all(&mut self, system: &System, reason: &ExitReason) {
        let mut keys = self.children.keys();
        if !fault::planted("shutdown_order_reversed") {
            keys.reverse();
        }
        let absence = match &self.gave_up {
            Some(reason) => Absence::GaveUp(reason.clone()),
            None => Absence::Stopped(reason.clone()),
        };
        for key in keys {
            self.stop_child(key, system).await;
            self.offspring.forget(key);
            if let Some(child) = self.children.get(key) {
                child.spec.role().down(absence.clone());
            }
        }
    }

    /// The process of a child, perhaps, is Dead.
    pub(super) async fn child_down(
        &mut self,
        pid: Pid,
        told: ExitReason,
        context: &mut Context<SupervisorMessage>,
    ) -> Outcome {
        let Some(key) = self.children.find_pid(pid) else { return Ok(()) };
        let restarting = State::Restarting { alarm: None };
        let Some(State::Running(running)) = self.children.set(key, restarting) else {
            return Ok(());
        };
        let reason = running.reason_or(told);
        if let Some(child) = self.children.get_mut(key) {
            let lifetime = context.system().env().now().saturating_duration_since(child.started_at);
            if child.spec.backoff.unwrap_or(self.backoff).forgives(lifetime) {
                child.attempt = 0;
            }
            child.last = Some((Some(pid), reason.clone()));
            child.spec.role().down(Absence::Restarting);
        }
        self.subtree_gone(key, context.system()).await;
        self.child_ended(key, Cause::Exit, reason, context).await
    }

    /// Carries out what [`restart::decide`] says, also for a restart that fails at once.
    pub(super) async fn child_ended(
        &mut self,
        mut key: u64,
        mut cause: Cause,
        mut reason: ExitReason,
        context: &mut Context<SupervisorMessage>,
    ) -> Outcome {
        // A failed restart is not tried again at once, so this goes round twice at most.
        loop {
            let now = context.system().env().now();
            let Some(child) = self.children.get(key) else { return Ok(()) };
            let (restart, significant) = (child.spec.restart, child.spec.significant);
            let ended = Ended { cause, reason: &reason, restart, significant };
            let history = History {
                exhausted: self.intensity.is_exhausted(now),
                significant_left: self.children.significant_beside(key),
            };
            let decision = restart::decide(ended, self.rules, history);
            match decision.supervisor {
                Next::GiveUp => return Err(self.give_up(key, &reason)),
                Next::AutoShutdown => context.stop(ExitReason::SHUTDOWN),
                Next::Continue => {}
            }
            match decision.child {
                Fate::Restart(_) => {
                    self.audit.failed(&self.children.id(key), &reason);
                    self.intensity.record(now);
                    match self.begin_restart(key, cause, context).await {
                        Some((failed, why)) => {
                            (key, cause, reason) = (failed, Cause::FailedRestart, why);
                        }
                        None => return Ok(()),
                    }
                }
                Fate::Keep => {
                    self.rest(key, &reason);
                    return Ok(());
                }
                Fate::Discard => {
                    self.discard(key, reason);
                    return Ok(());
                }
            }
        }
    }

    fn give_up(&mut self, key: u64, last: &ExitReason) -> ExitReason {
        self.audit.failed(&self.children.id(key), last);
        let reason = self.audit.give_up(&self.label, &self.intensity);
        self.gave_up = Some(reason.clone());
        reason
    }

    /// Leaves a child without a process until somebody asks for one.
    pub(super) fn rest(&mut self, key: u64, reason: &ExitReason) {
        drop(self.children.set(key, State::Stopped));
        if let Some(child) = self.children.get(key) {
            child.spec.role().down(Absence::Stopped(reason.clone()));
        }
    }

    /// Stops those that restart together with `leader`, and starts all of them when the backoff
    /// says so. Returns the child that did not start.
    async fn begin_restart(
        &mut self,
        leader: u64,
        cause: Cause,
        context: &mut Context<SupervisorMessage>,
    ) -> Option<(u64, ExitReason)> {
        let system = context.system().clone();
        for key in self.group(leader).into_iter().rev().filter(|key| *key != leader) {
            self.take_along(key, &system).await;
        }
        let child = self.children.get_mut(leader)?;
        child.attempt = child.attempt.saturating_add(1);
        let backoff = child.spec.backoff.unwrap_or(self.backoff);
        let wait = backoff.draw(child.attempt, system.env());
        if wait.is_zero() && cause == Cause::Exit {
            return self.start_group(leader, context).await;
        }
        // A failed restart is tried again from a message, also without a wait, so that calls and
        // the order to stop get their turn.
        let alarm = Some(self.alarms.add(system.env().now().saturating_add(wait), leader));
        drop(self.children.set(leader, State::Restarting { alarm }));
        None
    }

    /// The children that restart together with this one, itself included, in start order.
    fn group(&self, leader: u64) -> Vec<u64> {
        match self.rules.strategy {
            Strategy::OneForOne => vec![leader],
            Strategy::OneForAll => self.children.keys(),
            Strategy::RestForOne => self.children.keys_from(leader),
        }
    }

    /// Stops a child so that it can be restarted together with another one.
    async fn take_along(&mut self, key: u64, system: &System) {
        let stopped = self.stop_child(key, system).await;
        match self.children.get(key).map(|child| child.spec.restart) {
            Some(Restart::Temporary) => {
                self.discard(key, stopped.unwrap_or(ExitReason::SHUTDOWN));
            }
            Some(_) => {
                let restarting = State::Restarting { alarm: None };
                drop(self.children.set(key, restarting));
                if let Some(child) = self.children.get(key) {
                    child.spec.role().down(Absence::Restarting);
                }
            }
            None => {}
        }
    }

    /// Starts `leader` and those that restart with it, in order, up to the first that does not
    /// start, which is returned and leads the next try.
    pub(super) async fn start_group(
        &mut self,
        leader: u64,
        context: &mut Context<SupervisorMessage>,
    ) -> Option<(u64, ExitReason)> {
        let system = context.system().clone();
        let group = self.group(leader);
        // Those that a call has started while the restart waited are stopped first.
        for key in group.iter().rev().filter(|key| **key != leader) {
            if matches!(self.children.get(*key).map(|child| &child.state), Some(State::Running(_)))
            {
                self.take_along(*key, &system).await;
            }
        }
        for key in group {
            let Some(child) = self.children.get_mut(key) else { continue };
            let attempt = if key == leader { child.attempt } else { 0 };
            let (old, reason) = child.last.take().unwrap_or((None, ExitReason::NoProcess));
            let result = self.start_child(key, context).await;
            self.audit.restarted(RestartRecord {
                number: 0,
                child: self.children.id(key),
                old,
                new: result.as_ref().ok().copied(),
                reason,
                at: system.env().now(),
                attempt,
            });
            if let Err(why) = result {
                if let Some(child) = self.children.get_mut(key) {
                    child.last = Some((None, why.clone()));
                }
                drop(self.children.set(key, State::Restarting { alarm: None }));
                return Some((key, why));
            }
        }
        None
    }

    /// Goes on with the restarts whose wait is over.
    pub(super) async fn alarm(&mut self, context: &mut Context<SupervisorMessage>) -> Outcome {
        let now = context.system().env().now();
        for leader in self.alarms.take(now) {
            let state = self.children.get(leader).map(|child| &child.state);
            if !matches!(state, Some(State::Restarting { .. })) {
                continue;
            }
            if let Some((failed, why)) = self.start_group(leader, context).await {
                self.child_ended(failed, Cause::FailedRestart, why, context).await?;
            }
        }
        Ok(())
    }

    /// Starts a child for a call.
    pub(super) async fn start_for_call(
        &mut self,
        key: u64,
        context: &mut Context<SupervisorMessage>,
    ) -> Result<Pid, SupervisorError> {
        let child = self.children.id(key);
        self.start_child(key, context)
            .await
            .map_err(|reason| SupervisorError::NotStarted { child, reason })
    }
}
