//! Finding: by name, and by what is indexed.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_env::sync::atomic::Ordering;
use foundation_process::Address;
use foundation_types::Pid;

use crate::metadata::Health;
use crate::name::Name;
use crate::namespace::{Attribute, Candidates, Reading, Registration};
use crate::pick::Strategy;
use crate::plan::{Plan, Planned, plan};
use crate::query::{Filter, Query};
use crate::registry::Registry;
use crate::revision::Revision;

impl Registry {
    /// Returns who has a name.
    ///
    /// # Consistency
    ///
    /// Never a process whose death anybody knew of when the call began. A process that is dying keeps
    /// its names until its state is dropped.
    pub fn whereis(&self, name: &Name) -> Option<Pid> {
        let namespace = self.shared().namespaces().get(name.parts().0)?;
        namespace.lookup(namespace.key(name), |version| version.entry.pid)
    }

    /// Returns the address of who has a name, if it handles messages of type `M`.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]. The address is that of one life: look the name up again when it
    /// reports a death.
    pub fn address<M: Send + 'static>(&self, name: &Name) -> Option<Address<M>> {
        self.shared().system().address(self.whereis(name)?)
    }

    /// Returns what is registered under a name.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]; name, pid and metadata belong together.
    pub fn lookup(&self, name: &Name) -> Option<Registration> {
        let namespace = self.shared().namespaces().get(name.parts().0)?;
        namespace.lookup(namespace.key(name), |found| Registration::new(Arc::clone(found)))
    }

    /// Returns everybody in a namespace with a capability, whatever its health, in the order of local
    /// ids.
    ///
    /// # Consistency
    ///
    /// The answer is that of one moment.
    pub fn find_by_capability(&self, namespace: &str, capability: &str) -> Vec<Registration> {
        let mut found: Vec<Registration> = self.read(namespace, |reading| {
            let able = reading.carriers(Attribute::Capability, capability);
            with_capability(reading, &able, capability).collect()
        });
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Returns how many in a namespace have a capability, whatever their health. Looks at no entry that has
    /// not just changed.
    ///
    /// # Consistency
    ///
    /// As [`Registry::find_by_capability`].
    pub fn count_by_capability(&self, namespace: &str, capability: &str) -> usize {
        self.read(namespace, |reading| {
            let able = reading.carriers(Attribute::Capability, capability);
            reading.count(&able, true, |version| version.entry.metadata.has(capability))
        })
    }

    /// Returns the newest revision of a namespace.
    pub fn revision(&self, namespace: &str) -> Revision {
        let found = self.shared().namespaces().get(namespace);
        found.map(|found| Revision::new(found.revision())).unwrap_or_default()
    }

    /// Returns the first process in a namespace with a capability that is not among the excluded ones,
    /// whatever its health. Copies nothing, and looks at no more entries than it passes over; they are in
    /// an order of the registry's own, which does not change while they are registered.
    ///
    /// # Consistency
    ///
    /// As [`Registry::find_by_capability`].
    pub fn first_by_capability(
        &self,
        namespace: &str,
        capability: &str,
        excluded: &BTreeSet<Pid>,
    ) -> Option<Pid> {
        self.read(namespace, |reading| {
            let able = reading.carriers(Attribute::Capability, capability);
            let mut pids = with_capability(reading, &able, capability).map(|found| found.pid);
            pids.find(|pid| !excluded.contains(pid))
        })
    }

    /// Chooses one process in a namespace that has a capability; none if nobody has it or all who
    /// have are unhealthy.
    ///
    /// # Consistency
    ///
    /// Whoever is chosen was registered with the capability at some moment of the call.
    pub fn pick(
        &self,
        namespace: &str,
        capability: &str,
        strategy: Strategy,
    ) -> Option<Registration> {
        let candidates = self.read(namespace, |reading| {
            let able = reading.carriers(Attribute::Capability, capability);
            let of = |health| {
                let well = reading.carriers(Attribute::Health, Health::as_str(health));
                let both = Candidates::And(vec![able.clone(), well]);
                match strategy {
                    Strategy::RoundRobin => {
                        next_in_turn(reading, &both, capability, health).into_iter().collect()
                    }
                    _ => usable(reading, &both, capability, health, 0).collect(),
                }
            };
            // Both of one revision: somebody who gets well in between is not overlooked.
            let healthy: Vec<_> = of(Health::Healthy);
            if healthy.is_empty() { of(Health::Degraded) } else { healthy }
        });
        match strategy {
            Strategy::RoundRobin => candidates.into_iter().next(),
            _ => self.pick_among(candidates, strategy),
        }
    }

    fn pick_among(
        &self,
        mut candidates: Vec<Registration>,
        strategy: Strategy,
    ) -> Option<Registration> {
        let system = self.shared().system();
        let start = system.env().random_below(candidates.len() as u64);
        candidates.rotate_left(usize::try_from(start).unwrap_or(0));
        let mut candidates = candidates.into_iter();
        match strategy {
            Strategy::Random => candidates.next(),
            // The random start decides among equals; whoever died meanwhile comes last.
            _ => candidates
                .min_by_key(|found| system.info(found.pid).map_or(u64::MAX, |info| info.depth)),
        }
    }

    /// Answers a query: what matches it in a namespace, as of one revision.
    ///
    /// Without an order of its own it answers in an order of the registry's, which does not change for an entry
    /// while it is registered; with one, names decide among equals.
    ///
    /// # Consistency
    ///
    /// Everything that was registered and matched at the revision, and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Query, Registry};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let metadata = Metadata::builder().capability("ocr").resource("memory_free", 512.0).build()?;
    /// registry.register(worker.pid(), Name::new("agents", "reader-1")?, metadata)?;
    ///
    /// let query: Query = "capability:ocr health:healthy memory_free>=256 limit:5".parse()?;
    /// let page = registry.query("agents", &query);
    /// assert_eq!(page.registrations[0].pid, worker.pid());
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&self, namespace: &str, query: &Query) -> Page {
        self.query_from(namespace, query, None)
    }

    /// Answers the next page of a query that has a limit. It is one of a newer revision, which it says: what has
    /// been registered in the meantime is in it if it comes after the cursor.
    pub fn query_after(&self, namespace: &str, query: &Query, cursor: &Cursor) -> Page {
        self.query_from(namespace, query, Some(cursor))
    }

    fn query_from(&self, namespace: &str, query: &Query, after: Option<&Cursor>) -> Page {
        let filter = query.filter().normalized();
        self.read(namespace, |reading| {
            let Planned { plan, candidates } = plan(reading, &filter);
            let revision = Revision::new(reading.revision());
            let mut found =
                Vec::with_capacity(plan.candidates_max.min(query.limit().unwrap_or(64)));
            if query.order().is_empty() {
                let after = after.map_or(0, |cursor| cursor.slot + 1);
                let rest = matching(reading, &candidates, &filter, after);
                match query.limit() {
                    // One more, to know whether there is another page.
                    Some(limit) => found.extend(rest.take(limit.saturating_add(1))),
                    None => found.extend(rest),
                }
            } else {
                let order = |a: &Registration, b: &Registration| {
                    query.compare(&**a, &**b).then_with(|| a.name.cmp(&b.name))
                };
                found.extend(
                    matching(reading, &candidates, &filter, 0).filter(|found| {
                        after.is_none_or(|cursor| order(found, &cursor.last).is_gt())
                    }),
                );
                found.sort_unstable_by(order);
            }
            Page::of(revision, found, query.limit())
        })
    }

    /// Returns how many match a query's filter, whatever its limit. What the indexes know for certain is counted
    /// and not looked at.
    ///
    /// # Consistency
    ///
    /// As [`Registry::query`].
    pub fn count(&self, namespace: &str, query: &Query) -> usize {
        let filter = query.filter().normalized();
        self.read(namespace, |reading| {
            let Planned { plan, candidates } = plan(reading, &filter);
            let is_exact = plan.is_exact();
            reading.count(&candidates, is_exact, |version| filter.matches(&version.entry))
        })
    }

    /// Returns whether anything matches a query's filter; looks no further than the first that does.
    ///
    /// # Consistency
    ///
    /// As [`Registry::query`].
    pub fn exists(&self, namespace: &str, query: &Query) -> bool {
        let filter = query.filter().normalized();
        self.read(namespace, |reading| {
            let Planned { candidates, .. } = plan(reading, &filter);
            matching(reading, &candidates, &filter, 0).next().is_some()
        })
    }

    /// Tells how a query would be answered now.
    pub fn explain(&self, namespace: &str, query: &Query) -> Plan {
        let filter = query.filter().normalized();
        let nothing = Plan { indexed: Vec::new(), asked: Vec::new(), candidates_max: 0 };
        self.read(namespace, |reading| Some(plan(reading, &filter).plan)).unwrap_or(nothing)
    }

    /// Reads a namespace as of one revision; again, should the writer not have waited for it.
    fn read<R: Default>(&self, namespace: &str, f: impl Fn(&Reading<'_>) -> R) -> R {
        let Some(namespace) = self.shared().namespaces().get(namespace) else {
            return R::default();
        };
        loop {
            let reading = namespace.read();
            let result = f(&reading);
            if reading.is_whole() {
                return result;
            }
        }
    }
}

