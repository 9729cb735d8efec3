//! The dynamic supervisor: children without an order, started and stopped at run time.
//!
//! Unlike the static supervisor it never waits for a child: a start is acknowledged by the child
//! itself, straight to the caller, and a stop when the DOWN arrives. So one child that takes long
//! to start or to stop holds up nobody, and ten thousand restart side by side.

mod child;
mod reference;
mod restarting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::fault;
use foundation_process::{
    Context, LimitReached, Outcome, Process, Reply, Signal, StartError, System,
};
use foundation_types::{Deadline, ExitReason, MonitorId, Pid};

use crate::alarm::Alarms;
use crate::audit::Audit;
use crate::backoff::Backoff;
use crate::error::SupervisorError;
use crate::intensity::Intensity;
use crate::launch::{Launch, Spawned, StartReply};
use crate::lineage::Lineage;
use crate::lineage::sealed::Inherits;
use crate::offspring::Offspring;
use crate::role::Absence;
use crate::shutdown;
use crate::spec::ChildSpec;
use crate::supervisor::{AUDIT_MAX, ChildCounts, ChildInfo, ChildState};
use crate::table::Table;

use self::child::{Child, State, Stop};
use self::reference::Request;
pub use self::reference::{DynamicMessage, DynamicRef};

/// Children of one supervisor unless [`DynamicSupervisor::max_children`] says otherwise. OTP has
/// no limit; a leak of children then ends the whole node.
const MAX_CHILDREN: usize = 1 << 16;

/// Callers that wait for the end of the same child.
const STOP_WAITERS_MAX: usize = 64;

/// A supervisor of any number of like or unlike children, which restart one by one.
///
/// Children are added with [`DynamicRef::start_child`]. Their ids are for humans and need not be
/// unique; a child is named by its pid. A child that ends and is not restarted is forgotten. When
/// the supervisor stops, all children stop at the same time, each within its own limit.
///
/// Defaults: at most 65,536 children, three restarts in five seconds for all of them together.
pub struct DynamicSupervisor {
    label: Arc<str>,
    max_children: usize,
    backoff: Backoff,
    intensity: Intensity,
    audit: Audit,
    children: Table<Child>,
    /// The newest process of each child, also while it waits for its restart.
    by_pid: BTreeMap<Pid, u64>,
    /// Whom a dead child has left behind and is waited for, by the child.
    remnants: BTreeMap<Pid, u64>,
    offspring: Offspring,
    /// Where it notes whom it kills when it is killed.
    lineage: Lineage,
    alarms: Alarms<Due>,
    parent: Option<Pid>,
    gave_up: Option<ExitReason>,
}

/// What is to be done at a later time.
#[derive(Debug)]
enum Due {
    Restart(u64),
    /// Whom a dead child has left behind could not be monitored.
    Remnant(u64),
    /// The child was told to stop and its time is over.
    Kill(Pid),
}

impl DynamicSupervisor {
    /// Creates a supervisor without children.
    pub fn new() -> Self {
        Self {
            label: Arc::from("dynamic supervisor"),
            max_children: MAX_CHILDREN,
            backoff: Backoff::default(),
            intensity: Intensity::default(),
            audit: Audit::new(AUDIT_MAX),
            children: Table::default(),
            by_pid: BTreeMap::new(),
            remnants: BTreeMap::new(),
            offspring: Offspring::default(),
            lineage: Lineage::default(),
            alarms: Alarms::default(),
            parent: None,
            gave_up: None,
        }
    }

    /// Sets the name for humans of a supervisor started with [`DynamicSupervisor::start`], and the
    /// place in its errors.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets how many children there may be, those that wait for a restart included.
    #[must_use]
    pub fn max_children(mut self, max_children: usize) -> Self {
        self.max_children = max_children;
        self
    }

    /// Sets how many restarts there may be within a period, of all children together.
    #[must_use]
    pub fn intensity(mut self, restarts_max: u32, period: Duration) -> Self {
        self.intensity = Intensity::new(restarts_max, period);
        self
    }

    /// Sets the waits before restarts, for children that have none of their own.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how many restarts are remembered; 256 by default.
    #[must_use]
    pub fn audit_max(mut self, records_max: usize) -> Self {
        self.audit = Audit::new(records_max);
        self
    }

    /// Starts it at the top of a system.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped the supervisor runs on.
    pub async fn start(self, system: &System) -> Result<DynamicRef, StartError> {
        let label = Arc::clone(&self.label);
        let start = system.process(self).label(label).supervised().start(Deadline::NEVER);
        let address = Box::pin(start).await?;
        Ok(DynamicRef::from(address))
    }

