//! Supervision trees with the words and defaults of OTP.
//!
//! # What it promises
//!
//! * A supervisor restarts, stops and escalates as OTP's does: restart types, strategies,
//!   intensity, start in order, stop in reverse, significant children.
//! * It never starts a replacement before the old process is Dead, so its name is free.
//! * When a supervisor has ended in order its whole subtree is down, also below a child supervisor
//!   that was killed. A killed supervisor takes its subtree along, and whoever supervises it goes on
//!   only when all of it is Dead.
//! * A restart costs the same whether there are ten children or ten thousand.
//! * No queue, table or retry is without a bound.
//!
//! # What it does not promise
//!
//! * Work in flight survives a restart: see [`ChildAddress`] for what a caller learns.
//! * A child that never yields can be stopped: its supervisor waits for it, and the watchdog says
//!   which one it is.
//!
//! # Which supervisor
//!
//! | supervisor | for |
//! |---|---|
//! | [`Supervisor`] | a known set of children with an order |
//! | [`DynamicSupervisor`] | children that come and go |
//! | [`PartitionSupervisor`] | like children, each serving a part of the keys |
//! | [`TaskSupervisor`] | short work with a result, bounded |
//! | [`CpuPool`] | the same for work that computes or blocks |

mod address;
mod alarm;
mod audit;
mod backoff;
mod dynamic;
mod error;
mod intensity;
mod launch;
mod level;
mod lineage;
mod offspring;
mod partition;
pub mod restart;
mod role;
mod shutdown;
mod spec;
mod steps;
mod supervisor;
mod table;
mod target;
mod task;

pub use address::ChildAddress;
pub use audit::RestartRecord;
pub use backoff::Backoff;
pub use dynamic::{DynamicMessage, DynamicRef, DynamicSupervisor};
pub use error::{ChildCallError, ChildSendError, SupervisorError, Unavailable};
pub use lineage::Supervises;
pub use partition::{PartitionError, PartitionSupervisor, Partitions};
pub use restart::{AutoShutdown, Restart, Strategy};
pub use role::Ready;
pub use spec::{ChildKind, ChildSpec, Shutdown};
pub use supervisor::{
    ChildCounts, ChildInfo, ChildState, Supervisor, SupervisorMessage, SupervisorRef,
};
pub use task::{
    Admission, Batch, BatchItem, BatchOptions, CpuPool, Refusal, TaskContext, TaskHandle,
    TaskLimits, TaskOptions, TaskOutcome, TaskRejected, TaskStats, TaskSupervisor,
};
