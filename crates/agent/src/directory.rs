//! The agents of a system, found by what they can do.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_process::{Address, System};
use foundation_registry::{
    Health, Metadata, Name, Page, Patch, Query, Registry, Revision, UpdateError,
};
use foundation_types::{Code, Error, Pid};

use crate::agent::AgentMessage;
use crate::capability::Capability;

/// The entry of an agent; made by [`Directory::enter`].
///
/// What it says of the agent is prepared, so that a job costs little more than its two changes.
#[derive(Debug)]
pub struct DirectoryEntry {
    name: Name,
    agent: Pid,
    revision: Revision,
    idle: Metadata,
    busy: Metadata,
}

/// The resource of an agent's entry that tells how many jobs it is at.
const LOAD: &str = "load";

/// Where agents enter themselves and others find them by capability, never by name.
///
/// It stands on one namespace of a [`Registry`], so an agent vanishes from it before anybody can learn
/// of its death. One watcher is told of each arrival: whoever has work that nobody could take. Clones
/// are the same directory.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

struct Shared {
    system: System,
    registry: Registry,
    namespace: Arc<str>,
    arrivals: AtomicU64,
    watcher: Mutex<Option<Watcher>>,
}

type Watcher = Arc<dyn Fn() + Send + Sync>;

impl Directory {
    /// Makes a directory of one namespace.
    pub fn new(system: System, registry: Registry, namespace: impl Into<Arc<str>>) -> Self {
        Self {
            shared: Arc::new(Shared {
                system,
                registry,
                namespace: namespace.into(),
                arrivals: AtomicU64::new(0),
                watcher: Mutex::new(None),
            }),
        }
    }

    /// Enters an agent with its capabilities until it dies, healthy and with nothing to do, and tells the watcher.
    /// Returns its entry, for [`Directory::set_busy`].
    ///
    /// # Errors
    /// `initialization_failed` with the registry's reason: the name has an owner, the process is dying, or
    /// a bound is reached.
    pub fn enter<'a>(
        &self,
        agent: Pid,
        local_id: &str,
        capabilities: impl IntoIterator<Item = &'a Capability>,
    ) -> Result<DirectoryEntry, Error> {
        let refused = || {
            Error::new(Code::InitializationFailed, "the agent was not registered")
                .with("agent", local_id)
        };
        let name = Name::new(&self.shared.namespace, local_id)
            .map_err(|source| refused().caused_by(source))?;
        let capabilities = capabilities.into_iter().map(Capability::as_str);
        let metadata =
            Metadata::builder().capabilities(capabilities).resource(LOAD, load(false)).build();
        let metadata = metadata.map_err(|source| refused().caused_by(source))?;
        let registered = self.shared.registry.register(agent, name.clone(), metadata);
        registered.map_err(|source| refused().caused_by(source))?;
        // After the entry stands: who is told finds it. Relaxed: a count and nothing else.
        self.shared.arrivals.fetch_add(1, Ordering::Relaxed);
        let watcher = self.shared.watcher.lock().clone();
        if let Some(tell) = watcher {
            tell();
        }
        self.prepared(name, agent)
    }

    /// Says whether an agent is at work, as the resource `load` of its entry, and that it is well at this moment.
    ///
    /// # Errors
    /// What the registry refused it for: its turn did not come in time, or the entry is not the agent's any more.
    /// Then the entry says what it said before.
    pub fn set_busy(&self, entry: &mut DirectoryEntry, is_busy: bool) -> Result<(), Error> {
        let Shared { system, registry, .. } = &*self.shared;
        let DirectoryEntry { name, agent, revision, idle, busy } = entry;
        let prepared = if is_busy { &*busy } else { &*idle };
        let metadata = prepared.clone().with_health_at(Health::Healthy, system.env().now());
        *revision = match registry.update(name, *agent, *revision, metadata) {
            Err(UpdateError::Conflict { .. }) => {
                // Somebody has added to the entry: keep that, and what is prepared no longer fits.
                let patch = Patch::new().health(Health::Healthy).resource(LOAD, load(is_busy));
                registry.patch(name, *agent, &patch)?;
                *entry = self.prepared(name.clone(), *agent)?;
                return Ok(());
            }
            done => done?,
        };
        Ok(())
    }

    /// What an entry that stands is to say from now on.
    fn prepared(&self, name: Name, agent: Pid) -> Result<DirectoryEntry, Error> {
        let found = self.shared.registry.lookup(&name);
        let found = found.ok_or_else(|| {
            Error::new(Code::ProcessNotAlive, "the agent is no longer registered")
                .with("agent", agent)
        })?;
        let with = |is_busy| found.metadata.to_builder().resource(LOAD, load(is_busy)).build();
        let (idle, busy) = (with(false)?, with(true)?);
        Ok(DirectoryEntry { name, agent, revision: found.revision(), idle, busy })
    }

    /// Returns the first living agent that has a capability and is not among the excluded ones, in an order of
    /// the registry's own. The cost grows with the excluded agents and not with all there are.
    ///
    /// # Consistency
    /// As the registry's: never an agent whose death anybody knew of when the call began.
    pub fn find(
        &self,
        capability: &Capability,
        excluded: &BTreeSet<Pid>,
    ) -> Option<Address<AgentMessage>> {
        let Shared { system, registry, namespace, .. } = &*self.shared;
        let mut excluded = Cow::Borrowed(excluded);
        loop {
            let first = registry.first_by_capability(namespace, capability.as_str(), &excluded)?;
            if let Some(address) = system.address(first) {
                return Some(address);
            }
            // It has died since, which is rare enough to copy the list.
            excluded.to_mut().insert(first);
        }
    }

    /// Answers a query about the agents, as of one revision of their namespace; see [`Registry::query`].
    pub fn query(&self, query: &Query) -> Page {
        self.shared.registry.query(&self.shared.namespace, query)
    }

    /// Sets who is told of arrivals, in place of whoever was. The closure runs inside the arriving agent:
    /// it must be short and must not wait.
    pub fn watch(&self, tell: impl Fn() + Send + Sync + 'static) {
        let before = self.shared.watcher.lock().replace(Arc::new(tell));
        drop(before);
    }

    /// Returns how many agents ever arrived, restarted ones each time.
    pub fn arrivals(&self) -> u64 {
        self.shared.arrivals.load(Ordering::Relaxed)
    }
}

fn load(is_busy: bool) -> f64 {
    f64::from(u8::from(is_busy))
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("namespace", &self.shared.namespace)
            .field("arrivals", &self.arrivals())
            .finish_non_exhaustive()
    }
}