    /// The work done for its children, as far as it could grow with their number.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> [crate::steps::Steps; 2] {
        [self.children.steps(), self.intensity.steps()]
    }

    fn has_room(&self) -> bool {
        if fault::planted("max_children_off_by_one") {
            return self.children.len() <= self.max_children;
        }
        self.children.len() < self.max_children
    }

    /// Adds a child; it tells the caller itself when it has started.
    fn add_child(
        &mut self,
        spec: ChildSpec,
        reply: StartReply,
        context: &mut Context<DynamicMessage>,
    ) {
        if spec.significant {
            let error = SupervisorError::SignificantWithoutAutoShutdown { child: spec.id };
            return reply.send(Err(error));
        }
        if !self.has_room() {
            return reply.send(Err(SupervisorError::Full { max_children: self.max_children }));
        }
        if !spec.role().adopt_if_free(context.system()) {
            return reply.send(Err(SupervisorError::RoleTaken { child: spec.id }));
        }
        let key = self.children.next_key();
        self.offspring.expect(key, spec.starter.shared_role());
        match self.spawn(key, &spec, Some(reply), context) {
            Ok(spawned) => {
                let (pid, started) = (spawned.pid, Arc::clone(&spawned.started));
                let mut child = Child {
                    spec,
                    pid,
                    monitor: None,
                    state: State::Running(spawned),
                    spawned_at: context.system().env().now(),
                    attempt: 0,
                    last_reason: None,
                    ended: None,
                    stopping: None,
                };
                match Self::watch(pid, context) {
                    Ok(monitor) => child.monitor = Some(monitor),
                    Err(limit) => {
                        // Not to be restarted: it was never wanted under these circumstances.
                        child.stopping = Some(Stop::default());
                        if let Some(reply) = started.take_reply() {
                            let (child, reason) = (Arc::clone(&child.spec.id), limit.into());
                            reply.send(Err(SupervisorError::NotStarted { child, reason }));
                        }
                    }
                }
                self.by_pid.insert(child.pid, key);
                self.children.insert(key, child);
            }
            Err((reason, reply)) => {
                self.offspring.forget(key);
                spec.role().down(Absence::Stopped(reason.clone()));
                if let Some(reply) = reply {
                    reply.send(Err(SupervisorError::NotStarted { child: spec.id, reason }));
                }
            }
        }
    }

    /// Spawns a process for a child.
    fn spawn(
        &self,
        key: u64,
        spec: &ChildSpec,
        reply: Option<StartReply>,
        context: &Context<DynamicMessage>,
    ) -> Result<Spawned, (ExitReason, Option<StartReply>)> {
        let launch = Launch {
            system: context.system(),
            parent: context.pid(),
            label: Arc::clone(&spec.id),
            mailbox: spec.mailbox,
            start_timeout: spec.start_timeout,
            lineage: self.offspring.lineage(key),
            reply,
        };
        let spawned = spec.starter.spawn(launch).map_err(|(error, reply)| (error.into(), reply))?;
        self.offspring.set_pid(key, Some(spawned.pid));
        Ok(spawned)
    }

    /// Monitors a process that was just spawned. Without room for a monitor it cannot stay: it is
    /// killed, and its link tells of its end.
    fn watch(pid: Pid, context: &mut Context<DynamicMessage>) -> Result<MonitorId, LimitReached> {
        let monitor = context.monitor(pid);
        if monitor.is_err() {
            context.system().kill(pid);
        }
        monitor
    }

    fn terminate_child(
        &mut self,
        pid: Pid,
        reply: Reply<Result<(), SupervisorError>>,
        context: &Context<DynamicMessage>,
    ) {
        let found =
            self.by_pid.get(&pid).and_then(|key| Some((*key, self.children.get_mut(*key)?)));
        let Some((key, child)) = found else {
            let child = Arc::from(pid.to_string());
            return reply.send(Err(SupervisorError::NotFound { child }));
        };
        if let State::Waiting(alarm) = child.state {
            self.alarms.remove(alarm);
            self.forget(key, Absence::Stopped(ExitReason::SHUTDOWN));
            return reply.send(Ok(()));
        }
        if let Some(Stop { waiters, .. }) = &mut child.stopping {
            waiters.retain(|waiter| !waiter.is_abandoned());
            if waiters.len() >= STOP_WAITERS_MAX {
                let child = Arc::clone(&child.spec.id);
                return reply.send(Err(SupervisorError::Restarting { child }));
            }
            waiters.push(reply);
            return;
        }
        let stop = child.stopping.insert(Stop { waiters: vec![reply], kill: None });
        if child.ended.is_none() {
            let deadline = shutdown::order(context.system(), pid, child.spec.shutdown);
            stop.kill = deadline.instant().map(|at| self.alarms.add(at, Due::Kill(pid)));
        }
    }

    /// Removes a child that has no process.
    fn forget(&mut self, key: u64, absence: Absence) {
        self.offspring.forget(key);
        let Some(child) = self.children.remove(key) else { return };
        self.by_pid.remove(&child.pid);
        child.spec.role().down(absence);
        let Some(Stop { waiters, kill }) = child.stopping else { return };
        if let Some(kill) = kill {
            self.alarms.remove(kill);
        }
        for waiter in waiters {
            waiter.send(Ok(()));
        }
    }

    /// Stops all children at the same time and waits for all.
    async fn stop_all(&mut self, system: &System, reason: &ExitReason) {
        let absence = match &self.gave_up {
            Some(reason) => Absence::GaveUp(reason.clone()),
            None => Absence::Stopped(reason.clone()),
        };
        let mut stopping = Vec::new();
        for (_, child) in self.children.all() {
            if let State::Running(spawned) = &child.state {
                stopping.push(shutdown::begin(system, child.pid, child.spec.shutdown));
                if let Some(reply) = spawned.started.take_reply() {
                    let (child, reason) = (Arc::clone(&child.spec.id), reason.clone());
                    reply.send(Err(SupervisorError::NotStarted { child, reason }));
                }
            }
        }
        // By deadline: while one is waited for, nobody's time is over unnoticed.
        stopping.sort_by_key(shutdown::Stopping::deadline);
        let mut killed = Vec::new();
        for mut child in stopping {
            if child.grace(system).await.is_none() {
                killed.push(child);
            }
        }
        for child in killed {
            child.end().await;
        }
        let keys: Vec<_> = self.children.all().map(|(key, _)| key).collect();
        for key in &keys {
            self.offspring.set_pid(*key, None);
            self.offspring.lineage(*key).wait_gone(system).await;
        }
        for key in keys {
            self.forget(key, absence.clone());
        }
    }

    fn infos(&self) -> Vec<ChildInfo> {
        self.children.all().map(|(_, child)| child.info()).collect()
    }

    fn counts(&self) -> ChildCounts {
        let mut counts = ChildCounts::default();
        for (_, child) in self.children.all() {
            counts.add(child.spec.kind, matches!(child.info().state, ChildState::Running(_)));
        }
        counts
    }
}

