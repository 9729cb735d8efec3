//! Views: a namespace as of one revision, for as long as a closure runs.

use std::collections::BTreeSet;
use std::fmt;

use foundation_env::fault;
use foundation_types::Pid;

use crate::ask;
use crate::error::ReadError;
use crate::name::Name;
use crate::namespace::{Namespace, Reading, Registration};
use crate::page::{Cursor, Page};
use crate::pick::{Picking, Strategy};
use crate::plan::{Plan, plan};
use crate::query::Query;
use crate::registry::Registry;
use crate::revision::Revision;

/// A namespace as of one revision. Made by [`Registry::read`].
///
/// Every answer is that of the same revision, however many are asked for and whatever is changed meanwhile,
/// also by the closure that asks. Takes no lock and holds up nobody, but what is replaced or freed meanwhile is
/// kept for it, up to a bound ([`Limits::waiting_versions_max`](crate::Limits)).
pub struct View<'a> {
    registry: &'a Registry,
    namespace: &'a str,
    /// None if nothing was ever registered in the namespace.
    stands: Option<(&'a Namespace, Reading<'a>)>,
}

impl Registry {
    /// Lets `f` ask several things of a namespace, all as of one revision.
    ///
    /// `f` is a closure so that no view lives over an await. It may call everything of the registry, also what
    /// registers and frees; the view does not change by that. Keep it short, and act on what it returns rather
    /// than in it: whether the view stood all the time is known only when it has ended.
    ///
    /// # Errors
    ///
    /// [`ReadError::SnapshotExpired`] when so much was changed while `f` ran that the writers did not wait for it
    /// any longer; what `f` returned is dropped, since not all of it is of one revision. `f` is not called again:
    /// that is left to the caller, who knows whether it may be. [`ReadError::TooManyReaders`] when 4,088 read at
    /// this moment; then `f` was not called.
    ///
    /// # Consistency
    ///
    /// The revision is the newest one of a moment of the call, before `f` was.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Registry};
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
    /// registry.register(worker.pid(), Name::new("agents", "a")?, Metadata::new(["ocr"])?)?;
    ///
    /// let (able, all) = registry.read("agents", |view| {
    ///     (view.count_by_capability("ocr"), view.count(&Default::default()))
    /// })?;
    /// assert_eq!((able, all), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read<R>(&self, namespace: &str, f: impl FnOnce(&View<'_>) -> R) -> Result<R, ReadError> {
        self.read_at_least(namespace, Revision::default(), f)
    }

    /// As [`Registry::read`], of a revision or a newer one: it reflects what was done to reach it.
    ///
    /// Every change returns its revision. Whoever is told of it, in whatever way, reads at least that one: a
    /// revision is published before it is returned.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotReached`] when the namespace has not come so far, because the revision is that of another
    /// namespace or registry, or of a commit under way, and says which one stands; `f` was not called. Wait for it
    /// with [`Registry::await_revision`]. Else as [`Registry::read`].
    pub fn read_at_least<R>(
        &self,
        namespace: &str,
        revision: Revision,
        f: impl FnOnce(&View<'_>) -> R,
    ) -> Result<R, ReadError> {
        let found = self.shared().namespaces().get(namespace).map(|found| &**found);
        let stands = match found.map(|found| (found, found.read())) {
            Some((_, None)) => {
                let limit = Namespace::READERS_MAX;
                return Err(ReadError::TooManyReaders { namespace: namespace.into(), limit });
            }
            Some((found, Some(reading))) => Some((found, reading)),
            None => None,
        };
        let view = View { registry: self, namespace, stands };
        view.check_at_least(revision)?;
        let result = f(&view);
        let stood = view.check();
        // Before the result, should that be dropped: its drop is the user's code.
        drop(view);
        stood.map(|()| result)
    }
}

