//! The supervision tree of a system.
//!
//! ```text
//! system            rest_for_one, no restarts
//!   keeper's supervisor   one_for_one, OTP's 3 in 5 s
//!     keeper                owns the run
//!   pool a                one_for_one, the restart budget of the file
//!     a-1, a-2, ...         agents
//!   pool b
//! ```
//!
//! The keeper stands first: it is started before anybody can answer it and stopped after everybody who could.
//! Nothing that dies below it touches the run. The root restarts nothing itself: each supervisor below it has
//! the whole budget for its children, and when one of them has used it up, the system gives up with its reason
//! instead of spending the same budget again.

use std::sync::Arc;
use std::time::Duration;

use foundation_agent::{ActionContext, Agent, Directory};
use foundation_supervisor::{Backoff, ChildAddress, ChildSpec, Restart, Strategy, Supervisor};
use foundation_workflow::{Keeper, KeeperMessage, Run};

use crate::node::RunOptions;
use crate::spec::{PoolSpec, RestartSpec, RestartType, SystemSpec};

/// Messages that may wait at the keeper beside one answer of each agent: callers, and news of arrivals.
const KEEPER_ROOM: u32 = 64;
/// Jobs that may wait at an agent. The keeper gives it one at a time; a restarted keeper, which does not know
/// that the agent is at work, gives it another one.
const AGENT_ROOM: u32 = 8;
/// Time an agent has to finish its job when the system stops. The keeper has told it to give up before.
const AGENT_SHUTDOWN: Duration = Duration::from_secs(1);
/// Restarts a pool remembers; as many as an error shows.
const AUDIT_MAX: usize = 8;
/// The longest wait between restarts, as a multiple of the first one.
const BACKOFF_GROWTH: u32 = 64;

/// The id of the child that keeps the run. No pool can have it: names have no spaces.
pub(crate) const KEEPER: &str = "the keeper";

/// A tree that was not started yet.
pub(crate) struct Tree {
    pub(crate) root: Supervisor,
    /// The role of the keeper, good through its restarts.
    pub(crate) keeper: ChildAddress<KeeperMessage>,
    pub(crate) agents: usize,
}

impl Tree {
    pub(crate) fn build(spec: SystemSpec, options: &RunOptions, directory: &Directory) -> Self {
        let workers = options.workers.max(1);
        let agents = spec.agent_count(workers);
        let SystemSpec { name, pools, graph, run_limits, action_limits } = spec;
        let context = ActionContext::new(&*options.input).with_limits(action_limits);

        let (graph, kept, chaos) = (Arc::new(graph), directory.clone(), options.chaos);
        let mailbox = u32::try_from(agents).unwrap_or(u32::MAX).saturating_add(KEEPER_ROOM);
        let keeper = ChildSpec::new("keeper", move || {
            Keeper::new(Run::new(Arc::clone(&graph), run_limits), kept.clone()).with_chaos(chaos)
        })
        .mailbox(mailbox);
        let Some(address) = keeper.address() else {
            unreachable!("the keeper handles the messages of a keeper")
        };
        let mut root =
            Supervisor::new(Strategy::RestForOne).label(name).intensity(0, Duration::from_secs(5));
        root = root.child(ChildSpec::supervisor(KEEPER, move || {
            Supervisor::new(Strategy::OneForOne).label(KEEPER).child(keeper.clone())
        }));
        for pool in pools {
            root = root.child(supervised(pool, workers, &context, directory));
        }
        Self { root, keeper: address, agents }
    }
}

/// One pool under its supervisor.
fn supervised(
    pool: PoolSpec,
    workers: usize,
    context: &ActionContext,
    directory: &Directory,
) -> ChildSpec {
    let PoolSpec { name, size, actions, restart } = pool;
    let name: Arc<str> = Arc::from(name);
    let actions = Arc::new(actions);
    let agent = |number: usize| {
        let id: Arc<str> = Arc::from(format!("{name}-{number}"));
        let (actions, context, directory) =
            (Arc::clone(&actions), context.clone(), directory.clone());
        let label = Arc::clone(&id);
        ChildSpec::new(id, move || {
            Agent::new(Arc::clone(&label), Arc::clone(&actions), context.clone(), directory.clone())
        })
        .mailbox(AGENT_ROOM)
        .restart(restart_type(restart.restart_type))
        .shutdown(foundation_supervisor::Shutdown::Timeout(AGENT_SHUTDOWN))
    };
    let agents: Vec<ChildSpec> = (1..=size.unwrap_or(workers)).map(agent).collect();
    let label = Arc::clone(&name);
    ChildSpec::supervisor(name, move || {
        let pool = Supervisor::new(Strategy::OneForOne)
            .label(Arc::clone(&label))
            .intensity(restart.intensity, restart.period)
            .backoff(backoff(&restart))
            .audit_max(AUDIT_MAX);
        agents.iter().cloned().fold(pool, Supervisor::child)
    })
}

fn backoff(restart: &RestartSpec) -> Backoff {
    if restart.backoff.is_zero() {
        return Backoff::NONE;
    }
    Backoff::exponential(restart.backoff, restart.backoff.saturating_mul(BACKOFF_GROWTH))
}

fn restart_type(restart_type: RestartType) -> Restart {
    match restart_type {
        RestartType::Permanent => Restart::Permanent,
        RestartType::Transient => Restart::Transient,
        RestartType::Temporary => Restart::Temporary,
    }
}
