//! What a valid `system.toml` says.

use std::collections::BTreeMap;
use std::time::Duration;

use foundation_agent::{ActionHandle, ActionLimits, Capability};
use foundation_workflow::{RunLimits, TaskGraph};

/// A checked system: its pools of agents, its task graph and its limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SystemSpec {
    /// The name, for people.
    pub name: String,
    /// The pools and single agents, in the order of the file; at least one.
    pub pools: Vec<PoolSpec>,
    /// The tasks. Each capability they name is offered by a pool.
    pub graph: TaskGraph,
    /// Bounds of a run.
    pub run_limits: RunLimits,
    /// Bounds of each action.
    pub action_limits: ActionLimits,
}

/// A pool of like agents; an `[[agent]]` is a pool of one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolSpec {
    /// The name, unique among pools and agents.
    pub name: String,
    /// Agents in the pool; `None` means one per worker.
    pub size: Option<usize>,
    /// What each agent can do, and the action it carries out for it; at least one.
    pub actions: BTreeMap<Capability, ActionHandle>,
    /// How dead agents are restarted.
    pub restart: RestartSpec,
}

/// The restart settings of a pool, in the words and with the defaults of OTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestartSpec {
    /// Which exits lead to a restart.
    pub restart_type: RestartType,
    /// Restarts allowed within the period; one more and the supervisor gives up.
    pub intensity: u32,
    /// The period.
    pub period: Duration,
    /// Time before a restart; doubled by each further one.
    pub backoff: Duration,
}

/// Which exits lead to a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartType {
    /// Every exit.
    Permanent,
    /// Every exit but a normal one and a shutdown.
    Transient,
    /// None.
    Temporary,
}

impl Default for RestartSpec {
    fn default() -> Self {
        Self {
            restart_type: RestartType::Permanent,
            intensity: 3,
            period: Duration::from_secs(5),
            backoff: Duration::ZERO,
        }
    }
}