impl View<'_> {
    /// Returns the revision of which every answer is; 0 if nothing was ever registered in the namespace.
    pub fn revision(&self) -> Revision {
        self.ask(|reading| Revision::new(reading.revision()))
    }

    /// Tells whether everything that was answered so far is of the view's revision. For who acts before the view
    /// has ended; else [`Registry::read`] sees to it.
    ///
    /// # Errors
    ///
    /// [`ReadError::SnapshotExpired`], and from then on always.
    pub fn check(&self) -> Result<(), ReadError> {
        let is_whole = self.stands.as_ref().is_none_or(|(_, reading)| reading.is_whole());
        if is_whole || fault::planted("registry_expiry_untold") {
            return Ok(());
        }
        let (namespace, revision) = (self.namespace.into(), self.revision());
        Err(ReadError::SnapshotExpired { namespace, revision })
    }

    fn check_at_least(&self, wanted: Revision) -> Result<(), ReadError> {
        let stands = self.revision();
        if stands >= wanted || fault::planted("registry_at_least_ignored") {
            return Ok(());
        }
        Err(ReadError::NotReached { namespace: self.namespace.into(), wanted, stands })
    }

    /// Returns who has a name; see [`Registry::whereis`]. Of another namespace, nobody.
    pub fn whereis(&self, name: &Name) -> Option<Pid> {
        self.lookup(name).map(|found| found.pid)
    }

    /// Returns what is registered under a name; see [`Registry::lookup`]. Of another namespace, nothing.
    pub fn lookup(&self, name: &Name) -> Option<Registration> {
        let (namespace, reading) = self.stands.as_ref()?;
        let key = Some(name).filter(|name| *name.namespace() == *namespace.label)?;
        reading.lookup(namespace.key(key)).map(Registration::new)
    }

    /// See [`Registry::find_by_capability`].
    pub fn find_by_capability(&self, capability: &str) -> Vec<Registration> {
        self.ask(|reading| ask::by_capability(reading, capability))
    }

    /// See [`Registry::count_by_capability`].
    pub fn count_by_capability(&self, capability: &str) -> usize {
        self.ask(|reading| ask::count_by_capability(reading, capability))
    }

    /// See [`Registry::first_by_capability`].
    pub fn first_by_capability(&self, capability: &str, excluded: &BTreeSet<Pid>) -> Option<Pid> {
        self.ask(|reading| ask::first_by_capability(reading, capability, excluded))
    }

    /// See [`Registry::pick`]. The turn of [`Strategy::RoundRobin`] is the one that all callers share, and the
    /// mailboxes that strategies compare are those of now.
    pub fn pick(&self, capability: &str, strategy: Strategy) -> Option<Registration> {
        let picking = Picking::new(self.registry.shared().system(), strategy);
        let found = self.ask(|reading| picking.with_capability(reading, capability));
        picking.settle(found)
    }

    /// See [`Registry::pick_where`], and [`View::pick`].
    pub fn pick_where(&self, query: &Query, strategy: Strategy) -> Option<Registration> {
        let filter = query.filter().normalized();
        let picking = Picking::new(self.registry.shared().system(), strategy);
        let found = self.ask(|reading| picking.matching(reading, &filter));
        picking.settle(found)
    }

    /// See [`Registry::query`].
    pub fn query(&self, query: &Query) -> Page {
        let filter = query.filter().normalized();
        self.ask(|reading| ask::query(reading, query, &filter, None))
    }

    /// Answers the next page of a query that has a limit. Pages that are asked of one view are of one revision:
    /// together they have everything that matches, each once.
    pub fn query_after(&self, query: &Query, cursor: &Cursor) -> Page {
        let filter = query.filter().normalized();
        self.ask(|reading| ask::query(reading, query, &filter, Some(cursor)))
    }

    /// See [`Registry::count`].
    pub fn count(&self, query: &Query) -> usize {
        let filter = query.filter().normalized();
        self.ask(|reading| ask::count(reading, &filter))
    }

    /// See [`Registry::exists`].
    pub fn exists(&self, query: &Query) -> bool {
        let filter = query.filter().normalized();
        self.ask(|reading| ask::exists(reading, &filter))
    }

    /// See [`Registry::explain`].
    pub fn explain(&self, query: &Query) -> Plan {
        let filter = query.filter().normalized();
        self.ask(|reading| plan(reading, &filter).explain())
    }

    fn ask<R: Default>(&self, f: impl FnOnce(&Reading<'_>) -> R) -> R {
        self.stands.as_ref().map(|(_, reading)| f(reading)).unwrap_or_default()
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, revision) = (self.namespace, self.revision());
        f.debug_struct("View").field("namespace", &namespace).field("revision", &revision).finish()
    }
}
