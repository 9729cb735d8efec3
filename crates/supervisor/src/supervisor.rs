//! The static supervisor: children in an order, started and stopped one after the other.
//!
//! # States of a child
//!
//! Running (it has a process), Restarting (it has none and will be started again, at once or after
//! a wait), Stopped (it has none, and only a call or a restart that takes all children along starts
//! it). Only the supervisor's own handlers change them.
//!
//! # From a death to a restart
//!
//! 1. The DOWN of a child's process arrives, so the process is Dead: its names are free and its
//!    state is dropped. If it was a supervisor and was killed, the processes below it are waited
//!    for as well. The supervisor monitors its children as well as linking them, so a child that
//!    unlinks itself is supervised all the same.
//! 2. [`decide`] says what becomes of the child and of the supervisor.
//! 3. A restart is counted. The children that the strategy takes along are stopped, the last
//!    started first, each waited for until it is Dead; temporary ones are discarded.
//! 4. After the wait that the backoff asks for, all of them are started in order, each `init`
//!    acknowledged before the next. One that does not start is a failed restart: again step 2.
//!
//! While it waits for a backoff the supervisor serves calls; while it stops or starts a child it
//! does not, as in OTP. Both have limits per child.

mod children;
mod reference;
mod restarting;
mod serving;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Context, Outcome, Process, Signal, StartError, System};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::alarm::Alarms;
use crate::audit::Audit;
use crate::backoff::Backoff;
use crate::error::{self, SupervisorError};
use crate::intensity::Intensity;
use crate::lineage::Lineage;
use crate::lineage::sealed::Inherits;
use crate::offspring::Offspring;
use crate::restart::{AutoShutdown, Restart, Rules, Strategy};
use crate::spec::ChildSpec;

use self::children::Children;
use self::reference::Request;
pub use self::reference::{ChildCounts, ChildInfo, ChildState, SupervisorMessage, SupervisorRef};

#[cfg(doc)]
use crate::restart::decide;

/// Restarts that are remembered unless [`Supervisor::audit_max`] says otherwise.
pub(crate) const AUDIT_MAX: usize = 256;

/// A supervisor with children in an order.
///
/// It is set up like a builder and is itself the process: start it with [`Supervisor::start`], or
/// make it in the factory of [`ChildSpec::supervisor`]. Children are started in the order in which
/// they were given, each `init` acknowledged before the next; they are stopped in reverse.
///
/// Defaults are OTP's: three restarts in five seconds, never shut down by itself. Restarts wait as
/// [`Backoff`] says; with [`Backoff::NONE`] they do not, as in OTP.
///
/// # When it ends
///
/// However it ends, no child outlives it: in order it stops them one by one, and when it is killed
/// they are killed. When a child has to be restarted more often than the intensity allows it gives
/// up: it stops all children and exits with an error that names the child, its last reasons, and
/// how many restarts there were in which period.
pub struct Supervisor {
    label: Arc<str>,
    rules: Rules,
    backoff: Backoff,
    specs: Vec<ChildSpec>,
    intensity: Intensity,
    audit: Audit,
    children: Children,
    offspring: Offspring,
    /// Where it notes whom it kills when it is killed.
    lineage: Lineage,
    /// Restarts that wait, by the number of the child that leads each.
    alarms: Alarms<u64>,
    parent: Option<Pid>,
    gave_up: Option<ExitReason>,
}

impl Supervisor {
    /// Creates a supervisor without children.
    pub fn new(strategy: Strategy) -> Self {
        Self {
            label: Arc::from("supervisor"),
            rules: Rules { strategy, auto_shutdown: AutoShutdown::Never },
            backoff: Backoff::default(),
            specs: Vec::new(),
            intensity: Intensity::default(),
            audit: Audit::new(AUDIT_MAX),
            children: Children::default(),
            offspring: Offspring::default(),
            lineage: Lineage::default(),
            alarms: Alarms::default(),
            parent: None,
            gave_up: None,
        }
    }

