//! The registry: finds processes by name and by what they can do.
//!
//! A process is registered under a [`Name`] (a namespace and an id within it) with [`Metadata`]: its
//! capabilities, kind, health, resources and attributes. Others look it up by name, ask a [`Query`], watch a
//! namespace, or let the registry [`pick`](Registry::pick) one. Processes that belong together
//! [`join`](Registry::join) a [`Group`].
//!
//! # What it promises
//!
//! * A name has one owner at a time. [`register`](Registry::register) never overwrites.
//! * Whoever learns that a process died, in whatever way, finds its names free and no longer in any
//!   answer; until then nobody else can have them.
//! * Names and capabilities never disagree: every answer is that of one [`Revision`] of a namespace, and each
//!   change makes a new one, in one step.
//! * Look-ups take no lock and do not wait for writers; nor do queries, unless a namespace is asked by more than
//!   4,088 at one time or its writers, who bound what they keep for slow readers, are faster three times: then
//!   they take one turn with the writers.
//! * No change waits for others longer than its caller allows ([`Registry::within`]), or it is refused with `Busy`
//!   and is not made; only a death waits as long as it takes to free its names.
//! * Nothing crosses a namespace.
//! * Names and groups per process, entries and members per namespace, and namespaces are bounded; past a bound
//!   registering or joining is refused with an error, and everything else goes on.
//!
//! # What it does not promise
//!
//! * The process behind an answer still lives when you use the answer. Its pid then reaches nobody.
//! * [`Strategy::LeastLoaded`] knows what was queued a moment ago.
//! * A namespace, once used, is given back before the registry is dropped.
//!
//! # Examples
//!
//! ```
//! use foundation_process::{Context, Outcome, Process, System};
//! use foundation_registry::{Metadata, Name, Registry, Strategy};
//!
//! struct Worker;
//!
//! impl Process for Worker {
//!     type Message = String;
//!
//!     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::current();
//! let registry = Registry::new(system.clone());
//! let worker = system.spawn(Worker)?;
//! let name = Name::new("agents", "reader-1")?;
//! let metadata = Metadata::new(["text.read", "text.stats"])?;
//! registry.register(worker.pid(), name.clone(), metadata)?;
//!
//! assert_eq!(registry.whereis(&name), Some(worker.pid()));
//! let picked = registry.pick("agents", "text.read", Strategy::RoundRobin);
//! assert_eq!(picked.map(|entry| entry.pid), Some(worker.pid()));
//!
//! let down = system.monitor(worker.pid());
//! system.kill(worker.pid());
//! down.await;
//! assert_eq!(registry.whereis(&name), None);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod amend;
mod batch;
mod change;
mod discovery;
mod entry;
mod field;
mod group;
mod label;
mod metadata;
mod name;
mod path;
mod query;
mod scan;
mod value;

mod builder;
mod registry;
mod revision;

mod ask;
mod crash;
mod find;
mod first;
mod hash;
mod indexed;
mod keeper;
mod namespace;
mod namespaces;
mod owner;
mod page;
mod patience;

mod pick;
mod plan;
mod ticket;
mod view;
mod wait;
mod watch;

mod error;
pub mod invariants;

#[cfg(any(foundation_loom, foundation_shuttle))]
#[doc(hidden)]
pub mod model;

pub use batch::{NewEntry, Operation};
pub use builder::RegistryBuilder;
pub use discovery::{
    Amounts, CapabilityCounts, HealthSummary, ResourceSummary, Usage, UsageRanges,
};
pub use entry::Entry;
pub use error::{
    AwaitError, BatchError, IndexError, NamedCallError, NamedSendError, ReadError, RegisterError,
    UpdateError, WatchError,
};
pub use field::{Field, Fields};
pub use group::{
    Group, GroupChange, GroupEvent, GroupSnapshot, GroupWatch, JoinError, LeaveError,
    MemberDelivery, MemberOutcome,
};
pub use label::{LabelError, LabelFault, LabelKind};
pub use metadata::{
    FieldError, FieldFault, Health, Kind, Labels, Metadata, MetadataBuilder, MetadataError, Patch,
};
pub use name::Name;
pub use namespace::{Pressure, Registration};
pub use page::{Cursor, Page};
pub use path::{Path, PathError, PathFault};
pub use pick::Strategy;
pub use plan::Plan;
pub use query::{
    Bound, Equality, FieldBuilder, Filter, FilterBuilder, Order, Query, QueryBuilder, QueryError,
    field,
};
pub use registry::{Counts, GroupCounts, Limits, Registry};
pub use revision::Revision;
pub use scan::ParseError;
pub use ticket::Ticket;
pub use value::Value;
pub use view::View;
pub use wait::NamedAddress;
pub use watch::{Lagged, Snapshot, Watch, WatchChange, WatchEvent};