impl Default for DynamicSupervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Inherits for DynamicSupervisor {
    fn inherit(&mut self, lineage: &Lineage) {
        self.lineage = lineage.clone();
    }
}

impl Process for DynamicSupervisor {
    type Message = DynamicMessage;

    const MESSAGE_KINDS: &'static [&'static str] = Request::KINDS;

    fn message_kind(message: &DynamicMessage) -> usize {
        message.0.kind()
    }

    async fn init(&mut self, context: &mut Context<DynamicMessage>) -> Outcome {
        context.trap_exit(true);
        let info = context.system().info(context.pid());
        self.parent = info.and_then(|info| info.ancestors.first().copied());
        // Held until the process is Dying, whichever way it ends.
        let guard = self.offspring.guard(context.system(), &self.lineage);
        let _held_for_life = context.hold(guard)?;
        Ok(())
    }

    async fn handle(
        &mut self,
        message: DynamicMessage,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        let outcome = self.serve(message.0, context);
        self.alarms.arm(context, DynamicMessage(Request::Alarm));
        outcome
    }

    async fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        match signal {
            Signal::Down { pid, reason, .. } => {
                let outcome = self.child_down(pid, reason, context);
                self.alarms.arm(context, DynamicMessage(Request::Alarm));
                outcome
            }
            // An order of the parent.
            Signal::Exit { from, reason } if Some(from) == self.parent => Err(reason),
            // Told by the monitor as well, if there was room for one, and here first: the DOWN comes after it.
            // A child may have sent exit signals of its own before it died, so the reason says nothing.
            Signal::Exit { from, .. } if !context.system().is_alive(from) => {
                let outcome = self.child_down(from, ExitReason::NoProcess, context);
                self.alarms.arm(context, DynamicMessage(Request::Alarm));
                outcome
            }
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason, context: &mut Context<DynamicMessage>) {
        self.stop_all(context.system(), reason).await;
    }

    fn terminate_budget(&self) -> Option<Duration> {
        None
    }

    fn inspect(&self) -> String {
        format!("{}: {} of {} children", self.label, self.children.len(), self.max_children)
    }
}

impl fmt::Debug for DynamicSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisor")
            .field("label", &self.label)
            .field("max_children", &self.max_children)
            .field("intensity", &self.intensity)
            .finish_non_exhaustive()
    }
}