    /// Adds a child after those already given.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.specs.push(spec);
        self
    }

    /// Sets the name for humans of a supervisor started with [`Supervisor::start`], and the place
    /// in its errors.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets how many restarts there may be within a period.
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

    /// Sets whether significant children end the supervisor.
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.rules.auto_shutdown = auto_shutdown;
        self
    }

    /// Sets how many restarts are remembered; 256 by default.
    #[must_use]
    pub fn audit_max(mut self, records_max: usize) -> Self {
        self.audit = Audit::new(records_max);
        self
    }

    /// Checks the children without starting any; starting does the same first.
    ///
    /// # Errors
    ///
    /// `AlreadyPresent` for an id that is given twice, `PermanentSignificant` and
    /// `SignificantWithoutAutoShutdown` for settings that contradict each other.
    pub fn validate(&self) -> Result<(), SupervisorError> {
        let mut ids = std::collections::BTreeSet::new();
        for spec in &self.specs {
            self.check(spec)?;
            if !ids.insert(&spec.id) {
                return Err(SupervisorError::AlreadyPresent { child: Arc::clone(&spec.id) });
            }
        }
        Ok(())
    }

    fn check(&self, spec: &ChildSpec) -> Result<(), SupervisorError> {
        let child = Arc::clone(&spec.id);
        match (spec.significant, spec.restart, self.rules.auto_shutdown) {
            (true, Restart::Permanent, _) => Err(SupervisorError::PermanentSignificant { child }),
            (true, _, AutoShutdown::Never) => {
                Err(SupervisorError::SignificantWithoutAutoShutdown { child })
            }
            _ => Ok(()),
        }
    }

    /// Starts it at the top of a system and waits until all children have started.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. When a child does not start, those before it are stopped again.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped the supervisor runs on.
    pub async fn start(self, system: &System) -> Result<SupervisorRef, StartError> {
        let label = Arc::clone(&self.label);
        // Each child has a limit for its own start.
        let start = system.process(self).label(label).supervised().start(Deadline::NEVER);
        let address = Box::pin(start).await?;
        Ok(SupervisorRef::from(address))
    }

    /// The work done for its children, as far as it could grow with their number.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> [crate::steps::Steps; 2] {
        [self.children.steps(), self.intensity.steps()]
    }

    /// Starts the first children; what was started is stopped again when one does not start.
    async fn start_first(&mut self, context: &mut Context<SupervisorMessage>) -> Outcome {
        let specs = std::mem::take(&mut self.specs);
        let mut keys = Vec::with_capacity(specs.len());
        for spec in specs {
            keys.push(self.enlist(spec, context.system()));
        }
        for key in keys {
            if let Err(reason) = self.start_child(key, context).await {
                let reason = self.not_started(key, &reason);
                self.stop_all(context.system(), &reason).await;
                return Err(reason);
            }
        }
        Ok(())
    }

    /// Takes a child in, without a process.
    fn enlist(&mut self, spec: ChildSpec, system: &System) -> u64 {
        spec.role().adopt(system);
        let role = spec.starter.shared_role();
        let key = self.children.push(spec);
        self.offspring.expect(key, role);
        key
    }

    fn not_started(&self, key: u64, reason: &ExitReason) -> ExitReason {
        let child = self.children.id(key);
        ExitReason::error(
            foundation_types::Error::new(
                foundation_types::Code::InitializationFailed,
                "a child did not start",
            )
            .with("child", child)
            .with_place(&self.label)
            .caused_by(error::cause(reason)),
        )
    }
}

impl Inherits for Supervisor {
    fn inherit(&mut self, lineage: &Lineage) {
        self.lineage = lineage.clone();
    }
}

impl Process for Supervisor {
    type Message = SupervisorMessage;

    const MESSAGE_KINDS: &'static [&'static str] = Request::KINDS;

    fn message_kind(message: &SupervisorMessage) -> usize {
        message.0.kind()
    }

    async fn init(&mut self, context: &mut Context<SupervisorMessage>) -> Outcome {
        context.trap_exit(true);
        self.validate()?;
        let info = context.system().info(context.pid());
        self.parent = info.and_then(|info| info.ancestors.first().copied());
        // Held until the process is Dying, whichever way it ends.
        let guard = self.offspring.guard(context.system(), &self.lineage);
        let _held_for_life = context.hold(guard)?;
        self.start_first(context).await
    }

    async fn handle(
        &mut self,
        message: SupervisorMessage,
        context: &mut Context<SupervisorMessage>,
    ) -> Outcome {
        // Boxed, so that a supervisor at rest does not carry the state of a restart.
        let outcome = Box::pin(self.serve(message.0, context)).await;
        self.alarms.arm(context, SupervisorMessage(Request::Alarm));
        outcome
    }

    async fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<SupervisorMessage>,
    ) -> Outcome {
        match signal {
            Signal::Down { pid, reason, .. } => {
                let outcome = Box::pin(self.child_down(pid, reason, context)).await;
                self.alarms.arm(context, SupervisorMessage(Request::Alarm));
                outcome
            }
            // An order of the parent; exits of children are told by their monitors.
            Signal::Exit { from, reason } if Some(from) == self.parent => Err(reason),
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason, context: &mut Context<SupervisorMessage>) {
        self.stop_all(context.system(), reason).await;
    }

    fn terminate_budget(&self) -> Option<Duration> {
        None
    }

    fn inspect(&self) -> String {
        let counts = self.children.counts();
        format!(
            "{} {:?}: {} of {} children run",
            self.label, self.rules.strategy, counts.active, counts.specs
        )
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("label", &self.label)
            .field("rules", &self.rules)
            .field("intensity", &self.intensity)
            .field("specs", &self.specs)
            .finish_non_exhaustive()
    }
}
