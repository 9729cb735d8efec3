//! Partitioned supervision: like children side by side, each key served by one of them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{StartError, System};
use foundation_types::{Code, coded_errors};

use crate::address::ChildAddress;
use crate::backoff::Backoff;
use crate::restart::Strategy;
use crate::spec::ChildSpec;
use crate::supervisor::{Supervisor, SupervisorRef};

/// Why a partitioned supervisor was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionError {
    /// There must be a partition.
    NoPartitions,
    /// A child does not handle the messages that are routed.
    WrongMessage {
        /// The partition.
        index: usize,
        /// The child's id.
        child: Arc<str>,
    },
}

impl PartitionError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoPartitions => Code::InvalidConfigValue,
            Self::WrongMessage { .. } => Code::TypeMismatch,
        }
    }
}

coded_errors! {
    PartitionError;
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPartitions => f.write_str("there are no partitions; at least one is needed"),
            Self::WrongMessage { index, child } => {
                write!(f, "child {child:?} of partition {index} handles another type of messages")
            }
        }
    }
}

/// A supervisor with `n` like children, the partitions, each serving its part of the keys.
///
/// A partition is any child: a worker, or a [`DynamicSupervisor`](crate::DynamicSupervisor), so that
/// starting children is not limited by one supervisor. Partitions restart one by one, and a key
/// goes to the same partition as long as the number of partitions is the same.
///
/// # Examples
///
/// ```
/// use foundation_process::System;
/// use foundation_supervisor::{ChildSpec, DynamicRef, DynamicSupervisor, PartitionSupervisor};
/// # use foundation_process::{Context, Outcome, Process};
/// # struct Worker;
/// # impl Process for Worker {
/// #     type Message = ();
/// #     async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome { Ok(()) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::current();
/// let supervisor = PartitionSupervisor::new(4, |index| {
///     ChildSpec::supervisor(format!("partition-{index}"), DynamicSupervisor::new)
/// })?;
/// let partitions = supervisor.partitions();
/// supervisor.start(&system).await?;
///
/// let supervisor = DynamicRef::from(partitions.of("some key").clone());
/// supervisor.start_child(ChildSpec::new("worker", || Worker)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PartitionSupervisor<M: Send + 'static> {
    label: Arc<str>,
    intensity: Option<(u32, Duration)>,
    backoff: Backoff,
    specs: Vec<ChildSpec>,
    partitions: Partitions<M>,
}

impl<M: Send + 'static> PartitionSupervisor<M> {
    /// Creates the partitions `0..count`.
    ///
    /// # Errors
    ///
    /// See [`PartitionError`].
    pub fn new(count: usize, make: impl FnMut(usize) -> ChildSpec) -> Result<Self, PartitionError> {
        if count == 0 {
            return Err(PartitionError::NoPartitions);
        }
        let specs: Vec<_> = (0..count).map(make).collect();
        let addresses = specs.iter().enumerate().map(|(index, spec)| {
            let child = Arc::clone(&spec.id);
            spec.address().ok_or(PartitionError::WrongMessage { index, child })
        });
        let partitions = Partitions { addresses: addresses.collect::<Result<_, _>>()? };
        Ok(Self {
            label: Arc::from("partition supervisor"),
            intensity: None,
            backoff: Backoff::default(),
            specs,
            partitions,
        })
    }

    /// Sets the name for humans.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets how many restarts there may be within a period.
    #[must_use]
    pub fn intensity(mut self, restarts_max: u32, period: Duration) -> Self {
        self.intensity = Some((restarts_max, period));
        self
    }

    /// Sets the waits before restarts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The routes to the partitions, good before they are started.
    pub fn partitions(&self) -> Partitions<M> {
        self.partitions.clone()
    }

    /// The supervisor of the partitions, for the factory of a nested one.
    pub fn supervisor(&self) -> Supervisor {
        let mut supervisor = Supervisor::new(Strategy::OneForOne)
            .label(Arc::clone(&self.label))
            .backoff(self.backoff);
        if let Some((restarts_max, period)) = self.intensity {
            supervisor = supervisor.intensity(restarts_max, period);
        }
        self.specs.iter().cloned().fold(supervisor, Supervisor::child)
    }

    /// Starts all partitions at the top of a system.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped the supervisor runs on.
    pub async fn start(self, system: &System) -> Result<SupervisorRef, StartError> {
        // Boxed: the settings are large, and this runs once.
        Box::pin(self.supervisor().start(system)).await
    }
}

impl<M: Send + 'static> fmt::Debug for PartitionSupervisor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("label", &self.label)
            .field("partitions", &self.specs.len())
            .finish_non_exhaustive()
    }
}

/// Routes from keys to partitions.
pub struct Partitions<M: Send + 'static> {
    addresses: Arc<[ChildAddress<M>]>,
}

impl<M: Send + 'static> Clone for Partitions<M> {
    fn clone(&self) -> Self {
        Self { addresses: Arc::clone(&self.addresses) }
    }
}

impl<M: Send + 'static> Partitions<M> {
    /// The number of partitions, at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// The partition of a key. The hash has a fixed seed, so that a run can be repeated; it may
    /// change with the toolchain, so nothing that lasts may depend on it.
    pub fn index_of<K: Hash + ?Sized>(&self, key: &K) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let count = u64::try_from(self.addresses.len()).unwrap_or(u64::MAX);
        usize::try_from(hasher.finish() % count).unwrap_or(0)
    }

    /// The address of the partition of a key.
    pub fn of<K: Hash + ?Sized>(&self, key: &K) -> &ChildAddress<M> {
        match self.addresses.get(self.index_of(key)) {
            Some(address) => address,
            None => unreachable!("the index is below the number of partitions"),
        }
    }

    /// The addresses of all partitions, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, ChildAddress<M>> {
        self.addresses.iter()
    }
}

impl<'a, M: Send + 'static> IntoIterator for &'a Partitions<M> {
    type Item = &'a ChildAddress<M>;
    type IntoIter = std::slice::Iter<'a, ChildAddress<M>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<M: Send + 'static> fmt::Debug for Partitions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.addresses.iter()).finish()
    }
}
