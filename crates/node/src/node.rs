//! A running system.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foundation_agent::Directory;
use foundation_env::{Either, select_biased};
use foundation_process::{Address, Down, ShutdownReport, System};
use foundation_registry::{Page, Query, Registry};
use foundation_supervisor::{ChildAddress, ChildCallError, SupervisorMessage};
use foundation_types::{Deadline, ExitReason};
use foundation_workflow::{Chaos, KeeperMessage, RunOutcome, RunStatus};

use crate::error::NodeError;
use crate::gauges::Gauges;
use crate::spec::SystemSpec;
use crate::tree::Tree;

/// Time a question for the status may take; it is asked often, and one answer may be missed.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between the end of the keeper's supervisor and that of the root, which stops all pools in between.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(30);

/// What a run needs beside its file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// The folder to work on.
    pub input: PathBuf,
    /// Agents in a pool without a size; at least 1.
    pub workers: usize,
    /// Deaths on purpose.
    pub chaos: Option<Chaos>,
}

impl RunOptions {
    /// Makes the options of a run without chaos.
    pub fn new(input: impl Into<PathBuf>, workers: usize) -> Self {
        Self { input: input.into(), workers, chaos: None }
    }

    /// Sets the deaths on purpose.
    #[must_use]
    pub fn with_chaos(mut self, chaos: Option<Chaos>) -> Self {
        self.chaos = chaos;
        self
    }
}

/// A running system: its supervision tree and the run its agents work on.
///
/// Clones are of the same system. Dropping it stops nothing; [`Node::stop`] does.
#[derive(Debug, Clone)]
pub struct Node {
    system: System,
    root: Address<SupervisorMessage>,
    keeper: ChildAddress<KeeperMessage>,
    directory: Directory,
    agents: usize,
    /// As long as anybody has the node.
    _gauges: Option<Arc<Gauges>>,
}

/// How far a system is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// How far the run is.
    pub run: RunStatus,
    /// Agents that were started again.
    pub restarts: u64,
}

impl Node {
    /// Starts the tree of a system; when it returns, every agent is registered and the run goes on.
    ///
    /// # Errors
    /// [`NodeError::NotStarted`].
    ///
    /// # Cancel safety
    /// Not cancel safe: when the future is dropped, what has started runs on.
    pub async fn start(
        system: &System,
        spec: SystemSpec,
        options: &RunOptions,
    ) -> Result<Self, NodeError> {
        let (namespace, label) = (spec.name.clone(), spec.name.clone());
        let registry = Registry::new(system.clone());
        let directory = Directory::new(system.clone(), registry, namespace);
        let Tree { root, keeper, agents } = Tree::build(spec, options, &directory);
        // Each child has a limit for its own start.
        let starting =
            Box::pin(system.process(root).label(label).supervised().start(Deadline::NEVER));
        let root = starting.await.map_err(NodeError::NotStarted)?;
        // Without them there are fewer metrics; nothing else depends on it.
        let gauges = Gauges::observe(system).ok().map(Arc::new);
        Ok(Self { system: system.clone(), root, keeper, directory, agents, _gauges: gauges })
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// [`NodeError::GaveUp`] when a pool used up its restart budget, [`NodeError::Stopped`] when the
    /// system was stopped meanwhile.
    ///
    /// # Cancel safety
    /// Cancel safe: the run goes on and can be waited for again.
    pub async fn outcome(&self) -> Result<RunOutcome, NodeError> {
        loop {
            // Boxed: it is asked once, and its future would make every caller's larger.
            let asked = Box::pin(self.keeper.call_until(KeeperMessage::Outcome, Deadline::NEVER));
            match select_biased(asked, self.system.monitor(self.root.pid())).await {
                Either::First(Ok(outcome)) => return Ok(outcome),
                // The keeper died. Its supervisor starts another one, which begins anew; how often is bounded.
                Either::First(Err(ChildCallError::Call(_))) => {}
                Either::First(Err(ChildCallError::Unavailable(absence)))
                    if absence.is_retryable() => {}
                Either::First(Err(gone)) => return Err(self.gave_up(gone).await),
                Either::Second(down) => return Err(self.root_ended(down)),
            }
        }
    }

    /// Nobody will fill the keeper's role again, so the root is about to end; it knows why.
    async fn gave_up(&self, gone: ChildCallError) -> NodeError {
        let deadline = self.system.deadline(GIVE_UP_TIMEOUT);
        match self.system.before(deadline, self.system.monitor(self.root.pid())).await {
            Ok(down) => self.root_ended(down),
            Err(_elapsed) => NodeError::Stopped(ExitReason::error(gone)),
        }
    }

    /// Reads why the root ended; a monitor placed after its death does not know.
    fn root_ended(&self, down: Down) -> NodeError {
        NodeError::of_root(self.root.exit_reason().unwrap_or(down.reason))
    }

    /// Returns how far the system is; `None` when the keeper does not answer now.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn status(&self) -> Option<NodeStatus> {
        let deadline = self.system.deadline(STATUS_TIMEOUT);
        let run = self.keeper.call_until(KeeperMessage::Status, deadline).await.ok()?;
        Some(NodeStatus { run, restarts: self.restarts() })
    }

    /// Returns how many agents were started again so far.
    pub fn restarts(&self) -> u64 {
        // Each agent arrives once when it is first started.
        self.directory.arrivals().saturating_sub(u64::try_from(self.agents).unwrap_or(u64::MAX))
    }

    /// Returns how many agents the system has.
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// Answers a query about the agents that live now.
    pub fn query(&self, query: &Query) -> Page {
        self.directory.query(query)
    }

    /// Ends the run early: nothing more is handed out, agents finish what they are at or give it up, and
    /// [`Node::outcome`] says how far it came. Returns false when there is no keeper to tell.
    ///
    /// # Cancel safety
    /// If it is dropped before it completes, nobody was told.
    pub async fn interrupt(&self) -> bool {
        let deadline = self.system.deadline(STATUS_TIMEOUT);
        self.keeper.send_until(KeeperMessage::Interrupt, deadline).await.is_ok()
    }

    /// Stops the tree in reverse order of its start, and kills what has not stopped at the deadline. The system
    /// starts nothing afterwards.
    ///
    /// # Cancel safety
    /// A dropped future leaves the system stopping.
    pub async fn stop(&self, deadline: Deadline) -> ShutdownReport {
        self.system.shutdown(deadline).await
    }
}