/// What matches among the candidates, in the order of slots, from one on.
fn matching<'a>(
    reading: &'a Reading<'_>,
    candidates: &'a Candidates,
    filter: &'a Filter,
    first: u32,
) -> impl Iterator<Item = Registration> + 'a {
    let versions = reading.versions_from(candidates, first);
    versions.filter(|version| filter.matches(&version.entry)).map(Registration::new)
}

/// What a query found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Page {
    /// The revision of the namespace of which this is the answer.
    pub revision: Revision,
    /// What matches, in the order of the query.
    pub registrations: Vec<Registration>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Cursor>,
}

/// The end of a page: give it to [`Registry::query_after`] with the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    revision: Revision,
    slot: u32,
    last: Registration,
}

impl Cursor {
    /// Returns the revision of the page that it ends.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl Page {
    fn of(revision: Revision, mut found: Vec<Registration>, limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| Cursor {
            revision,
            slot: last.slot(),
            last: last.clone(),
        });
        Self { revision, registrations: found, next }
    }
}

fn with_capability(
    reading: &Reading<'_>,
    able: &Candidates,
    capability: &str,
) -> impl Iterator<Item = Registration> {
    let versions = reading.versions(able);
    versions.filter(move |version| version.entry.metadata.has(capability)).map(Registration::new)
}

/// The candidates that have the capability and the health at the revision that is read.
fn usable(
    reading: &Reading<'_>,
    candidates: &Candidates,
    capability: &str,
    health: Health,
    first: u32,
) -> impl Iterator<Item = Registration> {
    let versions = reading.versions_from(candidates, first);
    let is_usable = move |found: &Registration| {
        found.metadata.health() == health && found.metadata.has(capability)
    };
    versions.map(Registration::new).filter(is_usable)
}

/// Whose turn it is among the candidates; moves the turn on.
fn next_in_turn(
    reading: &Reading<'_>,
    candidates: &Candidates,
    capability: &str,
    health: Health,
) -> Option<Registration> {
    let term = reading.term(Attribute::Capability, capability)?;
    loop {
        let last = term.turn.load(Ordering::Acquire);
        let from = |slot| usable(reading, candidates, capability, health, slot).next();
        let picked = from(last).or_else(|| from(0))?;
        let moved = (Ordering::AcqRel, Ordering::Relaxed);
        if term.turn.compare_exchange(last, picked.slot() + 1, moved.0, moved.1).is_ok() {
            return Some(picked);
        }
    }
}
