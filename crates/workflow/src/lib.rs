//! Task graphs, the pure state machine that carries one run of a graph through, and the process that keeps it.
//!
//! A [`TaskGraph`] says which tasks there are, which capability each one needs and what it waits for; it is
//! checked when it is built, and every fault is reported at once. A [`Run`] says what to do next: it hands
//! out attempts, takes results, failures and deaths, repeats what was lost, opens a task once everything it
//! waits for is done, and joins the outputs in order.
//!
//! Both are plain data: no clock, no task, no I/O. Whoever owns the run passes in the time and carries out the
//! attempts, so the same calls always lead to the same state. In a running system that is one process, the
//! [`Keeper`], which hands the attempts to agents by capability.
//!
//! Promises: the output of a run depends on the outputs of its tasks only, never on the order in which they
//! were done, how often they were tried or who died meanwhile; the first result of a task counts and every
//! later one is counted and ignored; everything is bounded by [`RunLimits`]. Not promised: that a task is
//! carried out only once (an agent may die after its work and before its answer).
//!
//! ```
//! use foundation_agent::{Capability, Payload};
//! use foundation_types::Instant;
//! use foundation_workflow::{Run, RunLimits, RunState, Task, TaskGraph};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let graph = TaskGraph::build(vec![
//!     Task::new("list", Capability::new("files.list")?),
//!     Task::new("stats", Capability::new("text.stats")?).for_each("list"),
//! ])?;
//! let mut run = Run::new(graph, RunLimits::default());
//! let now = Instant::ORIGIN;
//!
//! let list = run.offer(now, 10).remove(0);
//! assert!(run.complete(list.id, Payload::parse(r#"["a.md", "b.md"]"#)?).is_accepted());
//!
//! // The list had two items, so there are two attempts, done here in reverse order.
//! let mut stats = run.offer(now, 10);
//! assert_eq!(stats.len(), 2);
//! stats.reverse();
//! for attempt in stats {
//!     assert!(run.complete(attempt.id, attempt.input).is_accepted());
//! }
//! assert!(matches!(run.state(), RunState::Done));
//! assert_eq!(run.result()?.as_str(), r#"["a.md","b.md"]"#);
//! # Ok(())
//! # }
//! ```

mod task;

mod graph;

mod attempt;
mod progress;
mod run;
mod stage;

mod chaos;
mod keeper;
mod outcome;

mod error;

pub use attempt::{Attempt, AttemptId, Completion, Setback};
pub use chaos::{Chaos, ChaosRateError};
pub use error::{GraphError, GraphErrors, RunError};
pub use graph::TaskGraph;
pub use keeper::{Keeper, KeeperMessage};
pub use outcome::{RunEnd, RunOutcome, RunStatus, TaskStatus};
pub use progress::{Progress, TaskProgress};
pub use run::{Run, RunLimits, RunState};
pub use task::Task;
